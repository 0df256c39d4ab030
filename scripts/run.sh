#!/usr/bin/env bash
# `make run`: builds, brings the engine, then becomes `throughline serve --with-bank`. As it becomes that program, a
# signal to it reaches the server itself, which ends its children.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/engine.sh
printf 'building (release; the first time takes some minutes)\n'
cargo build --release --locked --package throughline
exec target/release/throughline serve --with-bank --config deploy/bank.yaml --data-dir "${THROUGHLINE_DATA_DIR:-data}" "$@"
