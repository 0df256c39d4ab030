//! Identities of traces and spans, and the partition that owns a trace.

use std::fmt;

/// A trace's identity: 16 bytes, never all zero in a [`crate::Facts`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TraceId(pub [u8; 16]);

/// A span's identity: 8 bytes read big-endian, so that hex order is numeric order. 0 stands for "none" (a root's parent).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SpanId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The partition of the span log that owns a trace. Fixed for ever: data in logs depends on it.
///
/// Trace ids are random by the W3C recommendation but some clients put a time in front, so both halves are mixed (the finalizer of MurmurHash3).
#[must_use]
pub fn partition_of(trace: TraceId, partitions: u32) -> u32 {
    let (high, low) = trace.0.split_at(8);
    let word = |bytes: &[u8]| bytes.iter().fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
    let mixed = mix(word(high) ^ mix(word(low)));
    // Multiply-shift instead of a remainder: unbiased for small counts and cheaper.
    ((u128::from(mixed) * u128::from(partitions)) >> 64) as u32
}

fn mix(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}
