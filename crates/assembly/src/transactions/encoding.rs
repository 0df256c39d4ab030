//! A decision as it is written.

use prost::{Message, encode_length_delimiter, encoding, length_delimiter_len};

use crate::{
    packed,
    records::{Closed, Hops},
};

/// Keys of `Closed.row` and of `Transaction.hops`: number, and that a length follows.
const ROW: &[u8] = &[1 << 3 | 2];
const HOPS: &[u8] = &[0x80 | (22 << 3 & 0x7f) | 2, 22 >> 4];

/// Bytes of the columns' keys and lengths and of the strings' ends, and of a hop in all columns, as a rule.
const AROUND: usize = 128;
const HOP: usize = 32;

/// The decision as bytes; it is the same afterwards. The hops are the most of it, and before a message stands its length: written in their place they
/// would be measured once for each message around them. So they follow as a second part of the row, which protobuf merges with the first.
#[must_use]
pub fn encode_closed(closed: &mut Closed) -> Vec<u8> {
    let Some(hops) = closed.row.as_mut().and_then(|row| row.hops.take()) else {
        return closed.encode_to_vec();
    };
    let columns = encode_hops(&hops);
    let part = HOPS.len() + length_delimiter_len(columns.len()) + columns.len();
    let around = ROW.len() + length_delimiter_len(part);
    let mut bytes = Vec::with_capacity(closed.encoded_len() + around + part);
    // A Vec has room for everything.
    let _ = closed.encode(&mut bytes);
    bytes.extend_from_slice(ROW);
    let _ = encode_length_delimiter(part, &mut bytes);
    bytes.extend_from_slice(HOPS);
    let _ = encode_length_delimiter(columns.len(), &mut bytes);
    bytes.extend_from_slice(&columns);
    if let Some(row) = &mut closed.row {
        row.hops = Some(hops);
    }
    bytes
}

fn encode_hops(hops: &Hops) -> Vec<u8> {
    let mut out = Vec::with_capacity(hops.strings.len() + AROUND + HOP * hops.kind.len());
    if !hops.strings.is_empty() {
        encoding::string::encode(1, &hops.strings, &mut out);
    }
    packed::put(2, &hops.department, &mut out);
    packed::put(3, &hops.service, &mut out);
    packed::put(4, &hops.operation, &mut out);
    packed::put(5, &hops.version, &mut out);
    packed::put(6, &hops.instance, &mut out);
    packed::put(7, &hops.kind, &mut out);
    packed::put(8, &hops.parent, &mut out);
    packed::put(9, &hops.count, &mut out);
    packed::put(10, &hops.start, &mut out);
    packed::put(11, &hops.duration, &mut out);
    packed::put(12, &hops.self_, &mut out);
    packed::put(13, &hops.network, &mut out);
    packed::put(14, &hops.queue, &mut out);
    packed::put(15, &hops.critical, &mut out);
    packed::put(16, &hops.critical_network, &mut out);
    packed::put(17, &hops.critical_queue, &mut out);
    packed::put(18, &hops.errors, &mut out);
    packed::put(19, &hops.string_ends, &mut out);
    packed::put(20, &hops.host, &mut out);
    packed::put(21, &hops.configuration, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Hops, KeptTrace, Transaction};

    fn row(hops: Option<Hops>) -> Transaction {
        Transaction { transaction_id: "a".into(), weight: 2.5, spans: 3, hops, ..Transaction::default() }
    }

    /// Whatever is in it, it reads as it was, and stays as it was.
    #[test]
    fn it_reads_as_it_was() {
        let hops = |count: u32| Hops {
            strings: "ledger".repeat(count as usize),
            string_ends: (0..count).map(|n| n * 6).collect(),
            department: vec![1; count as usize],
            service: vec![2; count as usize],
            operation: vec![300; count as usize],
            version: vec![4; count as usize],
            instance: vec![5; count as usize],
            kind: vec![1; count as usize],
            parent: (0..count as i32).map(|n| n - 1).collect(),
            count: vec![6; count as usize],
            start: vec![-5; count as usize],
            duration: vec![1 << 40; count as usize],
            self_: vec![7; count as usize],
            network: vec![8; count as usize],
            queue: vec![9; count as usize],
            critical: vec![u64::MAX; count as usize],
            critical_network: vec![10; count as usize],
            critical_queue: vec![11; count as usize],
            errors: vec![12; count as usize],
            host: vec![13; count as usize],
            configuration: vec![14; count as usize],
        };
        let kept = vec![KeptTrace { summary: 7, self_: vec![1, 2], ..KeptTrace::default() }];
        for (row, before) in [
            (None, None),
            (Some(row(None)), None),
            (Some(row(Some(hops(0)))), Some(row(Some(hops(2))))),
            (Some(row(Some(hops(3)))), None),
            (Some(row(Some(hops(5000)))), Some(row(None))),
        ] {
            let mut closed = Closed { row, before, version: 2, kept: kept.clone(), ..Closed::default() };
            let was = closed.clone();
            let bytes = encode_closed(&mut closed);
            assert_eq!(closed, was);
            assert_eq!(Closed::decode(&bytes[..]).unwrap(), was);
        }
    }
}
