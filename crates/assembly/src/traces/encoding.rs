//! A summary as it is written: protobuf, its columns many numbers at once.

use bytes::Bytes;
use prost::{Message, encoding};
use throughline_otlp::wire::{Reader, Value};

use crate::{packed, records::TraceSummary};

/// Bytes of what is no column beside the strings, and of a span in all columns, as a rule.
const AROUND: usize = 256;
const SPAN: usize = 36;

/// Encodes a summary for the log.
#[must_use]
pub fn encode_summary(summary: &TraceSummary) -> Bytes {
    let mut out = Vec::with_capacity(AROUND + summary.strings.len() + SPAN * summary.span_id.len());
    put_whole(summary, &mut out);
    put_columns(summary, &mut out);
    out.into()
}

/// What the trace has once.
fn put_whole(summary: &TraceSummary, out: &mut Vec<u8>) {
    /// As `proto3` has it: what is as it would be without is left out.
    fn there<T: Default + PartialEq>(value: &T) -> Option<&T> {
        (*value != T::default()).then_some(value)
    }
    macro_rules! put {
        ($($kind:ident $tag:literal $field:ident),*) => {
            $(if let Some(value) = there(&summary.$field) { encoding::$kind::encode($tag, value, out); })*
        };
    }
    put!(bytes 1 trace_id, string 2 tenant, uint64 3 rules_version, uint32 4 partition, string 5 strings);
    put!(fixed64 8 base, uint64 9 matches, int32 10 closed_by, bool 11 late, uint32 12 piece, uint32 13 pieces);
    put!(uint32 14 duplicates, uint32 15 clamped, uint64 16 terminals, uint64 19 bytes, string 43 sampled);
    if let Some(root) = &summary.root {
        encoding::message::encode(18, root, out);
    }
    encoding::message::encode_repeated(6, &summary.resources, out);
    encoding::message::encode_repeated(40, &summary.keys, out);
    encoding::message::encode_repeated(41, &summary.attributes, out);
    encoding::message::encode_repeated(42, &summary.links, out);
}

fn put_columns(summary: &TraceSummary, out: &mut Vec<u8>) {
    packed::put(7, &summary.records, out);
    packed::put(17, &summary.string_ends, out);
    packed::put_fixed(20, &summary.span_id, out);
    packed::put_fixed(21, &summary.parent_id, out);
    packed::put(22, &summary.start, out);
    packed::put(23, &summary.duration, out);
    packed::put(24, &summary.flags, out);
    packed::put(25, &summary.operation, out);
    packed::put(26, &summary.resource, out);
    packed::put(27, &summary.peer, out);
    packed::put(28, &summary.record, out);
    packed::put(29, &summary.offset, out);
}

/// Decodes what [`encode_summary`] wrote, or any encoder of `proto/`, into memory that is used again; `None` where it is no summary, and what is in
/// `summary` then means nothing.
#[must_use]
pub fn decode_summary(bytes: &[u8], summary: &mut TraceSummary) -> Option<()> {
    summary.clear();
    let mut reader = Reader::new(bytes);
    // What lies between columns is read as prost reads it, in its turn.
    let mut from = 0;
    loop {
        let to = reader.offset();
        let Some((field, value)) = reader.next_field().ok()? else {
            return summary.merge(&bytes[from..to]).ok();
        };
        if let Value::Bytes(column) = value
            && is_column(field)
        {
            if from < to {
                summary.merge(&bytes[from..to]).ok()?;
            }
            take_column(field, column, summary)?;
            from = reader.offset();
        }
    }
}

fn is_column(field: u32) -> bool {
    matches!(field, 7 | 17 | 20..=29)
}

fn take_column(field: u32, column: &[u8], summary: &mut TraceSummary) -> Option<()> {
    match field {
        7 => packed::read(column, &mut summary.records),
        17 => packed::read(column, &mut summary.string_ends),
        20 => packed::read_fixed(column, &mut summary.span_id),
        21 => packed::read_fixed(column, &mut summary.parent_id),
        22 => packed::read(column, &mut summary.start),
        23 => packed::read(column, &mut summary.duration),
        24 => packed::read(column, &mut summary.flags),
        25 => packed::read(column, &mut summary.operation),
        26 => packed::read(column, &mut summary.resource),
        27 => packed::read(column, &mut summary.peer),
        28 => packed::read(column, &mut summary.record),
        29 => packed::read(column, &mut summary.offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Attribute, Key, Link, Resource, Root};

    /// Every field has something: a literal without a rest, so that a new field has to be thought of here.
    fn full(spans: u64) -> TraceSummary {
        let words = |by: u64| (0..spans).map(|n| n * by).collect::<Vec<_>>();
        let small = |by: u32| (0..spans as u32).map(|n| n * by).collect::<Vec<_>>();
        TraceSummary {
            trace_id: Bytes::from_static(&[7; 16]),
            tenant: "retail".into(),
            rules_version: 3,
            partition: 1,
            strings: "ledgerpost".into(),
            string_ends: vec![0, 6, 10],
            resources: vec![Resource { service: 1, ..Resource::default() }, Resource::default()],
            records: vec![1 << 40, 5],
            base: 1 << 60,
            matches: 9,
            closed_by: 2,
            late: true,
            piece: 1,
            pieces: 2,
            duplicates: 3,
            clamped: 4,
            terminals: 5,
            root: Some(Root { name: "post".into(), ..Root::default() }),
            bytes: 900,
            span_id: words(u64::MAX / 7000),
            parent_id: words(77),
            start: words(1 << 20),
            duration: words(3),
            flags: small(1),
            operation: small(2),
            resource: small(0),
            peer: small(90),
            record: small(1),
            offset: small(70_000),
            keys: vec![Key { place: 1, value: "K".into() }, Key::default()],
            attributes: vec![Attribute { key: "a".into(), value: "b".into() }],
            links: vec![Link { span: 1, trace_id: Bytes::from_static(&[9; 16]), span_id: 4 }],
            sampled: "ot=th:8".into(),
        }
    }

    #[test]
    fn it_reads_as_it_was_and_as_prost_reads_it() {
        let mut again = full(5);
        for spans in [0, 1, 25, 5000] {
            let summary = full(spans);
            let bytes = encode_summary(&summary);
            assert_eq!(TraceSummary::decode(&bytes[..]).unwrap(), summary);
            decode_summary(&bytes, &mut again).unwrap();
            assert_eq!(again, summary);
            decode_summary(&summary.encode_to_vec(), &mut again).unwrap();
            assert_eq!(again, summary);
        }
        assert!(encode_summary(&TraceSummary::default()).is_empty());
    }

    #[test]
    fn what_is_torn_is_no_summary() {
        let bytes = encode_summary(&full(25));
        let mut into = TraceSummary::default();
        for end in 0..bytes.len() {
            // A cut between two fields leaves a summary.
            assert_eq!(
                decode_summary(&bytes[..end], &mut into).is_some(),
                TraceSummary::decode(&bytes[..end]).is_ok(),
                "{end}"
            );
        }
    }
}
