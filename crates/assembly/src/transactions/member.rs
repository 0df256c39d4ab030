//! What a transaction is made of: summaries, anywhere in the summary log.

use serde::{Deserialize, Serialize};

use crate::place::Place;

/// Where a summary lies, and whether its spans have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member(u64);

/// Partitions need fifteen bits at most.
const WRITTEN: u64 = 1 << 63;

impl Member {
    /// One whose spans have not been written.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self(place.packed() & !WRITTEN)
    }

    /// Where it lies.
    #[must_use]
    pub fn place(self) -> Place {
        Place::unpacked(self.0 & !WRITTEN)
    }

    /// Whether its spans have been written.
    #[must_use]
    pub fn is_written(self) -> bool {
        self.0 & WRITTEN != 0
    }

    /// The same summary, written.
    #[must_use]
    pub fn written(self) -> Self {
        Self(self.0 | WRITTEN)
    }

    /// As one word.
    #[must_use]
    pub fn packed(self) -> u64 {
        self.0
    }

    /// Back from one word.
    #[must_use]
    pub fn unpacked(word: u64) -> Self {
        Self(word)
    }
}
