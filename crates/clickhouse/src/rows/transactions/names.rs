//! Words of a transaction's row.

use throughline_assembly::records::{ClosedBy, Outcome};

/// `HopKind` by its number.
pub(crate) const KINDS: [&str; 5] = ["own", "database", "network", "queue", "partner"];

/// Outcomes by their number, as the row says them.
pub(super) const OUTCOMES: [&str; 4] = ["", "ok", "error", "incomplete"];

/// Reasons of a closing by their number, as the row says them.
pub(super) const CLOSED_BY: [&str; 7] = ["", "terminal", "quiet", "age", "size", "limit", "late"];

/// Numbers that a newer binary wrote read as unspecified.
pub(super) fn outcome(number: i32) -> u32 {
    Outcome::try_from(number).unwrap_or_default() as u32
}

/// Numbers that a newer binary wrote read as unspecified.
pub(super) fn closed_by(number: i32) -> u32 {
    ClosedBy::try_from(number).unwrap_or_default() as u32
}

/// Appends a name to a list that byte 0 parts. A zero in the name itself, which nobody means, reads as the replacement character.
pub(super) fn put_name(name: &str, out: &mut Vec<u8>) {
    if name.as_bytes().contains(&0) {
        out.extend_from_slice(name.replace('\0', "\u{FFFD}").as_bytes());
    } else {
        out.extend_from_slice(name.as_bytes());
    }
}

/// Names as one text, parted by byte 0.
pub(super) fn joined<'a>(names: impl Iterator<Item = &'a str> + Clone, out: &mut Vec<u8>) {
    out.clear();
    let mut count = 0;
    for name in names.clone() {
        if count > 0 {
            out.push(0);
        }
        out.extend_from_slice(name.as_bytes());
        count += 1;
    }
    let zeros: usize = out.iter().map(|&byte| usize::from(byte == 0)).sum();
    if zeros + 1 > count.max(1) {
        out.clear();
        for (place, name) in names.enumerate() {
            if place > 0 {
                out.push(0);
            }
            put_name(name, out);
        }
    }
}
