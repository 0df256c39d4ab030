#!/usr/bin/env bash
# Runs telemetrygen: 200 traces of two spans each. It ends with status 0 once all were exported; it tells no ids, so that only the count is reported.
set -euo pipefail
telemetrygen=$1
traces=200
log=$(mktemp)
trap 'rm -f "$log"' EXIT
transport=()
case $COMPAT_WAY in http*) transport=(--otlp-http) ;; esac
"$telemetrygen" traces --otlp-insecure --otlp-endpoint "${COMPAT_ENDPOINT#http://}" "${transport[@]}" --service "$OTEL_SERVICE_NAME" \
  --otlp-attributes 'text="a b"' --telemetry-attributes 'yes=true' --telemetry-attributes 'number=42' \
  --workers 1 --rate 0 --traces $traces >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
# The exporter reports by the SDK's error handler, telemetrygen by the level of its lines.
if grep -qE "\s(WARN|ERROR|FATAL)\s|traces export:" "$log"; then cat "$log" >&2; exit 1; fi
printf '{"count":%d}\n' $((traces * 2)) >"$COMPAT_OUT"
