//! What tells traces apart: tenant and trace id. Two tenants may send the same id, by accident or on purpose, and have nothing to do with each other.

use std::hash::{Hash, Hasher};

use throughline_otlp::TraceId;
use xxhash_rust::{xxh3::xxh3_64, xxh3::xxh3_128_with_seed};

use crate::records::TraceSummary;

/// A trace of a tenant in 16 bytes: under these it is found again once it is closed. Whoever finds something by it looks whether it is what was meant.
/// Stored in snapshots and in the index on disk: never change how it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceKey(pub [u8; 16]);

impl TraceKey {
    /// Of the default tenant the id itself; of others the id mixed with the tenant's name.
    #[must_use]
    pub fn of(tenant: &str, id: TraceId) -> Self {
        if tenant.is_empty() {
            return Self(id.0);
        }
        Self(xxh3_128_with_seed(&id.0, xxh3_64(tenant.as_bytes())).to_be_bytes())
    }
}

impl From<&TraceSummary> for TraceKey {
    fn from(summary: &TraceSummary) -> Self {
        Self::of(&summary.tenant, TraceId(summary.trace_id[..].try_into().unwrap_or_default()))
    }
}

impl TraceSummary {
    /// Whether it is of this trace of this tenant.
    pub(super) fn is_of(&self, tenant: &str, id: TraceId) -> bool {
        self.trace_id[..] == id.0 && self.tenant == tenant
    }
}

/// An open trace: its id, and its tenant's in the fold's strings, which keep it for as long as the trace is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenKey {
    pub(super) id: TraceId,
    pub(super) tenant: u32,
}

impl Hash for OpenKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // One step for both.
        state.write_u128(u128::from_ne_bytes(self.id.0) ^ u128::from(self.tenant));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_tenants_differ_and_stay_as_they_are_on_disk() {
        let id = TraceId([7; 16]);
        assert_eq!(TraceKey::of("", id).0, [7; 16]);
        let north = TraceKey::of("north", id);
        assert_ne!(north, TraceKey::of("south", id));
        assert_ne!(north, TraceKey::of("north", TraceId([8; 16])));
        assert_eq!(u128::from_be_bytes(north.0), 26_473_245_292_425_064_832_267_297_680_393_808_178);
    }
}
