#!/bin/sh
# muster play: runs a script with its arguments; how it ends, and what it writes where there is no terminal.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then exec tests/support/with_server.sh "$MUSTER" "$0" inside; fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-play-XXXXXX")
trap 'rm -rf "$dir"' EXIT
fail() { echo "play: $*" >&2; cat "$dir/out" "$dir/err" >&2; exit 1; }
run() { wanted=$1; shift; got=0; "$MUSTER" play "$@" >"$dir/out" 2>"$dir/err" || got=$?; [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: $*"; }

# The script checks the module itself, and leaves with 7.
run 7 tests/cli/play.lua -- one --two=3
grep -q '^[0-9][0-9]* checks$' "$dir/out" || fail "the script did not come to its end"
[ "$(sed -n 1,5p "$dir/out")" = "名称        n
────────  ───
永乐店镇    1
x          22
          333" ] || fail "print_table"
# Progress without a terminal: a line at every tenth.
[ "$(grep -c '^each: ' "$dir/err")" = 10 ] || fail "progress"
grep -q '^each: 100 % (300 of 300)$' "$dir/err" || fail "the last line of progress"

# How scripts end.
echo 'print("done")' >"$dir/a.lua"
run 0 "$dir/a.lua"
echo 'error("on purpose")' >"$dir/a.lua"
run 1 "$dir/a.lua"
grep -q 'a.lua:1: on purpose' "$dir/err" || fail "an error's place"
echo 'muster.connect():call("notes.delete", {id = 99})' >"$dir/a.lua"
run 3 "$dir/a.lua"
grep -q 'NOTFOUND notes.unknown' "$dir/err" || fail "an error nobody caught"
echo 'x = = 1' >"$dir/a.lua"
run 1 "$dir/a.lua"
run 1 "$dir/none.lua"
run 2
echo 'muster.exit(0)' >"$dir/a.lua"
run 0 "$dir/a.lua" --host localhost
