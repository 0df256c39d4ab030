//! What a person reads of an incident.

use throughline_analysis::diagnosis::{Diagnosis, DiagnosisSettings, Finished, FinishedHop, Incident};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_699_920_000 * SECOND;
const TYPES: [&str; 6] = ["cash", "deposit", "order", "refund", "report", "transfer"];

/// A quarter of an hour of healthy transactions of six types, then two minutes in which the ledger, which all of them call, is slow.
fn incident() -> Incident {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    for number in 0..12 * 1_020 {
        let now = START + number * SECOND / 12;
        diagnosis.advance(now);
        let is_slow = number >= 12 * 900;
        let hop = |service, operation, parent, milliseconds: u64| FinishedHop {
            department: "core",
            service,
            operation,
            parent,
            count: 1,
            self_time: (milliseconds + number % 5) * 1_000_000,
            ..FinishedHop::default()
        };
        let (of_book, of_check) = if is_slow { (60, 40) } else { (10, 10) };
        let id = number.to_string();
        diagnosis.observe(&Finished {
            id: &id,
            transaction_type: TYPES[(number % 6) as usize],
            start: now - SECOND / 10,
            end: now,
            hops: &[
                hop("shop", "take", -1, 8),
                hop("ledger", "book", 0, of_book),
                hop("ledger", "check", 0, of_check),
            ],
            ..Finished::default()
        });
    }
    assert_eq!(diagnosis.incidents().len(), 1, "one cause is one incident");
    diagnosis.incidents()[0].clone()
}

/// Scenario: two operations of a service are slow in six types of transactions.
/// Guarantee: each operation is told once, with its figure, and the sentence names some of the types; the incident has all of them.
#[test]
fn each_operation_is_told_once_and_the_sentence_stays_short() {
    let incident = incident();
    let first = &incident.suspects[0];
    assert_eq!(first.service, "ledger");
    let of = |operation: &str| first.evidence.iter().filter(|told| told.starts_with(operation)).count();
    assert_eq!((of("book:"), of("check:")), (1, 1), "{:#?}", first.evidence);
    let operations: Vec<&str> = first.figures.iter().map(|figure| figure.operation.as_str()).collect();
    assert_eq!(operations, ["book", "check"]);
    assert_eq!(incident.types, TYPES);
    assert!(
        incident.summary.contains("cash, deposit, order and 3 other types are hit"),
        "{}",
        incident.summary
    );
}
