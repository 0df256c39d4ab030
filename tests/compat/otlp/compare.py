"""Checks that every span that clients reported is stored once and unchanged: compare.py CLICKHOUSE_PORT OUTDIR."""

import collections
import json
import pathlib
import sys
import time
import urllib.request

PATIENCE_SECONDS = 60
SQL = """SELECT TraceId, SpanId, ParentSpanId, SpanName, SpanKind, SpanAttributes, StatusCode, StatusMessage, toString(Duration) AS duration,
 toString(toUnixTimestamp64Nano(Timestamp)) AS start, arrayMap(t -> toString(toUnixTimestamp64Nano(t)), Events.Timestamp) AS times,
 Events.Name AS names, Events.Attributes AS event_attributes, Links.TraceId AS link_traces, Links.SpanId AS link_spans,
 Links.Attributes AS link_attributes FROM otel_traces WHERE TraceId IN (%s) FORMAT JSONEachRow"""


def ask(port, sql):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/?database=throughline", data=sql.encode())
    with urllib.request.urlopen(request) as answer:
        return [json.loads(line) for line in answer.read().decode().splitlines()]


def plain(value):
    kind, inner = value
    if kind == "int":
        return int(inner)
    return [plain(item) for item in inner] if kind == "array" else inner


def same(value, text):
    kind, inner = value
    if kind == "array":
        return json.loads(text) == plain(value)
    if kind == "double":
        return float(text) == inner
    if kind == "bool":
        return text == str(inner).lower()
    return text == inner


def maps(where, sent, stored):
    for key in sorted(sent.keys() | stored.keys()):
        try:
            equal = key in sent and key in stored and same(sent[key], stored[key])
        except ValueError:
            equal = False
        if not equal:
            yield f"{where} {key!r}: sent {sent.get(key)!r}, stored {stored.get(key)!r}"


def lists(where, sent, stored, attributes):
    heads = [tuple(item[:2]) for item in sent]
    if heads != stored:
        yield f"{where}: sent {heads}, stored {stored}"
        return
    for item, own in zip(sent, attributes):
        yield from maps(f"{where} {item[0]!r}", item[2], own)


def differences(sent, row):
    columns = {"parent": "ParentSpanId", "name": "SpanName", "kind": "SpanKind", "status": "StatusCode", "message": "StatusMessage",
               "start": "start", "duration": "duration"}
    for key, column in columns.items():
        if sent[key] != row[column]:
            yield f"{key}: sent {sent[key]!r}, stored {row[column]!r}"
    yield from maps("attribute", sent["attributes"], row["SpanAttributes"])
    yield from lists("event", sent["events"], list(zip(row["names"], row["times"])), row["event_attributes"])
    yield from lists("link", sent["links"], list(zip(row["link_traces"], row["link_spans"])), row["link_attributes"])


def main():
    port, folder = sys.argv[1:3]
    lines = [line for file in sorted(pathlib.Path(folder).glob("*.jsonl")) for line in file.read_text().splitlines()]
    sent = [json.loads(line) for line in lines]
    if not sent:
        sys.exit("no client reported a span")
    traces = ",".join(sorted({f"'{span['trace']}'" for span in sent}))
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        rows = collections.defaultdict(list)
        for row in ask(port, SQL % traces):
            rows[row["TraceId"], row["SpanId"]].append(row)
        if all((span["trace"], span["span"]) in rows for span in sent) or time.monotonic() > until:
            break
        time.sleep(1)
    table = collections.defaultdict(lambda: [0, 0, 0])
    for span in sent:
        found = rows[span["trace"], span["span"]]
        faults = [] if len(found) == 1 else [f"stored {len(found)} times"]
        faults += [] if span["accepted"] else ["the client says it was refused"]
        faults += differences(span, found[0]) if found else []
        counts = table[span["client"]]
        counts[0] += 1
        counts[1] += len(found)
        counts[2] += len(faults)
        for fault in faults:
            print(f"DIFFERENCE {span['client']}, {span['name']!r}: {fault}")
    print(f"{'client':32}{'sent':>6}{'stored':>8}{'differences':>13}")
    for client, (count, stored, faults) in sorted(table.items()):
        print(f"{client:32}{count:6}{stored:8}{faults:13}")
    sys.exit(any(faults for _, _, faults in table.values()))


if __name__ == "__main__":
    main()
