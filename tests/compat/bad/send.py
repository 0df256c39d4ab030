"""Sends bad input over both transports and checks the answers, the memory, and that others are answered all along: send.py GRPC HTTP PID."""

import gzip
import http.client
import json
import os
import pathlib
import struct
import sys
import threading
import time
import urllib.parse
import zlib

import grpc

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MIB = 1 << 20
# A request of 64 MiB, its parts and a few more at one time: far below the gibibyte that one of twenty bombs claims.
MEMORY_LIMIT = 600 * MIB
PATIENCE_SECONDS = 2.0
OK, INVALID, EXHAUSTED = grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED
FAILURES = []


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed64(number, value):
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def span(trace=None, own=None, parent=b"", name=b"bad input", start=10**18, end=10**18 + 5, more=b""):
    trace, own = os.urandom(16) if trace is None else trace, os.urandom(8) if own is None else own
    return field(1, trace) + field(2, own) + field(4, parent) + field(5, name) + fixed64(7, start) + fixed64(8, end) + more


def request(*spans, resource=b""):
    return field(1, field(1, resource) + field(2, b"".join(field(2, each) for each in spans)))


def pair(key, value):
    return field(1, key) + field(2, value)


def nested(levels):
    value = field(1, b"x")
    for _ in range(levels):
        value = field(5, field(1, value))
    return value


def resources(count):
    return b"".join(request(span(), resource=field(1, pair(b"service.name", field(1, b"compat-bad-%d" % (n % 100))))) for n in range(count))


