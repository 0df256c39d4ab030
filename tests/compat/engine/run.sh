#!/usr/bin/env bash
# Runs clients that others wrote against an endpoint of ClickHouse's HTTP interface, the embedded engine's for example:
#
#   tests/compat/engine/run.sh http://127.0.0.1:8123
#
# Needs Go and Python with a package registry in reach; writes only tables named compat_…, which it drops again.
set -euo pipefail

endpoint=${1:?usage: run.sh ENDPOINT, for example http://127.0.0.1:8123}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== clickhouse-go, as Grafana's plugin uses it"
(cd "$here/go" && go build -o "$work/engine" .)
"$work/engine" "$endpoint"

echo "== clickhouse-connect"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
"$work/venv/bin/python" "$here/connect.py" "$endpoint"

echo "all clients were content"
