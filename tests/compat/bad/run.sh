#!/usr/bin/env bash
# Sends bad input to a server of its own, over raw HTTP and by grpcio, and checks every answer, the server's memory, and that others are answered all along:
#
#   tests/compat/bad/run.sh [BINARY]
#
# Needs Python with a package registry in reach.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../serve.sh"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
serve "${1:-$here/../../../target/release/throughline}"
"$work/venv/bin/python" "$here/send.py" "$grpc" "$http" "$server"
