#!/usr/bin/env bash
# Runs telemetrygen: 200 traces of two spans each. It ends with status 0 once all were exported; it tells no ids.
set -euo pipefail
telemetrygen=$1
traces=200
log=$(mktemp)
trap 'rm -f "$log"' EXIT
transport=()
case $COMPAT_WAY in http*) transport=(--otlp-http) ;; esac
"$telemetrygen" traces --otlp-insecure --otlp-endpoint "${COMPAT_ENDPOINT#http://}" "${transport[@]}" --service "$OTEL_SERVICE_NAME" \
  --workers 1 --rate 0 --traces $traces >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
# The exporter reports by the SDK's error handler, telemetrygen by the level of its lines.
if grep -qE "\s(WARN|ERROR|FATAL)\s|traces export:" "$log"; then cat "$log" >&2; exit 1; fi
printf '{"client":"%s","way":"%s","service":"%s","sent":%d}\n' "$COMPAT_CLIENT" "$COMPAT_WAY" "$OTEL_SERVICE_NAME" $((traces * 2)) >"$COMPAT_OUT"
