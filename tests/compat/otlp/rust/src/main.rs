//! Sends traces with the OpenTelemetry SDK for Rust and reports what was sent; run.sh says what it finds in its environment.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    Array, InstrumentationScope, KeyValue, Value,
    trace::{
        Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
    },
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
    resource: Json,
    sent: Arc<Mutex<Vec<Json>>>,
}

impl opentelemetry_sdk::trace::SpanExporter for Recording {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let reports: Vec<_> = batch.iter().map(|span| report(span, &self.resource)).collect();
        self.inner.export(batch).await?;
        self.sent.lock().expect("no one panics").extend(reports);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.iter().map(|(key, value)| (key.to_string(), any_value(value))).collect();
        self.inner.set_resource(resource);
    }
}

fn any_value(value: &Value) -> Json {
    let list = |values: Vec<Json>| json!({ "arrayValue": { "values": values } });
    match value {
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::I64(value) => json!({ "intValue": value.to_string() }),
        Value::F64(value) => json!({ "doubleValue": value }),
        Value::String(value) => json!({ "stringValue": value.as_str() }),
        Value::Array(Array::Bool(values)) => list(values.iter().map(|value| any_value(&(*value).into())).collect()),
        Value::Array(Array::I64(values)) => list(values.iter().map(|value| any_value(&(*value).into())).collect()),
        Value::Array(Array::F64(values)) => list(values.iter().map(|value| any_value(&(*value).into())).collect()),
        Value::Array(Array::String(values)) => {
            list(values.iter().map(|value| any_value(&value.clone().into())).collect())
        }
        other => panic!("a value of a kind that this knows not: {other:?}"),
    }
}

fn attributes(of: &[KeyValue]) -> Json {
    of.iter().map(|pair| (pair.key.to_string(), any_value(&pair.value))).collect()
}

fn nanos(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

fn report(span: &SpanData, resource: &Json) -> Json {
    let context = &span.span_context;
    let (status, message) = match &span.status {
        Status::Unset => ("Unset", ""),
        Status::Ok => ("Ok", ""),
        Status::Error { description } => ("Error", description.as_ref()),
    };
    let parent = if span.parent_span_id == SpanId::INVALID { String::new() } else { span.parent_span_id.to_string() };
    let event = |event: &opentelemetry::trace::Event| {
        json!([event.name, nanos(event.timestamp).to_string(), attributes(&event.attributes)])
    };
    let link = |link: &Link| {
        let to = &link.span_context;
        json!([to.trace_id().to_string(), to.span_id().to_string(), to.trace_state().header(), attributes(&link.attributes)])
    };
    json!({
        "trace": context.trace_id().to_string(), "span": context.span_id().to_string(), "parent": parent,
        "state": context.trace_state().header(), "name": span.name, "kind": format!("{:?}", span.span_kind),
        "start": nanos(span.start_time).to_string(), "duration": (nanos(span.end_time) - nanos(span.start_time)).to_string(),
        "status": status, "message": message, "attributes": attributes(&span.attributes),
        "events": span.events.iter().map(event).collect::<Vec<_>>(), "links": span.links.iter().map(link).collect::<Vec<_>>(),
        "resource": resource,
        "scope": [span.instrumentation_scope.name(), span.instrumentation_scope.version().unwrap_or_default()],
    })
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
        Some(Value::F64(_)) => {
            Array::F64(values.into_iter().filter_map(|v| if let Value::F64(v) = v { Some(v) } else { None }).collect())
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
    let recording = Recording { inner: exporter(&way)?, resource: Json::Null, sent: Arc::clone(&sent) };
    let provider = SdkTracerProvider::builder().with_batch_exporter(recording).build();
    let scope = InstrumentationScope::builder("compat").with_version("1.0").build();
    let tracer = provider.tracer_with_scope(scope);
    for number in 0..TRACES {
        let parent = tracer.span_builder("parent").with_kind(SpanKind::Server).start(&tracer);
        let parent = opentelemetry::Context::new().with_span(parent);
        let mut of_link = attributes.clone();
        of_link.push(KeyValue::new("link.number", number as i64));
        let child = tracer
            .span_builder("child")
            .with_kind(SpanKind::Client)
            .with_attributes(attributes.clone())
            .with_links(vec![Link::new(parent.span().span_context().clone(), of_link, 0)])
            .start_with_context(&tracer, &parent);
        let child = opentelemetry::Context::new().with_span(child);
        child.span().add_event("event", attributes.clone());
        child.span().add_event("bare", Vec::new());
        child.span().end();
        match number % 3 {
            0 => parent.span().set_status(Status::error("it \"failed\" 🏦\n")),
            1 => parent.span().set_status(Status::Ok),
            _ => {}
        }
        parent.span().end();
    }
    from_afar(&tracer)?;
    tokio::task::spawn_blocking(move || provider.shutdown()).await??;

    let sent = sent.lock().map_err(|_| "a thread failed")?;
    if sent.len() != 2 * TRACES + 6 {
        return Err(format!("{} spans were sent", sent.len()).into());
    }
    let lines: Vec<_> = sent.iter().map(Json::to_string).collect();
    fs::write(env::var("COMPAT_OUT")?, lines.join("\n") + "\n")?;
    Ok(())
}

fn from_afar(tracer: &impl Tracer<Span: Send + Sync + 'static>) -> Result<(), Box<dyn Error>> {
    let state = TraceState::from_key_value([("a", "b"), ("c", "d")])?;
    let id = TraceId::from_hex(&format!("0102030405060708090a0b0f{:08x}", std::process::id()))?;
    let remote = SpanContext::new(id, SpanId::from_hex("1112131415161718")?, TraceFlags::SAMPLED, true, state);
    let afar = opentelemetry::Context::new().with_remote_span_context(remote.clone());
    let builder = tracer.span_builder("from afar").with_kind(SpanKind::Consumer);
    let builder = builder.with_links(vec![Link::new(remote, Vec::new(), 0)]);
    let span = opentelemetry::Context::new().with_span(builder.start_with_context(tracer, &afar));
    for kind in [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer] {
        let builder = tracer.span_builder(format!("kind {kind:?}")).with_kind(kind);
        drop(builder.start_with_context(tracer, &span));
    }
    span.span().end();
    Ok(())
}
