#!/bin/sh
# `muster plugin rehearse`: the last writes, played again on copies by the plugins that run and by new ones. Other replies, refusals, commands
# and rights are told by name; an equal version tells of nothing; nothing of the server's changes.
set -eu
. "$(dirname "$0")/../support/server.sh"
. "$(dirname "$0")/../support/package.sh"
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-rehearse-XXXXXX")
data=$dir/data
server=""
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM
fail() { echo "rehearse: $*" >&2; cat "$dir/out" >&2; tail -n 20 "$dir/log" >&2; exit 1; }
MUSTER_DATA=$data
export MUSTER_DATA
plugin() { "$MUSTER" plugin "$@" >"$dir/out" 2>&1; }
call() { "$MUSTER" call "$@" >"$dir/out" 2>&1; }
ends() { # ends STATUS COMMAND…
  wanted=$1; shift; got=0
  "$@" || got=$?
  [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: $*"
}
says() { grep -qF -- "$1" "$dir/out" || fail "it does not say \"$1\""; }
silent() { if grep -qF -- "$1" "$dir/out"; then fail "it says \"$1\""; fi; }

# purse VERSION ADD MORE: keeps sums; ADD is what purse.put replies, MORE is another command.
purse() {
  mkdir -p "$dir/purse/migrations"
  cat >"$dir/purse/manifest.lua" <<LUA
return { name = "purse", version = "$1", api = 1, summary = "Sums.", requires = {} }
LUA
  cat >"$dir/purse/init.lua" <<LUA
return { commands = {
  ["purse.put"] = { mode = "write", args = { "fen:int(1..100000)", "pin!:text(8)?" }, returns = "int", summary = "Put in.",
    run = function(call, fen)
      $2
      call.db:run("INSERT INTO purse_coin(fen) VALUES(?)", fen)
      return call.db:value("SELECT sum(fen) FROM purse_coin")
    end },
  ["purse.sum"] = { mode = "read", args = {}, returns = "int", summary = "All.",
    run = function(call) return call.db:value("SELECT coalesce(sum(fen), 0) FROM purse_coin") end },
  $3
} }
LUA
  printf 'CREATE TABLE purse_coin(id INTEGER PRIMARY KEY, fen INTEGER NOT NULL) STRICT;\n' >"$dir/purse/migrations/001_coin.sql"
  package_make "$dir" "$dir/purse" "$dir/purse-$1.muster"
}
other='["purse.count"] = { mode = "read", args = {}, returns = "int", summary = "How many.",
    run = function(call) return call.db:value("SELECT count(*) FROM purse_coin") end },'
mkdir "$dir/bundled"
"$MUSTER" init --data "$data" >"$dir/out"
printf 'return { probation_s = 1, lanes = { readers = 1 } }\n' >"$data/config.lua"
key_new "$dir"
key_trust "$dir" "$data"
purse 1.0.0 "" ""
purse 1.0.1 "" ""
purse 1.1.0 'if fen == 13 then call:fail("POLICY", { rule = "purse.thirteen", arg = "fen" }, "not thirteen") end' "$other"
server_start "$dir/log" "$MUSTER" --data "$data" --port 0 --plugins "$dir/bundled" || exit 1
MUSTER_PORT=$port
export MUSTER_PORT
plugin install "$dir/purse-1.0.0.muster" --yes || fail "install"
call role.define name=saver grants=purse.put || fail "role"
call user.add name=li methods=password || fail "user"
call user.password name=li password="a long sentence" || fail "password"
call role.define name=keeper grants='purse.*' || fail "role"
call role.grant user=li role=keeper || fail "grant"
for fen in 10 13 20; do call purse.put "$fen" || fail "put $fen"; done
call purse.put 5 pin=1234 || fail "put 5"
"$MUSTER" call --json purse.sum >"$dir/sum"
"$MUSTER" call --json audit.verify | sed 's/"rows":[0-9]*//' >"$dir/audit"

# The same code under another number: nothing differs, and what can't be played is said.
ends 0 plugin rehearse "$dir/purse-1.0.1.muster"
says "3 writes played twice"
says "0 other replies, 0 changed rights"
says "not played: 1 of purse.put, for the audit keeps no secrets"

# What would be refused from now on, what follows from it, who may do more.
ends 1 plugin rehearse "$dir/purse-1.1.0.muster"
says "purse.put of admin"
says 'before  71'
says 'after   POLICY purse.thirteen: not thirteen'
says 'before  91'
says 'after   78'
says "li may now use purse.count"
says "admin may now use purse.count"
silent "pin"
ends 1 plugin rehearse "$dir/purse-1.1.0.muster" --last 1
says "0 writes played twice"
ends 1 plugin rehearse "$dir/purse-1.1.0.muster" --json
lua5.4 -e 'local t = io.read("a"); assert(t:find("^{\"played\":3,") and t:find("\"changes\":3") or error(t))' <"$dir/out"

