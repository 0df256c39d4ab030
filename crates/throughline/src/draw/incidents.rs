//! Incidents: what is wrong, since when, whom it hits, who is suspected, and why.

use std::fmt::Write as _;

use throughline_api::query::{Incident, Suspect};

use super::table::{cut, table};
use super::time::{moment, span};

/// Evidence of a suspect is shown for so many of them.
const EXPLAINED: usize = 3;

/// Examples that are named.
const EXAMPLES: usize = 3;

/// Longest sentence in a list.
const SENTENCE: usize = 100;

/// One line each, and under it what happened.
pub(crate) fn list(incidents: &[Incident]) -> String {
    let mut out = String::new();
    for incident in incidents {
        let _ = writeln!(out, "{}", line(incident));
        let _ = writeln!(out, "    {}", cut(&incident.summary, SENTENCE));
    }
    out.truncate(out.trim_end().len());
    out
}

/// One line.
pub(crate) fn line(incident: &Incident) -> String {
    let suspect = incident.suspects.first().map(who).unwrap_or_default();
    format!(
        "{}  {}  {:<9}  {:>10}  {}",
        moment(incident.start),
        incident.id,
        incident.state,
        lasted(incident),
        suspect
    )
}

fn lasted(incident: &Incident) -> String {
    let end = if incident.end == 0 { incident.updated_at } else { incident.end };
    span(end.saturating_sub(incident.start))
}

fn who(suspect: &Suspect) -> String {
    let place =
        [&suspect.department, &suspect.service, &suspect.operation, &suspect.instance, &suspect.version];
    let place: Vec<&str> = place.into_iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    format!("{} ({})", place.join(" / "), suspect.kind)
}

/// All that is known of one.
pub(crate) fn one(incident: &Incident) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}  {}  since {}  {}",
        incident.id,
        incident.state,
        moment(incident.start),
        lasted(incident)
    );
    let _ = writeln!(out, "\n{}\n", incident.summary);
    facts(&mut out, incident);
    suspects(&mut out, &incident.suspects);
    for suspect in incident.suspects.iter().take(EXPLAINED).filter(|suspect| !suspect.evidence.is_empty()) {
        let _ = writeln!(out, "\nWhy {}. {}", suspect.rank, who(suspect));
        for reason in &suspect.evidence {
            let _ = writeln!(out, "  - {reason}");
        }
    }
    advice(&mut out, incident);
    next(&mut out, incident);
    out.truncate(out.trim_end().len());
    out
}

fn facts(out: &mut String, incident: &Incident) {
    let detected = incident.detected_at.saturating_sub(incident.start);
    let _ = writeln!(out, "  found       by {}, {} after it began", incident.found_by, span(detected));
    if incident.end != 0 {
        let _ = writeln!(out, "  over        {}", moment(incident.end));
    }
    if incident.transactions > 0 {
        let _ = writeln!(
            out,
            "  hits        {}: {}{} transactions, {:.0} % of them",
            incident.types.join(", "),
            if incident.estimated { "about " } else { "" },
            incident.transactions,
            incident.share * 100.0
        );
    }
    let about = if incident.estimated { "about " } else { "" };
    if incident.customers > 0 {
        let _ = writeln!(out, "  customers   {about}{}", incident.customers);
    }
    if incident.amount > 0.0 {
        let _ = writeln!(out, "  amount      {about}{:.2}", incident.amount);
    }
    if incident.excess_ms > 0.0 {
        let _ =
            writeln!(out, "  beyond      {} more than is normal", span((incident.excess_ms * 1e6) as u64));
    }
    if incident.alerts > 0 {
        let services: Vec<_> = incident
            .alerting
            .iter()
            .map(|alerting| format!("{} ({})", alerting.service, alerting.alerts))
            .collect();
        let _ = writeln!(out, "  alerts      {}: {}", incident.alerts, services.join(", "));
    }
    for said in &incident.feedback {
        let word = if said.confirmed { "confirmed" } else { "rejected" };
        let by = if said.by.is_empty() { "a person" } else { &said.by };
        let _ = writeln!(out, "  {word:<10}  {} {} ({}) by {by}", said.service, said.operation, said.kind);
    }
    if !incident.part_of.is_empty() {
        let _ = writeln!(out, "  part of     {}", incident.part_of);
    }
}

