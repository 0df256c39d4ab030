//! Where a record lies, packed in eight bytes.

use serde::{Deserialize, Serialize};

/// Partition and position of a record: 16 bits and 48, enough for 256 TiB a partition of the local engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place(u64);

impl Place {
    /// Packs a place.
    #[must_use]
    pub fn new(partition: u32, position: u64) -> Self {
        debug_assert!(partition < 1 << 16 && position < 1 << 48);
        Self(u64::from(partition) << 48 | (position & ((1 << 48) - 1)))
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

    /// The partition.
    #[must_use]
    pub fn partition(self) -> u32 {
        (self.0 >> 48) as u32
    }

    /// The position in it.
    #[must_use]
    pub fn position(self) -> u64 {
        self.0 & ((1 << 48) - 1)
    }
}
