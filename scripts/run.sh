#!/usr/bin/env bash
# `make run`: builds, brings the engine, then becomes `throughline serve --with-bank`. As it becomes that program, a
# signal to it reaches the server itself, which ends its children.
set -euo pipefail
cd "$(dirname "$0")/.."

# Which of SIGHUP (1) and SIGINT (2) a process catches, in `caught`; false where there is no such process.
catches() {
    local field mask
    while read -r field mask; do
        if [ "$field" = SigCgt: ]; then
            caught=$((16#$mask & 3))
            return 0
        fi
    done 2>/dev/null <"/proc/$1/status"
    return 1
}

# A make that gets SIGINT or SIGHUP alone, from a program rather than a terminal, catches it no more, tells nobody, and waits for its
# child. This sees it, or that make is gone, and asks the child to end; where the child ends first, so does its standard input.
watch() {
    local make=$1 child=$2 caught before status
    # Ctrl-C reaches the server too: a second signal would end it at once.
    trap - INT
    trap '' HUP
    catches "$make" || return 0
    before=$caught
    while catches "$make" && [ $((caught & before)) -eq "$before" ]; do
        status=0
        read -rt 0.2 || status=$?
        # More than 128 is the time that ran out.
        [ "$status" -gt 128 ] || return 0
    done
    kill -TERM "$child" 2>/dev/null || true
}

parent=
read -r parent 2>/dev/null <"/proc/$PPID/comm" || true
case $parent in
    # The server inherits what this writes to, and nothing else does.
    *make) exec 9> >(watch "$PPID" "$$" >/dev/null 2>&1) ;;
    *) exec 9>/dev/null ;;
esac
# What is still being built ends with this script, where the system can do that.
with_this=()
! setpriv --pdeathsig TERM true 2>/dev/null || with_this=(setpriv --pdeathsig TERM)

"${with_this[@]}" scripts/engine.sh 9>&-
printf 'building (release; the first time takes some minutes)\n'
"${with_this[@]}" cargo build --release --locked --package throughline 9>&-
exec "${CARGO_TARGET_DIR:-target}/release/throughline" serve --with-bank --config deploy/bank.yaml --data-dir "${THROUGHLINE_DATA_DIR:-data}" "$@"
