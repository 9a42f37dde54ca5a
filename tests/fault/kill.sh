#!/bin/sh
# kill -9 of the server at random moments under 8 writing clients: every acknowledged write is there, none twice, the audit chain is
# whole and the fund's figures agree with the gifts. ROUNDS (50) kills; MUSTER is the program.
set -eu
cd "$(dirname "$0")/../.."
: "${MUSTER:=build/release/muster}"
. tests/support/server.sh
ROUNDS=${ROUNDS:-50}
CLIENTS=8
dir=$(mktemp -d)
server="" writers=""
finish() {
  : >"$dir/stop"
  for pid in $writers $server; do kill -9 "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
fail() { echo "kill: $*"; tail -5 "$dir/server.log"; exit 1; }

start() { server_start "$dir/server.log" "$MUSTER" --data "$dir/data" --port "$1" || fail "no server"; }
play() { "$MUSTER" play --data "$dir/data" --port "$port" "$@"; }

"$MUSTER" init --data "$dir/data" >/dev/null
start 0
play tests/fault/prepare.lua
i=0
while [ $i -lt $CLIENTS ]; do
  play tests/fault/writer.lua -- "$i" "$dir" >>"$dir/writers.log" 2>&1 &
  writers="$writers $!"
  i=$((i + 1))
done

round=0
while [ $round -lt "$ROUNDS" ]; do
  sleep "0.$(awk -v s="$round$$" 'BEGIN { srand(s); printf "%03d", 50 + int(rand() * 350) }')"
  kill -9 "$server"
  wait "$server" 2>/dev/null || true
  start "$port"
  round=$((round + 1))
done
sleep 0.5
: >"$dir/stop"
for pid in $writers; do wait "$pid" || fail "a writer gave up: $(tail -3 "$dir/writers.log")"; done
writers=""
play tests/fault/verify.lua -- "$dir" "$CLIENTS"
echo "kill: $ROUNDS rounds"
kill -TERM "$server"
wait "$server" || fail "the server did not end cleanly"
server=""
