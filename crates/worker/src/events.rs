//! Records of the logs as events of the folds, and back.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use throughline_assembly::{
    records::{Closed, Moved, Offer, SummaryHead, TraceSummary},
    rules::Rules,
    traces::{Emit, EmitBody, decode_source_time, decode_summary, encode_source_time, encode_summary},
    transactions::{CauseKey, Emitted, EmittedBody, encode_closed, encode_links},
};
use throughline_log::{Cause, Kind, NewRecord, Position, Record};

/// A control record of no tenant.
pub(crate) fn control(kind: Kind, payload: Bytes) -> NewRecord {
    caused(kind, None, payload)
}

/// What a fold over `source` wrote because of the record at `position`.
pub(crate) fn emitted(source: u32, position: Position, emit: &Emit) -> NewRecord {
    let cause = Some(Cause { source, position, ordinal: emit.ordinal });
    match &emit.body {
        EmitBody::Summary(summary) => NewRecord {
            kind: Kind::Summary,
            tenant: Arc::from(summary.tenant.as_str()),
            cause,
            payload: encode_summary(summary),
            cache: Some(Arc::<TraceSummary>::clone(summary)),
        },
        EmitBody::SourceTime { now, oldest } => {
            caused(Kind::SourceTime, cause, encode_source_time(*now, *oldest))
        }
        EmitBody::Links(links) => caused(Kind::Link, cause, encode_links(links)),
    }
}

/// What a fold over the summary log wrote because of the record at `position`; `source` is what it is to others.
pub(crate) fn emitted_by_fold(source: u32, position: Position, emitted: &Emitted) -> NewRecord {
    let cause = Some(Cause { source, position, ordinal: emitted.ordinal });
    match &emitted.body {
        EmittedBody::Links(links) => caused(Kind::Link, cause, encode_links(links)),
        EmittedBody::Move(moved) => caused(Kind::Move, cause, moved.encode_to_vec().into()),
    }
}

fn caused(kind: Kind, cause: Option<Cause>, payload: Bytes) -> NewRecord {
    NewRecord { kind, tenant: Arc::from(""), cause, payload, cache: None }
}

/// What a name held.
pub(crate) fn moved_of(record: &Record) -> Option<Moved> {
    Moved::decode(&record.payload[..]).ok()
}

/// The cause of a record, as the fold compares it.
pub(crate) fn cause_of(record: &Record) -> Option<(u32, CauseKey)> {
    let cause = record.cause?;
    Some((cause.source, CauseKey { position: cause.position.0 + 1, ordinal: cause.ordinal }))
}

/// A summary record's summary: what travelled with it, or decoded.
pub(crate) fn summary_of(record: &Record) -> Option<Arc<TraceSummary>> {
    if let Some(cached) = record.cache.clone().and_then(|cache| cache.downcast::<TraceSummary>().ok()) {
        return Some(cached);
    }
    let mut summary = TraceSummary::default();
    decode_summary(&record.payload, &mut summary).map(|()| Arc::new(summary))
}

/// The head of a summary record's summary, decoded: for one whose summary did not travel with it.
pub(crate) fn head_of(record: &Record) -> Option<SummaryHead> {
    // From a slice, so that nothing of it keeps the segment.
    SummaryHead::decode(&record.payload[..]).ok()
}

/// A closed record's decision: what travelled with it, or decoded.
pub(crate) fn closed_of(record: &Record) -> Option<Arc<Closed>> {
    if let Some(cached) = record.cache.clone().and_then(|cache| cache.downcast::<Closed>().ok()) {
        return Some(cached);
    }
    Closed::decode(record.payload.clone()).ok().map(Arc::new)
}

/// An offer record's offer: what travelled with it, or decoded; `None`, and said so, where it does not decode.
pub(crate) fn offer_of(record: &Record) -> Option<Arc<Offer>> {
    if let Some(cached) = record.cache.clone().and_then(|cache| cache.downcast::<Offer>().ok()) {
        return Some(cached);
    }
    let offer = Offer::decode(record.payload.clone()).ok().map(Arc::new);
    if offer.is_none() {
        tracing::error!(position = record.position.0, "an offer in the log does not decode; it is left out");
    }
    offer
}

/// A decision as a record.
pub(crate) fn closed_record(mut closed: Box<Closed>) -> NewRecord {
    let tenant = closed.row.as_ref().map_or("", |row| row.tenant.as_str());
    NewRecord {
        kind: Kind::Closed,
        tenant: Arc::from(tenant),
        cause: None,
        payload: encode_closed(&mut closed).into(),
        cache: Some(Arc::<Closed>::from(closed)),
    }
}

/// An offer as a record.
pub(crate) fn offer_record(offer: Arc<Offer>) -> NewRecord {
    NewRecord {
        kind: Kind::Offer,
        tenant: Arc::from(offer.tenant.as_str()),
        cause: None,
        payload: offer.encode_to_vec().into(),
        cache: Some(offer),
    }
}

/// The rules of a record; `None`, and said so, where this binary does not understand them.
pub(crate) fn rules_of(record: &Record) -> Option<Arc<Rules>> {
    let rules = Rules::from_record(&record.payload).map(Arc::new);
    if rules.is_none() {
        tracing::error!(
            position = record.position.0,
            "rules in the log are not understood by this version; the rules before them stay"
        );
    }
    rules
}

/// A source's time.
pub(crate) fn source_time_of(record: &Record) -> Option<(u64, u64)> {
    decode_source_time(&record.payload)
}
