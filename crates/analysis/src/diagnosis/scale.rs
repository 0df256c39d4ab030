//! The scale on which times are compared: logarithmic, straight near nothing.

/// What is far below this does not matter to anybody: 64 µs.
const FLOOR_NS: f64 = 65_536.0;
/// Buckets an octave.
pub(crate) const PER_OCTAVE: f32 = 4.0;
/// Buckets in all: up to 78 hours.
pub(crate) const BUCKETS: usize = 128;

/// Nanoseconds on the scale: octaves over the floor. Made of exact operations only, so that it is the same on every machine.
pub(crate) fn position(ns: u64) -> f32 {
    let value = ns as f64 / FLOOR_NS + 1.0;
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52)) - 1.0;
    (f64::from(exponent) + mantissa) as f32
}

/// The bucket of a position.
pub(crate) fn bucket(position: f32) -> usize {
    ((position.max(0.0) * PER_OCTAVE) as usize).min(BUCKETS - 1)
}

/// The middle of a bucket on the scale.
pub(crate) fn middle(bucket: usize) -> f32 {
    (bucket as f32 + 0.5) / PER_OCTAVE
}

/// Nanoseconds of a position.
pub(crate) fn nanoseconds(position: f32) -> f64 {
    let whole = position.floor();
    let value = f64::from(1.0 + (position - whole)) * f64::from(1u32 << (whole.clamp(0.0, 31.0) as u32));
    (value - 1.0) * FLOOR_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for ns in [0, 1_000, 65_536, 1_000_000, 37_000_000, 5_000_000_000, 3_600_000_000_000_u64] {
            let back = nanoseconds(position(ns));
            assert!((back - ns as f64).abs() <= 0.001 * ns as f64 + 100.0, "{ns} came back as {back}");
        }
        assert_eq!(bucket(position(u64::MAX)), BUCKETS - 1);
    }
}
