//! Errors that come every night at the same hour are normal then, once they have come often enough, and at no other time.

use throughline_analysis::diagnosis::{
    Change, Diagnosis, DiagnosisSettings, Finished, FinishedHop, Method, Outcome,
};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// A midnight.
const START: u64 = 1_699_920_000;

/// Chance that is the same each time.
fn chance(number: u64, salt: u64) -> f64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// What of an order is odd from `from` to `to`.
#[derive(Clone, Copy)]
enum Odd {
    /// One in twenty fails in the ledger.
    Errors,
    /// One in eight calls the archive too.
    Calls,
}

/// Two orders a second from one moment to another (seconds); some are odd within `odd`. Incidents that opened, as seconds of their first finding.
fn pass(diagnosis: &mut Diagnosis, seed: u64, hours: (u64, u64), odd: Option<(Odd, u64, u64)>) -> Vec<u64> {
    let mut opened = Vec::new();
    for tick in hours.0 * 2..hours.1 * 2 {
        let now = tick * SECOND / 2;
        let changes = diagnosis.advance(now);
        opened.extend(changes.iter().filter_map(|change| match change {
            Change::Opened(incident) => Some(incident.start / SECOND),
            _ => None,
        }));
        let is_odd = odd.filter(|(_, from, to)| (*from..*to).contains(&(tick / 2))).map(|(what, ..)| what);
        let fails = matches!(is_odd, Some(Odd::Errors)) && chance(tick, seed) < 0.05;
        let archives = matches!(is_odd, Some(Odd::Calls)) && chance(tick, seed) < 0.125;
        observe(diagnosis, tick, now, fails, archives, seed);
    }
    opened
}

fn observe(diagnosis: &mut Diagnosis, number: u64, now: u64, fails: bool, archives: bool, seed: u64) {
    let time = |salt: u64| (8.0 + 4.0 * chance(number, seed ^ salt)) as u64 * 1_000_000;
    let hop = |service, operation, parent| FinishedHop {
        department: "sales",
        service,
        operation,
        parent,
        count: 1,
        self_time: time(parent.unsigned_abs().into()),
        ..FinishedHop::default()
    };
    let mut hops = vec![
        FinishedHop { errors: u32::from(fails), ..hop("shop", "order", -1) },
        FinishedHop { errors: u32::from(fails), ..hop("ledger", "book", 0) },
    ];
    if archives {
        hops.push(hop("archive", "store", 1));
    }
    let id = number.to_string();
    diagnosis.observe(&Finished {
        id: &id,
        transaction_type: "order",
        start: now - 20_000_000,
        end: now,
        outcome: if fails { Outcome::Error } else { Outcome::Ok },
        hops: &hops,
        ..Finished::default()
    });
}

/// Nights of two weeks, from one o'clock to twenty past three, with something odd from two to three; then an afternoon with the same from two to three.
fn two_weeks(odd: Odd, seed: u64) {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    for day in [0, 1, 2, 3, 7, 8] {
        let at = |hour: u64| START + day * DAY + hour * HOUR;
        let opened = pass(&mut diagnosis, seed, (at(1), at(3) + HOUR / 3), Some((odd, at(2), at(3))));
        match day {
            0 => assert!(!opened.is_empty(), "the first night is told of (seed {seed})"),
            7.. => assert!(opened.is_empty(), "day {day}, seed {seed}: {opened:?}"),
            _ => {}
        }
    }
    let at = |hour: u64| START + 8 * DAY + hour * HOUR;
    let healthy = pass(&mut diagnosis, seed, (at(13), at(14)), None);
    assert!(healthy.is_empty(), "seed {seed}: {healthy:?}");
    let opened = pass(&mut diagnosis, seed, (at(14), at(15)), Some((odd, at(14), at(15))));
    assert!(!opened.is_empty(), "at two in the afternoon it is an incident (seed {seed})");
}

