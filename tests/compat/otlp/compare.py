"""Checks that every span that clients reported as sent is stored once and unchanged: compare.py CLICKHOUSE OUTDIR RUN."""

import collections
import json
import pathlib
import sys
import time
import urllib.request

PATIENCE_SECONDS = 120
PAUSE_SECONDS = 1
SHOWN_DIFFERENCES = 10
# Every way has a service of its own.
SQL = """SELECT TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes,
 StatusCode, StatusMessage, toString(Duration) AS duration, toString(toUnixTimestamp64Nano(Timestamp)) AS start,
 arrayMap(t -> toString(toUnixTimestamp64Nano(t)), Events.Timestamp) AS times, Events.Name AS names, Events.Attributes AS event_attributes,
 Links.TraceId AS link_traces, Links.SpanId AS link_spans, Links.TraceState AS link_states, Links.Attributes AS link_attributes
 FROM otel_traces WHERE ServiceName = '%s' FORMAT JSONEachRow"""
COLUMNS = {"parent": "ParentSpanId", "state": "TraceState", "name": "SpanName", "kind": "SpanKind", "status": "StatusCode",
           "message": "StatusMessage", "start": "start", "duration": "duration"}


def ask(clickhouse, sql):
    request = urllib.request.Request(f"{clickhouse}/?database=throughline", data=sql.encode())
    with urllib.request.urlopen(request) as answer:
        return [json.loads(line) for line in answer.read().decode().splitlines()]


def plain(value):
    """What an AnyValue of OTLP/JSON holds."""
    ((kind, inner),) = value.items()
    if kind == "intValue":
        return int(inner)
    if kind == "doubleValue":
        return float(inner)
    return [plain(item) for item in inner.get("values", [])] if kind == "arrayValue" else inner


def same(value, text):
    ((kind, _),) = value.items()
    if kind == "stringValue":
        return text == plain(value)
    if kind == "doubleValue":
        return float(text) == plain(value)
    return json.loads(text) == plain(value)


def maps(where, sent, stored):
    for key in sorted(sent.keys() | stored.keys()):
        try:
            equal = key in sent and key in stored and same(sent[key], stored[key])
        except ValueError:
            equal = False
        if not equal:
            yield f"{where} {key!r}: sent {sent.get(key)!r}, stored {stored.get(key)!r}"


def lists(where, sent, stored, attributes):
    heads = [tuple(item[:-1]) for item in sent]
    if heads != stored:
        yield f"{where}: sent {heads}, stored {stored}"
        return
    for item, own in zip(sent, attributes):
        yield from maps(f"{where} {item[0]!r}", item[-1], own)


def differences(sent, row):
    for key, column in COLUMNS.items():
        if sent[key] != row[column]:
            yield f"{key}: sent {sent[key]!r}, stored {row[column]!r}"
    if sent["scope"] != [row["ScopeName"], row["ScopeVersion"]]:
        yield f"scope: sent {sent['scope']}, stored {row['ScopeName']!r} {row['ScopeVersion']!r}"
    yield from maps("attribute", sent["attributes"], row["SpanAttributes"])
    yield from maps("resource", sent["resource"], row["ResourceAttributes"])
    yield from lists("event", sent["events"], list(zip(row["names"], row["times"])), row["event_attributes"])
    links = list(zip(row["link_traces"], row["link_spans"], row["link_states"]))
    yield from lists("link", sent["links"], links, row["link_attributes"])


def generated(rows):
    """What telemetrygen says of its spans in its documentation: pairs of a client's and a server's span, and the attributes it was given."""
    spans = {row["SpanId"]: row for row in rows}
    for row in rows:
        child = row["SpanName"] != "lets-go"
        if child and (row["ParentSpanId"] not in spans or spans[row["ParentSpanId"]]["TraceId"] != row["TraceId"]):
            yield f"{row['SpanName']}: its parent {row['ParentSpanId']!r} is not stored"
        if not child and row["ParentSpanId"]:
            yield f"{row['SpanName']}: it has a parent"
        if row["SpanKind"] != ("Server" if child else "Client"):
            yield f"{row['SpanName']}: it is a {row['SpanKind']}"
        given = {key: row["SpanAttributes"].get(key) for key in ("yes", "number")}
        if given != {"yes": "true", "number": "42"} or row["ResourceAttributes"].get("text") != "a b":
            yield f"{row['SpanName']}: attributes {row['SpanAttributes']}, resource {row['ResourceAttributes']}"


def against(reports, rows):
    by_id = collections.defaultdict(list)
    for row in rows:
        by_id[row["TraceId"], row["SpanId"]].append(row)
    for span in reports:
        found = by_id.pop((span["trace"], span["span"]), [])
        if len(found) != 1:
            yield f"{span['name']!r} {span['span']}: stored {len(found)} times"
        for row in found:
            yield from (f"{span['name']!r} {fault}" for fault in differences(span, row))
    yield from (f"span {span} of trace {trace}: never sent" for trace, span in by_id)


def stored(clickhouse, service, count, until):
    """Rows of a service, once as many are there as were sent."""
    while True:
        rows = ask(clickhouse, SQL % service)
        if len(rows) >= count or time.monotonic() > until:
            return rows
        time.sleep(PAUSE_SECONDS)


def main():
    clickhouse, folder, run = sys.argv[1:]
    until, failed = time.monotonic() + PATIENCE_SECONDS, False
    files = sorted(pathlib.Path(folder).glob("*.jsonl"))
    if not files:
        sys.exit("no client reported a span")
    print(f"{'client and way':36}{'sent':>6}{'stored':>8}{'differences':>13}")
    for file in files:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        count = lines[0].get("count", len(lines))
        rows = stored(clickhouse, f"compat-{file.stem}-{run}", count, until)
        faults = list(generated(rows)) if "count" in lines[0] else list(against(lines, rows))
        faults += [f"{count} spans were sent, {len(rows)} are stored"] if len(rows) != count else []
        print(f"{file.stem:36}{count:6}{len(rows):8}{len(faults):13}")
        for fault in faults[:SHOWN_DIFFERENCES]:
            print(f"  {fault}")
        failed |= bool(faults)
    sys.exit(failed)


if __name__ == "__main__":
    main()
