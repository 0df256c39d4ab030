//! What both transports do with a body once they have it: decompress, hand on, count.

use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism};

use bytes::Bytes;
use metrics::{counter, gauge};
use throughline_otlp::{Rejections, json};
use tokio::sync::Semaphore;

use crate::{
    budget::{Budget, Held},
    decompress::{DecompressError, Encoding, decompress},
    failure::{Class, Failure},
    intake::{Accepted, Intake, Refusal},
    metrics as names,
    settings::Limits,
};

/// Compressed bodies up to this many bytes are decompressed where they are read: that takes less time than to hand them to another thread and back.
const INLINE_COMPRESSED_BYTES: usize = 16 << 10;

/// JSON bodies up to this many bytes are read where they are, for the same reason.
const INLINE_JSON_BYTES: usize = 64 << 10;

/// The way from a body to the intake, shared by both transports.
pub(crate) struct Exporter {
    intake: Arc<dyn Intake>,
    budget: Arc<Budget>,
    pub(crate) limits: Limits,
    /// Bodies worked on at one time by threads for blocking work: one a core, so that decoders' own memory is bounded and the runtime keeps its share.
    workers: Arc<Semaphore>,
}

impl Exporter {
    pub(crate) fn new(intake: Arc<dyn Intake>, limits: Limits) -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            intake,
            budget: Budget::new(limits.max_in_flight_bytes),
            limits,
            workers: Arc::new(Semaphore::new(cores)),
        }
    }

    /// A holding for one request.
    pub(crate) fn hold(&self) -> Held {
        self.budget.hold()
    }

    /// The body as it was before it was compressed. The compressed body and its holding are given back.
    pub(crate) async fn inflate(
        &self,
        encoding: Encoding,
        body: Bytes,
        held: Held,
        limit: usize,
    ) -> Result<(Bytes, Held), Failure> {
        let inline = body.len() <= INLINE_COMPRESSED_BYTES;
        let work = move || {
            let mut room = held.another();
            decompress(encoding, &body, limit, &mut room).map(|body| (body, room))
        };
        let result: Result<_, DecompressError> = if inline { work() } else { self.on_a_worker(work).await? };
        result.map_err(|error| Failure::from_decompress(error, self.limits.retry_delay))
    }

    /// The request in protobuf, which is never larger than in JSON, and the spans that are not in it for a fault of their own.
    pub(crate) async fn json_to_protobuf(
        &self,
        body: Bytes,
        held: Held,
    ) -> Result<(Bytes, Held, Rejections), Failure> {
        let mut room = held.another();
        room.grow_to(body.len())
            .map_err(|source| Failure::Memory { source, retry_after: self.limits.retry_delay })?;
        let inline = body.len() <= INLINE_JSON_BYTES;
        let work = move || {
            let converted = json::convert(body);
            drop(held);
            converted
        };
        let json::Converted { request, rejected } =
            if inline { work() } else { self.on_a_worker(work).await? }?;
        Ok((Bytes::from(request), room, rejected))
    }

    async fn on_a_worker<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let turn =
            Arc::clone(&self.workers).acquire_owned().await.map_err(|_| Failure::Internal("no worker"))?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|_| Failure::Internal("a worker failed"))
    }

    /// Hands a request on. When this returns `Ok`, its spans are durable.
    pub(crate) async fn submit(&self, tenant: Arc<str>, request: Bytes) -> Result<Accepted, Failure> {
        Ok(self.intake.submit(tenant, request).await?)
    }

    /// Counts what became of a request.
    pub(crate) fn count(&self, transport: &'static str, result: &Result<Accepted, Failure>) {
        gauge!(names::IN_FLIGHT_BYTES).set(self.budget.used() as f64);
        let outcome = match result {
            Ok(accepted) => count_accepted(accepted),
            Err(failure) => count_failure(failure),
        };
        counter!(names::REQUESTS, "transport" => transport, "outcome" => outcome).increment(1);
    }
}

fn count_accepted(accepted: &Accepted) -> &'static str {
    counter!(names::ACCEPTED_SPANS).increment(accepted.spans);
    if accepted.clamped > 0 {
        counter!(names::CLAMPED_SPANS).increment(accepted.clamped);
    }
    for (reason, spans) in accepted.rejected.iter() {
        counter!(names::FAILED_SPANS, "reason" => reason.as_str()).increment(spans);
    }
    if accepted.rejected.is_empty() { "ok" } else { "partial" }
}

pub(crate) fn count_failure(failure: &Failure) -> &'static str {
    match failure.class() {
        Class::Refused => {
            if let Failure::Intake(Refusal::Busy { spans, .. }) = failure {
                counter!(names::REFUSED_SPANS, "reason" => failure.reason()).increment(*spans);
            }
            counter!(names::REFUSED_REQUESTS, "reason" => failure.reason()).increment(1);
            "refused"
        }
        Class::Failed => {
            counter!(names::FAILED_REQUESTS, "reason" => failure.reason()).increment(1);
            "failed"
        }
    }
}
