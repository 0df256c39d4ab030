//! The spans of one batch.

use super::attributes::Attributes;
use super::scan::{Scanned, scan};
use super::source::Sources;
use super::states::States;
use crate::native::Dictionary;
use crate::rows::RowsError;
use throughline_sampling::Threshold;

/// Bytes after which a block takes no more: offsets are 32 bits, and engine and sender hold a block whole.
const MAX_BYTES: usize = 256 << 20;

/// Where a span came from: messages as received, schema URLs of their envelopes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanSource<'a> {
    /// Body of the `Resource` message, empty where absent.
    pub resource: &'a [u8],
    /// `ResourceSpans.schema_url`.
    pub resource_schema_url: &'a str,
    /// Body of the `InstrumentationScope` message, empty where absent.
    pub scope: &'a [u8],
    /// `ScopeSpans.schema_url`.
    pub scope_schema_url: &'a str,
    /// Body of the `Span` message.
    pub span: &'a [u8],
}

/// What only the whole transaction tells of a span.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanContext<'a> {
    /// Whose span it is; leads the sorting key.
    pub tenant: &'a str,
    /// Its department.
    pub department: &'a str,
    /// The transaction's id.
    pub transaction_id: &'a str,
    /// The transaction's type.
    pub transaction_type: &'a str,
    /// Its own time, nanoseconds.
    pub self_ns: u64,
    /// Its time on the critical path, nanoseconds.
    pub critical_ns: u64,
    /// The policy that kept it.
    pub kept_by: &'a str,
    /// How many like it there were (adjusted count).
    pub weight: f64,
    /// What its trace state is to say of that; `None` leaves the trace state as it is.
    pub threshold: Option<Threshold>,
}

/// Spans that become one block of the table `spans`. All must be of one day ([`crate::rows::day_of`] their start).
#[derive(Debug)]
pub struct SpansBlock {
    pub(super) rows: Vec<Row>,
    pub(super) attributes: Attributes,
    pub(super) sources: Sources,
    pub(super) names: Dictionary,
    pub(super) tenants: Dictionary,
    pub(super) departments: Dictionary,
    pub(super) transactions: Dictionary,
    pub(super) types: Dictionary,
    pub(super) policies: Dictionary,
    pub(super) states: States,
    pub(super) sparse: Vec<Sparse>,
    pub(super) texts: Vec<u8>,
    events: Vec<u8>,
    links: Vec<u8>,
}

/// One span. Words are numbers in the block's dictionaries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) trace: [u8; 16],
    pub(super) ids: [u8; 16],
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) child_time: u64,
    pub(super) critical_code: u64,
    pub(super) weight: f64,
    pub(super) attributes_end: u32,
    pub(super) flags: u32,
    pub(super) source: u32,
    pub(super) name: u32,
    pub(super) tenant: u32,
    pub(super) department: u32,
    pub(super) transaction: u32,
    pub(super) kind_of_transaction: u32,
    pub(super) policy: u32,
    pub(super) state: u32,
    /// Index in `sparse`, `NONE` for most.
    pub(super) sparse: u32,
    pub(super) kind: u8,
    pub(super) status: u8,
}

/// No sparse texts.
pub(super) const NONE: u32 = u32::MAX;

/// Texts that most spans lack, as ends in `texts`: message, events, links, extra. They begin at `start`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sparse {
    pub(super) start: u32,
    pub(super) ends: [u32; 4],
}

impl Default for SpansBlock {
    fn default() -> Self {
        Self::new()
    }
}

impl SpansBlock {
    /// An empty block.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rows: Vec::new(),
            attributes: Attributes::default(),
            sources: Sources::default(),
            names: Dictionary::default(),
            tenants: Dictionary::default(),
            departments: Dictionary::default(),
            transactions: Dictionary::default(),
            types: Dictionary::default(),
            policies: Dictionary::default(),
            states: States::default(),
            sparse: Vec::new(),
            texts: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }

    /// How many spans it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Bytes that it holds in memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.len() * size_of::<Row>()
            + self.attributes.bytes()
            + self.texts.len()
            + self.states.bytes()
            + self.sources.wire.bytes()
    }

    /// Takes a span.
    ///
    /// # Errors
    /// [`RowsError::Wire`] where it is no span: it is left out. [`RowsError::Full`] where the block takes no more.
    pub fn push(&mut self, source: &SpanSource<'_>, context: &SpanContext<'_>) -> Result<(), RowsError> {
        if self.bytes() + source.span.len() > MAX_BYTES {
            return Err(RowsError::Full);
        }
        let origin = self.sources.push(source)?;
        self.events.clear();
        self.links.clear();
        let before = self.attributes.end();
        let transaction = context.transaction_id.as_bytes();
        let scanned = scan(source.span, transaction, &mut self.attributes, &mut self.events, &mut self.links);
        let span = match scanned {
            Ok(span) => span,
            Err(error) => {
                self.attributes.truncate(before);
                return Err(error.into());
            }
        };
        let sparse = self.keep_texts(&span, source.span);
        let row = self.row(&span, context, origin, sparse);
        self.rows.push(row);
        Ok(())
    }

    fn row(&mut self, span: &Scanned<'_>, context: &SpanContext<'_>, source: u32, sparse: u32) -> Row {
        let own = context.self_ns.min(span.duration);
        Row {
            trace: span.trace,
            ids: span.ids,
            start: span.start,
            duration: span.duration,
            child_time: span.duration - own,
            critical_code: critical_code(context.critical_ns, own),
            weight: context.weight,
            attributes_end: self.attributes.end(),
            flags: span.flags,
            source,
            name: self.names.intern(span.name),
            tenant: self.tenants.intern(context.tenant.as_bytes()),
            department: self.departments.intern(context.department.as_bytes()),
            transaction: self.transactions.intern(context.transaction_id.as_bytes()),
            kind_of_transaction: self.types.intern(context.transaction_type.as_bytes()),
            policy: self.policies.intern(context.kept_by.as_bytes()),
            state: self.states.push(span.state, context.threshold),
            sparse,
            kind: span.kind,
            status: span.status,
        }
    }

    fn keep_texts(&mut self, span: &Scanned<'_>, body: &[u8]) -> u32 {
        let extra = if span.exact { &[][..] } else { body };
        let all = [span.message, &self.events, &self.links, extra];
        if all.iter().all(|text| text.is_empty()) {
            return NONE;
        }
        let mut sparse = Sparse { start: self.texts.len() as u32, ends: [0; 4] };
        for (end, text) in sparse.ends.iter_mut().zip(all) {
            self.texts.extend_from_slice(text);
            *end = self.texts.len() as u32;
        }
        self.sparse.push(sparse);
        self.sparse.len() as u32 - 1
    }
}

/// Time on the path is mostly all own time, or none of it.
pub(in crate::rows) fn critical_code(critical: u64, own: u64) -> u64 {
    match critical {
        _ if critical == own => 0,
        0 => 1,
        _ => critical.saturating_add(2),
    }
}
