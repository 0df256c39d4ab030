//! What a fold hands out to be kept on disk: the older of its closed traces or transactions, a numbered chunk at a time.

/// Entries of one chunk. They are made the same again by replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedChunk {
    /// Consecutive, from 0.
    pub number: u64,
    /// Log times of the first and the last closing, nanoseconds.
    pub since: u64,
    /// As above.
    pub until: u64,
    /// Key, and the place or position where the record lies that says the rest. A key may come several times.
    pub entries: Vec<([u8; 16], u64)>,
}
