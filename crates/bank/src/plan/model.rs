//! What a planned transfer is made of.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::topology::{Instance, Service};
use crate::fault::FaultKind;

/// What kind of transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferKind {
    /// Instant payment to another bank: three traces.
    Instant,
    /// One order of a file, sent to clearing with the next batch: three traces.
    SepaBatch,
    /// Over a correspondent bank, which acknowledges before it confirms: four traces.
    International,
    /// An order that repeats: three traces.
    StandingOrder,
    /// Between two accounts of this bank: two traces.
    Internal,
}

impl TransferKind {
    /// The value of `payment.kind`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::SepaBatch => "sepa-batch",
            Self::International => "international",
            Self::StandingOrder => "standing-order",
            Self::Internal => "internal",
        }
    }
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Confirmed, rejected for business reasons or returned: all as designed.
    Ok,
    /// The root of the first trace, of an asynchronous trace, or the terminal span has failed.
    Error,
    /// The confirmation never came.
    Incomplete,
}

impl Outcome {
    /// As the column `Outcome` says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Incomplete => "incomplete",
        }
    }
}

/// One transfer from order to confirmation. All times are nanoseconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// Number of the transfer within the plan, from 0.
    pub number: u64,
    /// `payment.uetr`: its business key.
    pub uetr: String,
    /// Kind of transfer.
    pub kind: TransferKind,
    /// `bank.channel`.
    pub channel: &'static str,
    /// `payment.amount`.
    pub amount: f64,
    /// `payment.currency`.
    pub currency: &'static str,
    /// Start of the first span.
    pub start: u64,
    /// End of the last span.
    pub end: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Trace ids in the order of their start.
    pub trace_ids: Vec<[u8; 16]>,
    /// All spans, in the order in which they started within each trace.
    pub spans: Vec<Span>,
    /// All hops: `Hop::parent` points into this list.
    pub hops: Vec<Hop>,
    /// Faults that touched it, in the order of their first effect.
    pub faults: Vec<FaultMark>,
}

/// One span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// 16 bytes, not all zero.
    pub trace_id: [u8; 16],
    /// 8 bytes, not all zero.
    pub span_id: [u8; 8],
    /// `None` at a root.
    pub parent: Option<[u8; 8]>,
    /// Whether the parent is in another process.
    pub parent_is_remote: bool,
    /// Kind.
    pub kind: SpanKind,
    /// Name.
    pub name: Cow<'static, str>,
    /// Whose.
    pub instance: Arc<Instance>,
    /// Start.
    pub start: u64,
    /// End.
    pub end: u64,
    /// In the order of setting.
    pub attributes: Vec<KeyValue>,
    /// In the order of time.
    pub events: Vec<SpanEvent>,
    /// To producers.
    pub links: Vec<SpanLink>,
    /// The message of status Error; otherwise the status is unset.
    pub error: Option<Cow<'static, str>>,
}

/// Something that happened within a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// When.
    pub time: u64,
    /// What.
    pub name: &'static str,
    /// More of it.
    pub attributes: Vec<KeyValue>,
}

/// A pointer to a span of another trace.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanLink {
    /// Its trace.
    pub trace_id: [u8; 16],
    /// The span.
    pub span_id: [u8; 8],
    /// Why.
    pub attributes: Vec<KeyValue>,
}

/// Kind of a hop's own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HopKind {
    /// The service's own.
    Own,
    /// A call to a database.
    Database,
    /// A call to another company.
    Partner,
}

impl HopKind {
    /// As the column `Hops.Kind` says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Database => "database",
            Self::Partner => "partner",
        }
    }
}

/// One step of the way: a span, or a client span together with its server span. Times in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// The hop above, in the same trace; `None` at a trace's root.
    pub parent: Option<usize>,
    /// Place in [`Transfer::trace_ids`].
    pub trace: usize,
    /// Places in [`Transfer::spans`]: the client's first where there are two.
    pub spans: Vec<usize>,
    /// Kind of its own work.
    pub kind: HopKind,
    /// Whose work: of a merged hop the server, of a database or partner hop the caller.
    pub instance: Arc<Instance>,
    /// Name of the span that counts (the server's of a merged hop).
    pub operation: Cow<'static, str>,
    /// Start of its first span.
    pub start: u64,
    /// End of its first span: a client's span ends after its server's.
    pub end: u64,
    /// Time that no child covers, network excluded.
    pub own: u64,
    /// Between client and server, both ways together.
    pub network: u64,
    /// Before it, in a queue: from the producer's end, or at a root without a link from the end of what came before.
    pub queue: u64,
    /// Its part of the transfer's duration: own time, network and queue on the critical path.
    pub critical: u64,
    /// The part of `critical` on the network.
    pub critical_network: u64,
    /// The part of `critical` in the queue.
    pub critical_queue: u64,
    /// Whether one of its spans has failed.
    pub error: bool,
}

impl Hop {
    /// The service.
    #[must_use]
    pub fn service(&self) -> Service {
        self.instance.service
    }
}

/// What a fault did to a transfer.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultMark {
    /// Number of the fault in the options.
    pub fault: usize,
    /// Kind of fault.
    pub kind: FaultKind,
    /// Department to blame; `network` for the network.
    pub department: &'static str,
    /// Service where it showed first.
    pub service: Service,
    /// For a bad pod or version: the pod.
    pub instance: Option<String>,
    /// For a partner: its name.
    pub partner: Option<&'static str>,
    /// Time that it cost, in all, on and off the critical path; 0 where it cost none.
    pub excess: u64,
}
