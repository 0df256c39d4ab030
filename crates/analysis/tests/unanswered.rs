//! A service that does not answer is blamed, though it tells nothing itself: its callers fail or break off where it should have come.

use throughline_analysis::diagnosis::{
    Change, Diagnosis, DiagnosisSettings, Finished, FinishedHop, Incident,
};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;

/// How one sees that the stock does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// The shop's client stands alone, and fails; nothing else says that anything failed.
    FailedClient,
    /// The shop fails too.
    FailedCaller,
    /// No clients, no status: shop and desk break off, each after a callee of its own.
    BrokenOff,
    /// It is behind a queue: what was sent is not taken.
    NotTaken,
}

fn hop(service: &'static str, operation: &'static str, parent: i32) -> FinishedHop<'static> {
    let (count, self_time) = (1, 3 * MS);
    FinishedHop { service, operation, parent, count, self_time, ..FinishedHop::default() }
}

/// Shop or desk asks for the price, then the stock, then the mail.
fn hops(sign: Sign, entry: &'static str, is_wrong: bool) -> Vec<FinishedHop<'static>> {
    let operation = if entry == "shop" { "POST /order" } else { "POST /return" };
    let before = if entry == "shop" { "price" } else { "terms" };
    let mut hops = vec![hop(entry, operation, -1), hop(before, "find", 0)];
    let queue = if sign == Sign::NotTaken { 2 * MS } else { 0 };
    let asks = if sign == Sign::NotTaken { 2 } else { 0 };
    if sign == Sign::NotTaken {
        hops.push(hop(entry, "publish", 0));
    }
    if !is_wrong {
        hops.push(FinishedHop { queue, ..hop("stock", "reserve", asks) });
        hops.push(hop("mail", "send", 0));
        return hops;
    }
    match sign {
        Sign::FailedClient | Sign::FailedCaller => {
            hops.push(FinishedHop { errors: 1, ..hop(entry, "POST", 0) });
            hops[0].errors = u32::from(sign == Sign::FailedCaller);
        }
        Sign::BrokenOff => {}
        Sign::NotTaken => hops.push(hop("mail", "send", 0)),
    }
    hops
}

fn incidents(sign: Sign) -> Vec<Incident> {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    let mut told: Vec<Incident> = Vec::new();
    for second in 0..960_u64 {
        let now = START + second * SECOND;
        for change in diagnosis.advance(now) {
            let incident = change.incident().clone();
            match told.iter_mut().find(|known| known.id == incident.id) {
                Some(known) => *known = incident,
                None if matches!(change, Change::Opened(_)) => told.push(incident),
                None => {}
            }
        }
        for (at, entry) in ["shop", "desk"].into_iter().enumerate() {
            // One of three pods is gone: every third call is not answered.
            let is_wrong = (600..780).contains(&second) && second % 3 == at as u64;
            let hops = hops(sign, entry, is_wrong);
            let id = format!("{entry}-{second}");
            diagnosis.observe(&Finished {
                id: &id,
                transaction_type: entry,
                start: now - 20 * MS,
                end: now,
                hops: &hops,
                ..Finished::default()
            });
        }
    }
    told
}

#[test]
fn whoever_does_not_answer_is_the_first_suspect() {
    for sign in [Sign::FailedClient, Sign::FailedCaller, Sign::BrokenOff, Sign::NotTaken] {
        let told = incidents(sign);
        assert_eq!(told.len(), 1, "{sign:?}: {told:#?}");
        let first = &told[0].suspects[0];
        assert_eq!(first.service, "stock", "{sign:?}: {told:#?}");
        // Of a caller that fails it is known whom it asked, not for what.
        let operation = if sign == Sign::FailedCaller { "" } else { "reserve" };
        assert_eq!(first.operation, operation, "{sign:?}: {told:#?}");
        assert!(told[0].summary.contains("calls to it are not answered"), "{}", told[0].summary);
        let says = first.evidence.iter().any(|says| says.contains("a call to stock is not answered"));
        assert!(says, "{sign:?}: {:?}", first.evidence);
        assert!(told[0].start >= START + 600 * SECOND && told[0].start <= told[0].detected_at);
    }
}
