#!/bin/sh
# What lies between a plan and its "yes": a stage outlives the probation of the generation that runs, has one way to be taken, and none
# once something else has run or was staged; what was withdrawn is gone from the shelf.
set -eu
. "$(dirname "$0")/../support/install.sh"
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }

house_new
house_start
tally_source "$dir/src/tally" 1.0.0
source_of late 1.0.0 '{}'
source_of other 1.0.0 '{}'
for name in tally late other; do pack $name 1.0.0; done
play() { "$MUSTER" play --data "$data" --port "$port" "$@"; }
cat >"$dir/stage.lua" <<'LUA'
local conn = muster.connect()
print(conn:call("plugin.stage", { kind = "install", package = muster.read_file(muster.args[1]) }).stage)
LUA
cat >"$dir/activate.lua" <<'LUA'
local conn = muster.connect()
local done, err = conn:try("plugin.activate", { stage = tonumber(muster.args[1]) })
print(done and "runs" or err.rule)
LUA
staged() { play "$dir/stage.lua" -- "$dir/pool/$1-1.0.0.muster"; }
activated() { play "$dir/activate.lua" -- "$1"; }
on_shelf() { ls "$data/plugins/$1" 2>/dev/null || true; }

# -- it waits for its yes while the one that runs is proved, and its files with it --
do_ plugin install "$dir/pool/tally-1.0.0.muster" --yes --no-wait
late=$(staged late)
tries=0
until grep -q 'has proved itself' "$dir/log"; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "tally was not proved"
  sleep 0.05
done
sleep 0.2 # what the proof tidies, it tidies at once
[ -n "$(on_shelf late)" ] || fail "a waiting stage has lost its files"
[ "$(activated "$late")" = runs ] || fail "the stage was lost"
do_ plugin verify late
house_stop
house_start
[ "$(call late.ping)" = 1.0.0 ] || fail "it does not run after a start: $(plugin list)"

# -- what another was staged over, or another has overtaken, is not taken --
first=$(staged other)
second=$(staged other)
[ "$(activated "$first")" = generation.gone ] || fail "an older stage was taken"
do_ plugin disable tally --yes --no-wait
[ "$(activated "$second")" = generation.gone ] || fail "a stage for another set was taken"
[ "$(on_shelf other)" ] || fail "nothing is left to tidy"

# -- withdrawn --
third=$(staged other)
do_ call plugin.withdraw "stage=$third" >/dev/null
[ "$(activated "$third")" = generation.gone ] || fail "withdrawn, and taken"
[ -z "$(on_shelf other)" ] || fail "withdrawn, and on the shelf: $(on_shelf other)"
[ -n "$(on_shelf tally)" ] || fail "what is off has lost its files"

# -- more than there may be at once --
cat >"$dir/many.lua" <<'LUA'
local conn = muster.connect()
local sha256 = conn:call("plugin.upload", { package = muster.read_file(muster.args[1]) }).sha256
local all = {}
for i = 1, 50 do all[i] = sha256 end
local taken, err = conn:try("plugin.stage", { kind = "install", package = muster.read_file(muster.args[1]), uploaded = all })
print(taken and "taken" or err.rule)
LUA
many=$(play "$dir/many.lua" -- "$dir/pool/other-1.0.0.muster")
[ "$many" = plugin.too_many ] || fail "51 packages at once: $many"
house_stop

# -- as many readers as there may be, and still room for those that try a package out --
printf 'return { probation_s = 1, lanes = { readers = 64 } }\n' >"$data/config.lua"
house_start
do_ plugin install "$dir/pool/other-1.0.0.muster" --yes --no-wait
[ "$(call other.ping)" = 1.0.0 ] || fail "with 64 readers"
house_stop
