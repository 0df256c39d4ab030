#!/usr/bin/env bash
# Brings the embedded ClickHouse engine (libchdb) into the cache folder: `make engine` calls this.
# Does nothing where it is already there. The package is pinned by version and checksum.
set -euo pipefail

VERSION=26.7.3-stable.1

step() { printf 'engine: %s\n' "$*"; }
die() { printf 'engine: %s\n' "$@" >&2; exit 1; }

# What a site without a package registry does instead.
OFFLINE="Without npm or its registry: put libchdb.so $VERSION on this machine by other means and set
engine: THROUGHLINE_ENGINE=/path/to/libchdb.so for 'make' and for 'throughline'."

if [ -n "${THROUGHLINE_ENGINE:-}" ]; then
    [ -f "$THROUGHLINE_ENGINE" ] || die "THROUGHLINE_ENGINE names $THROUGHLINE_ENGINE, which is not a file."
    step "using $THROUGHLINE_ENGINE (THROUGHLINE_ENGINE)"
    exit 0
fi

# Package, its sha512 (base64, as npm names it) and its size packed and unpacked, by platform.
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-amd64)
        PACKAGE=@chdb/lib-linux-x64-gnu
        SHA512=XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==
        MEGABYTES=178 MEGABYTES_ON_DISK=566
        ;;
    *)
        die "there is no pinned engine for $(uname -s) on $(uname -m): only Linux on x86_64." \
            "Either build libchdb yourself and set THROUGHLINE_ENGINE=/path/to/libchdb.so," \
            "or use a ClickHouse server by 'clickhouse.url' in the configuration."
        ;;
esac

folder="${XDG_CACHE_HOME:-$HOME/.cache}/throughline/engine/$VERSION"
library="$folder/libchdb.so"
if [ -f "$library" ]; then
    step "already there: $library"
    exit 0
fi

command -v npm >/dev/null 2>&1 || die "npm is needed to fetch the package $PACKAGE: install Node.js (which brings npm)." "$OFFLINE"

mkdir -p "$folder"
free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
needed=$((MEGABYTES + MEGABYTES_ON_DISK))
[ "$free" -ge "$needed" ] || die "$folder has $free MB free; $needed MB are needed."

# In the cache folder itself, so that the last step is a rename on one file system.
work=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

step "1/4 fetching $PACKAGE@$VERSION ($MEGABYTES MB)"
archive=
(cd "$work" && npm pack --loglevel=error "$PACKAGE@$VERSION" >packed 2>errors) &
fetch=$!
# npm says nothing while it downloads
seconds=0
while kill -0 "$fetch" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    [ $((seconds % 5)) -ne 0 ] || step "    … $seconds s"
done
wait "$fetch" || { cat "$work/errors" >&2; die "npm could not fetch the package (see above)." "$OFFLINE"; }
archive="$work/$(tail -n 1 "$work/packed")"
[ -f "$archive" ] || die "npm reported no archive: $(cat "$work/packed")"

step "2/4 checking its checksum"
if command -v openssl >/dev/null 2>&1; then
    sum=$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)
else
    # Node is there, for npm runs on it
    sum=$(node -e '
        const hash = require("crypto").createHash("sha512");
        require("fs").createReadStream(process.argv[1]).on("data", (d) => hash.update(d))
            .on("end", () => console.log(hash.digest("base64")));' "$archive")
fi
[ "$sum" = "$SHA512" ] || die "the package is not the pinned one:" "  expected sha512-$SHA512" "  got      sha512-$sum"

step "3/4 unpacking ($MEGABYTES_ON_DISK MB)"
member=$(tar -tzf "$archive" | grep -E '(^|/)libchdb\.so$' | head -n 1) || true
[ -n "$member" ] || die "the package holds no libchdb.so."
tar -xzf "$archive" -C "$work" "$member"

step "4/4 putting it in place"
chmod 0755 "$work/$member"
sync "$work/$member" 2>/dev/null || true
mv -f "$work/$member" "$library"
step "done: $library"
