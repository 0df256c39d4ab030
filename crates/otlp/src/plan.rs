//! What the scan looks for: compiled from the configuration, so that no other attribute is looked at.

use regex::bytes::Regex;

/// Slots of [`ScanPlan::resource_keys`] that are always there, in this order, before the configured ones.
pub const RESOURCE_KEYS: [&str; 9] = [
    "service.name",
    "service.version",
    "service.instance.id",
    "host.name",
    "k8s.pod.name",
    "k8s.node.name",
    "cloud.region",
    "cloud.availability_zone",
    "k8s.cluster.name",
];

/// Slots of [`ScanPlan::span_keys`] that are always there, in this order, before the configured ones.
pub const SPAN_KEYS: [&str; 2] = ["peer.service", "server.address"];

/// Index of a slot in [`RESOURCE_KEYS`] or [`SPAN_KEYS`].
pub mod slot {
    /// `service.name`
    pub const SERVICE: usize = 0;
    /// `service.version`
    pub const VERSION: usize = 1;
    /// `service.instance.id`
    pub const INSTANCE: usize = 2;
    /// `host.name`
    pub const HOST: usize = 3;
    /// `k8s.pod.name`
    pub const POD: usize = 4;
    /// `k8s.node.name`
    pub const NODE: usize = 5;
    /// `cloud.region`
    pub const REGION: usize = 6;
    /// `cloud.availability_zone`
    pub const ZONE: usize = 7;
    /// `k8s.cluster.name`
    pub const CLUSTER: usize = 8;
    /// `peer.service`, of a span
    pub const PEER_SERVICE: usize = 0;
    /// `server.address`, of a span
    pub const SERVER_ADDRESS: usize = 1;
}

/// Where a matcher looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchScope {
    /// Attributes of spans only.
    Span,
    /// Attributes of resources only.
    Resource,
    /// Either: what the tail sampling processor's attribute policies do.
    Any,
}

/// What a matcher asks of an attribute's value. A value of another type never matches.
#[derive(Clone, Debug)]
pub enum AttributeTest {
    /// A string equal to one of these.
    StringIn(Vec<Box<[u8]>>),
    /// A string that one of these patterns finds a match in.
    StringMatches(Vec<Regex>),
    /// An integer or a double within these bounds, both inclusive; a missing bound does not bound. A bound of 0 is a bound.
    Number {
        /// Lower bound.
        min: Option<f64>,
        /// Upper bound.
        max: Option<f64>,
    },
    /// An integer within these bounds, compared as an integer so that no precision is lost above 2^53; doubles compare as doubles.
    Integer {
        /// Lower bound.
        min: Option<i64>,
        /// Upper bound.
        max: Option<i64>,
    },
    /// A boolean equal to this.
    Bool(bool),
    /// Any value: lists, maps and bytes too.
    Present,
}

/// One question to every attribute named `key`; a yes sets bit `bit` in [`crate::SpanFact::matches`].
#[derive(Clone, Debug)]
pub struct Matcher {
    /// Where to look.
    pub scope: MatchScope,
    /// Name of the attribute.
    pub key: Box<str>,
    /// The question.
    pub test: AttributeTest,
    /// Which bit says yes, below [`crate::limits::MAX_MATCHERS`].
    pub bit: u8,
}

/// What one configuration asks of the wire.
#[derive(Clone, Debug)]
pub struct ScanPlan {
    /// Version of the configuration. Facts made under another version are scanned again.
    pub version: u64,
    /// Resource attributes whose text is captured: [`RESOURCE_KEYS`], then configured ones (departments).
    pub resource_keys: Vec<Box<str>>,
    /// Span attributes whose text is captured: [`SPAN_KEYS`], then configured ones (business keys, kept attributes).
    pub span_keys: Vec<Box<str>>,
    /// Questions of policies.
    pub matchers: Vec<Matcher>,
    /// A span without a status counts as failed where its attributes say so.
    pub failures: bool,
}

impl Default for ScanPlan {
    fn default() -> Self {
        Self {
            version: 0,
            resource_keys: RESOURCE_KEYS.iter().map(|key| Box::from(*key)).collect(),
            span_keys: SPAN_KEYS.iter().map(|key| Box::from(*key)).collect(),
            matchers: Vec::new(),
            failures: false,
        }
    }
}
