#!/bin/sh
# The article's scenario on a fresh server, played twice with a kill -9 in between: every figure exact, the second play changes
# nothing, the invariants hold, and later writes leave earlier instants as they were. MUSTER is the program.
set -eu
cd "$(dirname "$0")/../.."
: "${MUSTER:=build/release/muster}"
. tests/support/server.sh
dir=$(mktemp -d)
server=""
finish() {
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
fail() { echo "answer_sheet: $*" >&2; tail -20 "$dir/server.log" >&2; exit 1; }

start() { server_start "$dir/server.log" "$MUSTER" --data "$dir/data" --port 0 || fail "no server"; }
play() { timeout 120 "$MUSTER" play --data "$dir/data" --port "$port" "$@" 2>"$dir/play.err" || { cat "$dir/play.err" >&2; fail "$*"; }; }

"$MUSTER" init --data "$dir/data" >/dev/null
start
play tests/scenario/answer_sheet.lua -- first "$dir/first.json"
kill -9 "$server"
wait "$server" 2>/dev/null || true
start
play tests/scenario/answer_sheet.lua -- second "$dir/first.json"
play scripts/article/play.lua >"$dir/table"
grep -q '^Second run: nothing changed' "$dir/table" || fail "a third play changed something"
kill -TERM "$server"
wait "$server" || fail "the server did not end cleanly"
server=""
