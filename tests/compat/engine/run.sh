#!/usr/bin/env bash
# Runs clients of ClickHouse that others wrote against the embedded engine of a server of its own: clickhouse-go as Grafana's plugin uses it, with the statements
# that the plugin makes for spans that were sent before, and clickhouse-connect:
#
#   tests/compat/engine/run.sh [BINARY]
#
# Needs Go and Python with a package registry in reach.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../serve.sh"
serve "${1:-$here/../../../target/release/throughline}"

echo "== clickhouse-go, as Grafana's plugin uses it"
(cd "$here/go" && CGO_ENABLED=0 go build -o "$work/engine" .)
"$work/engine" "$clickhouse" "$http"

echo "== clickhouse-connect"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
"$work/venv/bin/python" "$here/connect.py" "$clickhouse"

echo "all clients were content"
