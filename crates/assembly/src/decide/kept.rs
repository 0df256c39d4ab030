//! Which spans of a kept transaction are to be written now.

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use throughline_analysis::Path;

use super::{Positioned, input::Input};
use crate::{place::Place, records::KeptTrace, transactions::Member};

/// The spans of the summaries that are not written yet, of those in `members`, with the columns that only the whole transaction could tell.
pub(super) fn spans(
    input: &Input<'_>,
    path: &Path,
    summaries: &[Positioned<'_>],
    members: &[Member],
) -> Vec<KeptTrace> {
    let mut unwritten: HashSet<Place, FixedState> =
        HashSet::with_capacity_and_hasher(members.len(), FixedState::default());
    unwritten.extend(members.iter().filter(|member| !member.is_written()).map(|member| member.place()));
    let mut kept: Vec<Option<KeptTrace>> = summaries
        .iter()
        .map(|(position, summary)| {
            unwritten.contains(position).then(|| KeptTrace {
                summary: position.packed(),
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
