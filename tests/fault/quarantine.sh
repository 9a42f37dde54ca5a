#!/bin/sh
# A plugin that can't be stopped ends the process in the middle of a batch: a note says which plugin it was, the keeper starts the server
# again, the other plugins work on, and no acknowledged write is lost. MUSTER is the program.
set -eu
cd "$(dirname "$0")/../.."
: "${MUSTER:=build/release/muster}"
. tests/support/server.sh
CLIENTS=4
dir=$(mktemp -d)
server="" writers=""
finish() {
  : >"$dir/stop"
  for pid in $writers $server; do kill -9 "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
fail() { echo "quarantine: $*"; tail -20 "$dir/server.log"; exit 1; }

play() { "$MUSTER" play --data "$dir/data" --port "$port" "$@"; }
call() { "$MUSTER" call --data "$dir/data" --port "$port" "$@"; }
start() { server_start "$dir/server.log" "$MUSTER" --data "$dir/data" --plugins "$dir/plugins" "$@" || fail "no server"; }
starts() { grep -c 'muster: listening on' "$dir/server.log" || true; }

cp -r plugins "$dir/plugins"
mkdir "$dir/plugins/flood"
cat >"$dir/plugins/flood/manifest.lua" <<'LUA'
return { name = "flood", version = "1.0.0", api = 1, summary = "Keys that all fall into one chain." }
LUA
cat >"$dir/plugins/flood/init.lua" <<'LUA'
return { commands = { ["flood.keys"] = { mode = "write", args = {}, returns = "nil", timeout_ms = 1000, summary = "Never ends.",
  run = function()
    local keys, step = {}, (1 << 18) - 1
    for i = 1, 131074 do keys[i * step] = true end
  end } } }
LUA
"$MUSTER" init --data "$dir/data" >/dev/null
echo 'return { lanes = { script_grace_ms = 100 } }' >"$dir/data/config.lua"

start --port 0
play tests/fault/prepare.lua
kill -TERM "$server"
wait "$server" || fail "the server did not end cleanly"
start --port "$port" --keep
before=$(starts)
i=0
while [ $i -lt $CLIENTS ]; do
  play tests/fault/writer.lua -- "$i" "$dir" >>"$dir/writers.log" 2>&1 &
  writers="$writers $!"
  i=$((i + 1))
done
sleep 0.5

from=$(date +%s%3N)
call flood.keys >"$dir/call.log" 2>&1 && fail "the flood came to an end"
until [ "$(starts)" -gt "$before" ]; do
  [ $(($(date +%s%3N) - from)) -lt 60000 ] || fail "no server after the flood"
  sleep 0.02
done
echo "quarantine: serving again $(($(date +%s%3N) - from)) ms after the flood began, 1000 of them its own"

grep -q 'died by signal 6' "$dir/server.log" || fail "the keeper saw no abort"
note=$dir/data/quarantine/flood
[ -f "$note" ] || fail "no note"
grep -qx 'plugin=flood' "$note" && grep -qx 'command=flood.keys' "$note" || fail "a wrong note: $(cat "$note")"
sleep 0.5
: >"$dir/stop"
for pid in $writers; do wait "$pid" || fail "a writer gave up: $(tail -3 "$dir/writers.log")"; done
writers=""
play tests/fault/verify.lua -- "$dir" "$CLIENTS"
id=$(call notes.add text=after) && call notes.delete "id=$id" >/dev/null || fail "another plugin does not work"
kill -TERM "$server"
wait "$server" || fail "the server did not end cleanly"
server=""
