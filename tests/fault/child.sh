#!/bin/sh
# A plugin in C that nobody vouches for, doing what no plugin should. It runs in a process of its own: its crash is that command's and
# nobody else's, it is noted and started again, and what it tries is refused. The same code with a key of the house runs inside: there
# it brings the server down, which starts again without it, and no acknowledged write is lost. MUSTER is the program.
set -eu
cd "$(dirname "$0")/../.."
: "${MUSTER:=build/release/muster}"
. tests/support/server.sh
. tests/support/package.sh
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-child-XXXXXX")
data=$dir/data
server=""
clean() {
  [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 143' INT TERM
fail() { echo "child: $*" >&2; tail -n 30 "$dir/log" >&2; exit 1; }
call() { "$MUSTER" call --data "$data" --port "$port" "$@"; }
plugin() { "$MUSTER" plugin "$@" --data "$data" --port "$port" >"$dir/out" 2>&1 || { cat "$dir/out" >&2; fail "muster plugin $*"; }; }
refused() { # refused RULE COMMAND…
  rule=$1
  shift
  if call "$@" >"$dir/out" 2>&1; then fail "not refused: $*"; fi
  grep -q "$rule" "$dir/out" || { cat "$dir/out" >&2; fail "not refused by $rule: $*"; }
}
again() { # until its process is there again
  tries=0
  until call "$@" >"$dir/out" 2>&1; do
    grep -q plugin.restarting "$dir/out" || { cat "$dir/out" >&2; fail "$*"; }
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "it does not come back"
    sleep 0.05
  done
  cat "$dir/out"
}

mkdir "$dir/bundled"
tally_source "$dir/bundled/tally" 1.0.0
cp -r tests/fixtures/child/wreck "$dir/wreck"
"${CC:-cc}" -std=gnu17 -O1 -fPIC -shared -I api "$dir/wreck/wreck.c" -o "$dir/wreck/wreck.so"
mkdir -p "$dir/far/migrations"
cat >"$dir/far/manifest.lua" <<'LUA'
return { name = "far", version = "1.0.0", api = 1, summary = "In Lua, and apart.", isolate = "process" }
LUA
cat >"$dir/far/init.lua" <<'LUA'
local life = require("muster.machine").define {
  initial = "new", states = { "new", "old" }, transitions = { { name = "age", from = "new", to = "old" } },
}
return { commands = {
  ["far.age"] = { mode = "read", args = {}, returns = "text", summary = "Old things do not age.",
    run = function(call) return life:check(call, { state = "old" }, "age") end },
  ["far.put"] = { mode = "write", args = { "text:text" }, returns = "int", summary = "Put.", run = function(call, text)
    call.db:run("INSERT INTO far_row(text) VALUES(?)", text)
    return call.db:value("SELECT count(*) FROM far_row") end },
  ["far.loop"] = { mode = "write", args = {}, returns = "int", timeout_ms = 100, summary = "Never ends.",
    run = function(call) call.db:run("INSERT INTO far_row(text) VALUES('lost')") while true do end end },
} }
LUA
echo 'CREATE TABLE far_row(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;' >"$dir/far/migrations/001_row.sql"
"$MUSTER" init --data "$data" >/dev/null
key_new "$dir"
key_trust "$dir" "$data"
echo 'return { probation_s = 1, lanes = { readers = 2 } }' >"$data/config.lua"
for name in wreck far; do package_make "$dir" "$dir/$name" "$dir/$name.muster"; done
server_start "$dir/log" "$MUSTER" --data "$data" --port 0 --plugins "$dir/bundled" || exit 1

# -- apart --
plugin install "$dir/wreck.muster" --yes
plugin install "$dir/far.muster" --yes
[ "$(call wreck.ok)" = fine ] && [ "$(call wreck.put text=kept)" = 1 ] || fail "it does not work"
[ "$(call far.put text=kept)" = 1 ] || fail "the one in Lua does not work"
refused '不能“age”：已处于终结状态 old' far.age lang=zh-CN # said by the library, for a plugin that has no locale
apart=$(pgrep -c -P "$server" || true)
[ "$apart" -ge 8 ] || fail "two plugins in four lanes, and $apart processes"
i=0
while [ $i -lt 50 ]; do
  call tally.add n=1 >"$dir/sum" &
  other=$!
  [ $((i % 10)) -ne 0 ] || { refused 'plugin.crashed\|plugin.restarting' wreck.null; }
  wait $other || fail "another plugin's call failed"
  i=$((i + 1))
done
[ "$(call tally.add n=0)" = 50 ] || fail "another plugin's writes"
[ "$(again wreck.count)" = 1 ] || fail "what it wrote before it crashed was kept"
grep -lqx 'command=wreck.null' "$data"/crashes/* || fail "no record"
grep -qx 'how=signal 11.*' "$data"/crashes/* || fail "the record does not say how"
for what in load path filter low signal fork exec thread open create unlink connect code kill environment; do
  again wreck.try "what=$what" | grep -q '^refused' || fail "$what: $(cat "$dir/out")"
done
again wreck.event | grep -q '^refused' || fail "an event that is no JSON was taken"
refused call.series wreck.number "series=$(printf '%0300d' 0)"
[ "$(call wreck.number series=a)" = 1 ] || fail "a client's long name cost it its process"
refused limit.time wreck.spin
refused limit.time far.loop
[ "$(again far.put text=two)" = 2 ] || fail "a loop's row was kept"
[ "$(again wreck.ok)" = fine ] || fail "it is not there again"
[ "$(call tally.version)" = 1.0.0 ] || fail "another plugin"
children=$(pgrep -P "$server")
kill -KILL "$server"
wait "$server" 2>/dev/null || true
server=""
for pid in $children; do
  tries=0
  while server_alive "$pid"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "a plugin's process outlives its server"
    sleep 0.02
  done
done

# -- inside --
echo 'return { probation_s = 1, lanes = { readers = 2, script_grace_ms = 300 }, native_keys = { "house" } }' >"$data/config.lua"
server_start "$dir/log" "$MUSTER" --data "$data" --port "$port" --plugins "$dir/bundled" --keep || exit 1
[ "$(call wreck.put text=inside)" = 1 ] || fail "it does not work inside"
before=$(call tally.add n=1)
starts=$(grep -c 'muster: listening on' "$dir/log")
if call wreck.null >/dev/null 2>&1; then fail "a crash went well"; fi
tries=0
until [ "$(grep -c 'muster: listening on' "$dir/log")" -gt "$starts" ]; do
  tries=$((tries + 1))
  [ $tries -lt 400 ] || fail "the server did not come back"
  sleep 0.05
done
[ -f "$data/quarantine/wreck" ] || fail "no note"
[ "$(call tally.add n=0)" = "$before" ] || fail "an acknowledged write was lost"
if call wreck.ok >"$dir/out" 2>&1; then fail "it runs again"; fi
[ "$(call far.put text=three)" = 3 ] || fail "the one apart does not run"
kill -TERM "$server"
wait "$server" || fail "the server did not end cleanly"
server=""
