//! A decision as it is written.

use prost::{Message, encode_length_delimiter, length_delimiter_len};

use crate::records::Closed;

/// Keys of `Closed.row` and of `Transaction.hops`: number, and that a length follows.
const ROW: &[u8] = &[1 << 3 | 2];
const HOPS: &[u8] = &[0x80 | (22 << 3 & 0x7f) | 2, 22 >> 4];

/// The decision as bytes; it is the same afterwards. The hops are the most of it, and before a message stands its length: written in their place they
/// would be measured once for each message around them. So they follow as a second part of the row, which protobuf merges with the first.
#[must_use]
pub fn encode_closed(closed: &mut Closed) -> Vec<u8> {
    let Some(hops) = closed.row.as_mut().and_then(|row| row.hops.take()) else {
        return closed.encode_to_vec();
    };
    let columns = hops.encode_to_vec();
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
            kind: vec![1; count as usize],
            start: vec![-5; count as usize],
            ..Hops::default()
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