fn suspects(out: &mut String, suspects: &[Suspect]) {
    let row = |suspect: &Suspect| {
        vec![
            suspect.rank.to_string(),
            suspect.department.clone(),
            suspect.service.clone(),
            suspect.operation.clone(),
            suspect.kind.clone(),
            [&suspect.instance, &suspect.version]
                .into_iter()
                .find(|name| !name.is_empty())
                .cloned()
                .unwrap_or_default(),
            format!("{:.0} %", suspect.score * 100.0),
            span((suspect.excess_ms * 1e6) as u64),
            suspect.transactions.to_string(),
        ]
    };
    let head =
        ["#", "department", "service", "operation", "what", "which", "explains", "excess", "transactions"];
    let rows: Vec<_> = suspects.iter().map(row).collect();
    let _ = writeln!(out, "\nSuspects\n{}", table(&head, &rows, 6));
}

fn advice(out: &mut String, incident: &Incident) {
    if incident.advice.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nAdvice");
    for advice in &incident.advice {
        let _ = writeln!(out, "  {}. {}  ({} {})", advice.suspect, advice.text, advice.pack, advice.rule);
    }
}

fn next(out: &mut String, incident: &Incident) {
    let _ = writeln!(out, "\nNext");
    for id in incident.examples.iter().take(EXAMPLES) {
        let _ = writeln!(out, "  throughline explain {id}");
    }
    if let Some(id) = incident.before.first() {
        let _ = writeln!(out, "  throughline explain {id}     one from before");
    }
    if let Some(kind) = incident.types.first() {
        let _ = writeln!(out, "  throughline transactions --type '{}'", kind.replace('\'', "'\\''"));
    }
    let _ = writeln!(out, "  throughline incidents confirm {} 1", incident.id);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident() -> Incident {
        Incident {
            id: "ab12".to_owned(),
            state: "open".to_owned(),
            found_by: "transactions".to_owned(),
            start: 1_700_000_000_000_000_000,
            detected_at: 1_700_000_045_000_000_000,
            updated_at: 1_700_000_075_000_000_000,
            types: vec!["transfer".to_owned()],
            transactions: 37,
            share: 0.25,
            summary: "Transfers wait for the ledger's database.".to_owned(),
            suspects: vec![Suspect {
                rank: 1,
                department: "core-banking".to_owned(),
                service: "ledger".to_owned(),
                operation: "UPDATE accounts".to_owned(),
                kind: "database".to_owned(),
                score: 0.91,
                excess_ms: 84_000.0,
                transactions: 37,
                evidence: vec!["took 900 ms, before 4 ms".to_owned()],
                ..Suspect::default()
            }],
            examples: vec!["uetr-1".to_owned()],
            advice: vec![throughline_api::query::Advice {
                suspect: 1,
                text: "Look at blocking sessions.".to_owned(),
                pack: "throughline".to_owned(),
                rule: "database-lock".to_owned(),
                ..throughline_api::query::Advice::default()
            }],
            ..Incident::default()
        }
    }

    #[test]
    fn one_says_what_since_when_whom_who_and_why() {
        let text = one(&incident());
        for part in [
            "open  since 2023-11-14T22:13:20.000Z  1 m 15 s",
            "Transfers wait for the ledger's database.",
            "by transactions, 45.00 s after it began",
            "transfer: 37 transactions, 25 % of them",
            "core-banking",
            "took 900 ms, before 4 ms",
            "1. Look at blocking sessions.  (throughline database-lock)",
            "throughline explain uetr-1",
            "throughline transactions --type 'transfer'",
            "throughline incidents confirm ab12 1",
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        assert!(!text.contains("alerts"), "what is not there is not said:\n{text}");
    }

    #[test]
    fn what_is_estimated_is_told_as_about() {
        let text = one(&Incident { estimated: true, customers: 12, amount: 99.5, ..incident() });
        for part in ["about 37 transactions", "customers   about 12", "amount      about 99.50"] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
    }

    #[test]
    fn a_list_has_two_lines_each() {
        let text = list(&[incident(), incident()]);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("core-banking / ledger / UPDATE accounts (database)"), "{text}");
    }
}
