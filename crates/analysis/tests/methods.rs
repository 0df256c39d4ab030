//! Each method can be switched off: what it finds is not found then, or not by its name.

use throughline_analysis::diagnosis::{
    Diagnosis, DiagnosisSettings, Finished, FinishedHop, Incident, Method, SuspectKind,
};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
/// From here on something is wrong, and so long all of it lasts, seconds; orders a second.
const BAD: u64 = 600;
const ALL: u64 = 720;
const RATE: u64 = 4;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// The stock is slow.
    Slow,
    /// The same, and all orders are of a type that nobody knows.
    SlowAndNew,
    /// The stock is slow on one of two pods.
    SlowPod,
    /// The stock fails, and the shop goes on.
    Fails,
    /// The last step does not come.
    Unfinished,
}

/// Chance that is the same each time.
fn jitter(number: u64, salt: u64, most: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x >> 33) % most
}

fn observe(diagnosis: &mut Diagnosis, number: u64, now: u64, wrong: Option<Wrong>) {
    let instance = if number.is_multiple_of(2) { "stock-1" } else { "stock-2" };
    let is_slow = match wrong {
        Some(Wrong::Slow | Wrong::SlowAndNew) => true,
        Some(Wrong::SlowPod) => instance == "stock-2",
        _ => false,
    };
    let hop = |service, parent, salt| FinishedHop {
        service,
        operation: "work",
        parent,
        count: 1,
        self_time: (8 + jitter(number, salt, 8)) * MS,
        ..FinishedHop::default()
    };
    let mut stock = FinishedHop { instance, ..hop("stock", 0, 2) };
    stock.self_time += if is_slow { 60 * MS } else { 0 };
    stock.errors = u32::from(wrong == Some(Wrong::Fails));
    let id = number.to_string();
    diagnosis.observe(&Finished {
        id: &id,
        transaction_type: if wrong == Some(Wrong::SlowAndNew) { "order again" } else { "order" },
        start: now - 50 * MS,
        end: now,
        reason: if wrong == Some(Wrong::Unfinished) { "work" } else { "" },
        missing_terminal: wrong == Some(Wrong::Unfinished),
        hops: &[hop("shop", -1, 1), stock],
        ..Finished::default()
    });
}

/// What is told without a method.
fn told(wrong: Wrong, without: Option<Method>) -> Vec<Incident> {
    let without = without.into_iter().collect();
    let mut diagnosis = Diagnosis::new(DiagnosisSettings { without, ..DiagnosisSettings::default() });
    for number in 0..ALL * RATE {
        let now = START + number * SECOND / RATE;
        diagnosis.advance(now);
        observe(&mut diagnosis, number, now, (number >= BAD * RATE).then_some(wrong));
    }
    // Where a type ends, that nobody asks for it any more is another incident.
    let incidents = diagnosis.incidents().iter();
    incidents.filter(|incident| incident.suspects[0].kind != SuspectKind::Outside).cloned().collect()
}

#[test]
fn what_a_method_finds_is_not_found_without_it() {
    for (method, wrong) in [
        (Method::Times, Wrong::Slow),
        (Method::Borrowing, Wrong::SlowAndNew),
        (Method::Errors, Wrong::Fails),
        (Method::Missing, Wrong::Unfinished),
    ] {
        assert_eq!(told(wrong, None).len(), 1, "{wrong:?}");
        assert_eq!(told(wrong, Some(method)), [], "{wrong:?} without {}", method.name());
    }
}

#[test]
fn without_confined_the_service_is_named_and_not_its_pod() {
    let first = |without| told(Wrong::SlowPod, without)[0].suspects[0].clone();
    let with = first(None);
    assert_eq!((with.kind, with.instance.as_str()), (SuspectKind::Host, "stock-2"));
    let without = first(Some(Method::Confined));
    assert_eq!((without.kind, without.service.as_str()), (SuspectKind::Own, "stock"));
    assert_eq!(without.instance, "");
}
