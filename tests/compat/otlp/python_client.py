"""Spans by OpenTelemetry's Python SDK: python_client.py GRPC_PORT HTTP_PORT; prints a JSON line a span."""

import json
import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
import grpc

NASTY = {
    "max": 2**63 - 1, "min": -(2**63), "safe": 2**53 - 1, "small": 1.5e-9, "large": 1e300, "whole": 3.0, "minus": -0.5,
    "yes": True, "no": False, "empty": "", "control": "a\x00b\x01c\x01z\x01e\x01t\td\ne\x1f\x7f\"\\'", "wide": "𝒳😀é漢",
    "strings": ["a", "", "😀\n\""], "ints": [1, 2**63 - 1], "floats": [0.5, 1.5e-9], "bools": [True, False], "none": [],
    "key with 😀 and \"": "x",
}


def typed(value):
    if isinstance(value, bool):
        return ["bool", value]
    if isinstance(value, int):
        return ["int", str(value)]
    if isinstance(value, float):
        return ["double", value]
    if isinstance(value, (list, tuple)):
        return ["array", [typed(item) for item in value]]
    return ["string", value]


def attributes(of):
    return {key: typed(value) for key, value in (of or {}).items()}


class Teller(SpanExporter):
    """Hands spans on and says what they were if they were taken."""

    def __init__(self, label, inner):
        self.label, self.inner = label, inner

    def export(self, spans):
        result = self.inner.export(spans)
        for span in spans:
            print(json.dumps({
                "client": self.label, "accepted": result == SpanExportResult.SUCCESS,
                "trace": f"{span.context.trace_id:032x}", "span": f"{span.context.span_id:016x}",
                "parent": f"{span.parent.span_id:016x}" if span.parent else "", "name": span.name,
                "kind": span.kind.name.title(), "start": str(span.start_time), "duration": str(span.end_time - span.start_time),
                "attributes": attributes(span.attributes),
                "events": [[e.name, str(e.timestamp), attributes(e.attributes)] for e in span.events],
                "links": [[f"{k.context.trace_id:032x}", f"{k.context.span_id:016x}", attributes(k.attributes)] for k in span.links],
                "status": span.status.status_code.name.title(), "message": span.status.description or "",
            }))
        return result

    def shutdown(self):
        self.inner.shutdown()


def send(label, exporter):
    provider = TracerProvider(resource=Resource.create({"service.name": label.replace(" ", "-"), "r.array": ["x", "y"]}))
    provider.add_span_processor(SimpleSpanProcessor(Teller(label, exporter)))
    tracer = provider.get_tracer("compat", "1.2.3")
    with tracer.start_as_current_span("other") as other:
        pass
    link = Link(other.get_span_context(), {"why": "because", "n": 7})
    with tracer.start_as_current_span("GET /nasty", kind=SpanKind.SERVER, attributes=NASTY, links=[link]) as root:
        root.add_event("began", NASTY)
        root.add_event("", {})
        with tracer.start_as_current_span("ask", kind=SpanKind.CLIENT) as child:
            child.set_status(Status(StatusCode.ERROR, "it \"failed\" 😀\n"))
            child.record_exception(ValueError("no"))
        for kind in SpanKind:
            with tracer.start_as_current_span(f"kind {kind.name}", kind=kind) as inner:
                inner.set_status(Status(StatusCode.OK))
    provider.shutdown()


def main():
    rpc, http = sys.argv[1:3]
    send("python grpc plain", Grpc(endpoint=f"127.0.0.1:{rpc}", insecure=True, compression=grpc.Compression.NoCompression))
    send("python grpc gzip", Grpc(endpoint=f"127.0.0.1:{rpc}", insecure=True, compression=grpc.Compression.Gzip))
    for name, compression in [("plain", Compression.NoCompression), ("gzip", Compression.Gzip), ("deflate", Compression.Deflate)]:
        send(f"python http {name}", Http(endpoint=f"http://127.0.0.1:{http}/v1/traces", compression=compression))


main()
