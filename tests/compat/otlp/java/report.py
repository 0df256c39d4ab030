"""Turns the log of the Java agent, which tells its spans in OTLP/JSON, into the report that run.sh describes: report.py LOG."""

import json
import os
import re
import sys

SPANS = 106
KINDS = ["", "Internal", "Server", "Client", "Producer", "Consumer"]
STATUSES = ["Unset", "Ok", "Error"]


def attributes(of):
    return {item["key"]: item["value"] for item in of.get("attributes", [])}


def report(span, resource, scope):
    return {
        "trace": span["traceId"],
        "span": span["spanId"],
        "parent": span.get("parentSpanId", ""),
        "state": span.get("traceState", ""),
        "name": span["name"],
        "kind": KINDS[span["kind"]],
        "start": span["startTimeUnixNano"],
        "duration": str(int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])),
        "status": STATUSES[span.get("status", {}).get("code", 0)],
        "message": span.get("status", {}).get("message", ""),
        "attributes": attributes(span),
        "events": [[event["name"], event["timeUnixNano"], attributes(event)] for event in span.get("events", [])],
        "links": [[link["traceId"], link["spanId"], link.get("traceState", ""), attributes(link)] for link in span.get("links", [])],
        "resource": attributes(resource),
        "scope": [scope["name"], scope.get("version", "")],
    }


def main():
    log = open(sys.argv[1], encoding="utf-8").read()
    failed = [line for line in log.splitlines() if "Failed to export spans" in line]
    spans = []
    for text in re.findall(r"OtlpJsonLoggingSpanExporter - (\{.*\})$", log, re.MULTILINE):
        batch = json.loads(text)
        for scopes in batch["scopeSpans"]:
            spans += [report(span, batch.get("resource", {}), scopes["scope"]) for span in scopes["spans"]]
    if failed or len(spans) != SPANS:
        raise SystemExit(f"{len(spans)} of {SPANS} spans sent; {failed}\n{log[-3000:]}")
    with open(os.environ["COMPAT_OUT"], "w", encoding="utf-8") as file:
        for span in spans:
            file.write(json.dumps(span) + "\n")


main()
