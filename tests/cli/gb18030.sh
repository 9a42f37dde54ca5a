#!/bin/sh
# cnkit's GB18030 beside the C library's iconv, for every character there is: the same, but for those that the standard moved.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-gb-XXXXXX")
trap 'rm -rf "$dir"' EXIT
command -v iconv >/dev/null || { echo "iconv is missing (Debian: libc-bin)"; exit 77; }
tests/support/with_server.sh "$MUSTER" "$MUSTER" play tests/cli/gb18030.lua -- "$dir"
iconv -c -f UTF-8 -t GB18030 "$dir/utf8" >"$dir/peer"
lua5.4 tests/cli/gb18030_differ.lua "$dir/utf8" "$dir/own" "$dir/peer"
