//! What policies are compiled for.

use serde::{Deserialize, Serialize};

/// What holds for all policies of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Partitions that decide by themselves: a limit of the whole is divided among them.
    pub partitions: u32,
    /// The attribute that `amount` means in conditions.
    pub amount: String,
    /// As in the Collector: policies are asked in their order, and the first that votes decides. What one keeps is not dropped by those after it, nor counted by
    /// their limits and samplers.
    pub sample_on_first_match: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { partitions: 1, amount: "payment.amount".into(), sample_on_first_match: false }
    }
}
