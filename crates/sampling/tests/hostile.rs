//! What comes from outside, or is written wrong, is never more than a fault.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "helpers of tests")]

mod common;

use common::{compile_all, policy, settings};
use proptest::prelude::*;
use serde_json::json;
use throughline_sampling::{
    MatcherTable, Options, Policies, Sampled, SpanView, Threshold, trace_state::with_threshold,
};

/// Pieces of conditions, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "attributes[\"k\"]",
        "resource.attributes[\"k\"]",
        "name",
        "kind",
        "status.code",
        "==",
        "!=",
        "<",
        ">=",
        "and",
        "or",
        "not",
        "(",
        ")",
        "-",
        "\"x\"",
        "5",
        "-1",
        "2.5",
        "nil",
        "true",
        "IsMatch(name, \"(\")",
        "IsRootSpan()",
        "Duration(\"1s\")",
        "end_time - start_time",
        "amount",
        "type",
        "duration(\"1s\")",
        "duration",
        "departments",
        "in",
        "[",
        "]",
        "&&",
        "||",
        "!",
        "€",
        "9223372036854775807",
        "\n",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..12).prop_map(|list| list.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_condition_compiles_or_is_a_fault_with_its_place(source in prop_oneof![3 => pieces(), 1 => any::<String>()]) {
        let ottl = json!([policy("ottl_condition", json!({"span": [source], "spanevent": [source]}))]);
        let cel = json!([policy("cel", json!({"condition": source}))]);
        for (list, place) in [(ottl, "column "), (cel, "line ")] {
            if let Err(faults) = Policies::compile_with(&settings(list), &Options::default(), &mut MatcherTable::default()) {
                prop_assert!(faults.iter().all(|fault| fault.hint.starts_with(place)), "{faults:?}");
            }
        }
    }

    #[test]
    fn any_trace_state_is_read_and_gets_the_threshold_or_stays(text in prop_oneof![".*", "(ot=|th:|rv:|[0-9a-f]{1,16}|,|;|a=b| ){0,20}"], digits in 0u64..1 << 56) {
        let threshold = Threshold::parse(&format!("{digits:014x}")).unwrap();
        let before = Sampled::parse(&text);
        match with_threshold(&text, threshold) {
            Some(after) => {
                let after = Sampled::parse(&after);
                prop_assert_eq!((after.threshold, after.randomness), (Some(threshold), before.randomness));
            }
            None => prop_assert!(before.threshold.is_some() || before.randomness.is_some()),
        }
    }

    #[test]
    fn any_bytes_answer_questions(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let list = json!([
            policy("trace_flags", json!({})),
            policy("ottl_condition", json!({"spanevent": ["attributes[\"k\"] > 5", "name == \"x\""]})),
        ]);
        let (policies, _, questions) = compile_all(list);
        let bits = questions.answer_body(&SpanView::default(), &body);
        prop_assert_eq!(bits >> policies.names().count().max(3), 0);
    }
}
