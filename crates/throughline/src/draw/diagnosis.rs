//! Incidents of recorded traffic, as a person on call reads them: what, since when, who is hit, who is suspected and why.

use throughline_advice::Packs;
use throughline_analysis::diagnosis::{Incident, Suspect};

use super::table::cut;
use super::time::{moment, span};

/// Suspects shown of one incident: those that are likely.
const SUSPECTS: usize = 3;
/// Less than this share of the evidence is no suspicion.
const UNLIKELY: f64 = 0.05;
/// Longest line of evidence.
const WIDEST: usize = 160;

/// All incidents, one after the other.
pub(crate) fn draw(incidents: &[Incident], advice: &Packs) -> String {
    incidents.iter().map(|incident| one(incident, advice)).collect::<Vec<_>>().join("\n\n")
}

fn one(incident: &Incident, advice: &Packs) -> String {
    let lasted = match incident.end {
        Some(end) => {
            format!("until {} ({})", moment(end), span(end.saturating_sub(incident.start)))
        }
        None => "still open".to_owned(),
    };
    let mut lines = vec![
        format!("● {}  {}", incident.id, incident.summary),
        format!("  since {} {lasted}, known {}", moment(incident.start), moment(incident.detected_at)),
        format!("  hit: {}", hit(incident)),
    ];
    let likely = |suspect: &&Suspect| suspect.rank == 1 || suspect.score >= UNLIKELY;
    for suspect in incident.suspects.iter().filter(likely).take(SUSPECTS) {
        lines.push(format!("  {}", line(suspect)));
        lines.extend(suspect.evidence.iter().map(|evidence| format!("       {}", cut(evidence, WIDEST))));
    }
    let advice = advice.advise(incident);
    lines.extend(advice.iter().map(|advice| format!("  do:  {}. {}", advice.suspect, advice.text)));
    if !incident.examples.is_empty() {
        lines.push(format!("  see: {}", incident.examples.join(" ")));
    }
    lines.join("\n")
}

fn hit(incident: &Incident) -> String {
    let mut parts = vec![format!("{} transactions of {}", incident.transactions, incident.types.join(", "))];
    if incident.customers > 0 {
        parts.push(format!("{} customers", incident.customers));
    }
    if incident.amount > 0.0 {
        parts.push(format!("amount {:.2}", incident.amount));
    }
    if incident.excess_ms > 0.0 {
        parts.push(format!("{} more than usual in all", span((incident.excess_ms * 1e6) as u64)));
    }
    parts.join(", ")
}

fn line(suspect: &Suspect) -> String {
    let mut place = suspect.service.clone();
    for part in [&suspect.instance, &suspect.version].into_iter().filter(|part| !part.is_empty()) {
        place = format!("{place} {part}");
    }
    if !suspect.department.is_empty() {
        place = format!("{place} ({})", suspect.department);
    }
    format!("{}. {:>3.0} %  {}: {place}", suspect.rank, suspect.score * 100.0, suspect.kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_says_who_is_suspected_and_why() {
        let json = r#"{"id":"inc-1","tenant":"","state":"recovered","detected_at":"2026-01-01T00:10:20Z",
            "start":"2026-01-01T00:10:01Z","end":"2026-01-01T00:12:01Z","types":["transfer"],"suspects":[
            {"rank":1,"service":"ledger","department":"core","operation":"UPDATE","instance":"pod-1","version":"",
            "kind":"database","score":0.9,"excess_ms":5000.0,"transactions":7,"evidence":["UPDATE: takes long"]},
            {"rank":2,"service":"other","department":"","operation":"","instance":"","version":"","kind":"own",
            "score":0.01,"excess_ms":0.0,"transactions":0,"evidence":[]}],
            "summary":"It is the ledger.","transactions":7,"share":0.5,"customers":3,"amount":12.5,"excess_ms":5000.0,
            "examples":["t-1"],"before":[]}"#;
        let incident: Incident = serde_json::from_str(json).unwrap();
        let text = draw(&[incident], &Packs::default());
        assert_eq!(
            text,
            "● inc-1  It is the ledger.\n  since 2026-01-01T00:10:01.000Z until 2026-01-01T00:12:01.000Z (2 m 00 s), \
             known 2026-01-01T00:10:20.000Z\n  hit: 7 transactions of transfer, 3 customers, amount 12.50, 5.00 s more \
             than usual in all\n  1.  90 %  database: ledger pod-1 (core)\n       UPDATE: takes long\n  see: t-1"
        );
    }
}