def bomb(size):
    """gzip of as many zeros, made piece by piece."""
    packer, out = zlib.compressobj(9, zlib.DEFLATED, 31), []
    for _ in range(size // MIB):
        out.append(packer.compress(bytes(MIB)))
    return b"".join(out) + packer.flush()


def cases():
    """What, body, HTTP status, gRPC status, rejected spans."""
    good = request(span(), span())
    yield "a good request", good, 200, OK, 0
    yield "an empty request", b"", 200, OK, 0
    yield "unknown fields", good + field(1000, b"x" * 100), 200, OK, 0
    yield "truncated protobuf", good[:-3], 400, INVALID, None
    yield "a length past the end", field(1, b"")[:1] + varint(2**40), 400, INVALID, None
    yield "a span that is a number", field(1, field(2, field(2, 7))), 400, INVALID, None
    yield "an 11-byte varint", b"\x08" + b"\xff" * 10 + b"\x01", 400, INVALID, None
    yield "an 11-byte varint in a span", request(span(more=b"\x30" + b"\xff" * 10 + b"\x01")), 400, INVALID, None
    yield "random bytes", bytes(range(256)) * 40, 400, INVALID, None
    yield "10,000 nested values", request(span(more=field(9, pair(b"k", nested(10_000)))), span()), 200, OK, 1
    yield "a trace id of no bytes", request(span(trace=b""), span()), 200, OK, 1
    yield "a trace id of zeros", request(span(trace=bytes(16)), span()), 200, OK, 1
    yield "a trace id of 15 bytes", request(span(trace=b"x" * 15), span()), 200, OK, 1
    yield "a span id of no bytes", request(span(own=b""), span()), 200, OK, 1
    yield "a span id of zeros", request(span(own=bytes(8)), span()), 200, OK, 1
    yield "a span id of 9 bytes", request(span(own=b"x" * 9), span()), 200, OK, 1
    yield "a parent id of 3 bytes", request(span(parent=b"abc"), span()), 200, OK, 1
    yield "invalid UTF-8", request(span(name=b"\xff\xfe"), span()), 200, OK, 1
    yield "an end before the start", request(span(end=10**18 - 5)), 200, OK, 0
    yield "times at the ends", request(span(start=0, end=2**64 - 1), span(start=2**64 - 1, end=0)), 200, OK, 0
    yield "100,000 resources", resources(100_000), 200, OK, 0
    yield "a body over the limit", request(span(more=field(9, pair(b"k", field(1, b"x" * (65 * MIB)))))), 413, EXHAUSTED, None


def json_cases():
    ids = '"traceId":"%s","spanId":"%s"'
    fresh = lambda: ids % (os.urandom(16).hex(), os.urandom(8).hex())  # noqa: E731
    body = lambda spans: '{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}' % spans  # noqa: E731
    attribute = lambda value: "{%s,\"attributes\":[{\"key\":\"k\",\"value\":%s}]}" % (fresh(), value)  # noqa: E731
    yield "JSON: a good request", body("{%s}" % fresh()), 200, 0
    yield "JSON: an empty object", "{}", 200, 0
    yield "JSON: nothing", "", 400, None
    yield "JSON: cut short", body("{%s}" % fresh())[:-4], 400, None
    yield "JSON: a list", "[]", 400, None
    yield "JSON: a span that is a number", body("7"), 400, None
    yield "JSON: an id of a wrong length", body("{%s},{%s}" % (ids % ("abcd", "0102030405060708"), fresh())), 200, 1
    yield "JSON: a double as integer", body(attribute('{"intValue":1e+300}')), 200, 0
    yield "JSON: an integer out of range", body(attribute('{"intValue":"9223372036854775808"}')), 200, 1
    yield "JSON: half a character", body(attribute('{"stringValue":"\\ud800"}')), 200, 0
    yield "JSON: 10,000 nested values", body(attribute('{"arrayValue":{"values":[' * 10_000 + "{}" + "]}}" * 10_000)), 200, 1
    yield "JSON: 1,000,000 brackets", '{"x":' + "[" * 1_000_000 + "]" * 1_000_000 + "}", 200, 0
    yield "JSON: 1,000,000 open brackets", '{"x":' + "[" * 1_000_000, 400, None


def expect(what, got, want):
    ok = got == want
    print(f"{'ok  ' if ok else 'FAIL'} {what}" + ("" if ok else f": got {got!r}, want {want!r}"))
    if not ok:
        FAILURES.append(what)


def post(address, body, kind="application/x-protobuf", encoding=None, method="POST", path="/v1/traces"):
    connection = http.client.HTTPConnection(address, timeout=120)
    headers = {"Content-Type": kind} if kind else {}
    if encoding:
        headers["Content-Encoding"] = encoding
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    result = answer.status, answer.getheader("Content-Type"), answer.read()
    connection.close()
    return result


def fields(message):
    """Fields of a message, of which only varints and lengths occur in answers."""
    at, found = 0, {}

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = number()
        value = number()
        if tag & 7 == 2:
            value, at = message[at : at + value], at + value
        found[tag >> 3] = value
    return found


def rejected(answer):
    return fields(fields(answer).get(1, b"")).get(1, 0)


def anonymous_bytes(pid):
    """Resident memory without mapped files."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:"))


class Watch(threading.Thread):
    """Sends good requests all along; remembers the worst answer and the most memory."""

    def __init__(self, address, pid):
        super().__init__(daemon=True)
        self.address, self.pid, self.slowest, self.most, self.bad, self.done = address, pid, 0.0, 0, 0, False

    def run(self):
        while not self.done:
            started = time.monotonic()
            try:
                status = post(self.address, request(span()))[0]
            except OSError:
                status = 0
            self.slowest = max(self.slowest, time.monotonic() - started)
            self.bad += status != 200
            self.most = max(self.most, anonymous_bytes(self.pid))
            time.sleep(0.02)


def call(channel, body, **options):
    stub = channel.unary_unary(EXPORT, request_serializer=bytes, response_deserializer=bytes)
    try:
        return OK, stub(body, timeout=120, **options)
    except grpc.RpcError as error:
        return error.code(), b""


def transports(address, channel):
    for what, body, status, code, spans in cases():
        got = post(address, body)
        expect(f"{what}, HTTP", (got[0], rejected(got[2]) if got[0] == 200 else None), (status, spans))
        expect(f"{what}: the type of the answer", got[1], "application/x-protobuf")
        got = call(channel, body)
        expect(f"{what}, gRPC", (got[0], rejected(got[1]) if got[0] == OK else None), (code, spans))


def http_only(address):
    good = request(span())
    for what, body, status, spans in json_cases():
        got = post(address, body.encode("utf-8"), "application/json")
        answer = json.loads(got[2])
        partial = answer.get("partialSuccess", {})
        expect(what, (got[0], int(partial.get("rejectedSpans", 0)) if got[0] == 200 else None), (status, spans))
        expect(f"{what}: says why", got[0] == 200 and not spans or bool(partial.get("errorMessage") or answer.get("message")), True)
    for kind in ["text/plain", "", "application/xml"]:
        expect(f"content type {kind!r}", post(address, good, kind)[0], 415)
    for method in ["GET", "PUT", "DELETE"]:
        expect(f"method {method}", post(address, None if method == "GET" else good, method=method)[0], 405)
    expect("path of metrics", post(address, good, path="/v1/metrics")[0], 404)
    expect("an unknown encoding", post(address, good, encoding="rot13")[0], 415)
    expect("no gzip in spite of its name", post(address, good, encoding="gzip")[0], 400)
    expect("gzip cut short", post(address, gzip.compress(good)[:-9], encoding="gzip")[0], 400)
    expect("gzip", post(address, gzip.compress(good), encoding="gzip")[0], 200)


def bombs(address, channel):
    body = bomb(1024 * MIB)
    print(f"     a bomb of {len(body)} bytes")
    expect("a gzip bomb, HTTP", post(address, body, encoding="gzip")[0], 413)
    zeros = bytes(65 * MIB)
    expect("a gzip bomb, gRPC", call(channel, zeros, compression=grpc.Compression.Gzip)[0], EXHAUSTED)
    threads = [threading.Thread(target=post, args=(address, body), kwargs={"encoding": "gzip"}) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect("a good request after 20 bombs", post(address, request(span()))[0], 200)


def main():
    rpc, http_url, pid = sys.argv[1:]
    address = urllib.parse.urlparse(http_url).netloc
    options = [("grpc.max_send_message_length", -1)]
    channel = grpc.insecure_channel(urllib.parse.urlparse(rpc).netloc, options=options)
    before = anonymous_bytes(pid)
    watch = Watch(address, pid)
    watch.start()
    transports(address, channel)
    http_only(address)
    bombs(address, channel)
    watch.done = True
    watch.join()
    expect("others are answered all along", watch.bad, 0)
    print(f"     the slowest of their answers took {watch.slowest * 1000:.0f} ms; memory {before // MIB} MiB before, {watch.most // MIB} MiB at most")
    expect("and soon", watch.slowest < PATIENCE_SECONDS, True)
    expect("memory is bounded", watch.most < MEMORY_LIMIT, True)
    sys.exit(f"{len(FAILURES)} checks failed" if FAILURES else 0)


if __name__ == "__main__":
    main()
