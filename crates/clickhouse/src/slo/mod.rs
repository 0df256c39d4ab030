//! Service levels: how many of a type's transactions were good, over windows that end now.
//!
//! A transaction is good where its outcome is ok and it took no longer than the objective's latency. All transactions count, sampled or not. [`Levels`] keeps
//! counts by minute, and says which day is to be asked for next, so that no question reads more than a day.

mod levels;

pub use levels::{Level, Levels};

/// What a type of transaction is to meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The type's name.
    pub kind: String,
    /// Good is as fast as this, nanoseconds.
    pub latency_ns: u64,
    /// This part of them, above 0 and at most 1.
    pub objective: f64,
}

/// Transactions of a type that began in one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minute {
    /// The type's name.
    pub kind: String,
    /// Unix time, minutes.
    pub minute: u64,
    /// All.
    pub transactions: u64,
    /// Those that met the objective.
    pub good: u64,
}

/// A window that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// As metrics and the view `slo` call it.
    pub name: &'static str,
    /// How long.
    pub minutes: u64,
}

/// All windows, the shortest first.
pub const WINDOWS: [Window; 4] = [
    Window { name: "1h", minutes: 60 },
    Window { name: "6h", minutes: 360 },
    Window { name: "3d", minutes: 3 * 1440 },
    Window { name: "30d", minutes: 30 * 1440 },
];
