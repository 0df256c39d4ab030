// Sends traces with the OpenTelemetry SDK for JavaScript and reports what was sent; run.sh says what it finds in its environment.
'use strict';
const fs = require('node:fs');
const { trace, context, SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { NodeTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-node');

const TRACES = 50;
const env = process.env;

function exporter() {
  const compression = env.COMPAT_COMPRESSION;
  if (env.COMPAT_WAY.startsWith('grpc')) {
    const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-grpc');
    return new OTLPTraceExporter({ url: env.COMPAT_ENDPOINT, compression });
  }
  const json = env.COMPAT_WAY.startsWith('http-json');
  const { OTLPTraceExporter } = json
    ? require('@opentelemetry/exporter-trace-otlp-http')
    : require('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter({ url: `${env.COMPAT_ENDPOINT}/v1/traces`, compression });
}

/** Remembers what the exporter behind it saw accepted. */
class Recording {
  sent = [];
  failed = 0;
  constructor(inner) {
    this.inner = inner;
  }
  export(spans, done) {
    this.inner.export(spans, (result) => {
      if (result.code === 0) this.sent.push(...spans.map((span) => span.spanContext()));
      else this.failed += spans.length;
      done(result);
    });
  }
  forceFlush() {
    return this.inner.forceFlush();
  }
  shutdown() {
    return this.inner.shutdown();
  }
}

function value(any) {
  const [[kind, given]] = Object.entries(any);
  if (kind === 'intValue') return Number(given);
  if (kind === 'arrayValue') return given.values.map(value);
  return given;
}

async function main() {
  const given = Object.entries(JSON.parse(fs.readFileSync(env.COMPAT_VALUES, 'utf8')));
  // What a number of JavaScript cannot hold exactly is left out.
  const exact = given.filter(([, any]) => !any.intValue || Number.isSafeInteger(Number(any.intValue)));
  const attributes = Object.fromEntries(exact.map(([key, any]) => [key, value(any)]));

  const recording = new Recording(exporter());
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': env.OTEL_SERVICE_NAME }),
    spanProcessors: [new BatchSpanProcessor(recording)],
  });
  const tracer = provider.getTracer('compat', '1.0');
  for (let number = 0; number < TRACES; number++) {
    const parent = tracer.startSpan('parent', { kind: SpanKind.SERVER });
    const links = [{ context: parent.spanContext(), attributes: { 'link.number': number } }];
    const inParent = trace.setSpan(context.active(), parent);
    const child = tracer.startSpan('child', { kind: SpanKind.CLIENT, attributes, links }, inParent);
    child.addEvent('event', { 'event.number': number });
    child.end();
    if (number % 5 === 0) parent.setStatus({ code: SpanStatusCode.ERROR, message: 'refused' });
    parent.end();
  }
  await provider.shutdown();

  if (recording.failed || recording.sent.length !== 2 * TRACES) {
    throw new Error(`${recording.failed} spans failed, ${recording.sent.length} of ${2 * TRACES} were sent`);
  }
  const spans = recording.sent.map(({ traceId, spanId }) => ({ trace_id: traceId, span_id: spanId }));
  const report = {
    client: env.COMPAT_CLIENT,
    way: env.COMPAT_WAY,
    service: env.OTEL_SERVICE_NAME,
    sent: spans.length,
    spans,
  };
  fs.writeFileSync(env.COMPAT_OUT, JSON.stringify(report));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
