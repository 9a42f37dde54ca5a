#!/bin/sh
# muster serve: options, --check, configuration, a second server on the same data, SIGHUP, and a clean end.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-serve-XXXXXX")
server=""
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM
failed=0
# expect NAME STATUS PATTERN COMMAND…: exit status and a pattern in what it says
expect() {
  name=$1 wanted=$2 pattern=$3
  shift 3
  status=0
  said=$(timeout 60 "$@" 2>&1) || status=$?
  if [ "$status" != "$wanted" ] || ! printf '%s\n' "$said" | grep -q -- "$pattern"; then
    echo "$name: expected status $wanted and '$pattern', got status $status and: $said"
    failed=1
  fi
}
"$MUSTER" init --data "$dir/data" >/dev/null

expect "help" 0 "Usage: muster serve" "$MUSTER" serve --help
expect "no data folder named" 2 "which data folder" "$MUSTER" serve
expect "an unknown option" 2 "unknown option --prot" "$MUSTER" serve --data "$dir/data" --prot 1
expect "a port that is none" 2 "0 to 65535" "$MUSTER" serve --data "$dir/data" --port 70000
expect "switches for tests are unknown otherwise" 2 "unknown option" env MUSTER_TEST=0 "$MUSTER" serve --data "$dir/data" --faults commit-io@1
expect "a folder that is no data folder" 9 "muster init" "$MUSTER" serve --data "$dir"
expect "check" 0 "would listen on 127.0.0.1:7878" "$MUSTER" serve --data "$dir/data" --check
expect "check names plugins" 0 "^plugin notes " "$MUSTER" serve --data "$dir/data" --check
expect "check reads certificates" 0 "server.pem is valid until" "$MUSTER" serve --data "$dir/data" --check
expect "no plugins folder" 9 "nowhere" "$MUSTER" serve --data "$dir/data" --check --plugins "$dir/nowhere"

"$MUSTER" serve --print-config >"$dir/data/config.lua"
expect "the printed configuration loads" 0 "would listen" "$MUSTER" serve --data "$dir/data" --check
printf 'return { prot = 7000 }\n' >"$dir/data/config.lua"
expect "an unknown setting suggests the nearest" 2 "port" "$MUSTER" serve --data "$dir/data" --check
printf 'return { port = 7111, log_level = "debug", limits = { connections = 77 } }\n' >"$dir/data/config.lua"
expect "a setting" 0 "would listen on 127.0.0.1:7111" "$MUSTER" serve --data "$dir/data" --check
expect "an option beats a setting" 0 "would listen on 127.0.0.1:0" "$MUSTER" serve --data "$dir/data" --check --port 0
cp "$dir/data/server.key" "$dir/server.key"
cp "$dir/data/admin.key" "$dir/data/server.key"
expect "a key of another certificate" 2 "does not belong" "$MUSTER" serve --data "$dir/data" --check
cp "$dir/server.key" "$dir/data/server.key"

"$MUSTER" serve --data "$dir/data" --port 0 >"$dir/out" 2>"$dir/log" &
server=$!
tries=0
until grep -q 'listening on' "$dir/out"; do
  tries=$((tries + 1))
  [ "$tries" -lt 600 ] || { echo "the server is not ready"; cat "$dir/log"; exit 1; }
  sleep 0.05
done
port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$dir/out")
call() { "$MUSTER" call --data "$dir/data" --port "$port" "$@"; }
expect "a second server on the same data" 7 "another Muster" "$MUSTER" serve --data "$dir/data" --port 0
expect "check beside a running server" 0 "would listen" "$MUSTER" serve --data "$dir/data" --check
expect "limits of the configuration" 0 77 "$MUSTER" call --data "$dir/data" --port "$port" CONFIG GET connections

printf 'return { limits = { connections = 78 } }\n' >"$dir/data/config.lua"
kill -HUP "$server"
tries=0
until call CONFIG GET connections 2>/dev/null | grep -q 78; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo "SIGHUP did not take up the limits"; cat "$dir/log"; exit 1; }
  sleep 0.05
done
printf 'return { broken' >"$dir/data/config.lua"
kill -HUP "$server"
tries=0
until grep -q 'settings stay as they are' "$dir/log"; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo "a broken configuration was not reported"; exit 1; }
  sleep 0.05
done
expect "a broken configuration changes nothing" 0 78 "$MUSTER" call --data "$dir/data" --port "$port" CONFIG GET connections

kill -TERM "$server"
status=0
wait "$server" || status=$?
server=""
[ "$status" = 0 ] || { echo "the exit status after SIGTERM is $status"; failed=1; }
exit $failed
