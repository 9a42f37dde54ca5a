#!/bin/sh
# A plugin that brings the process down: the keeper starts the server again without it and without what requires it; doctor
# says so; turning it on again, or a new version, ends the quarantine; during its probation the set before comes back. Safe
# mode runs no plugin, and plugins can be turned off there.
set -eu
. "$(dirname "$0")/../support/install.sh"
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
fails() { if "$@" >"$dir/out" 2>&1; then fail "$* went through"; fi; }
doctor() { "$MUSTER" doctor --data "$data" --plugins "$dir/bundled" >"$dir/out" 2>&1; }

# flood_of VERSION: flood.keys fills a table with keys that all fall into one chain; no limit stops that in time.
flood_of() {
  source_of flood "$1" '{}'
  cat >"$dir/src/flood/init.lua" <<LUA
return { commands = {
  ["flood.version"] = { mode = "read", args = {}, returns = "text", summary = "Which?", run = function() return "$1" end },
  ["flood.keys"] = { mode = "read", args = {}, returns = "nil", timeout_ms = 100, summary = "Never ends.",
    run = function()
      local keys, step = {}, (1 << 18) - 1
      for i = 1, 131074 do keys[i * step] = true end
    end },
} }
LUA
  pack flood "$1"
}
restarted() { # restarted [COMMAND…]: the server dies of it, and the keeper's next one is ready
  was=$(grep -c 'muster: listening on' "$dir/log")
  if [ $# = 0 ]; then fails call flood.keys; else fails "$@"; fi
  tries=0
  until [ "$(grep -c 'muster: listening on' "$dir/log")" -gt "$was" ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "no server after the flood"
    sleep 0.05
  done
}
free_port() { # a port for a server that is started again and again: the keeper does not know which one it got
  house_start
  house_stop
}

house_new
printf 'return { probation_s = 1, lanes = { readers = 1, script_grace_ms = 100 } }\n' >"$data/config.lua"
tally_source "$dir/bundled/tally" 1.0.0
free_port
server_start "$dir/log" "$MUSTER" --data "$data" --port "$port" --plugins "$dir/bundled" --keep || exit 1
flood_of 1.0.0
source_of upper 1.0.0 '{ flood = ">=1" }'
pack upper 1.0.0
do_ plugin install "$dir/pool/flood-1.0.0.muster" "$dir/pool/upper-1.0.0.muster" --yes
call tally.add n=5 >/dev/null

# -- off, with what requires it --
restarted
do_ plugin list
said 'flood.*1.0.0.*off.*quarantine: .*flood.keys'
said 'upper.*off.*requires flood'
[ "$(call tally.add n=0)" = 5 ] || fail "another plugin, or its row, is gone"
fails call flood.version
said 'the plugin flood does not run now'
if doctor; then fail "doctor finds nothing: $(cat "$dir/out")"; fi
said 'WRONG .*flood: it brought the server down .*flood.keys'
said 'WRONG .*upper: 1.0.0 does not run: requires flood'

# -- on again, by hand; then by a new version --
do_ plugin enable flood --yes
[ "$(call flood.version)" = 1.0.0 ] || fail "not on again"
[ "$(call upper.ping)" = 1.0.0 ] || fail "what requires it is not on again"
[ ! -e "$data/quarantine/flood" ] || fail "the note is still there"
doctor || fail "on again, and something is wrong: $(cat "$dir/out")"
restarted
flood_of 1.0.1
do_ plugin upgrade "$dir/pool/flood-1.0.1.muster" --yes
[ "$(call flood.version)" = 1.0.1 ] && [ "$(call upper.ping)" = 1.0.0 ] || fail "a new version does not end the quarantine"
doctor || fail "a new version, and something is wrong: $(cat "$dir/out")"

# -- during its probation: the set before comes back, and stays after the next start --
sed -i 's/probation_s = 1/probation_s = 60/' "$data/config.lua"
house_stop
server_start "$dir/log" "$MUSTER" --data "$data" --port "$port" --plugins "$dir/bundled" --keep || exit 1
flood_of 1.0.2
do_ plugin upgrade "$dir/pool/flood-1.0.2.muster" --yes --no-wait
[ "$(call flood.version)" = 1.0.2 ] || fail "not upgraded"
restarted
[ "$(call flood.version)" = 1.0.1 ] && [ "$(call upper.ping)" = 1.0.0 ] || fail "the set before does not run"
do_ call plugin.generations limit=3
said '1.0.2.*failed\|failed.*1.0.2'
if doctor; then :; fi
said '^note .*was given up'

# -- during the probation of another one: that stays, and only what was there before is off --
tally_source "$dir/src/tally" 1.1.0
pack tally 1.1.0
do_ plugin upgrade "$dir/pool/tally-1.1.0.muster" --yes --no-wait
restarted
[ "$(call tally.version)" = 1.1.0 ] || fail "an upgrade pays for a plugin that it did not touch"
do_ plugin list
said 'flood.*1.0.1.*off.*quarantine: .*flood.keys'
do_ plugin rollback tally --yes --no-wait
[ "$(call tally.version)" = 1.0.0 ] || fail "the way back from the upgrade"
do_ plugin enable flood --yes --no-wait

# -- while it is tried out: what is installed has done nothing and runs on --
flood_of 1.0.3
cat >>"$dir/src/flood/init.lua" <<'LUA'
local keys, step = {}, (1 << 18) - 1
for i = 1, 131074 do keys[i * step] = true end
LUA
sed -i 's/^return/local declared =/' "$dir/src/flood/init.lua"
echo 'return declared' >>"$dir/src/flood/init.lua"
pack flood 1.0.3
restarted plugin upgrade "$dir/pool/flood-1.0.3.muster" --yes
[ "$(call flood.version)" = 1.0.1 ] && [ "$(call upper.ping)" = 1.0.0 ] || fail "what is installed pays for a package: $(plugin list)"
grep -q 'a package of flood ended the server while it was tried out' "$dir/log" || fail "that is not told"
[ ! -e "$data/quarantine/flood" ] || fail "the note is still there"
house_stop

# -- a note counts by the generation that ran, not by the clock, which may have been put back --
number=$(sqlite3 "$data/muster.db" 'SELECT max(id) FROM muster_generation')
sqlite3 "$data/muster.db" \
  "UPDATE muster_generation SET at = at + 3600000, state = 'good' WHERE id = $number"
note() { # note PLUGIN GENERATION
  printf 'plugin=%s\ncommand=%s.ping\nreason=it crashed\nat=%s000\ngeneration=%s\n' "$1" "$1" "$(date +%s)" "$2" \
    >"$data/quarantine/$1"
}
note upper "$number"
note tally $((number - 1))
house_start
do_ plugin list
said 'upper.*off.*quarantine: it crashed in upper.ping'
[ "$(call tally.add n=0)" = 5 ] || fail "a note of an earlier generation counts"
do_ plugin enable upper --yes --no-wait
[ "$(call upper.ping)" = 1.0.0 ] || fail "not on again"
house_stop

# -- safe mode --
server_start "$dir/log" "$MUSTER" --data "$data" --port "$port" --plugins "$dir/bundled" --safe-mode || exit 1
fails call tally.version
fails call flood.version
do_ plugin list
said 'flood.*1.0.1.*off.*safe mode'
said 'tally.*off.*safe mode'
do_ plugin show flood
said 'safe mode'
refused plugin.safe_mode plugin purge flood --yes
do_ plugin disable flood --yes --no-wait
said 'this ends safe mode'
house_stop
house_start
do_ plugin list
said 'flood.*off.*disabled'
[ "$(call tally.add n=0)" = 5 ] || fail "after safe mode"
house_stop
