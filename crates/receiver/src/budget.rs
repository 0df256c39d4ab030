//! Memory for requests: taken before it is allocated, given back when the answer is out.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use thiserror::Error;

/// Bytes that all requests together may hold.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// The budget does not have so much left.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("requests in flight hold {used} of {limit} bytes, {asked} more were asked for")]
pub struct Exhausted {
    /// Bytes asked for.
    pub asked: usize,
    /// Bytes in use.
    pub used: usize,
    /// Bytes there are.
    pub limit: usize,
}

/// A part of the budget; dropping it gives it back.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A holding of nothing yet.
    #[must_use]
    pub fn hold(self: &Arc<Self>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }

    fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit)
            })
            .map(drop)
            .map_err(|used| Exhausted { asked: bytes, used, limit: self.limit })
    }
}

impl Held {
    /// Holds at least `total` bytes from now on.
    ///
    /// # Errors
    /// [`Exhausted`]; then it holds what it held.
    pub fn grow_to(&mut self, total: usize) -> Result<(), Exhausted> {
        let more = total.saturating_sub(self.bytes);
        if more > 0 {
            self.budget.take(more)?;
            self.bytes += more;
        }
        Ok(())
    }

    /// Whether so many bytes could be held now, all in all. Nothing is taken.
    ///
    /// # Errors
    /// [`Exhausted`] where they could not.
    pub fn check(&self, total: usize) -> Result<(), Exhausted> {
        let (asked, used, limit) = (total.saturating_sub(self.bytes), self.budget.used(), self.budget.limit);
        if asked > limit.saturating_sub(used) { Err(Exhausted { asked, used, limit }) } else { Ok(()) }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A second holding of nothing, of the same budget.
    #[must_use]
    pub fn another(&self) -> Held {
        self.budget.hold()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_limit_and_all_comes_back() {
        let budget = Budget::new(100);
        let mut one = budget.hold();
        let mut two = budget.hold();
        assert_eq!(one.grow_to(60), Ok(()));
        assert_eq!(two.grow_to(41), Err(Exhausted { asked: 41, used: 60, limit: 100 }));
        assert_eq!(two.bytes(), 0);
        assert_eq!(two.check(41), Err(Exhausted { asked: 41, used: 60, limit: 100 }));
        assert_eq!((two.check(40), one.check(100)), (Ok(()), Ok(())));
        assert_eq!(two.grow_to(40), Ok(()));
        assert_eq!(one.grow_to(50), Ok(()), "it holds more already");
        drop(one);
        assert_eq!(budget.used(), 40);
        drop(two);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_sum_that_overflows_is_refused() {
        let budget = Budget::new(usize::MAX);
        let mut one = budget.hold();
        let mut two = budget.hold();
        assert_eq!(one.grow_to(usize::MAX), Ok(()));
        assert!(two.grow_to(1).is_err());
    }
}
