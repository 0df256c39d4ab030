# Sourced by the scripts beside it: a server of its own for each run, which keeps every span.

work=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || { kill -TERM "$server" 2>/dev/null && wait "$server"; } || true
  rm -rf "$work"
}
trap stop EXIT

# serve BINARY: starts it on free ports and waits until it is ready; sets grpc, http, api and clickhouse to its endpoints. What `extra` holds is added to
# its configuration.
serve() {
  local binary=$1 ports
  [ -x "$binary" ] || { echo "no $binary: cargo build --release -p throughline" >&2; exit 2; }
  read -ra ports < <(python3 -c 'import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(6)]
print(*(each.getsockname()[1] for each in sockets))')
  grpc=http://127.0.0.1:${ports[0]} http=http://127.0.0.1:${ports[1]} clickhouse=http://127.0.0.1:${ports[5]} api=http://127.0.0.1:${ports[2]}
  cat >"$work/config.yaml" <<YAML
receiver: { grpc: { endpoint: "127.0.0.1:${ports[0]}" }, http: { endpoint: "127.0.0.1:${ports[1]}" } }
api: { endpoint: "127.0.0.1:${ports[2]}" }
metrics: { endpoint: "127.0.0.1:${ports[3]}" }
health: { endpoint: "127.0.0.1:${ports[4]}" }
clickhouse: { listen: "127.0.0.1:${ports[5]}" }
sampling: { policies: [{ name: all, type: always_sample }] }
${extra:-}
YAML
  "$binary" serve --config "$work/config.yaml" --data-dir "$work/data" >"$work/serve.log" 2>&1 &
  server=$!
  for _ in $(seq 300); do
    curl --silent --fail --output /dev/null "http://127.0.0.1:${ports[4]}/readyz" && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.2
  done
  echo "the server did not get ready:" >&2
  cat "$work/serve.log" >&2
  exit 1
}
