#!/bin/sh
# What was changed on the shelf does not come to run by a change of plugins: not with a change of another one, not by going
# back to it, not by turning it on again. Turning it off, and bringing its package again, go.
set -eu
. "$(dirname "$0")/../support/install.sh"
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
tamper() { sed -i "s/return \"$2\"/return \"EVIL\"/" "$data/plugins/$1/$2"-*/init.lua; }

house_new
house_start
for version in 1.0.0 1.1.0; do source_of alpha $version '{}'; pack alpha $version; done
source_of beta 1.0.0 '{}'
pack beta 1.0.0
do_ plugin install "$dir/pool/alpha-1.0.0.muster" "$dir/pool/beta-1.0.0.muster" --yes --no-wait

# -- with a change of another one --
tamper alpha 1.0.0
refused package.changed plugin disable beta --yes
refused package.changed plugin remove beta --yes
unchanged "a change of beta"
[ "$(call alpha.ping)" = 1.0.0 ] || fail "what was changed runs: $(call alpha.ping)"
do_ plugin disable alpha --yes --no-wait

# -- by turning it on, now and after a start that left it out --
refused package.changed plugin enable alpha --yes
unchanged "alpha off"
do_ plugin rollback --to 1 --yes --no-wait
do_ plugin install "$dir/pool/alpha-1.0.0.muster" --yes --no-wait
tamper alpha 1.0.0
house_stop
house_start
refused package.changed plugin enable alpha --yes
unchanged "left out"
do_ plugin install "$dir/pool/alpha-1.0.0.muster" --yes --no-wait
[ "$(call alpha.ping)" = 1.0.0 ] || fail "its package again does not mend it"

# -- by going back --
do_ plugin upgrade "$dir/pool/alpha-1.1.0.muster" --yes --no-wait
tamper alpha 1.0.0
refused package.changed plugin rollback --yes
refused package.changed plugin rollback alpha --yes
unchanged "the way back"
[ "$(call alpha.ping)" = 1.1.0 ] || fail "gone back to $(call alpha.ping)"

# -- a manifest that asks for more at another reading: off, until somebody has agreed --
source_of greedy 1.0.0 '{ "alpha" }'
cat >"$dir/src/greedy/manifest.lua" <<'LUA'
local first
for key in pairs({ aa = 1, bb = 1, cc = 1, dd = 1, ee = 1, ff = 1, gg = 1, hh = 1 }) do first = first or key end
local more = first > "dd" -- another one in each process
return { name = "greedy", version = "1.0.0", api = 1, summary = "t", requires = { "alpha" }, units = more,
  asks = more and { memory_mib = 128 } or nil }
LUA
pack greedy 1.0.0
cat >"$dir/modest.lua" <<'LUA'
local conn = muster.connect()
local plan = conn:call("plugin.stage", { kind = "install", package = muster.read_file(muster.args[1]) })
if #plan.changes[1].added > 0 then muster.exit(1) end
conn:call("plugin.activate", { stage = plan.stage })
LUA
tries=0
until "$MUSTER" play --data "$data" --port "$port" "$dir/modest.lua" -- "$dir/pool/greedy-1.0.0.muster" >"$dir/out" 2>&1; do
  tries=$((tries + 1))
  [ $tries -lt 60 ] || fail "it always asks for more: $(cat "$dir/out")"
  house_stop
  house_start
done
more() { plugin show greedy --json | grep -q '"asks":\["'; }
on() { plugin show greedy --json | grep -q '"state":"on"'; }
tries=0
while on; do
  more && fail "a start gave it what nobody agreed to: $(plugin show greedy)"
  tries=$((tries + 1))
  [ $tries -lt 60 ] || fail "it never asks for more"
  house_stop
  house_start
done
do_ plugin list
said 'greedy.*off.*changed: .*units memory_mib:128'
do_ plugin enable greedy --yes --no-wait
on || fail "agreed to, and off"
house_stop