# The way back takes a command away.
plugin upgrade "$dir/purse-1.1.0.muster" --yes || fail "upgrade"
purse 1.2.0 "" ""
ends 1 plugin rehearse "$dir/purse-1.2.0.muster"
says "li may no longer use purse.count"
says "purse.count of muster"
says "NOTFOUND"

# Nothing has changed, and nothing is left behind.
ends 2 plugin rehearse "$dir/purse-1.2.0.muster" --yes
ends 4 plugin rehearse "$dir/purse-1.0.0.muster"
says "plugin.downgrade"
"$MUSTER" call --json purse.sum | cmp -s - "$dir/sum" || fail "the sum has changed"
"$MUSTER" call audit.verify >"$dir/out" || fail "the chain is broken"
[ -z "$(ls -A "$data/plugins/tmp" 2>/dev/null)" ] || { ls "$data/plugins/tmp"; fail "copies are left"; }
[ "$(ls -d "$data/plugins/purse"/* | wc -l)" = 2 ] || { ls "$data/plugins/purse"; fail "packages are left on the shelf"; }
"$MUSTER" plugin list >"$dir/out"
says "1.1.0"

# A text that the audit has cut is not played; what both refuse is counted, for it says nothing.
memo() { # memo VERSION: keeps texts, each once
  mkdir -p "$dir/memo/migrations"
  echo "return { name = 'memo', version = '$1', api = 1, summary = 'Texts.', requires = {} }" >"$dir/memo/manifest.lua"
  cat >"$dir/memo/init.lua" <<'LUA'
return { commands = { ["memo.keep"] = { mode = "write", args = { "text:text(1000)" }, returns = "int", summary = "Keep.",
  run = function(call, text)
    if call.db:value("SELECT count(*) FROM memo_text WHERE text = ?", text) > 0 then call:fail("STATE", "kept already") end
    call.db:run("INSERT INTO memo_text(text) VALUES(?)", text)
    return #text
  end } } }
LUA
  printf 'CREATE TABLE memo_text(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;\n' >"$dir/memo/migrations/001_text.sql"
  package_make "$dir" "$dir/memo" "$dir/memo-$1.muster"
}
memo 1.0.0
memo 1.0.1
plugin install "$dir/memo-1.0.0.muster" --yes || fail "install memo"
long=$(printf '长%.0s' $(seq 100))
call memo.keep "$long" || fail "keep a long one"
for text in one two; do call memo.keep $text || fail "keep $text"; done
ends 0 plugin rehearse "$dir/memo-1.0.1.muster" --last 3
says "not played: 1 of memo.keep, for the audit keeps long arguments in part only"
says "2 writes played twice"
says "2 of them were refused by both alike"
ends 0 plugin rehearse "$dir/memo-1.0.1.muster" --last 3 --json
says '"refused":2'

# Not while another set is being watched: it would keep that waiting.
sed -i 's/probation_s = 1/probation_s = 60/' "$data/config.lua"
kill "$server"
wait "$server" || fail "the server did not end cleanly"
server_start "$dir/log" "$MUSTER" --data "$data" --port "$port" --plugins "$dir/bundled" || exit 1
plugin upgrade "$dir/memo-1.0.1.muster" --yes --no-wait || fail "upgrade memo"
memo 1.0.2
ends 7 plugin rehearse "$dir/memo-1.0.2.muster"
says "plugin.probation"
plugin rollback --yes --no-wait || fail "rollback"
sed -i 's/probation_s = 60/probation_s = 1/' "$data/config.lua"
kill "$server"
wait "$server" || fail "the server did not end cleanly"
server_start "$dir/log" "$MUSTER" --data "$data" --port "$port" --plugins "$dir/bundled" || exit 1
proved() { "$MUSTER" plugin generations | grep -q 'runs *good'; }
tries=0
until proved; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "it was not proved"
  sleep 0.05
done

# While it is written to: both copies hold the same, and nothing differs.
cat >"$dir/writes.lua" <<'LUA'
local conn = muster.connect()
while not pcall(muster.read_file, muster.args[1]) do conn:call("purse.put", { fen = 7 }) end
LUA
"$MUSTER" play "$dir/writes.lua" -- "$dir/enough" >"$dir/writer" 2>&1 &
writer=$!
purse 1.1.1 'if fen == 13 then call:fail("POLICY", { rule = "purse.thirteen", arg = "fen" }, "not thirteen") end' "$other"
for i in 1 2 3; do ends 0 plugin rehearse "$dir/purse-1.1.1.muster" --last 20; done
touch "$dir/enough"
wait $writer || { cat "$dir/writer"; fail "the writer"; }
