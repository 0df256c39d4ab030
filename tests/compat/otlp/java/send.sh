#!/usr/bin/env bash
# Runs Send under the agent, which also sends metrics and logs to the same endpoint, as it does by default. The agent's second exporter, into a log, tells what
# was sent; an export that failed is a line of its own.
set -euo pipefail
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
case $COMPAT_WAY in grpc*) protocol=grpc ;; *) protocol=http/protobuf ;; esac
classes=$dir
for jar in api context common; do classes+=:$dir/lib/opentelemetry-$jar.jar; done
OTEL_EXPORTER_OTLP_PROTOCOL=$protocol OTEL_EXPORTER_OTLP_ENDPOINT=$COMPAT_ENDPOINT OTEL_EXPORTER_OTLP_COMPRESSION=$COMPAT_COMPRESSION \
  OTEL_TRACES_EXPORTER=otlp,logging-otlp \
  java -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8 \
  -javaagent:"$dir/lib/opentelemetry-javaagent.jar" -cp "$classes" Send >"$log" 2>&1 ||
  { cat "$log" >&2; exit 1; }
python3 "$here/report.py" "$log"
