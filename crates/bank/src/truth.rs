//! What really happened, one JSON object a transfer, for whoever wants to check an answer.
//!
//! All times are integers in nanoseconds; starts and ends count from 1970, UTC. The words (hop, own, network, queue, critical) mean what Throughline's
//! columns of these names mean. The sum of `hops[].critical` is `duration`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use opentelemetry::trace::SpanKind;
use serde::{Deserialize, Serialize};

use crate::error::BankError;
use crate::plan::{self, FaultMark, Transfer};

/// One transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `payment.uetr`.
    pub uetr: String,
    /// Number within the plan.
    pub number: u64,
    /// `payment.kind`.
    pub kind: String,
    /// `bank.channel`.
    pub channel: String,
    /// `payment.amount`.
    pub amount: f64,
    /// `payment.currency`.
    pub currency: String,
    /// Start of the first span.
    pub start: u64,
    /// End of the last span.
    pub end: u64,
    /// Between the two.
    pub duration: u64,
    /// `ok`, `error` or `incomplete`.
    pub outcome: String,
    /// In hex, in the order of their start.
    pub trace_ids: Vec<String>,
    /// All spans.
    pub spans: Vec<Span>,
    /// All hops; `parent` points into this list.
    pub hops: Vec<Hop>,
    /// The fault that cost most, if any touched it.
    pub fault: Option<Fault>,
    /// All faults that touched it.
    pub faults: Vec<Fault>,
    /// Span ids that the server did not acknowledge. They may have reached it all the same.
    pub unacknowledged: Vec<String>,
}

/// One span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// In hex.
    pub trace_id: String,
    /// In hex.
    pub span_id: String,
    /// In hex; `null` at a root.
    pub parent_span_id: Option<String>,
    /// `internal`, `server`, `client`, `producer` or `consumer`.
    pub kind: String,
    /// `service.name`.
    pub service: String,
    /// Resource attribute `department`.
    pub department: String,
    /// Name of the span.
    pub operation: String,
    /// `service.instance.id`.
    pub instance: String,
    /// `service.version`.
    pub version: String,
    /// Start.
    pub start: u64,
    /// End.
    pub end: u64,
    /// Status Error.
    pub error: bool,
}

/// One hop: a span, or a client span together with its server span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Place of the hop above; `null` at a trace's root.
    pub parent: Option<usize>,
    /// In hex.
    pub trace_id: String,
    /// In hex, the client's first.
    pub span_ids: Vec<String>,
    /// `own`, `database` or `partner`.
    pub kind: String,
    /// Service.
    pub service: String,
    /// Department.
    pub department: String,
    /// Operation.
    pub operation: String,
    /// Version.
    pub version: String,
    /// Instance.
    pub instance: String,
    /// Start of its first span.
    pub start: u64,
    /// From there to the end of its first span.
    pub duration: u64,
    /// Time of its own that no child covers, network excluded.
    pub own: u64,
    /// Between client and server, both ways together.
    pub network: u64,
    /// In a queue before it.
    pub queue: u64,
    /// Its part of the transfer's duration.
    pub critical: u64,
    /// The part of it on the network.
    pub critical_network: u64,
    /// The part of it in a queue.
    pub critical_queue: u64,
    /// Whether one of its spans has failed.
    pub error: bool,
}

/// What a fault did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Its name on the command line.
    pub kind: String,
    /// `own`, `database`, `network`, `queue`, `partner`, `security`, `version`, `host` or `missing`.
    pub blame: String,
    /// Who is to blame.
    pub department: String,
    /// Where it showed.
    pub service: String,
    /// The pod, where one pod or version is to blame.
    pub instance: Option<String>,
    /// The partner, where one is to blame.
    pub partner: Option<String>,
    /// Time that it cost in all.
    pub excess: u64,
}

impl Record {
    /// The truth of a transfer, with the ids of spans that were not acknowledged.
    #[must_use]
    pub fn new(transfer: &Transfer, unacknowledged: &[[u8; 8]]) -> Self {
        let faults: Vec<Fault> = transfer.faults.iter().map(fault).collect();
        Self {
            uetr: transfer.uetr.clone(),
            number: transfer.number,
            kind: transfer.kind.name().to_owned(),
            channel: transfer.channel.to_owned(),
            amount: transfer.amount,
            currency: transfer.currency.to_owned(),
            start: transfer.start,
            end: transfer.end,
            duration: transfer.end - transfer.start,
            outcome: transfer.outcome.name().to_owned(),
            trace_ids: transfer.trace_ids.iter().map(|id| hex(id)).collect(),
            spans: transfer.spans.iter().map(span).collect(),
            hops: transfer.hops.iter().map(|each| hop(transfer, each)).collect(),
            fault: faults.iter().max_by_key(|fault| fault.excess).cloned(),
            faults,
            unacknowledged: unacknowledged.iter().map(|id| hex(id)).collect(),
        }
    }

    /// Hops by the id of each of their spans.
    #[must_use]
    pub fn hops_by_span(&self) -> HashMap<&str, &Hop> {
        self.hops.iter().flat_map(|hop| hop.span_ids.iter().map(move |id| (id.as_str(), hop))).collect()
    }
}

fn span(span: &plan::Span) -> Span {
    let kind = match span.kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    };
    Span {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: span.parent.map(|id| hex(&id)),
        kind: kind.to_owned(),
        service: span.instance.service.name().to_owned(),
        department: span.instance.service.department().name().to_owned(),
        operation: span.name.clone().into_owned(),
        instance: span.instance.pod.clone(),
        version: span.instance.version.clone(),
        start: span.start,
        end: span.end,
        error: span.error.is_some(),
    }
}

fn hop(transfer: &Transfer, hop: &plan::Hop) -> Hop {
    Hop {
        parent: hop.parent,
        trace_id: hex(&transfer.trace_ids[hop.trace]),
        span_ids: hop.spans.iter().map(|span| hex(&transfer.spans[*span].span_id)).collect(),
        kind: hop.kind.name().to_owned(),
        service: hop.service().name().to_owned(),
        department: hop.service().department().name().to_owned(),
        operation: hop.operation.clone().into_owned(),
        version: hop.instance.version.clone(),
        instance: hop.instance.pod.clone(),
        start: hop.start,
        duration: hop.end - hop.start,
        own: hop.own,
        network: hop.network,
        queue: hop.queue,
        critical: hop.critical,
        critical_network: hop.critical_network,
        critical_queue: hop.critical_queue,
        error: hop.error,
    }
}

fn fault(mark: &FaultMark) -> Fault {
    Fault {
        kind: mark.kind.name().to_owned(),
        blame: mark.kind.blame().to_owned(),
        department: mark.department.to_owned(),
        service: mark.service.name().to_owned(),
        instance: mark.instance.clone(),
        partner: mark.partner.map(str::to_owned),
        excess: mark.excess,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Writes records to a file.
pub(crate) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Writer {
    pub(crate) fn create(path: &Path) -> Result<Self, BankError> {
        let failed = |source| BankError::Truth { path: path.to_owned(), source };
        let file = BufWriter::new(File::create(path).map_err(failed)?);
        Ok(Self { path: path.to_owned(), file })
    }

    pub(crate) fn write(&mut self, record: &Record) -> Result<(), BankError> {
        let written = serde_json::to_writer(&mut self.file, record).map_err(std::io::Error::from);
        let written = written.and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|source| BankError::Truth { path: self.path.clone(), source })
    }

    pub(crate) fn flush(&mut self) -> Result<(), BankError> {
        self.file.flush().map_err(|source| BankError::Truth { path: self.path.clone(), source })
    }
}
