//! How a transaction ended.

use throughline_analysis::{Path, SpanInput};

use super::input::Input;
use crate::{records::Outcome, rules::Rules};

/// The outcome and its reason.
///
/// An error is one on the root of any trace or on the terminal span: a call that was retried with success is none. A type whose terminal step never came is
/// incomplete, unless it failed.
pub(super) fn of(input: &Input<'_>, path: &Path, rules: &Rules, kind: Option<usize>) -> (Outcome, String) {
    let terminal = kind.and_then(|kind| rules.types.get(kind)).and_then(|kind| kind.terminal.as_ref());
    let is_terminal = |span: &&SpanInput| {
        terminal.is_some_and(|(_, predicate)| {
            let (name, service) = (input.names.text(span.operation), input.names.text(span.service));
            predicate.eval(name, service, span.kind as u8)
        })
    };
    // A terminal step that was tried again with success is no error.
    let last =
        terminal.and_then(|_| input.spans.iter().filter(is_terminal).max_by_key(|span| (span.end, span.id)));
    let roots = (0..input.traces.len()).filter_map(|trace| input.root(path, trace));
    let failed = roots.filter(|root| root.error).min_by_key(|root| (root.start, root.id));
    if let Some(failed) = failed.or(last.filter(|span| span.error)) {
        return (Outcome::Error, error_reason(input, failed));
    }
    if terminal.is_some() && last.is_none() {
        let step = kind.and_then(|kind| rules.settings.transactions.types.get(kind)?.terminal.clone());
        return (Outcome::Incomplete, format!("terminal step never came: {}", step.unwrap_or_default()));
    }
    (Outcome::Ok, String::new())
}

/// The span that failed first in the failed trace: the first error to end, which is the deepest of a chain.
fn error_reason(input: &Input<'_>, failed: &SpanInput) -> String {
    let errors = input.spans.iter().filter(|span| span.error && span.trace == failed.trace);
    let source =
        errors.min_by_key(|span| (span.end, std::cmp::Reverse(span.start), span.id)).unwrap_or(failed);
    format!(
        "{} in {} ({})",
        input.names.text(source.operation),
        input.names.text(source.service),
        input.department(source.department)
    )
}
