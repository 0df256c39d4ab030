"""Sends traces with the OpenTelemetry SDK for Python and reports what was sent; run.sh says what it finds in its environment."""

import json
import os

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

TRACES = 50


def exporter():
    endpoint, gzip = os.environ["COMPAT_ENDPOINT"], os.environ["COMPAT_COMPRESSION"] == "gzip"
    if os.environ["COMPAT_WAY"].startswith("grpc"):
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=endpoint, compression=grpc.Compression.Gzip if gzip else None)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(
        endpoint=endpoint + "/v1/traces", compression=Compression.Gzip if gzip else Compression.NoCompression
    )


def any_value(value):
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    return {"stringValue": value}


def attributes(of):
    return {key: any_value(value) for key, value in (of or {}).items()}


def report(span):
    return {
        "trace": trace.format_trace_id(span.context.trace_id),
        "span": trace.format_span_id(span.context.span_id),
        "parent": trace.format_span_id(span.parent.span_id) if span.parent else "",
        "state": span.context.trace_state.to_header(),
        "name": span.name,
        "kind": span.kind.name.title(),
        "start": str(span.start_time),
        "duration": str(span.end_time - span.start_time),
        "status": span.status.status_code.name.title(),
        "message": span.status.description or "",
        "attributes": attributes(span.attributes),
        "events": [[event.name, str(event.timestamp), attributes(event.attributes)] for event in span.events],
        "links": [
            # The exporter does not send the trace state of a link.
            [trace.format_trace_id(link.context.trace_id), trace.format_span_id(link.context.span_id), "", attributes(link.attributes)]
            for link in span.links
        ],
        "resource": attributes(span.resource.attributes),
        "scope": [span.instrumentation_scope.name, span.instrumentation_scope.version or ""],
    }


class Recording(SpanExporter):
    """Remembers what the exporter behind it saw accepted."""

    def __init__(self, inner):
        self.inner, self.sent, self.failed = inner, [], 0

    def export(self, spans):
        result = self.inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.sent += [report(span) for span in spans]
        else:
            self.failed += len(spans)
        return result

    def shutdown(self):
        self.inner.shutdown()


def value(given):
    ((kind, inner),) = given.items()
    if kind == "intValue":
        return int(inner)
    if kind == "arrayValue":
        return [value(item) for item in inner["values"]]
    return inner


def main():
    with open(os.environ["COMPAT_VALUES"], encoding="utf-8") as file:
        values = {key: value(given) for key, given in json.load(file).items()}
    recording = Recording(exporter())
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(recording))
    tracer = provider.get_tracer("compat", "1.0")
    for number in range(TRACES):
        with tracer.start_as_current_span("parent", kind=SpanKind.SERVER) as parent:
            links = [Link(parent.get_span_context(), {"link.number": number, **values})]
            with tracer.start_as_current_span("child", kind=SpanKind.CLIENT, attributes=values, links=links) as child:
                child.add_event("event", values)
                child.add_event("bare")
            if number % 3 == 0:
                parent.set_status(Status(StatusCode.ERROR, 'it "failed" 🏦\n'))
            elif number % 3 == 1:
                parent.set_status(Status(StatusCode.OK))
    flags, state = TraceFlags(TraceFlags.SAMPLED), TraceState([("a", "b"), ("c", "d")])
    remote = SpanContext(0x0102030405060708090A0B0C0D0E0F00 | os.getpid() << 8, 0x1112131415161718, True, flags, state)
    with tracer.start_as_current_span(
        "from afar", trace.set_span_in_context(NonRecordingSpan(remote)), SpanKind.CONSUMER, links=[Link(remote)]
    ):
        for kind in SpanKind:
            tracer.start_span(f"kind {kind.name}", kind=kind).end()
    provider.shutdown()

    if recording.failed or len(recording.sent) != 2 * TRACES + 6:
        raise SystemExit(f"{recording.failed} spans failed, {len(recording.sent)} were sent")
    with open(os.environ["COMPAT_OUT"], "w", encoding="utf-8") as file:
        for span in recording.sent:
            file.write(json.dumps(span) + "\n")


main()
