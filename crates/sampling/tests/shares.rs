//! Shares of a limit, where more keys come than can have one each.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{compile_all, policy, transaction};
use serde_json::json;
use throughline_sampling::{Offer, Policies, Sampler, Transaction};

const SECOND: u64 = 1_000_000_000;

/// What passes of a second's worth of transactions: tenant of each, and its weight.
fn second<'t>(
    sampler: &mut Sampler,
    policies: &Policies,
    tenants: impl Iterator<Item = &'t str>,
    now: u64,
) -> Vec<(&'t str, f64)> {
    let mut waiting = Vec::new();
    let mut passed = Vec::new();
    for (number, tenant) in tenants.enumerate() {
        let id = format!("{now}/{number}");
        let one = Transaction { tenant, ..transaction(&id) };
        match sampler.offer(policies, &one, now) {
            Offer::Pending(ticket) => waiting.push((ticket, tenant)),
            Offer::Decided(decision) => passed.push((tenant, decision.weight)),
        }
    }
    let settled = sampler.window_end(policies, now + SECOND);
    for (one, (ticket, tenant)) in settled.iter().zip(&waiting) {
        assert_eq!(one.ticket, *ticket);
        passed.extend(one.decision.keep.then_some((*tenant, one.decision.weight)));
    }
    passed
}

fn fair() -> Policies {
    let limit = json!({"transactions_per_second": 200, "fair_by": ["tenant"]});
    compile_all(json!([policy("throughput_limiting", limit)])).0
}

/// Twenty tenants are known; then others send from 20,000 new names a second. Those that are known keep what they had, and the weights stay right.
#[test]
fn a_flood_of_new_keys_takes_little_of_those_that_are_known() {
    let policies = fair();
    let mut sampler = Sampler::new(&policies);
    let known: Vec<String> = (0..20).map(|number| format!("bank-{number}")).collect();
    let new = |number: u64| (0..20_000).map(move |one| format!("new-{number}-{one}")).collect::<Vec<_>>();
    let floods: Vec<Vec<String>> = (0..10).map(new).collect();
    let steady = || known.iter().flat_map(|tenant| [tenant.as_str(); 2]);
    for number in 0..5 {
        second(&mut sampler, &policies, steady(), number * SECOND);
    }
    let (mut kept, mut sum, mut variance) = (0, 0.0, 0.0);
    for (number, flood) in (5..).zip(&floods) {
        let all = flood.iter().map(String::as_str).chain(steady());
        let passed = second(&mut sampler, &policies, all, number * SECOND);
        kept += passed.iter().filter(|(tenant, _)| tenant.starts_with("bank")).count();
        sum += passed.iter().map(|(_, weight)| weight).sum::<f64>();
        variance += passed.iter().map(|(_, weight)| weight * (weight - 1.0)).sum::<f64>();
    }
    assert!(kept >= 390, "{kept} of 400: nobody known lost more than a little");
    let truth = 10.0 * 20_040.0;
    assert!(
        (sum - truth).abs() <= 3.0 * f64::sqrt(variance),
        "{sum} of {truth}, deviation {}",
        variance.sqrt()
    );
}

/// A key that was away for long is new again, and one that is new has its share while few are.
#[test]
fn few_new_keys_have_shares_of_their_own_and_are_forgotten_when_they_stay_away() {
    let policies = fair();
    let mut sampler = Sampler::new(&policies);
    // The small one comes last: by its own share it passes all the same.
    let tenants = || std::iter::repeat_n("large", 2000).chain(["small"]);
    for number in 0..20 {
        let passed = second(&mut sampler, &policies, tenants(), number * SECOND);
        assert!(passed.contains(&("small", 1.0)), "second {number}: {passed:?}");
    }
    let known = serde_json::to_string(&sampler).unwrap();
    assert!(known.contains("small"));
    second(&mut sampler, &policies, ["large"].into_iter(), 200 * SECOND);
    assert!(!serde_json::to_string(&sampler).unwrap().contains("small"), "what is remembered is bounded");
}
