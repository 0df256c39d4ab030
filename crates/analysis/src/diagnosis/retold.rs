//! What an incident's summary says once something else than its transactions has changed what the first suspect is.

use super::{Incident, SuspectKind, words::summary};

/// What is said of an incident that came with nothing that is known.
pub(super) const INSIDE: &str = "It comes from inside.";

/// What is said of an incident whose cause is a change.
pub(super) fn with_change(kind: SuspectKind) -> String {
    format!("It came with a change: that {}.", kind.name())
}

/// Changes suspects of an incident, and what its summary says of the first of them with it: the rest of the summary stays.
pub fn retell(incident: &mut Incident, change: impl FnOnce(&mut Incident)) {
    let rest = incident.summary.strip_prefix(&summary(incident)).map(str::to_owned);
    change(incident);
    let first = incident.suspects.first().map(|first| (first.kind, first.version.as_str()));
    if let (Some(rest), Some((kind, version))) = (rest, first) {
        let rest = match kind {
            SuspectKind::Version | SuspectKind::Configuration => {
                let new = format!("come with a change: {} {version} is new", kind.name());
                let came = with_change(kind);
                let sure = new.replacen("come", "came", 1);
                rest.replacen(INSIDE, &came, 1).replacen(&format!("may have {new}"), &sure, 1)
            }
            _ => rest,
        };
        incident.summary = summary(incident) + &rest;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Suspect, *};

    fn incident(rest: &str) -> Incident {
        let suspect = Suspect {
            rank: 1,
            service: "ledger".to_owned(),
            department: "core".to_owned(),
            operation: String::new(),
            instance: String::new(),
            version: String::new(),
            kind: SuspectKind::Own,
            score: 1.0,
            excess_ms: 0.0,
            transactions: 7,
            evidence: Vec::new(),
            figures: Vec::new(),
        };
        let mut incident = Incident { suspects: vec![suspect], transactions: 7, ..Incident::default() };
        incident.summary = format!("{} {rest}", summary(&incident));
        incident
    }

    fn blame_version(incident: &mut Incident) {
        retell(incident, |incident| {
            incident.suspects[0].kind = SuspectKind::Version;
            "2.0".clone_into(&mut incident.suspects[0].version);
        });
    }

    #[test]
    fn the_summary_names_what_a_comparison_blames() {
        let mut of = incident("It comes from inside. Only 40 % as many come as usual.");
        blame_version(&mut of);
        let told = "Most likely cause: ledger (core): a version of it, 2.0. It came with a change: that version. Only 40 % as many come as usual.";
        assert!(of.summary.ends_with(told), "{}", of.summary);
        let once = of.summary.clone();
        blame_version(&mut of);
        assert_eq!(of.summary, once, "said again, it says the same");
    }

    #[test]
    fn what_may_have_been_is_what_was() {
        let mut of = incident("It may have come with a change: version 2.0 is new since noon.");
        blame_version(&mut of);
        assert!(
            of.summary.ends_with("It came with a change: version 2.0 is new since noon."),
            "{}",
            of.summary
        );
    }

    #[test]
    fn what_others_wrote_stays() {
        let mut of = incident("");
        "Fewer come.".clone_into(&mut of.summary);
        blame_version(&mut of);
        assert_eq!(of.summary, "Fewer come.");
    }
}
