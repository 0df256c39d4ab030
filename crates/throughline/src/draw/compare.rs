//! Two sides of a service.

use std::fmt::Write as _;

use throughline_api::query::{ComparedSide, Comparison, Measure};

use super::table::table;
use super::time::span;

/// Measures that are shown, those that differ most.
const SHOWN: usize = 12;

/// The whole answer.
pub(crate) fn draw(comparison: &Comparison) -> String {
    let mut out = format!("{}\n\n{}\n", comparison.verdict.to_uppercase(), comparison.sentence);
    let sides = [("baseline", &comparison.baseline), ("candidate", &comparison.candidate)];
    let rows: Vec<_> = sides.into_iter().filter_map(|(name, side)| Some(row(name, side.as_ref()?))).collect();
    let head = ["side", comparison.by.as_str(), "calls", "errors", "share", "p50", "p95"];
    let _ = writeln!(out, "\n{}", table(&head, &rows, 2));
    let rows: Vec<_> = comparison.measures.iter().take(SHOWN).map(measure).collect();
    if !rows.is_empty() {
        let head = ["what", "operation", "calls", "verdict", "baseline", "candidate", "p", "effect"];
        let _ = writeln!(out, "\nMeasures\n{}", table(&head, &rows, 4));
    }
    out.truncate(out.trim_end().len());
    out
}

fn row(name: &str, side: &ComparedSide) -> Vec<String> {
    vec![
        name.to_owned(),
        side.value.clone(),
        side.calls.to_string(),
        side.errors.to_string(),
        format!("{:.2} %", side.errors as f64 * 100.0 / side.calls.max(1) as f64),
        span(side.p50),
        span(side.p95),
    ]
}

fn measure(measure: &Measure) -> Vec<String> {
    let value = |value: f64| match measure.what.as_str() {
        "errors" => format!("{:.2} %", value * 100.0),
        "latency" | "own" => span(value as u64),
        _ => format!("{value:.2}"),
    };
    let p_value =
        if measure.p_value < 0.0001 { "<0.0001".to_owned() } else { format!("{:.4}", measure.p_value) };
    vec![
        measure.what.clone(),
        measure.operation.clone(),
        measure.callee.clone(),
        measure.verdict.clone(),
        value(measure.baseline),
        value(measure.candidate),
        p_value,
        format!("{:.3}", measure.effect),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_comes_first() {
        let comparison = Comparison {
            by: "version".to_owned(),
            verdict: "worse".to_owned(),
            sentence: "version 2.4.0 of ledger is worse than 2.3.0.".to_owned(),
            baseline: Some(ComparedSide {
                value: "2.3.0".to_owned(),
                calls: 1000,
                errors: 1,
                ..ComparedSide::default()
            }),
            candidate: Some(ComparedSide {
                value: "2.4.0".to_owned(),
                calls: 200,
                errors: 20,
                ..ComparedSide::default()
            }),
            measures: vec![Measure {
                what: "errors".to_owned(),
                operation: "book".to_owned(),
                baseline: 0.001,
                candidate: 0.1,
                verdict: "worse".to_owned(),
                ..Measure::default()
            }],
            ..Comparison::default()
        };
        let text = draw(&comparison);
        assert!(text.starts_with("WORSE\n\nversion 2.4.0"), "{text}");
        assert!(text.contains("10.00 %") && text.contains("<0.0001"), "{text}");
    }
}
