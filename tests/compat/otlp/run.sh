#!/usr/bin/env bash
# Sends spans with clients that others wrote, in their default settings, and says what they report as sent:
#
#   tests/compat/otlp/run.sh GRPC_ENDPOINT HTTP_ENDPOINT OUTDIR [CLIENT…]
#   tests/compat/otlp/run.sh http://127.0.0.1:4317 http://127.0.0.1:4318 /tmp/sent
#
# Clients: python javascript java go rust (all by default). For each way of sending it writes OUTDIR/<client>-<way>.json:
#   {"client","way","service","sent",["spans":[{"trace_id","span_id"}…]]}
# `service` is a service.name that no other run used; `sent` counts what the client saw accepted; ids are lower-case hex (telemetrygen tells none). Spans
# of the Python, JavaScript, Java and Rust clients whose name is `child` bear the attributes of values.json, the JavaScript ones without what its numbers cannot
# hold. Needs the languages' usual tools with a registry in reach; installs into a cache folder, which later runs use again.
set -euo pipefail

grpc=${1:?usage: run.sh GRPC_ENDPOINT HTTP_ENDPOINT OUTDIR [CLIENT…]}
http=${2:?usage: run.sh GRPC_ENDPOINT HTTP_ENDPOINT OUTDIR [CLIENT…]}
out=${3:?usage: run.sh GRPC_ENDPOINT HTTP_ENDPOINT OUTDIR [CLIENT…]}
shift 3
[ $# -gt 0 ] || set -- python javascript java go rust

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/throughline/compat-otlp
mkdir -p "$out" "$cache"
out=$(cd "$out" && pwd)
run=$(date +%s%N)

# send CLIENT WAY COMMAND…: the command finds in its environment where to, what service, and where to write.
send() {
  local client=$1 way=$2
  shift 2
  echo "== $client $way"
  local endpoint=$http
  case $way in grpc*) endpoint=$grpc ;; esac
  local compression=none
  case $way in *-gzip) compression=gzip ;; esac
  COMPAT_CLIENT=$client COMPAT_WAY=$way COMPAT_VALUES=$here/values.json COMPAT_OUT=$out/$client-$way.json \
    COMPAT_ENDPOINT=$endpoint COMPAT_COMPRESSION=$compression OTEL_SERVICE_NAME=compat-$client-$way-$run "$@"
}

python() {
  local venv=$cache/python
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/python/requirements.txt"
  for way in grpc grpc-gzip http-protobuf http-protobuf-gzip; do
    send python $way "$venv/bin/python" "$here/python/send.py"
  done
}

javascript() {
  local dir=$cache/javascript
  mkdir -p "$dir"
  cp "$here"/javascript/package.json "$here"/javascript/send.js "$dir"
  (cd "$dir" && npm install --silent --no-audit --no-fund)
  for way in grpc grpc-gzip http-protobuf http-protobuf-gzip http-json http-json-gzip; do
    send javascript $way node "$dir/send.js"
  done
}

java() {
  local dir=$cache/java
  mkdir -p "$dir"
  cp "$here"/java/pom.xml "$here"/java/Send.java "$dir"
  (cd "$dir" && mvn --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory=lib -Dmdep.stripVersion=true)
  javac -cp "$dir/lib/*" -d "$dir" "$dir/Send.java"
  for way in grpc grpc-gzip http-protobuf http-protobuf-gzip; do
    send java $way "$here/java/send.sh" "$dir"
  done
}

go() {
  local bin=$cache/go
  [ -x "$bin/telemetrygen" ] || GOBIN=$bin GOFLAGS=-mod=mod command go install \
    github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0
  # It knows no compression.
  for way in grpc http-protobuf; do
    send go $way "$here/go.sh" "$bin/telemetrygen"
  done
}

rust() {
  local dir=$cache/rust
  mkdir -p "$dir/src"
  cp "$here/rust/Cargo.toml" "$dir" && cp "$here/rust/src/main.rs" "$dir/src"
  CARGO_TARGET_DIR=$dir/target cargo build --quiet --manifest-path "$dir/Cargo.toml"
  for way in grpc grpc-gzip http-protobuf http-protobuf-gzip http-json http-json-gzip; do
    send rust $way "$dir/target/debug/compat-otlp"
  done
}

for client in "$@"; do
  case $client in
    python | javascript | java | go | rust) $client ;;
    *) echo "unknown client $client" >&2; exit 2 ;;
  esac
done
