//! Sends traces with the OpenTelemetry SDK for Rust and reports what was sent; run.sh says what it finds in its environment.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry::{
    Array, KeyValue, Value,
    trace::{Link, SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_otlp::{Compression, Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData},
};
use serde_json::{Value as Json, json};

const TRACES: usize = 50;

/// Remembers what the exporter behind it saw accepted.
#[derive(Debug)]
struct Recording {
    inner: SpanExporter,
    sent: Arc<Mutex<Vec<SpanContext>>>,
}

impl opentelemetry_sdk::trace::SpanExporter for Recording {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let contexts: Vec<_> = batch.iter().map(|span| span.span_context.clone()).collect();
        self.inner.export(batch).await?;
        self.sent.lock().expect("no one panics").extend(contexts);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

fn exporter(way: &str) -> Result<SpanExporter, Box<dyn Error>> {
    let endpoint = env::var("COMPAT_ENDPOINT")?;
    let gzip = way.ends_with("gzip");
    if way.starts_with("grpc") {
        let builder = SpanExporter::builder().with_tonic().with_endpoint(endpoint);
        return Ok(if gzip { builder.with_compression(Compression::Gzip) } else { builder }.build()?);
    }
    let protocol = if way.starts_with("http-json") { Protocol::HttpJson } else { Protocol::HttpBinary };
    let builder =
        SpanExporter::builder().with_http().with_endpoint(format!("{endpoint}/v1/traces")).with_protocol(protocol);
    Ok(if gzip { builder.with_compression(Compression::Gzip) } else { builder }.build()?)
}

fn value(any: &Json) -> Option<Value> {
    let (kind, given) = any.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "stringValue" => Value::String(given.as_str()?.to_owned().into()),
        "intValue" => Value::I64(given.as_str()?.parse().ok()?),
        "doubleValue" => Value::F64(given.as_f64()?),
        "boolValue" => Value::Bool(given.as_bool()?),
        _ => Value::Array(array(given["values"].as_array()?.iter().filter_map(value).collect())),
    })
}

fn array(values: Vec<Value>) -> Array {
    match values.first() {
        Some(Value::I64(_)) => {
            Array::I64(values.into_iter().filter_map(|v| if let Value::I64(v) = v { Some(v) } else { None }).collect())
        }
        Some(Value::Bool(_)) => {
            Array::Bool(values.into_iter().filter_map(|v| if let Value::Bool(v) = v { Some(v) } else { None }).collect())
        }
        _ => Array::String(
            values.into_iter().filter_map(|v| if let Value::String(v) = v { Some(v) } else { None }).collect(),
        ),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let way = env::var("COMPAT_WAY")?;
    let given: BTreeMap<String, Json> = serde_json::from_str(&fs::read_to_string(env::var("COMPAT_VALUES")?)?)?;
    let attributes: Vec<_> =
        given.iter().filter_map(|(key, any)| Some(KeyValue::new(key.clone(), value(any)?))).collect();

    let sent = Arc::new(Mutex::new(Vec::new()));
    let recording = Recording { inner: exporter(&way)?, sent: Arc::clone(&sent) };
    let provider = SdkTracerProvider::builder().with_batch_exporter(recording).build();
    let tracer = provider.tracer("compat");
    for number in 0..TRACES {
        let parent = tracer.span_builder("parent").with_kind(SpanKind::Server).start(&tracer);
        let parent = opentelemetry::Context::new().with_span(parent);
        let link_number = KeyValue::new("link.number", number as i64);
        let link = Link::new(parent.span().span_context().clone(), vec![link_number], 0);
        let child = tracer
            .span_builder("child")
            .with_kind(SpanKind::Client)
            .with_attributes(attributes.clone())
            .with_links(vec![link])
            .start_with_context(&tracer, &parent);
        let child = opentelemetry::Context::new().with_span(child);
        child.span().add_event("event", vec![KeyValue::new("event.number", number as i64)]);
        child.span().end();
        if number % 5 == 0 {
            parent.span().set_status(Status::error("refused"));
        }
        parent.span().end();
    }
    tokio::task::spawn_blocking(move || provider.shutdown()).await??;

    let sent = sent.lock().map_err(|_| "a thread failed")?;
    if sent.len() != 2 * TRACES {
        return Err(format!("{} of {} spans were sent", sent.len(), 2 * TRACES).into());
    }
    let spans: Vec<_> = sent
        .iter()
        .map(|span| json!({ "trace_id": span.trace_id().to_string(), "span_id": span.span_id().to_string() }))
        .collect();
    let report = json!({
        "client": env::var("COMPAT_CLIENT")?, "way": way, "service": env::var("OTEL_SERVICE_NAME")?,
        "sent": spans.len(), "spans": spans,
    });
    fs::write(env::var("COMPAT_OUT")?, report.to_string())?;
    Ok(())
}
