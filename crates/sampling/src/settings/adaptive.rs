//! Refinery's samplers, in its words written as the Collector writes words, with its defaults; and floors.

use serde::Deserialize;
use serde_json::Value;

use super::PolicySettings;

/// Keys that a sampler tells apart, as with Refinery.
fn max_keys() -> usize {
    500
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deterministic {
    pub(crate) sample_rate: f64,
}

/// What makes up a key.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Field(pub(crate) String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dynamic {
    pub(crate) sample_rate: f64,
    pub(crate) clear_frequency: Option<String>,
    pub(crate) field_list: Vec<Field>,
    #[serde(default = "max_keys")]
    pub(crate) max_keys: usize,
    #[serde(default)]
    pub(crate) use_trace_length: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmaDynamic {
    pub(crate) goal_sample_rate: f64,
    pub(crate) adjustment_interval: Option<String>,
    pub(crate) weight: Option<f64>,
    pub(crate) age_out_value: Option<f64>,
    pub(crate) burst_multiple: Option<f64>,
    pub(crate) burst_detection_delay: Option<u64>,
    pub(crate) field_list: Vec<Field>,
    #[serde(default = "max_keys")]
    pub(crate) max_keys: usize,
    #[serde(default)]
    pub(crate) use_trace_length: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmaThroughput {
    pub(crate) goal_throughput_per_sec: Option<f64>,
    /// Accepted and not used: a goal is always that of the whole.
    #[serde(default, rename = "use_cluster_size")]
    pub(crate) _use_cluster_size: bool,
    pub(crate) initial_sample_rate: Option<u64>,
    pub(crate) adjustment_interval: Option<String>,
    pub(crate) weight: Option<f64>,
    pub(crate) age_out_value: Option<f64>,
    pub(crate) burst_multiple: Option<f64>,
    pub(crate) burst_detection_delay: Option<u64>,
    pub(crate) field_list: Vec<Field>,
    #[serde(default = "max_keys")]
    pub(crate) max_keys: usize,
    #[serde(default)]
    pub(crate) use_trace_length: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowedThroughput {
    pub(crate) goal_throughput_per_sec: Option<f64>,
    /// Accepted and not used: a goal is always that of the whole.
    #[serde(default, rename = "use_cluster_size")]
    pub(crate) _use_cluster_size: bool,
    pub(crate) update_frequency: Option<String>,
    pub(crate) lookback_frequency: Option<String>,
    pub(crate) field_list: Vec<Field>,
    #[serde(default = "max_keys")]
    pub(crate) max_keys: usize,
    #[serde(default)]
    pub(crate) use_trace_length: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TotalThroughput {
    pub(crate) goal_throughput_per_sec: Option<f64>,
    /// Accepted and not used: a goal is always that of the whole.
    #[serde(default, rename = "use_cluster_size")]
    pub(crate) _use_cluster_size: bool,
    pub(crate) clear_frequency: Option<String>,
    pub(crate) field_list: Vec<Field>,
    #[serde(default = "max_keys")]
    pub(crate) max_keys: usize,
    #[serde(default)]
    pub(crate) use_trace_length: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Floor {
    pub(crate) field_list: Vec<Field>,
    pub(crate) count: Option<u32>,
    pub(crate) per: Option<String>,
    pub(crate) max_keys: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    pub(crate) rules: Vec<RefineryRule>,
}

/// Where the conditions of a rule have to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Each on any span.
    #[default]
    Trace,
    /// All on the same span.
    Span,
}

/// One of `drop`, `sample_rate` and `sampler` says what to do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefineryRule {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) scope: Scope,
    #[serde(default)]
    pub(crate) conditions: Vec<RefineryCondition>,
    /// In CEL, over the transaction; holds together with `conditions`.
    pub(crate) cel: Option<String>,
    #[serde(default)]
    pub(crate) drop: bool,
    pub(crate) sample_rate: Option<f64>,
    pub(crate) sampler: Option<PolicySettings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefineryCondition {
    pub(crate) field: Option<String>,
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    pub(crate) operator: String,
    #[serde(default)]
    pub(crate) value: Value,
    #[serde(default)]
    pub(crate) datatype: String,
}
