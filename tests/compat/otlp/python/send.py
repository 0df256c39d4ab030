"""Sends traces with the OpenTelemetry SDK for Python and reports what was sent; run.sh says what it finds in its environment."""

import json
import os

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

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


class Recording(SpanExporter):
    """Remembers what the exporter behind it saw accepted."""

    def __init__(self, inner):
        self.inner, self.sent, self.failed = inner, [], 0

    def export(self, spans):
        result = self.inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.sent += [span.context for span in spans]
        else:
            self.failed += len(spans)
        return result

    def shutdown(self):
        self.inner.shutdown()


def value(any_value):
    ((kind, given),) = any_value.items()
    if kind == "intValue":
        return int(given)
    if kind == "arrayValue":
        return [value(item) for item in given["values"]]
    return given


with open(os.environ["COMPAT_VALUES"], encoding="utf-8") as file:
    values = {key: value(given) for key, given in json.load(file).items()}

recording = Recording(exporter())
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(recording))
tracer = provider.get_tracer("compat", "1.0")
for number in range(TRACES):
    with tracer.start_as_current_span("parent", kind=SpanKind.SERVER) as parent:
        links = [Link(parent.get_span_context(), {"link.number": number})]
        with tracer.start_as_current_span("child", kind=SpanKind.CLIENT, attributes=values, links=links) as child:
            child.add_event("event", {"event.number": number})
        if number % 5 == 0:
            parent.set_status(Status(StatusCode.ERROR, "refused"))
provider.shutdown()

if recording.failed or len(recording.sent) != 2 * TRACES:
    raise SystemExit(f"{recording.failed} spans failed, {len(recording.sent)} of {2 * TRACES} were sent")
report = {
    "client": os.environ["COMPAT_CLIENT"],
    "way": os.environ["COMPAT_WAY"],
    "service": os.environ["OTEL_SERVICE_NAME"],
    "sent": len(recording.sent),
    "spans": [
        {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
        for context in recording.sent
    ],
}
with open(os.environ["COMPAT_OUT"], "w", encoding="utf-8") as file:
    json.dump(report, file)
