//! Which spans of a kept transaction are to be written now.

use throughline_analysis::Path;

use super::{Positioned, input::Input};
use crate::{records::KeptTrace, transactions::Closing};

/// The spans of the summaries from number `written` on, with the columns that only the whole transaction could tell.
pub(super) fn spans(
    input: &Input<'_>,
    path: &Path,
    summaries: &[Positioned<'_>],
    closing: &Closing,
    written: u32,
) -> Vec<KeptTrace> {
    let new = closing.summaries.get(written as usize..).unwrap_or_default();
    let mut kept: Vec<Option<KeptTrace>> = summaries
        .iter()
        .map(|(position, summary)| {
            new.contains(position).then(|| KeptTrace {
                summary: *position,
                self_: vec![0; summary.span_id.len()],
                critical: vec![0; summary.span_id.len()],
                skip: (0..summary.span_id.len() as u32).collect(),
            })
        })
        .collect();
    let mut taken: Vec<Vec<bool>> =
        summaries.iter().map(|(_, summary)| vec![false; summary.span_id.len()]).collect();
    for (index, origin) in input.origins.iter().enumerate() {
        if let Some(Some(kept)) = kept.get_mut(origin.summary as usize) {
            kept.self_[origin.span as usize] = path.span_self[index];
            kept.critical[origin.span as usize] = path.span_critical[index];
            taken[origin.summary as usize][origin.span as usize] = true;
        }
    }
    for (kept, taken) in kept.iter_mut().zip(&taken) {
        if let Some(kept) = kept {
            kept.skip.retain(|span| !taken[*span as usize]);
        }
    }
    kept.into_iter().flatten().collect()
}
