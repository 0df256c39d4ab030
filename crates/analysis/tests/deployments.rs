//! New versions are compared by themselves: what is worse is told, what is as good is not, and how it is told is the same whatever crashes.

use throughline_analysis::HopKind;
use throughline_analysis::compare::{Deployment, Deployments, MAX_ENDED, MAX_SERVICES, Verdict};
use throughline_analysis::diagnosis::{Finished, FinishedHop};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;

/// Which version answers, how slow it is, and how many of a hundred fail by themselves.
#[derive(Clone, Copy)]
struct Running {
    version: &'static str,
    own_ms: u64,
    failing: u64,
}

const OLD: Running = Running { version: "1.0", own_ms: 10, failing: 0 };

/// Chance that is the same each time.
fn chance(number: u64, salt: u64, most: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x >> 33) % most
}

/// An order of these hops has finished.
fn take(deployments: &mut Deployments, number: u64, hops: &[FinishedHop<'_>], now: u64) {
    let id = format!("order-{number}");
    let finished = Finished {
        id: &id,
        transaction_type: "order",
        start: now - SECOND,
        end: now,
        hops,
        ..Finished::default()
    };
    deployments.observe(&finished, 1, now);
}

fn observe(deployments: &mut Deployments, number: u64, now: u64, running: Running) {
    let hop = |service, operation, version, parent, own: u64| FinishedHop {
        department: "storage",
        service,
        operation,
        version,
        parent,
        count: 1,
        kind: HopKind::Own,
        self_time: (own + chance(number, own, own)) * MS,
        ..FinishedHop::default()
    };
    let failed = u32::from(chance(number, 77, 100) < running.failing);
    // The shop fails where the stock does: that is not its own failure.
    let hops = [
        FinishedHop { errors: failed, ..hop("shop", "POST /order", "5", -1, 4) },
        FinishedHop { errors: failed, ..hop("stock", "reserve", running.version, 0, running.own_ms) },
    ];
    take(deployments, number, &hops, now);
}

/// Five orders a second for so long, by whoever runs at each.
fn run(
    deployments: &mut Deployments,
    from: u64,
    seconds: u64,
    who: impl Fn(u64) -> Running,
) -> Vec<Deployment> {
    let mut changed = Vec::new();
    for number in from * 5..(from + seconds) * 5 {
        let now = START + number * SECOND / 5;
        changed.extend(deployments.advance(now));
        observe(deployments, number, now, who(number));
    }
    changed
}

fn after_ten_minutes() -> Deployments {
    let mut deployments = Deployments::default();
    assert_eq!(run(&mut deployments, 0, 600, |_| OLD), [], "one version is no deployment");
    deployments
}

#[test]
fn a_version_that_fails_is_worse_within_a_minute_and_over_when_it_is_gone() {
    let bad = Running { version: "2.0", own_ms: 10, failing: 30 };
    let half = |number: u64| if number.is_multiple_of(2) { OLD } else { bad };
    let mut deployments = after_ten_minutes();
    let changed = run(&mut deployments, 600, 90, half);
    let first = changed.first().unwrap_or_else(|| panic!("nothing is told of"));
    assert_eq!((first.service.as_str(), first.candidate.as_str()), ("stock", "2.0"));
    assert_eq!((first.verdict, first.beside, first.baseline.as_str()), (Verdict::Worse, true, "1.0"));
    assert!(first.looked_at <= START + 660 * SECOND, "within a minute");
    assert!(first.worse[0].contains("`reserve` fails"), "{:?}", first.worse);
    assert!(
        deployments.worse("", "stock").next().is_some() && deployments.worse("", "shop").next().is_none()
    );
    let after = run(&mut deployments, 690, 200, |_| OLD);
    let last = after.last().unwrap_or_else(|| panic!("its end is not told of"));
    assert!(last.over && last.verdict == Verdict::Worse && last.last_seen < START + 691 * SECOND);
    assert!(deployments.worse("", "stock").next().is_none(), "it is gone");
    assert_eq!(deployments.list().len(), 1, "it is remembered");
    let was = |from| deployments.was_worse("", "stock", START + from * SECOND).count();
    assert_eq!((was(600), was(692)), (1, 0), "for what began while it ran");
}

#[test]
fn a_version_that_replaces_all_at_once_is_compared_with_before() {
    let slow = Running { version: "2.0", own_ms: 25, failing: 0 };
    let mut deployments = after_ten_minutes();
    let changed = run(&mut deployments, 600, 120, |_| slow);
    let worse = changed.iter().find(|change| change.verdict == Verdict::Worse);
    let worse = worse.unwrap_or_else(|| panic!("nothing is worse: {changed:?}"));
    assert!(!worse.beside && worse.worse[0].contains("takes"), "{worse:?}");
}

#[test]
fn a_good_version_is_not_worse_and_nothing_is_told_of_later() {
    let good = Running { version: "2.0", own_ms: 10, failing: 0 };
    let mut deployments = after_ten_minutes();
    // All at once, and what is slow an hour later has another cause than the version.
    let mut changed = run(&mut deployments, 600, 900, |_| good);
    changed.extend(run(&mut deployments, 1500, 930, |_| Running { own_ms: 80, ..good }));
    assert!(changed.iter().all(|change| change.verdict != Verdict::Worse), "{changed:?}");
    let [only] = deployments.list()[..] else { panic!("one deployment") };
    assert_eq!((only.verdict, only.over), (Verdict::NotWorse, true));
}

#[test]
fn too_few_calls_say_so() {
    let mut deployments = after_ten_minutes();
    let bad = Running { version: "2.0", own_ms: 90, failing: 0 };
    let rare = |number: u64| if number.is_multiple_of(50) { bad } else { OLD };
    run(&mut deployments, 600, 60, rare);
    let [only] = deployments.list()[..] else { panic!("one deployment") };
    assert_eq!((only.verdict, only.over), (Verdict::TooLittleData, false));
}

#[test]
fn what_is_held_is_bounded_and_the_same_after_a_restart() {
    let versions: Vec<String> = (0..400).map(|number| format!("{number}")).collect();
    let services: Vec<String> = (0..400).map(|number| format!("service-{number}")).collect();
    let mut deployments = Deployments::default();
    let mut now = START;
    for version in &versions {
        now += 310 * SECOND;
        for service in &services {
            let hops: Vec<FinishedHop<'_>> = (0..101)
                .map(|_| FinishedHop {
                    service,
                    operation: "o",
                    version,
                    parent: -1,
                    count: 1,
                    ..FinishedHop::default()
                })
                .take(if service == "service-0" { 101 } else { 1 })
                .collect();
            let finished = Finished {
                id: "t",
                transaction_type: "order",
                start: now,
                end: now,
                hops: &hops,
                ..Finished::default()
            };
            deployments.observe(&finished, 1, now);
        }
        deployments.advance(now);
    }
    let over: std::collections::BTreeMap<_, _> = deployments.take_over().limits().into_iter().collect();
    assert_eq!(over["compare.services"], 144 * 400, "services over {MAX_SERVICES}");
    assert_eq!(over["compare.versions"], 256 * 394, "of each service six versions stay");
    assert!(deployments.take_over().limits().iter().all(|(_, hits)| *hits == 0), "told once");
    assert!(deployments.list().len() <= MAX_ENDED + 64);
    assert!(deployments.list().len() > 100, "each version of the first service is one");
    let bytes = postcard::to_allocvec(&deployments).unwrap_or_default();
    assert!(bytes.len() < MAX_SERVICES * 4096, "{} bytes", bytes.len());
    let mut restored: Deployments = postcard::from_bytes(&bytes).unwrap_or_default();
    let later = now + 600 * SECOND;
    assert_eq!(restored.advance(later), deployments.advance(later));
}

/// A transaction that calls the stock forty times, all of its calls as slow as each other, and all of them fail or none.
fn observe_loop(deployments: &mut Deployments, number: u64, now: u64, version: &str, seed: u64) {
    let dice = |salt: u64| chance(number + seed * 1_000_003, salt, 1_000_000) as f64 / 1e6;
    let normal = (-2.0 * dice(1).max(1e-9).ln()).sqrt() * (std::f64::consts::TAU * dice(2)).cos();
    let (own, failed) = ((10.0 * MS as f64 * (0.6 * normal).exp()) as u64, dice(3) < 0.03);
    let hops: Vec<FinishedHop<'_>> = (0..2)
        .map(|_| FinishedHop {
            service: "stock",
            operation: "reserve",
            version,
            parent: -1,
            count: 20,
            kind: HopKind::Own,
            self_time: own * 20,
            errors: if failed { 20 } else { 0 },
            ..FinishedHop::default()
        })
        .collect();
    take(deployments, number, &hops, now);
}

/// Guarantee: of a hundred versions that are as good as the one before, and are called in loops, none is called worse.
#[test]
fn a_good_version_that_is_called_in_loops_is_not_worse() {
    let mut worse = 0;
    for seed in 0..100 {
        let mut deployments = Deployments::default();
        let mut is_worse = false;
        for number in 0..2400 {
            let now = START + number * SECOND / 2;
            is_worse |= deployments.advance(now).iter().any(|change| change.verdict == Verdict::Worse);
            let version = if number > 1200 && number.is_multiple_of(4) { "2.0" } else { "1.0" };
            observe_loop(&mut deployments, number, now, version, seed);
        }
        assert_eq!(deployments.list().len(), 1);
        worse += usize::from(is_worse);
    }
    assert_eq!(worse, 0);
}
