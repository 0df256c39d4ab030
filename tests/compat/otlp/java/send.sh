#!/usr/bin/env bash
# Runs Send under the agent, which also sends metrics and logs to the same endpoint, as it does by default. The agent's logging exporter tells the ids; an
# export that failed is a line of its own.
set -euo pipefail
dir=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
case $COMPAT_WAY in grpc*) protocol=grpc ;; *) protocol=http/protobuf ;; esac
classes=$dir
for jar in api context common; do classes+=:$dir/lib/opentelemetry-$jar.jar; done
OTEL_EXPORTER_OTLP_PROTOCOL=$protocol OTEL_EXPORTER_OTLP_ENDPOINT=$COMPAT_ENDPOINT OTEL_EXPORTER_OTLP_COMPRESSION=$COMPAT_COMPRESSION \
  OTEL_TRACES_EXPORTER=otlp,logging \
  java -javaagent:"$dir/lib/opentelemetry-javaagent.jar" -cp "$classes" Send 2>"$log" ||
  { cat "$log" >&2; exit 1; }
python3 - "$log" <<'PY'
import json, os, re, sys

log = open(sys.argv[1], encoding="utf-8").read()
failed = [line for line in log.splitlines() if "Failed to export spans" in line]
found = re.findall(r"LoggingSpanExporter - '(?:parent|child)' : ([0-9a-f]{32}) ([0-9a-f]{16})", log)
if failed or len(found) != 100:
    raise SystemExit(f"{len(found)} of 100 spans sent; {failed}\n{log[-3000:]}")
report = {
    "client": os.environ["COMPAT_CLIENT"],
    "way": os.environ["COMPAT_WAY"],
    "service": os.environ["OTEL_SERVICE_NAME"],
    "sent": len(found),
    "spans": [{"trace_id": trace, "span_id": span} for trace, span in found],
}
json.dump(report, open(os.environ["COMPAT_OUT"], "w", encoding="utf-8"))
PY
