//! How long to wait before the next try.

use std::time::Duration;

/// Of what passes by itself: quick at first, for most outages are short.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// Of what somebody must mend.
const SLOW: Duration = Duration::from_secs(15);

/// Doubling waits, each shortened at random by up to half, so that senders do not come in step.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The wait before the next try of what passes by itself.
    pub(super) fn next(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.tries.min(16)).min(LONGEST);
        self.tries += 1;
        jittered(whole)
    }

    /// The wait before the next try of what somebody must mend.
    pub(super) fn slow(&mut self) -> Duration {
        self.tries += 1;
        jittered(SLOW)
    }

    /// Tries so far.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }
}

fn jittered(whole: Duration) -> Duration {
    whole.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..40).map(|_| backoff.next()).collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2);
        assert!(waits[39] <= LONGEST && waits[39] >= LONGEST / 2);
        assert!(backoff.slow() >= SLOW / 2);
        assert_eq!(backoff.tries(), 41);
    }
}