#[test]
fn errors_of_each_night_are_normal_at_night() {
    (1..=3).for_each(|seed| two_weeks(Odd::Errors, seed));
}

#[test]
fn calls_of_each_night_are_normal_at_night() {
    (1..=2).for_each(|seed| two_weeks(Odd::Calls, seed));
}

#[test]
fn without_habits_they_are_told_of_each_night() {
    let settings = DiagnosisSettings { without: vec![Method::Habits], ..DiagnosisSettings::default() };
    let mut diagnosis = Diagnosis::new(settings);
    for day in 0..4 {
        let at = |hour: u64| START + day * DAY + hour * HOUR;
        let opened = pass(&mut diagnosis, 1, (at(1), at(3)), Some((Odd::Errors, at(2), at(3))));
        assert!(!opened.is_empty(), "night {day}");
    }
}

#[test]
fn many_more_than_each_night_are_an_incident_at_night_too() {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    let at = |day: u64, hour: u64| START + day * DAY + hour * HOUR;
    for day in 0..4 {
        pass(&mut diagnosis, 5, (at(day, 1), at(day, 3)), Some((Odd::Errors, at(day, 2), at(day, 3))));
    }
    let quiet = pass(&mut diagnosis, 5, (at(7, 1), at(7, 2)), None);
    assert!(quiet.is_empty(), "{quiet:?}");
    // Five times as many.
    for tick in at(7, 2) * 2..(at(7, 2) + HOUR / 4) * 2 {
        let now = tick * SECOND / 2;
        let changes = diagnosis.advance(now);
        if changes.iter().any(|change| matches!(change, Change::Opened(_))) {
            return;
        }
        observe(&mut diagnosis, tick, now, chance(tick, 5) < 0.25, false, 5);
    }
    panic!("no incident");
}

/// Orders of two to three in the afternoon, half an hour before and after too; so many of them fail for forty minutes. What became of incidents, and when,
/// in seconds.
fn afternoon(diagnosis: &mut Diagnosis, seed: u64, day: u64, failing: f64) -> Vec<(u64, Change)> {
    let at = |minute: u64| START + day * DAY + 14 * HOUR + minute * 60;
    let mut changes = Vec::new();
    for tick in (at(0) - HOUR / 2) * 2..at(90) * 2 {
        let now = tick * SECOND / 2;
        changes.extend(diagnosis.advance(now).into_iter().map(|change| (tick / 2, change)));
        let fails = (at(0)..at(40)).contains(&(tick / 2)) && chance(tick, seed) < failing;
        observe(diagnosis, tick, now, fails, false, seed);
    }
    changes
}

/// Scenario: half of all fail from two to twenty to three on three afternoons, and all on the fourth; the same with all on each.
/// Guarantee: the incident of the third day does not end itself, and that of the fourth is one as long as it lasts.
#[test]
fn an_incident_goes_on_as_long_as_it_lasts_however_often_it_came() {
    for (seed, shares) in [(1, [0.5, 0.5, 0.5, 1.0]), (2, [0.5, 0.5, 0.5, 1.0]), (3, [1.0; 4])] {
        let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
        for (day, share) in (0..).zip(shares) {
            let end = START + day * DAY + 14 * HOUR + 40 * 60;
            let changes = afternoon(&mut diagnosis, seed, day, share);
            let opened: Vec<u64> = changes
                .iter()
                .filter(|(_, change)| matches!(change, Change::Opened(_)))
                .map(|(second, _)| *second)
                .collect();
            let early = changes
                .iter()
                .find(|(second, change)| matches!(change, Change::Recovered(_)) && *second < end);
            assert_eq!(opened.len(), 1, "day {day}, seed {seed}: {opened:?}");
            assert!(
                opened[0] < end - 38 * 60,
                "day {day}, seed {seed}: at once, not {} s before the end",
                end - opened[0]
            );
            assert!(early.is_none(), "day {day}, seed {seed}: it goes on: {early:?}");
        }
    }
}
