//! The OpenTelemetry SDK, one tracer provider with its own batch processor and exporter for each pod, all over one connection.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanId, TraceContextExt, TraceId, TracerProvider};
use opentelemetry_otlp::{RetryPolicy, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, IdGenerator, Sampler, SdkTracer, SdkTracerProvider, SpanData,
    SpanExporter,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::transport::{Channel, Endpoint};

use crate::error::BankError;
use crate::options::Options;
use crate::plan::topology::Instance;
use crate::plan::{self, Span};

/// Spans that a pod's batch processor holds. The driver never hands over more than that ([`QUEUE`]), so that the SDK never drops one.
const QUEUE: usize = 8_192;
/// Spans in one export: the SDKs' default.
const BATCH: usize = 512;
/// How long one attempt to export may take: the SDKs' default.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts are limited by time ([`Options::give_up_after`]), not by number.
const MAX_RETRIES: usize = 10_000;
/// Between attempts.
const RETRY_DELAY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) pod: usize,
    pub(crate) spans: Vec<([u8; 16], [u8; 8])>,
    pub(crate) taken: bool,
}

/// All pods' tracers.
pub(crate) struct Pods {
    pods: Vec<Pod>,
}

struct Pod {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    /// Spans handed over and not answered yet.
    waiting: usize,
}

impl Pods {
    /// Builds a tracer for each pod. Must be called within a tokio runtime, where the shared connection lives.
    pub(crate) fn build(
        instances: &[Arc<Instance>],
        options: &Options,
    ) -> Result<(Self, UnboundedReceiver<Answer>), BankError> {
        let channel = connect(&options.endpoint)?;
        // Unbounded, but never longer than what all pods' queues hold together.
        let (answers, receiver) = unbounded_channel();
        let pods =
            instances.iter().map(|instance| Pod::build(instance, options, channel.clone(), answers.clone()));
        Ok((Self { pods: pods.collect::<Result<_, _>>()? }, receiver))
    }

    /// Whether this pod's batch processor takes one more span without dropping it.
    pub(crate) fn has_room(&self, pod: usize) -> bool {
        self.pods[pod].waiting < QUEUE
    }

    /// Starts and ends a span with its own times and ids. Attributes, events and links move out of it.
    pub(crate) fn send(&mut self, span: &mut Span) {
        let pod = &mut self.pods[span.instance.index];
        pod.waiting += 1;
        NEXT.set((span.trace_id, span.span_id));
        let context = match span.parent {
            Some(parent) => {
                let parent = plan::context(span.trace_id, parent, span.parent_is_remote);
                Context::new().with_remote_span_context(parent)
            }
            None => Context::new(),
        };
        let builder = SpanBuilder::from_name(span.name.clone())
            .with_kind(span.kind.clone())
            .with_start_time(plan::time(span.start))
            .with_attributes(std::mem::take(&mut span.attributes))
            .with_events(std::mem::take(&mut span.events).into_iter().map(plan::event).collect())
            .with_links(std::mem::take(&mut span.links).into_iter().map(plan::link).collect());
        let mut started = builder.start_with_context(&pod.tracer, &context);
        started.set_status(plan::status(span));
        started.end_with_timestamp(plan::time(span.end));
    }

    /// An answer came: there is room again.
    pub(crate) fn answered(&mut self, answer: &Answer) {
        self.pods[answer.pod].waiting -= answer.spans.len();
    }

    /// Spans that wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.pods.iter().map(|pod| pod.waiting).sum()
    }

    /// Stops the SDK's threads. Blocks, up to `timeout` for each pod.
    pub(crate) fn shut_down(self, timeout: Duration) {
        for pod in self.pods {
            // Spans without an answer are counted already; why a thread did not stop adds nothing.
            let _counted = pod.provider.shutdown_with_timeout(timeout);
        }
    }
}

impl Pod {
    fn build(
        instance: &Instance,
        options: &Options,
        channel: Channel,
        answers: UnboundedSender<Answer>,
    ) -> Result<Self, BankError> {
        let retry = RetryPolicy::recommended()
            .with_max_retries(MAX_RETRIES)
            .with_initial_delay(RETRY_DELAY.0)
            .with_max_delay(RETRY_DELAY.1);
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_channel(channel)
            .with_retry_policy(retry)
            .with_timeout(options.give_up_after)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(options.batch_delay)
            .build();
        let exporter = Answering { inner: exporter, pod: instance.index, answers };
        let provider = SdkTracerProvider::builder()
            .with_resource(plan::resource(instance))
            .with_sampler(Sampler::AlwaysOn)
            .with_id_generator(PlannedIds)
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .build();
        let tracer = provider.tracer_with_scope(plan::scope());
        Ok(Self { provider, tracer, waiting: 0 })
    }
}

fn connect(endpoint: &str) -> Result<Channel, BankError> {
    let refused = || BankError::Endpoint { endpoint: endpoint.to_owned() };
    let address = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
    let parsed = Endpoint::from_shared(address).map_err(|_| refused())?;
    if parsed.uri().scheme_str() != Some("http") || parsed.uri().host().is_none() {
        return Err(refused());
    }
    Ok(parsed.timeout(REQUEST_TIMEOUT).tcp_nodelay(true).connect_lazy())
}

thread_local! {
    /// Ids of the span that is about to be started on this thread.
    static NEXT: Cell<([u8; 16], [u8; 8])> = const { Cell::new(([0; 16], [0; 8])) };
}

/// Gives each span the ids that the plan has for it.
#[derive(Debug)]
struct PlannedIds;

impl IdGenerator for PlannedIds {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(NEXT.get().0)
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes(NEXT.get().1)
    }
}

/// The OTLP exporter, which also tells the driver what became of each batch.
struct Answering {
    inner: opentelemetry_otlp::SpanExporter,
    pod: usize,
    answers: UnboundedSender<Answer>,
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").field("pod", &self.pod).finish_non_exhaustive()
    }
}

impl SpanExporter for Answering {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let ids = |span: &SpanData| {
            (span.span_context.trace_id().to_bytes(), span.span_context.span_id().to_bytes())
        };
        let spans = batch.iter().map(ids).collect();
        let exported = self.inner.export(batch).await;
        // The driver may be gone already; then nobody counts any more.
        let _gone = self.answers.send(Answer { pod: self.pod, spans, taken: exported.is_ok() });
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
