#!/usr/bin/env bash
# `make run`: builds, brings the engine, then becomes `throughline serve --with-bank`. As it becomes that program, a
# signal to it reaches the server itself, which ends its children.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/engine.sh
printf 'building (release; the first time takes some minutes)\n'
cargo build --release --locked --package throughline
# Whatever ends make (a second Ctrl-C, a kill) asks the server to end too, where the system can do that.
with_make=()
! setpriv --pdeathsig TERM true 2>/dev/null || with_make=(setpriv --pdeathsig TERM)
exec "${with_make[@]}" "${CARGO_TARGET_DIR:-target}/release/throughline" serve --with-bank --config deploy/bank.yaml --data-dir "${THROUGHLINE_DATA_DIR:-data}" "$@"
