//! `LowCardinality(String)` in Native: its keys' version (1) before the column, then the kind of index (0 to 3: bytes 1, 2, 4, 8) with two flags, the
//! keys' count and the keys, the rows' count and an index for each.

use super::{Dictionary, Numbering, put_string};

/// Keys follow in this block (bit 9), and replace what was known before (bit 10), as ClickHouse's own drivers write it.
const OWN_KEYS: u64 = 1 << 9 | 1 << 10;

/// Version of the keys' layout.
const KEYS_VERSION: u64 = 1;

/// A column of plain rows.
pub(crate) fn put_low(out: &mut Vec<u8>, dictionary: &Dictionary, rows: impl Iterator<Item = u32>) {
    out.extend_from_slice(&KEYS_VERSION.to_le_bytes());
    put_items(out, dictionary, rows);
}

/// A column of what a numbering took; `ends` is the running count of items after each row of arrays, none for plain rows.
pub(crate) fn put_numbered(
    out: &mut Vec<u8>,
    dictionary: &Dictionary,
    numbering: &Numbering,
    ends: impl Iterator<Item = u64>,
) {
    out.extend_from_slice(&KEYS_VERSION.to_le_bytes());
    ends.for_each(|end| out.extend_from_slice(&end.to_le_bytes()));
    let (keys, items) = (numbering.keys(), numbering.items());
    if items.is_empty() {
        return;
    }
    let width = width_of(keys.len());
    put_head(out, width, keys.len(), keys.iter().map(|&key| dictionary.get(key)));
    out.extend_from_slice(&(items.len() as u64).to_le_bytes());
    match width {
        0 => out.extend(items.iter().map(|&item| item as u8)),
        1 => put_narrow(out, items, |item| (item as u16).to_le_bytes()),
        _ => put_narrow(out, items, u32::to_le_bytes),
    }
}

fn put_narrow<const N: usize>(out: &mut Vec<u8>, items: &[u32], to: impl Fn(u32) -> [u8; N]) {
    let start = out.len();
    out.resize(start + items.len() * N, 0);
    for (place, item) in out[start..].as_chunks_mut().0.iter_mut().zip(items) {
        *place = to(*item);
    }
}

fn width_of(keys: usize) -> u64 {
    match keys {
        ..=0x100 => 0,
        0x101..=0x1_0000 => 1,
        _ => 2,
    }
}

fn put_head<'a>(out: &mut Vec<u8>, width: u64, count: usize, keys: impl Iterator<Item = &'a [u8]>) {
    out.extend_from_slice(&(width | OWN_KEYS).to_le_bytes());
    out.extend_from_slice(&(count as u64).to_le_bytes());
    keys.for_each(|key| put_string(out, key));
}

fn put_items(out: &mut Vec<u8>, dictionary: &Dictionary, rows: impl Iterator<Item = u32>) {
    let start = out.len();
    let width = width_of(dictionary.len());
    put_head(out, width, dictionary.len(), dictionary.iter());
    let count_at = out.len();
    out.extend_from_slice(&[0; 8]);
    match width {
        0 => out.extend(rows.map(|row| row as u8)),
        1 => rows.for_each(|row| out.extend_from_slice(&(row as u16).to_le_bytes())),
        _ => rows.for_each(|row| out.extend_from_slice(&row.to_le_bytes())),
    }
    let count = (out.len() - count_at - 8) >> width;
    if count == 0 {
        // Where there are no items, ClickHouse reads nothing at all.
        out.truncate(start);
    } else {
        out[count_at..count_at + 8].copy_from_slice(&(count as u64).to_le_bytes());
    }
}
