//! What an index is told, and what it is given.

/// How an index behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Over it the oldest run is dropped and counted as lost. A merge makes no run of more than a quarter of it, so that a drop never
    /// takes more.
    pub max_entries: u64,
}

/// What a fold hands out at once.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Consecutive, from 0.
    pub number: u64,
    /// Log times of the first and the last closing, nanoseconds.
    pub since: u64,
    /// As above.
    pub until: u64,
    /// In the order of closing; a key may come several times.
    pub entries: Vec<([u8; 16], u64)>,
}
