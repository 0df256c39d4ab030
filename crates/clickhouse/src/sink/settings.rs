//! Settings of the sink.

use std::time::Duration;

use crate::schema::SchemaSettings;

/// Settings of the sink.
#[derive(Debug, Clone)]
pub struct SinkSettings {
    /// The schema that it makes sure of.
    pub schema: SchemaSettings,
    /// Inserts at the same time, over all partitions: each costs the engine a part and the sender a block in memory.
    pub max_concurrent: usize,
    /// How long one sending may take before it counts as unanswered.
    pub timeout: Duration,
}

impl SinkSettings {
    /// Usual settings for a schema.
    #[must_use]
    pub fn new(schema: SchemaSettings) -> Self {
        Self { schema, max_concurrent: 4, timeout: Duration::from_secs(120) }
    }
}
