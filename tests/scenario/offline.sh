#!/bin/sh
# kill -9 while an offline batch of 200 inspections is being taken in, then the device sends it again: each inspection and each
# finding number is there exactly once. ROUNDS (8) kills; MUSTER is the program.
set -eu
cd "$(dirname "$0")/../.."
: "${MUSTER:=build/release/muster}"
. tests/support/server.sh
ROUNDS=${ROUNDS:-8}
dir=$(mktemp -d)
server=""
finish() {
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
fail() { echo "offline: $*" >&2; tail -20 "$dir/server.log" >&2; exit 1; }

start() { server_start "$dir/server.log" "$MUSTER" --data "$dir/data" --port 0 || fail "no server"; }
play() { timeout 60 "$MUSTER" play --data "$dir/data" --port "$port" tests/scenario/offline.lua -- "$@"; }

"$MUSTER" init --data "$dir/data" >/dev/null
start
play prepare || fail "prepare"
round=0
while [ $round -lt "$ROUNDS" ]; do
  round=$((round + 1))
  play send $round >"$dir/sent" 2>/dev/null &
  client=$!
  tries=0
  until grep -q sending "$dir/sent"; do
    tries=$((tries + 1)); [ $tries -lt 1000 ] || fail "round $round: nothing was sent"
    sleep 0.01
  done
  sleep "0.0$((round * 4 % 9 + 1))"
  kill -9 "$server"
  wait "$server" 2>/dev/null || true
  wait "$client" 2>/dev/null || true
  start
  play resend $round || fail "round $round"
done
kill -TERM "$server"
wait "$server" || fail "the server did not end cleanly"
server=""
