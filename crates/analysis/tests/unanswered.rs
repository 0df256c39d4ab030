//! A service that does not answer is blamed, though it tells nothing itself: its callers fail or break off where it should have come.

use throughline_analysis::diagnosis::{
    Change, Diagnosis, DiagnosisSettings, Finished, FinishedHop, Incident, Method,
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

/// From the tenth minute on, for three.
fn is_time(second: u64) -> bool {
    (600..780).contains(&second)
}

fn incidents(sign: Sign) -> Vec<Incident> {
    incidents_under(DiagnosisSettings::default(), sign)
}

fn incidents_under(settings: DiagnosisSettings, sign: Sign) -> Vec<Incident> {
    // One of three pods is gone: every third call is not answered.
    diagnose_under(settings, &["shop", "desk"], |second, at, entry| {
        hops(sign, entry, is_time(second) && second % 3 == at as u64)
    })
}

/// A transaction of each entry a second.
fn diagnose(
    entries: &[&'static str],
    hops: impl Fn(u64, usize, &'static str) -> Vec<FinishedHop<'static>>,
) -> Vec<Incident> {
    diagnose_under(DiagnosisSettings::default(), entries, hops)
}

fn diagnose_under(
    settings: DiagnosisSettings,
    entries: &[&'static str],
    hops: impl Fn(u64, usize, &'static str) -> Vec<FinishedHop<'static>>,
) -> Vec<Incident> {
    let mut diagnosis = Diagnosis::new(settings);
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
        for (at, entry) in entries.iter().copied().enumerate() {
            let hops = hops(second, at, entry);
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

/// The first suspect of the only incident.
fn suspect(told: &[Incident]) -> &str {
    assert_eq!(told.len(), 1, "{told:#?}");
    &told[0].suspects[0].service
}

#[test]
fn without_unanswered_whoever_asked_is_suspected() {
    let settings = DiagnosisSettings { without: vec![Method::Unanswered], ..DiagnosisSettings::default() };
    for sign in [Sign::FailedClient, Sign::FailedCaller] {
        let told = incidents_under(settings.clone(), sign);
        assert!(["shop", "desk"].contains(&told[0].suspects[0].service.as_str()), "{sign:?}: {told:#?}");
    }
}

#[test]
fn who_alone_does_not_reach_whom_others_reach_is_suspected_himself() {
    let told = diagnose(&["shop", "desk"], |second, _, entry| {
        hops(Sign::FailedClient, entry, entry == "shop" && is_time(second) && second % 3 == 0)
    });
    assert_eq!(suspect(&told), "shop", "the desk reaches the stock: {told:#?}");
}

/// The shop fails and calls nobody; else it asks the stock, and the price before it or not.
fn alone(network: u64, asks_price: bool, asks_stock: bool, is_wrong: bool) -> Vec<FinishedHop<'static>> {
    let mut hops = vec![FinishedHop { errors: u32::from(is_wrong), ..hop("shop", "POST /order", -1) }];
    if asks_price && !is_wrong {
        hops.push(hop("price", "find", 0));
    }
    if asks_stock && !is_wrong {
        hops.push(FinishedHop { network, ..hop("stock", "reserve", 0) });
    }
    hops
}

#[test]
fn of_what_is_missing_the_one_that_is_gone_is_suspected() {
    // The price is found for others all the time.
    let told = diagnose(&["shop", "desk"], |second, _, entry| match entry {
        "shop" => alone(0, second % 5 < 3, true, second >= 600),
        _ => vec![hop("desk", "GET /price", -1), hop("price", "find", 0)],
    });
    assert_eq!(suspect(&told), "stock");
    // It is asked now and then: nothing seems to be missing where it is not.
    let told = diagnose(&["shop"], |second, _, _| alone(0, false, second % 2 == 0, second >= 600));
    assert_eq!(suspect(&told), "stock");
}

#[test]
fn who_fails_before_a_call_that_would_be_seen_is_suspected_himself() {
    let told = diagnose(&["shop"], |second, _, _| alone(MS, true, true, is_time(second)));
    assert_eq!(suspect(&told), "shop", "no call was made: {told:#?}");
}
