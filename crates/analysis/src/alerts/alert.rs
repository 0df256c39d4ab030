//! One alert, as its labels say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Hash of an alert's labels: the same labels are the same alert.
pub type Fingerprint = u64;

/// An alert, as Alertmanager knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about.
    pub labels: BTreeMap<String, String>,
    /// Words for people.
    pub annotations: BTreeMap<String, String>,
    /// Since when it fires, Unix nanoseconds.
    pub starts_at: u64,
    /// When it ended or will be over if nobody renews it, Unix nanoseconds; 0 for not known.
    pub ends_at: u64,
    /// Who sent it: `alertmanager` or what the sender calls itself.
    pub source: String,
}

impl Alert {
    /// Identity: FNV-1a over the labels in order.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut take = |text: &str| {
            for byte in text.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        for (name, value) in &self.labels {
            take(name);
            take(value);
        }
        hash
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.label(&["alertname", "name", "title"])
    }

    /// How bad it is, in the sender's words.
    #[must_use]
    pub fn severity(&self) -> &str {
        self.label(&["severity", "priority", "level"])
    }

    /// The first of these labels that it has.
    pub(super) fn label(&self, names: &[&str]) -> &str {
        names.iter().find_map(|name| self.labels.get(*name)).map_or("", String::as_str)
    }

    /// Whether it is over at `now`.
    #[must_use]
    pub fn is_resolved(&self, now: u64) -> bool {
        self.ends_at != 0 && self.ends_at <= now
    }
}
