//! Settings as they are written: names and defaults of the Collector's tail sampling processor, 0.161 (`processor/tailsamplingprocessor/config.go`).

mod adaptive;
mod limits;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

pub(crate) use self::{
    adaptive::{
        Deterministic, Dynamic, EmaDynamic, EmaThroughput, Field, Floor, RefineryCondition, RefineryRule,
        Rules, Scope, TotalThroughput, WindowedThroughput,
    },
    limits::{BytesLimiting, Composite, OttlCondition, RateLimiting, ThroughputLimiting, TraceState},
};

/// The types of policies that can be written: those of the Collector, those of Refinery, and our own.
pub const SUPPORTED: [&str; 27] = [
    "always_sample",
    "status_code",
    "latency",
    "probabilistic",
    "string_attribute",
    "numeric_attribute",
    "boolean_attribute",
    "span_count",
    "trace_state",
    "trace_flags",
    "ottl_condition",
    "rate_limiting",
    "bytes_limiting",
    "composite",
    "and",
    "not",
    "drop",
    "deterministic",
    "dynamic",
    "ema_dynamic",
    "ema_throughput",
    "windowed_throughput",
    "total_throughput",
    "rules",
    "cel",
    "throughput_limiting",
    "floor",
];

/// One policy: a name, a type, and a block of settings named as the type. What the block holds is looked at by [`crate::Policies::compile`], which
/// reports every fault of every policy, and not just the first that a parser stumbles on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicySettings {
    /// What `KeptBy` will say.
    #[serde(default)]
    pub name: String,
    /// One of [`SUPPORTED`].
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Everything else that is written there.
    #[serde(flatten)]
    pub blocks: BTreeMap<String, Value>,
}

/// Which duration `latency` means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LatencyOf {
    /// That of the longest trace.
    #[default]
    Trace,
    /// That of the whole transaction, waits included.
    Transaction,
}

/// Holds nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusCode {
    pub(crate) status_codes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Latency {
    #[serde(default)]
    pub(crate) threshold_ms: u64,
    #[serde(default)]
    pub(crate) upper_threshold_ms: u64,
    #[serde(default)]
    pub(crate) of: LatencyOf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probabilistic {
    pub(crate) sampling_percentage: f64,
    #[serde(default)]
    pub(crate) hash_salt: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StringAttribute {
    pub(crate) key: String,
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) enabled_regex_matching: bool,
    /// Accepted and not used: patterns here need no cache.
    #[serde(default, rename = "cache_max_size")]
    pub(crate) _cache_max_size: i64,
    #[serde(default)]
    pub(crate) invert_match: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumericAttribute {
    pub(crate) key: String,
    pub(crate) min_value: Option<Number>,
    pub(crate) max_value: Option<Number>,
    #[serde(default)]
    pub(crate) invert_match: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BooleanAttribute {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: bool,
    #[serde(default)]
    pub(crate) invert_match: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpanCount {
    #[serde(default)]
    pub(crate) min_spans: u64,
    #[serde(default)]
    pub(crate) max_spans: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct And {
    pub(crate) and_sub_policy: Vec<PolicySettings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Not {
    pub(crate) not_sub_policy: PolicySettings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drop {
    pub(crate) drop_sub_policy: Vec<PolicySettings>,
}

/// A condition in CEL.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cel {
    pub(crate) condition: String,
}
