//! What is refused, and why: a whole request ([`Malformed`]) or single spans of it ([`Rejections`]).

use std::fmt;

use thiserror::Error;

use crate::{limits, wire::WireError};

/// A request that is refused as a whole. Sending it again will not help.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{path}: {fault}")]
pub struct Malformed {
    /// The field at fault, as `resource_spans[3].scope_spans[0].spans[12].attributes[2].value`; `request` where it is none of them.
    pub path: String,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Malformed {
    /// Whether the same bytes may be accepted later: never.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// The bytes are no protobuf of this schema.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A string of a resource or a scope that is not UTF-8.
    #[error("string is not valid UTF-8")]
    Utf8,
    /// An attribute of a resource or a scope that is nested too deeply.
    #[error("value nested more than {} levels deep", limits::MAX_VALUE_DEPTH)]
    Depth,
    /// Larger than offsets can tell.
    #[error("request of {0} bytes is larger than {max}", max = limits::MAX_REQUEST_BYTES)]
    Size(usize),
    /// Copies of its resources and scopes for each partition would take too much.
    #[error(
        "resource and scope attributes are too large for their spans: split by partition they would take {0} bytes"
    )]
    Growth(u64),
}

/// Why a single span is refused while the rest of its request is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectReason {
    /// Its trace id is not 16 bytes, or all zero.
    TraceId,
    /// Its span id is not 8 bytes, or all zero.
    SpanId,
    /// Its parent's id is neither empty nor 8 bytes.
    ParentId,
    /// One of its strings is not UTF-8.
    Utf8,
    /// One of its values is nested deeper than [`limits::MAX_VALUE_DEPTH`].
    Depth,
    /// With its resource and scope it is larger than [`limits::MAX_RECORD_BYTES`].
    TooLarge,
    /// In JSON: one of its numbers, ids or enums has no value of its field's type.
    Value,
}

impl RejectReason {
    /// Every reason, in the order in which a span with several is counted.
    pub const ALL: [Self; 7] =
        [Self::TraceId, Self::SpanId, Self::ParentId, Self::Utf8, Self::Depth, Self::TooLarge, Self::Value];

    /// The value of a metric's label `reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TraceId => "invalid_trace_id",
            Self::SpanId => "invalid_span_id",
            Self::ParentId => "invalid_parent_span_id",
            Self::Utf8 => "invalid_utf8",
            Self::Depth => "value_too_deep",
            Self::TooLarge => "span_too_large",
            Self::Value => "invalid_value",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TraceId => f.write_str("trace_id is not 16 bytes or is all zero"),
            Self::SpanId => f.write_str("span_id is not 8 bytes or is all zero"),
            Self::ParentId => f.write_str("parent_span_id is neither empty nor 8 bytes"),
            Self::Utf8 => f.write_str("a string is not valid UTF-8"),
            Self::Depth => write!(f, "a value is nested more than {} levels deep", limits::MAX_VALUE_DEPTH),
            Self::TooLarge => write!(
                f,
                "span with its resource and scope is larger than {} bytes",
                limits::MAX_RECORD_BYTES
            ),
            Self::Value => f.write_str("a value is not of its field's type"),
        }
    }
}

/// Where a span stands in its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpanPath {
    pub(crate) resource: u32,
    pub(crate) scope: u32,
    pub(crate) span: u32,
}

impl fmt::Display for SpanPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource_spans[{}].scope_spans[{}].spans[{}]", self.resource, self.scope, self.span)
    }
}

/// The spans of one request that were refused, counted by reason. Displays as the message of a partial success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejections {
    counts: [u64; RejectReason::ALL.len()],
    first: Option<SpanPath>,
    /// What exactly is wrong with the first, where the reason does not tell.
    detail: Option<String>,
}

impl Rejections {
    /// Counts a span; where it stands is asked only of the first.
    pub(crate) fn add_with(&mut self, reason: RejectReason, path: impl FnOnce() -> SpanPath) {
        self.counts[reason as usize] += 1;
        self.first.get_or_insert_with(path);
    }

    /// As [`Self::add_with`]; what exactly is wrong is asked only of the first too.
    pub(crate) fn add_detailed(
        &mut self,
        reason: RejectReason,
        path: SpanPath,
        detail: impl FnOnce() -> String,
    ) {
        if self.first.is_none() {
            self.detail = Some(detail());
        }
        self.add_with(reason, || path);
    }

    /// Those of one request that were refused before it came to the scan, with those that the scan refused after.
    #[must_use]
    pub fn followed_by(mut self, later: &Self) -> Self {
        for (count, more) in self.counts.iter_mut().zip(later.counts) {
            *count += more;
        }
        if self.first.is_none() {
            self.first = later.first;
            self.detail.clone_from(&later.detail);
        }
        self
    }

    /// Spans refused for this reason.
    #[must_use]
    pub fn count(&self, reason: RejectReason) -> u64 {
        self.counts[reason as usize]
    }

    /// Spans refused for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether none was refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (RejectReason, u64)> + '_ {
        RejectReason::ALL
            .into_iter()
            .map(|reason| (reason, self.count(reason)))
            .filter(|(_, count)| *count > 0)
    }
}

impl fmt::Display for Rejections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(path) = self.first else { return f.write_str("no spans rejected") };
        write!(f, "{} spans rejected: ", self.total())?;
        for (index, (reason, count)) in self.iter().enumerate() {
            write!(f, "{}{count} because {reason}", if index == 0 { "" } else { "; " })?;
        }
        write!(f, "; the first is {path}")?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}
