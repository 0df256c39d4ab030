//! Durations by logarithmic bucket. Counts of a bucket can be taken back, which a sketch's cannot.
//!
//! Bucket `b` holds nanoseconds from `2^(b/8)` up to `2^((b+1)/8)`, and -1 holds 0. It reads as `if(b < 0, 0, exp2((b + 0.5) / 8))`, which is within 4.5 %
//! of every duration in it. A quantile `q` is the first bucket at which the running sum reaches `q` times the whole.

/// Steps an octave.
const STEPS: i16 = 8;

/// `2^(k/8)` for k from 1 to 7, times 2^63, rounded up: whole numbers give the same buckets on every machine.
const BOUNDS: [u64; 7] = [
    0x8B95_C1E3_EA8B_D6E7,
    0x9837_F051_8DB8_A970,
    0xA5FE_D6A9_B151_38EB,
    0xB504_F333_F9DE_6485,
    0xC567_2A11_5506_DADE,
    0xD744_FCCA_D69D_6AF5,
    0xEAC0_C6E7_DD24_392F,
];

/// The bucket of a duration in nanoseconds: -1 to 511.
#[must_use]
pub fn bucket(duration_ns: u64) -> i16 {
    if duration_ns == 0 {
        return -1;
    }
    let zeros = duration_ns.leading_zeros();
    let mantissa = duration_ns << zeros;
    // All seven compared: a branch that cannot be foreseen costs more.
    let step: i16 = BOUNDS.iter().map(|&bound| i16::from(mantissa >= bound)).sum();
    (63 - zeros as i16) * STEPS + step
}

/// What a bucket reads as, nanoseconds.
#[must_use]
pub fn value(bucket: i16) -> f64 {
    if bucket < 0 { 0.0 } else { ((f64::from(bucket) + 0.5) / f64::from(STEPS)).exp2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_reads_back_within_four_and_a_half_percent() {
        let mut duration = 1u64;
        let mut last = -1;
        while duration < u64::MAX / 2 {
            for near in [duration - 1, duration, duration + 1] {
                let read = value(bucket(near));
                // Below 16 ns whole numbers are further apart than buckets, which lie between them.
                assert!((read - near as f64).abs() <= near as f64 * 0.0443, "{near} reads {read}");
            }
            assert!(bucket(duration) >= last, "buckets rise");
            last = bucket(duration);
            duration += duration / 50 + 1;
        }
        assert_eq!((bucket(0), bucket(1), bucket(u64::MAX)), (-1, 0, 511));
    }

    #[test]
    fn bounds_are_the_eighth_roots_of_two() {
        for (at, bound) in BOUNDS.iter().enumerate() {
            let exact = ((at as f64 + 1.0) / 8.0).exp2() * 2f64.powi(63);
            assert!((*bound as f64 - exact).abs() <= 4096.0, "bound {at}");
        }
    }
}
