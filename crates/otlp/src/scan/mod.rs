//! One pass over a request: everything checked, facts found, spans given to partitions.
//!
//! What makes it fast: fields are read in place; attributes that no rule asks for are passed by a look at the length of their name; lists grow in
//! buffers that are used again; and the path of a faulty field is found by a second walk, only once there is a fault ([`diagnose`]).

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    facts::{Facts, Range},
    limits::MAX_REQUEST_BYTES,
    lookup::CompiledPlan,
    refusal::{Fault, Malformed, Rejections, SpanPath},
    split,
    wire::WireError,
};

mod attributes;
mod diagnose;
mod envelope;
pub(crate) mod found;
mod span;
mod value;

use found::Found;

/// Scans and splits requests; one a thread, used again and again.
#[derive(Debug)]
pub struct Scanner {
    plan: Arc<CompiledPlan>,
    found: Found,
    splitter: split::Splitter,
}

/// What became of a request.
#[derive(Clone, Debug, Default)]
pub struct Scanned {
    /// Records for the log, in the order of partitions; several of one partition keep the order of the request.
    pub parts: Vec<Part>,
    /// Spans in them.
    pub accepted: u64,
    /// Spans left out of them.
    pub rejected: Rejections,
    /// Accepted spans that end before they start; their facts say that they end when they start, their bytes are as sent.
    pub clamped: u64,
}

/// One record: a request of its own, and its facts.
#[derive(Clone, Debug)]
pub struct Part {
    /// The partition that owns all traces in it.
    pub partition: u32,
    /// An `ExportTraceServiceRequest` of at most [`crate::limits::MAX_RECORD_BYTES`].
    pub payload: Bytes,
    /// What it says; ranges are of `payload`.
    pub facts: Facts,
}

/// The facts of a record that was read back, and what of it is no good: records of others (a Collector that feeds the topic) were never scanned before.
#[derive(Clone, Debug, Default)]
pub struct Rescanned {
    /// Facts of the spans that are good.
    pub facts: Facts,
    /// The others.
    pub rejected: Rejections,
}

impl Scanner {
    /// A scanner that looks for what the plan asks.
    #[must_use]
    pub fn new(plan: Arc<CompiledPlan>) -> Self {
        Self { plan, found: Found::default(), splitter: split::Splitter::default() }
    }

    /// The plan it looks with.
    #[must_use]
    pub fn plan(&self) -> &Arc<CompiledPlan> {
        &self.plan
    }

    /// Looks with another plan from now on.
    pub fn set_plan(&mut self, plan: Arc<CompiledPlan>) {
        self.plan = plan;
    }

    /// Scans an `ExportTraceServiceRequest` and splits it by [`crate::partition_of`] (`partitions` of 0 counts as 1).
    ///
    /// Spans with bad ids, bad UTF-8, values nested too deeply, or too large for a record are left out and counted. Everything else that is wrong refuses
    /// the request. Unknown fields of resources, scopes and spans are copied; those of the request itself are kept only where it becomes one record as it is.
    ///
    /// # Errors
    /// [`Malformed`] where the request as a whole is refused.
    pub fn scan(&mut self, request: Bytes, partitions: u32) -> Result<Scanned, Malformed> {
        let result = self.find(&request, partitions).and_then(|()| {
            self.splitter
                .split(request, &mut self.found)
                .map_err(|fault| Malformed { path: "request".into(), fault })
        });
        self.found.shrink();
        self.splitter.shrink();
        result
    }

    /// The facts of one record again. For a record that [`Scanner::scan`] made with the same plan they are equal to those that came with it.
    ///
    /// # Errors
    /// [`Malformed`] where it is no valid request.
    pub fn rescan(&mut self, payload: &[u8]) -> Result<Rescanned, Malformed> {
        let result = self.find(payload, 1).map(|()| Rescanned {
            facts: self.found.facts.clone(),
            rejected: std::mem::take(&mut self.found.rejected),
        });
        self.found.shrink();
        result
    }

    fn find(&mut self, request: &[u8], partitions: u32) -> Result<(), Malformed> {
        if request.len() > MAX_REQUEST_BYTES {
            return Err(Malformed { path: "request".into(), fault: Fault::Size(request.len()) });
        }
        self.found.clear(self.plan.version(), self.plan.span.slot_count);
        let mut pass = Pass {
            request,
            plan: &self.plan,
            found: &mut self.found,
            partitions: partitions.max(1),
            path: SpanPath::default(),
            resource_matches: 0,
        };
        pass.request().map_err(|stop| diagnose::diagnose(request, stop))
    }
}

/// The facts of one record, for those who need it once; see [`Scanner::rescan`].
///
/// # Errors
/// [`Malformed`] where it is no valid request.
pub fn rescan(payload: &[u8], plan: &Arc<CompiledPlan>) -> Result<Facts, Malformed> {
    Scanner::new(Arc::clone(plan)).rescan(payload).map(|rescanned| rescanned.facts)
}

/// Why a pass ended early; where is found by [`diagnose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Wire(WireError),
    /// Bad UTF-8 or too deep a value in a resource or a scope.
    Content,
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// The state of one pass.
struct Pass<'r, 'p> {
    request: &'r [u8],
    plan: &'p CompiledPlan,
    found: &'p mut Found,
    partitions: u32,
    /// Where the pass is.
    path: SpanPath,
    /// Bits of matchers that the present resource says yes to.
    resource_matches: u64,
}

impl Pass<'_, '_> {
    /// Where a slice of the request lies in it. Nothing lies at 0.
    #[inline]
    fn range_of(&self, slice: &[u8]) -> Range {
        if slice.is_empty() {
            return Range::default();
        }
        let start = (slice.as_ptr() as usize).wrapping_sub(self.request.as_ptr() as usize);
        Range { start: start as u32, len: slice.len() as u32 }
    }
}
