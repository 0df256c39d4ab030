// Sends traces with the OpenTelemetry SDK for JavaScript and reports what was sent; run.sh says what it finds in its environment.
'use strict';
const fs = require('node:fs');
const { trace, context, createTraceState, SpanKind, SpanStatusCode, TraceFlags } = require('@opentelemetry/api');
const { defaultResource, resourceFromAttributes, detectResources, envDetector } = require('@opentelemetry/resources');
const { NodeTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-node');

const TRACES = 50;
const KINDS = ['Internal', 'Server', 'Client', 'Producer', 'Consumer'];
const STATUSES = ['Unset', 'Ok', 'Error'];
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

/** JavaScript has one type of numbers: its SDK sends whole ones within 64 bits as integers. */
function anyValue(value) {
  if (typeof value === 'string') return { stringValue: value.toWellFormed() };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  const isInt = Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
  return isInt ? { intValue: BigInt(value).toString() } : { doubleValue: value };
}

function attributes(of) {
  return Object.fromEntries(Object.entries(of ?? {}).map(([key, value]) => [key, anyValue(value)]));
}

const nanos = ([seconds, nanoseconds]) => BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);

function report(span) {
  const { traceId, spanId, traceState } = span.spanContext();
  const link = ({ context, attributes: own }) => [
    context.traceId,
    context.spanId,
    context.traceState?.serialize() ?? '',
    attributes(own),
  ];
  return {
    trace: traceId,
    span: spanId,
    parent: span.parentSpanContext?.spanId ?? '',
    state: traceState?.serialize() ?? '',
    name: span.name,
    kind: KINDS[span.kind],
    start: nanos(span.startTime).toString(),
    duration: (nanos(span.endTime) - nanos(span.startTime)).toString(),
    status: STATUSES[span.status.code],
    message: span.status.message ?? '',
    attributes: attributes(span.attributes),
    events: span.events.map((event) => [event.name, nanos(event.time).toString(), attributes(event.attributes)]),
    links: span.links.map(link),
    resource: attributes(span.resource.attributes),
    scope: [span.instrumentationScope.name, span.instrumentationScope.version ?? ''],
  };
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
      if (result.code === 0) this.sent.push(...spans.map(report));
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
  const values = Object.fromEntries(given.map(([key, any]) => [key, value(any)]));
  Object.assign(values, { 'text.half': 'a\ud800b', 'number.minus_two_to_63': -(2 ** 63), 'number.ten_to_21': 1e21 });

  const recording = new Recording(exporter());
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(resourceFromAttributes({ 'resource.large': 1e300, 'resource.list': ['x', 'y'] })),
    spanProcessors: [new BatchSpanProcessor(recording)],
  });
  const tracer = provider.getTracer('compat', '1.0');
  for (let number = 0; number < TRACES; number++) {
    const parent = tracer.startSpan('parent', { kind: SpanKind.SERVER });
    const links = [{ context: parent.spanContext(), attributes: { 'link.number': number, ...values } }];
    const inParent = trace.setSpan(context.active(), parent);
    const child = tracer.startSpan('child', { kind: SpanKind.CLIENT, attributes: values, links }, inParent);
    child.addEvent('event', values);
    child.addEvent('bare');
    child.end();
    if (number % 3 === 0) parent.setStatus({ code: SpanStatusCode.ERROR, message: 'it "failed" 🏦\n' });
    else if (number % 3 === 1) parent.setStatus({ code: SpanStatusCode.OK });
    parent.end();
  }
  const remote = {
    traceId: '0102030405060708090a0b0c' + process.pid.toString(16).padStart(8, '0'),
    spanId: '1112131415161718',
    traceFlags: TraceFlags.SAMPLED,
    traceState: createTraceState('a=b,c=d'),
    isRemote: true,
  };
  const afar = trace.setSpanContext(context.active(), remote);
  const span = tracer.startSpan('from afar', { kind: SpanKind.CONSUMER, links: [{ context: remote }] }, afar);
  KINDS.forEach((name, kind) => tracer.startSpan(`kind ${name}`, { kind }, trace.setSpan(afar, span)).end());
  span.end();
  await provider.shutdown();

  if (recording.failed || recording.sent.length !== 2 * TRACES + 6) {
    throw new Error(`${recording.failed} spans failed, ${recording.sent.length} were sent`);
  }
  fs.writeFileSync(env.COMPAT_OUT, recording.sent.map((span) => JSON.stringify(span) + '\n').join(''));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
