//! Draws and weights: rules 19 of the folds and 21 of the meanings.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "helpers of tests")]

mod common;

use common::{compile, facts};
use proptest::prelude::*;
use serde_json::{Value, json};
use throughline_sampling::{Policies, TransactionFacts, status};

fn draw(name: &str, percentage: f64, salt: &str) -> Value {
    json!({"name": name, "type": "probabilistic", "probabilistic": {"sampling_percentage": percentage, "hash_salt": salt}})
}

fn all_of(name: &str, kind: &str, list: Value) -> Value {
    json!({"name": name, "type": kind, kind: {format!("{kind}_sub_policy"): list}})
}

fn bit(name: &str) -> Value {
    json!({"name": name, "type": "boolean_attribute", "boolean_attribute": {"key": name, "value": true}})
}

/// The weight of the first transaction that is kept.
fn weight(policies: &Policies, with: &TransactionFacts<'_>) -> f64 {
    let ids = (0..1_000_000).map(|index| format!("id-{index}"));
    let mut weights = ids.map(|id| policies.decide(&TransactionFacts { id: &id, ..*with }).weight);
    weights.find(|&weight| weight > 0.0).unwrap()
}

fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[test]
fn what_is_kept_for_a_reason_weighs_one_and_what_is_drawn_the_inverse_of_its_share() {
    let errors = json!({"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}});
    let (policies, _) = compile(json!([draw("rest", 5.0, ""), errors]));
    assert_near(weight(&policies, &facts()), 20.0);
    assert_near(weight(&policies, &TransactionFacts { statuses: status::ERROR, ..facts() }), 1.0);
}

#[test]
fn draws_of_one_salt_are_nested_and_of_two_salts_independent() {
    let (nested, _) = compile(json!([draw("a", 10.0, "s"), draw("b", 25.0, "s")]));
    assert_near(weight(&nested, &facts()), 4.0);
    let (independent, _) = compile(json!([draw("a", 10.0, "s"), draw("b", 25.0, "t")]));
    assert_near(weight(&independent, &facts()), 1.0 / (1.0 - 0.9 * 0.75));
}

#[test]
fn shares_inside_other_policies_count_where_their_other_conditions_hold() {
    let (policies, _) = compile(json!([
        all_of("vip", "and", json!([bit("vip"), draw("half", 50.0, "v")])),
        draw("rest", 10.0, "r"),
    ]));
    assert_near(weight(&policies, &facts()), 10.0);
    assert_near(weight(&policies, &TransactionFacts { matches: 1, ..facts() }), 1.0 / (1.0 - 0.5 * 0.9));
}

#[test]
fn a_share_that_is_dropped_weighs_on_what_is_left() {
    let (policies, _) = compile(json!([
        all_of("probes", "drop", json!([bit("probe"), draw("most", 90.0, "d")])),
        {"name": "all", "type": "always_sample"},
    ]));
    assert_near(weight(&policies, &facts()), 1.0);
    assert_near(weight(&policies, &TransactionFacts { matches: 1, ..facts() }), 10.0);
    // Drop and keep drawn with one salt: what drop leaves is 60 % to 100 %, of which the keep takes up to 80 %.
    let not = json!({"name": "not", "type": "not", "not": {"not_sub_policy": draw("a", 40.0, "s")}});
    let (policies, _) = compile(json!([all_of("d", "drop", json!([not])), draw("k", 10.0, "s")]));
    assert_near(weight(&policies, &facts()), 10.0);
}

#[test]
fn shares_of_nothing_and_of_all_are_no_draws() {
    let (policies, _) = compile(json!([draw("none", 0.0, ""), draw("all", 100.0, "")]));
    let decision = policies.decide(&facts());
    assert_eq!(decision.policy, Some("all"));
    assert_near(decision.weight, 1.0);
    let (policies, _) = compile(json!([draw("more", 250.0, "")]));
    assert_near(policies.decide(&facts()).weight, 1.0);
    let (policies, _) = compile(json!([draw("none", 0.0, "")]));
    assert!(!policies.decide(&facts()).keep);
}

#[test]
fn a_draw_depends_on_salt_and_id_only() {
    let (policies, _) = compile(json!([draw("half", 50.0, "salt")]));
    let (same, _) = compile(json!([draw("other name", 50.0, "salt")]));
    let (salted, _) = compile(json!([draw("half", 50.0, "pepper")]));
    let kept = |policies: &Policies, seed: u32| -> Vec<bool> {
        let id = |index| format!("{seed}-{index}");
        (0..256).map(|index| policies.decide(&TransactionFacts { id: &id(index), ..facts() }).keep).collect()
    };
    assert_eq!(kept(&policies, 1), kept(&same, 1));
    assert_ne!(kept(&policies, 1), kept(&salted, 1));
    assert_ne!(kept(&policies, 1), kept(&policies, 2));
}

/// Any set of policies over two attributes and four salts.
fn any_policies() -> impl Strategy<Value = Vec<Value>> {
    let share = (1u32..100, 0u8..4)
        .prop_map(|(percentage, salt)| draw("share", f64::from(percentage), &salt.to_string()));
    let leaf = prop_oneof![3 => share.clone(), 1 => Just(bit("x")), 1 => Just(bit("y"))];
    let not =
        leaf.clone().prop_map(|leaf| json!({"name": "n", "type": "not", "not": {"not_sub_policy": leaf}}));
    let part = prop_oneof![3 => leaf, 1 => not];
    let and = prop::collection::vec(part.clone(), 1..4).prop_map(|list| all_of("a", "and", json!(list)));
    let drop = prop::collection::vec(part.clone(), 1..4).prop_map(|list| all_of("d", "drop", json!(list)));
    let any = prop_oneof![3 => share, 2 => and, 1 => drop, 1 => part];
    prop::collection::vec(any, 1..6).prop_map(|mut list| {
        for (index, policy) in list.iter_mut().enumerate() {
            policy["name"] = format!("p{index}").into();
        }
        list
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// The sum of weights over what is kept estimates how many there were, whatever the policies. 5 sigma, so that none of thousands of runs fails.
    #[test]
    fn weights_estimate_the_true_count(list in any_policies(), matches in 0u64..4, seed in any::<u64>()) {
        const COUNT: u32 = 4000;
        let (policies, _) = compile(json!(list));
        let mut estimate = 0.0;
        let mut weight = 0.0f64;
        for index in 0..COUNT {
            let id = format!("{seed:x}-{index}");
            let decision = policies.decide(&TransactionFacts { id: &id, matches, ..facts() });
            estimate += decision.weight;
            weight = weight.max(decision.weight);
        }
        // Facts are the same for all, so is the probability. Where it is so small that few are kept, there is nothing to estimate.
        prop_assume!(weight > 0.0 && f64::from(COUNT) / weight > 30.0);
        let sigma = (f64::from(COUNT) * (weight - 1.0)).sqrt();
        let off = (estimate - f64::from(COUNT)).abs();
        prop_assert!(off <= 5.0 * sigma + 1e-6, "{estimate} for {COUNT}, sigma {sigma}");
    }
}

#[test]
fn estimates_are_within_3_sigma_for_98_of_100_seeds() {
    let (policies, _) = compile(json!([
        all_of("probes", "drop", json!([bit("probe"), draw("most", 60.0, "d")])),
        all_of("vip", "and", json!([bit("vip"), draw("half", 50.0, "v")])),
        draw("a", 3.0, "s"),
        draw("b", 8.0, "t"),
    ]));
    let (seeds, count) = (200u32, 500u32);
    for matches in 0..4 {
        let weight = weight(&policies, &TransactionFacts { matches, ..facts() });
        let sigma = (f64::from(count) * (weight - 1.0)).sqrt();
        let estimate = |seed: u32| -> f64 {
            let id = |index| format!("{seed}/{index}");
            let decide =
                |index| policies.decide(&TransactionFacts { id: &id(index), matches, ..facts() }).weight;
            (0..count).map(decide).sum()
        };
        let near =
            (0..seeds).filter(|&seed| (estimate(seed) - f64::from(count)).abs() <= 3.0 * sigma).count();
        assert!(near >= 196, "matches {matches}: {near} of {seeds}");
    }
}
