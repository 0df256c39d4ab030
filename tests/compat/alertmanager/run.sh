#!/usr/bin/env bash
# Lets a real Alertmanager send alerts to a server of its own by its webhook, and takes the server's incident from the Alertmanager's API, until both are over:
#
#   tests/compat/alertmanager/run.sh [BINARY]
#
# Needs Debian's package repository in reach (prometheus-alertmanager is downloaded and unpacked, not installed), or PACKAGE naming the .deb.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../serve.sh"
binary=${1:-$here/../../../target/release/throughline}
manager=
stop_all() {
  [ -z "$manager" ] || { kill -TERM "$manager" 2>/dev/null && wait "$manager"; } || true
  stop
}
trap stop_all EXIT

[ -n "${PACKAGE:-}" ] || (cd "$work" && apt-get download -qq prometheus-alertmanager 2>/dev/null)
dpkg -x "${PACKAGE:-$(echo "$work"/*.deb)}" "$work/debian"

read -ra own < <(python3 -c 'import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in sockets))')
at=http://127.0.0.1:${own[0]}
extra="notify: { alertmanagers: [\"$at\"] }" serve "$binary"

cat >"$work/alertmanager.yaml" <<YAML
route: { receiver: throughline, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h }
receivers:
  - name: throughline
    webhook_configs: [{ url: "$api/api/v1/alerts/alertmanager", send_resolved: true }]
YAML
# Debian's program looks for its templates in /usr/share: in a name space of its own they are there.
unshare --map-root-user --mount bash -c 'mount --bind "$0/usr/share" /usr/share && exec "$0/usr/bin/prometheus-alertmanager" "$@"' "$work/debian" \
  --config.file="$work/alertmanager.yaml" --storage.path="$work/manager" --web.listen-address="127.0.0.1:${own[0]}" \
  --cluster.listen-address="" >"$work/alertmanager.log" 2>&1 &
manager=$!

# until WHAT SECONDS COMMAND…: tries a command until it succeeds.
until_ok() {
  local what=$1 patience=$2
  shift 2
  for _ in $(seq "$((patience * 5))"); do
    "$@" >/dev/null 2>&1 && { echo "ok: $what"; return; }
    sleep 0.2
  done
  echo "not so: $what" >&2
  tail -n 20 "$work/serve.log" "$work/alertmanager.log" >&2
  exit 1
}
sql() { curl --silent --fail "$clickhouse/?database=throughline" --data-binary "$1"; }
is() { [ "$(sql "$1")" = "$2" ]; }
has_own() {
  curl --silent --fail "$at/api/v2/alerts?filter=alertname=ThroughlineIncident" | python3 -c 'import json, sys
alerts = json.load(sys.stdin)
sys.exit(0 if len(alerts) == int(sys.argv[1]) and all(alert["labels"]["service"] == "ledger" for alert in alerts) else 1)' "$1"
}
# send END: alerts of the ledger and of who calls it, to the Alertmanager, as Prometheus does.
send() {
  python3 - "$at" "${1:-}" <<'PYTHON'
import json, sys, urllib.request
names = [("HighLatency", "ledger-0"), ("PoolExhausted", "ledger-1"), ("ErrorRate", "ledger-1"), ("SlowRequests", "payment-orchestrator-7d9f")]
alerts = [{"labels": {"alertname": name, "pod": pod}, "annotations": {"summary": "slow"}, "generatorURL": "http://prometheus/graph"} for name, pod in names]
for alert in alerts:
    if sys.argv[2]:
        alert["endsAt"] = sys.argv[2]
request = urllib.request.Request(sys.argv[1] + "/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"})
urllib.request.urlopen(request)
PYTHON
}

until_ok "the Alertmanager runs" 20 curl --silent --fail "$at/-/ready"
"$binary" bank --endpoint "$grpc" --transfers-per-second 5 --duration 10s >"$work/bank.log" 2>&1
until_ok "transfers are stored" 120 is "SELECT count() > 20 FROM transactions" 1
send
until_ok "its alerts are one incident, which names the ledger" 60 \
  is "SELECT count(), any(Service), any(Alerts) FROM incidents" "$(printf '1\tledger\t4')"
until_ok "the Alertmanager has that incident" 30 has_own 1
send "$(date --utc +%Y-%m-%dT%H:%M:%SZ)"
until_ok "the alerts are over" 60 is "SELECT count() FROM alerts WHERE State = 'resolved'" 4
until_ok "the incident is over" 120 is "SELECT State FROM incidents" recovered
until_ok "and so it is at the Alertmanager" 30 has_own 0
is "SELECT count() FROM alerts" 4 || { echo "the incident came back as an alert" >&2; exit 1; }
echo "Alertmanager $(dpkg-deb --field "${PACKAGE:-$(echo "$work"/*.deb)}" Version) was content"
