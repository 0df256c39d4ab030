#!/usr/bin/env bash
# `make lint`: every check that is no test. All of them run, then the ones that failed are named.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=()
check() {
    local name=$1
    shift
    printf -- '-- %s\n' "$name"
    "$@" || failed+=("$name")
}

check formatting cargo fmt --all --check
check clippy cargo clippy --workspace --all-targets --locked -- -D warnings
# Advisories need a database from the network: `make advisories`.
check dependencies cargo deny --locked check --hide-inclusion-graph licenses bans sources
RUSTDOCFLAGS="-D warnings" check documentation cargo doc --workspace --no-deps --locked --quiet

if [ ${#failed[@]} -gt 0 ]; then
    printf 'lint: failed: %s\n' "${failed[*]}" >&2
    exit 1
fi
printf 'lint: all right\n'
