//! What found no room in comparisons of versions: whoever drives them tells of it.

use serde::{Deserialize, Serialize};

/// What found no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentsOver {
    pub(super) services: u64,
    pub(super) versions: u64,
    pub(super) watches: u64,
    pub(super) operations: u64,
}

impl DeploymentsOver {
    /// Each limit by its name in metrics, and how often it was hit.
    #[must_use]
    pub fn limits(&self) -> [(&'static str, u64); 4] {
        [
            ("compare.services", self.services),
            ("compare.versions", self.versions),
            ("compare.watches", self.watches),
            ("compare.operations", self.operations),
        ]
    }
}
