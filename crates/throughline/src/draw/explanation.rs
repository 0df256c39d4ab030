//! The answer for one transaction, on one screen: what it was, where its time went, what was unusual, lanes and hops.

use throughline_api::query::{Explanation, TransactionSummary};

use super::screen::{Screen, Style};
use super::time::{moment, span};
use super::waterfall;

/// Lines that the whole has at most, for usual transactions.
const HEIGHT: usize = 45;

/// Lines of what was unusual, beside the sentence, which has the first.
const UNUSUAL: usize = 3;

/// Ids of traces that are listed.
const TRACES: usize = 4;

/// The whole answer.
pub(crate) fn draw(explanation: &Explanation, screen: Screen) -> String {
    let transaction = explanation.transaction.clone().unwrap_or_default();
    let mut lines = head(&transaction, explanation, screen);
    if !explanation.sentence.is_empty() {
        lines.push(String::new());
        lines.extend(screen.wrap(&explanation.sentence).iter().map(|line| screen.paint(Style::Bold, line)));
    }
    for also in explanation.unusual.iter().skip(1).take(UNUSUAL) {
        lines.extend(screen.wrap(&format!("also unusual: {}", also.sentence)));
    }
    lines.push(String::new());
    let room = HEIGHT.saturating_sub(lines.len());
    let times = &explanation.by_department;
    lines.extend(waterfall::draw(&explanation.hops, times, transaction.duration, screen, room));
    lines.join("\n")
}

fn head(transaction: &TransactionSummary, explanation: &Explanation, screen: Screen) -> Vec<String> {
    let TransactionSummary { transaction_id, r#type, traces, spans, errors, .. } = transaction;
    let in_flight = transaction.state == "in flight";
    let outcome = if in_flight { &transaction.state } else { &transaction.outcome };
    let style = match outcome.as_str() {
        "ok" => Style::Green,
        "error" => Style::Red,
        _ => Style::Yellow,
    };
    let mut lines = vec![format!(
        "{}  {transaction_id}  {}  {}",
        screen.paint(Style::Bold, r#type),
        screen.paint(style, outcome),
        screen.paint(Style::Bold, &span(transaction.duration))
    )];
    if !transaction.outcome_reason.is_empty() {
        lines.extend(screen.wrap(&format!("reason: {}", transaction.outcome_reason)));
    }
    let mut facts = vec![moment(transaction.start)];
    facts.push(format!("{traces} traces, {spans} spans, {errors} errors"));
    if !in_flight {
        facts.push(kept(transaction, explanation));
        facts.extend(votes(explanation));
    }
    if explanation.skew_corrected > 0 {
        facts.push(format!("clocks corrected by {}", span(explanation.skew_corrected)));
    }
    facts.extend(
        explanation.attributes.iter().map(|attribute| format!("{} {}", attribute.key, attribute.value)),
    );
    lines.extend(joined(&facts, screen));
    if explanation.keys.len() > 1 {
        lines.extend(screen.wrap(&format!("keys {}", explanation.keys.join(", "))));
    }
    lines.extend(screen.wrap(&format!("traces {}", trace_ids(&explanation.trace_ids))));
    lines
}

fn kept(transaction: &TransactionSummary, explanation: &Explanation) -> String {
    let lost = match explanation.spans_lost {
        0 => String::new(),
        lost => format!(", {lost} of them lost"),
    };
    match transaction.kept {
        true => format!("spans kept by {}{lost}", transaction.kept_by),
        false => "spans not kept".to_owned(),
    }
}

/// What each policy said that said anything.
fn votes(explanation: &Explanation) -> Option<String> {
    let votes = explanation.votes.iter().map(|vote| format!("{} {}", vote.policy, vote.verdict));
    let votes = votes.collect::<Vec<_>>().join(", ");
    (!votes.is_empty()).then(|| format!("votes: {votes}"))
}

fn trace_ids(ids: &[String]) -> String {
    let shown = ids.iter().take(TRACES).cloned().collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(TRACES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Facts with points between them, none of them broken.
fn joined(facts: &[String], screen: Screen) -> Vec<String> {
    let whole: Vec<_> = facts.iter().map(|fact| fact.replace(' ', "\u{a0}")).collect();
    let lines = screen.wrap(&whole.join(" · "));
    lines.into_iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transfers of the simulated bank, as the query API told them, and how they are drawn: one across a partner and a day's batch, one that failed and was
    /// reversed. A picture that changes is to be looked at, and its new text put here.
    const DRAWN: [(&str, &str, usize); 3] = [
        (
            include_str!("../../tests/explain/international.json"),
            include_str!("../../tests/explain/international.txt"),
            100,
        ),
        (include_str!("../../tests/explain/error.json"), include_str!("../../tests/explain/error.txt"), 100),
        (
            include_str!("../../tests/explain/instant.json"),
            include_str!("../../tests/explain/instant.txt"),
            80,
        ),
    ];

    #[test]
    fn transfers_are_drawn_on_one_screen() {
        for (json, text, width) in DRAWN {
            let explanation: Explanation = serde_json::from_str(json).unwrap();
            let drawn = draw(&explanation, Screen::new(width, false));
            assert_eq!(drawn.trim_end(), text.trim_end(), "\n{drawn}");
            assert!(drawn.lines().count() <= HEIGHT, "{} lines", drawn.lines().count());
            assert!(drawn.lines().all(|line| line.chars().count() <= width), "a line is too long");
        }
    }

    #[test]
    fn colours_change_nothing_else() {
        let explanation: Explanation = serde_json::from_str(DRAWN[1].0).unwrap();
        let coloured = draw(&explanation, Screen::new(100, true));
        assert!(coloured.contains("\x1b[1;31m"), "what failed is red");
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once("\x1b[") {
            plain.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        plain.push_str(rest);
        assert_eq!(plain, draw(&explanation, Screen::new(100, false)));
    }

    #[test]
    fn what_is_empty_or_absurd_is_drawn() {
        let nothing = draw(&Explanation::default(), Screen::new(80, false));
        assert!(nothing.contains("traces"), "{nothing}");
        let mut explanation: Explanation = serde_json::from_str(DRAWN[0].0).unwrap();
        for (index, hop) in explanation.hops.iter_mut().enumerate() {
            hop.start = if index % 2 == 0 { i64::MIN } else { i64::MAX };
            hop.duration = u64::MAX;
            hop.critical_queue = u64::MAX;
            hop.parent = index as i32;
        }
        assert!(draw(&explanation, Screen::new(120, true)).lines().count() <= 2 * HEIGHT);
    }
}
