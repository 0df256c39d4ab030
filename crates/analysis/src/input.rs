//! What the caller says of a transaction.

/// A span's kind as OTLP numbers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SpanKind {
    /// 0, and whatever is out of range.
    #[default]
    Unspecified = 0,
    /// 1: work inside a service.
    Internal = 1,
    /// 2: the callee's side of a call.
    Server = 2,
    /// 3: the caller's side of a call.
    Client = 3,
    /// 4: a message is sent.
    Producer = 4,
    /// 5: a message is taken up.
    Consumer = 5,
}

impl SpanKind {
    /// The kind that OTLP gives this number.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }
}

/// Facts of one span. Names are indices in a table of the caller's, where equal strings have equal indices and 0 is the empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanInput {
    /// Unix nanoseconds.
    pub start: u64,
    /// Which trace of the transaction, below the number of traces. Traces are numbered in an order that the caller always finds again (by trace id).
    pub trace: u32,
    /// Span id. The caller has removed what has the same trace, id and kind.
    pub id: u64,
    /// What kind of span.
    pub kind: SpanKind,
    /// Unix nanoseconds; what lies before `start` is taken to be `start`.
    pub end: u64,
    /// Id of the parent in the same trace, 0 for none.
    pub parent: u64,
    /// Status is Error.
    pub error: bool,
    /// Status is Ok.
    pub ok: bool,
    /// The span is a call to a database.
    pub database: bool,
    /// Name of the service.
    pub service: u32,
    /// Name of the span.
    pub operation: u32,
    /// Version of the service.
    pub version: u32,
    /// Instance of the service.
    pub instance: u32,
    /// Whose clock: `host.name`, else `k8s.pod.name`, else `service.instance.id`, else the service.
    pub host: u32,
    /// Department of the service.
    pub department: u32,
    /// Name of the partner, where `peer.service` is set or the address is one of `partners`; else 0.
    pub peer: u32,
}

/// One link of one span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkInput {
    /// Index of the span that has the link.
    pub span: u32,
    /// Which trace of the transaction it points to; `None` where that trace is not part of it.
    pub trace: Option<u32>,
    /// The span that it points to, 0 where unknown.
    pub span_id: u64,
}

/// What the configuration says of paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// A server's clock is corrected by at most so many nanoseconds (`traces.max_skew`).
    pub max_skew_ns: u64,
    /// Who owns hops that are nothing but network, if not the caller.
    pub network_department: Option<u32>,
    /// Who owns calls to databases, if not the caller.
    pub database_department: Option<u32>,
    /// Index of the name `other`, the operation of the hop that holds what exceeds [`crate::MAX_HOPS`].
    pub other: u32,
}
