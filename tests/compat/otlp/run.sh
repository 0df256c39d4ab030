#!/usr/bin/env bash
# Sends spans with clients that others wrote, in their default settings, to a server of its own, and compares what they report as sent with what is stored:
#
#   tests/compat/otlp/run.sh [BINARY [CLIENT…]]
#   tests/compat/otlp/run.sh target/release/throughline javascript
#
# Clients: python javascript java go telemetrygen rust (all by default). Each way of sending (transport, encoding, compression) is one line of the result; the
# status is 0 only if every span is stored once and equal. A client finds in its environment where to send and writes what it saw accepted as JSON lines:
#   {"trace","span","parent","state","name","kind","start","duration","status","message","attributes":{key: AnyValue},"events":[[name,time,attributes]],
#    "links":[[trace,span,state,attributes]],"resource":{…},"scope":[name,version]}    times in ns as strings, values as in OTLP/JSON
# Spans named `child` bear the values of values.json, and so do their event and their link. telemetrygen tells no ids: its spans are counted, and its documented
# shape is checked. Needs the languages' usual tools with a registry in reach; installs into a cache folder, which later runs use again.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
binary=${1:-$here/../../../target/release/throughline}
shift $(($# > 0 ? 1 : 0))
[ $# -gt 0 ] || set -- python javascript java go telemetrygen rust
. "$here/../serve.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/throughline/compat-otlp
out=$work/sent
mkdir -p "$out" "$cache"
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
  COMPAT_WAY=$way COMPAT_VALUES=$here/values.json COMPAT_OUT=$out/$client-$way.jsonl COMPAT_ENDPOINT=$endpoint COMPAT_COMPRESSION=$compression \
    OTEL_SERVICE_NAME=compat-$client-$way-$run OTEL_RESOURCE_ATTRIBUTES='department=payments,bank=%F0%9F%8F%A6' "$@"
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
  local dir=$cache/go
  mkdir -p "$dir"
  (cd "$here/go" && CGO_ENABLED=0 command go build -o "$dir/send" .)
  for way in grpc grpc-gzip http-protobuf http-protobuf-gzip; do
    send go $way "$dir/send"
  done
}

telemetrygen() {
  local bin=$cache/go
  [ -x "$bin/telemetrygen" ] || GOBIN=$bin GOFLAGS=-mod=mod command go install \
    github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0
  # It knows no compression.
  for way in grpc http-protobuf; do
    send telemetrygen $way "$here/go/telemetrygen.sh" "$bin/telemetrygen"
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

serve "$binary"
for client in "$@"; do
  case $client in
    python | javascript | java | go | telemetrygen | rust) $client ;;
    *) echo "unknown client $client" >&2; exit 2 ;;
  esac
done
python3 "$here/compare.py" "$clickhouse" "$out" "$run"
