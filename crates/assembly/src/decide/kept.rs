//! Which spans of a kept transaction are to be written now.

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use prost::Message as _;
use throughline_analysis::{Path, SpanKind};
use throughline_otlp::facts::flag;

use super::{Positioned, input::Input};
use crate::{place::Place, records::KeptTrace, transactions::Member};

/// Bytes that the times of kept spans may take in a decision, some 300,000 spans: a record takes 4 MiB, and one that is larger could never be appended. Of a
/// transaction with more, spans are written without their own times.
const MAX_TIMES_BYTES: usize = 3 << 19;

/// The spans of the summaries that are not written yet, of those in `members`, with the columns that only the whole transaction could tell; and whether those did
/// not fit.
pub(super) fn spans(
    input: &Input<'_>,
    path: &Path,
    summaries: &[Positioned<'_>],
    members: &[Member],
) -> (Vec<KeptTrace>, bool) {
    let mut unwritten: HashSet<Place, FixedState> =
        HashSet::with_capacity_and_hasher(members.len(), FixedState::default());
    unwritten.extend(members.iter().filter(|member| !member.is_written()).map(|member| member.place()));
    let written = written(summaries, &unwritten);
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
        let (span, summary) = (&input.spans[index], origin.summary as usize);
        let is_written =
            || written.contains(&(input.traces[span.trace as usize].id, span.id, span.kind as u8));
        if let Some(Some(kept)) = kept.get_mut(summary)
            && !is_written()
        {
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
    let mut kept: Vec<KeptTrace> = kept.into_iter().flatten().collect();
    let over = leave_out_times(&mut kept, MAX_TIMES_BYTES);
    (kept, over)
}

/// Where they take more than so many bytes; whether they do.
fn leave_out_times(kept: &mut [KeptTrace], most: usize) -> bool {
    // Few are not measured.
    let values: usize = kept.iter().map(|kept| kept.self_.len() + kept.critical.len()).sum();
    if values * MAX_VARINT <= most || kept.iter().map(KeptTrace::encoded_len).sum::<usize>() <= most {
        return false;
    }
    for kept in kept {
        (kept.self_, kept.critical) = (Vec::new(), Vec::new());
    }
    true
}

/// Bytes of the largest number.
const MAX_VARINT: usize = 10;

/// Who a span is: its trace, its id, its kind.
type Identity<'a> = (&'a [u8], u64, u8);

/// Spans that are written and may stand a second time in a summary that is not: the first piece of a trace and a later one may both have them.
fn written<'a>(
    summaries: &[Positioned<'a>],
    unwritten: &HashSet<Place, FixedState>,
) -> HashSet<Identity<'a>, FixedState> {
    let (new, old): (Vec<_>, Vec<_>) = summaries.iter().partition(|(place, _)| unwritten.contains(place));
    if old.is_empty() {
        return HashSet::default();
    }
    let traces: HashSet<&[u8], FixedState> = new.iter().map(|(_, summary)| &summary.trace_id[..]).collect();
    let old = old.into_iter().filter(|(_, summary)| traces.contains(&summary.trace_id[..]));
    old.flat_map(|(_, summary)| {
        let spans = summary.span_id.iter().zip(&summary.flags);
        spans.map(move |(id, flags)| {
            let kind = SpanKind::from_number((flags & u32::from(flag::KIND)) as u8);
            (&summary.trace_id[..], *id, kind as u8)
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_left_out_where_they_would_not_fit() {
        let trace = |spans: usize| KeptTrace {
            self_: vec![1 << 40; spans],
            critical: vec![0; spans],
            ..KeptTrace::default()
        };
        let mut kept = vec![trace(10), trace(90)];
        let bytes = kept.iter().map(KeptTrace::encoded_len).sum();
        let whole = kept.clone();
        assert!(!leave_out_times(&mut kept, bytes));
        assert_eq!(kept, whole);
        assert!(leave_out_times(&mut kept, bytes - 1));
        assert_eq!(kept, vec![KeptTrace::default(); 2], "the spans are named all the same");
    }
}
