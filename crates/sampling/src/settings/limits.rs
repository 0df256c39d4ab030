//! Policies that limit, and those that ask for more of a span than its attributes.

use serde::Deserialize;

use super::{Field, PolicySettings};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimiting {
    pub(crate) spans_per_second: f64,
    #[serde(default)]
    pub(crate) burst_capacity: f64,
    /// Ours: shared fairly among keys of these fields.
    #[serde(default)]
    pub(crate) fair_by: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BytesLimiting {
    pub(crate) bytes_per_second: f64,
    #[serde(default)]
    pub(crate) burst_capacity: f64,
    /// Ours: shared fairly among keys of these fields.
    #[serde(default)]
    pub(crate) fair_by: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThroughputLimiting {
    pub(crate) transactions_per_second: f64,
    #[serde(default)]
    pub(crate) burst_capacity: f64,
    /// Ours: shared fairly among keys of these fields.
    #[serde(default)]
    pub(crate) fair_by: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Composite {
    pub(crate) max_total_spans_per_second: f64,
    /// Accepted and checked; sub-policies are asked in the order of their list, as in the Collector.
    #[serde(default)]
    pub(crate) policy_order: Vec<String>,
    pub(crate) composite_sub_policy: Vec<PolicySettings>,
    #[serde(default)]
    pub(crate) rate_allocation: Vec<RateAllocation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateAllocation {
    pub(crate) policy: String,
    #[serde(default)]
    pub(crate) percent: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TraceState {
    pub(crate) key: String,
    pub(crate) values: Vec<String>,
}

/// What to do with a condition that fails on a span; here none can, so it is read and not used.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorMode {
    Ignore,
    #[default]
    Propagate,
    Silent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OttlCondition {
    #[serde(default, rename = "error_mode")]
    pub(crate) _error_mode: ErrorMode,
    #[serde(default)]
    pub(crate) span: Vec<String>,
    #[serde(default)]
    pub(crate) spanevent: Vec<String>,
}
