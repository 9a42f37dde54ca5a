#!/bin/sh
# The life of a plugin over TLS: installed, upgraded, rolled back, by itself too, disabled, removed, purged; then without a
# server. What is changed on the disk is noticed, and does not run.
set -eu
. "$(dirname "$0")/../support/install.sh"

house_new
source_of both 1.0.0 '{}'
cp -r "$dir/src/both" "$dir/bundled"
house_start
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
fails() { if "$@" >"$dir/out" 2>&1; then fail "$* went through"; fi; }

tally_source "$dir/src/tally" 1.0.0
pack tally 1.0.0
do_ plugin install "$dir/pool/tally-1.0.0.muster" --yes
said 'tally 1.0.0, signed by house, Lua in a sandbox'
said 'is good'
[ "$(call tally.version)" = 1.0.0 ] || fail "it does not answer"
call tally.add n=7 >/dev/null
grep -q '^tally 1.0.0 [0-9a-f]* house$' "$data/plugins.lock" || fail "plugins.lock: $(cat "$data/plugins.lock")"

# -- up, and back by hand --
tally_source "$dir/src/tally" 1.1.0
echo 'ALTER TABLE tally_row ADD COLUMN note TEXT;' >"$dir/src/tally/migrations/002_note.sql"
echo 'ALTER TABLE tally_row DROP COLUMN note;' >"$dir/src/tally/migrations/002_note.down.sql"
pack tally 1.1.0
do_ plugin upgrade "$dir/pool/tally-1.1.0.muster" --yes --no-wait
said 'tally 1.0.0 → 1.1.0'
said 'migration tally 002_note: apply (a rollback undoes it)'
said 'on a copy they took [0-9]* ms'
do_ call tally.columns
do_ plugin rollback --yes --no-wait
[ "$(call tally.version)" = 1.0.0 ] || fail "rolled back to $(call tally.version)"
fails call tally.columns
do_ plugin rollback tally --to 3 --yes --no-wait
[ "$(call tally.version)" = 1.1.0 ] || fail "not as in generation 3"
do_ plugin rollback tally --to 2 --yes --no-wait
[ "$(call tally.version)" = 1.0.0 ] || fail "not as in generation 2"
fails plugin rollback tally --to 99 --yes
said generation.absent

# -- up, and back by itself: it is well in the dry run, and unwell with what is written then --
tally_source "$dir/src/tally" 1.2.0
query='SELECT count(*) = 0 FROM tally_row WHERE n = 99'
sed -i "s/run = function() return true end/run = function(call) return call.db:value(\"$query\") == 1 end/" "$dir/src/tally/init.lua"
pack tally 1.2.0
do_ plugin upgrade "$dir/pool/tally-1.2.0.muster" --yes --no-wait
call tally.add n=99 >/dev/null
tries=0
until [ "$(call tally.version)" = 1.0.0 ]; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || fail "it did not go back by itself"
  sleep 0.1
done
call plugin.generations limit=3 >"$dir/out"
said 'failed.*unwell'
[ "$(call tally.add n=0)" = 106 ] || fail "rows were lost on the way: $(call tally.add n=0)"

# -- the end --
do_ plugin disable tally --yes --no-wait
fails call tally.version
plugin list >"$dir/out"
said 'tally.*off.*disabled'
do_ plugin enable tally --yes --no-wait
[ "$(call tally.version)" = 1.0.0 ] || fail "not enabled"
do_ plugin remove tally --yes --no-wait
do_ plugin install "$dir/pool/tally-1.0.0.muster" --yes --no-wait
[ "$(call tally.add n=0)" = 106 ] || fail "remove took the rows"
do_ plugin remove tally --yes --no-wait
if plugin purge tally </dev/null >"$dir/out" 2>&1; then fail "purged, and nobody said so"; fi
said plugin.unconfirmed
do_ plugin purge tally --yes
said 'tally_row *[1-9]'
said 'tables: 1'
do_ plugin install "$dir/pool/tally-1.0.0.muster" --yes --no-wait
[ "$(call tally.add n=0)" = 0 ] || fail "purge left the rows"

# -- purge is asked for in either language, takes the numbers of the series along, and asks nothing when there is nothing --
source_of bill 1.0.0 '{}'
mkdir "$dir/src/bill/migrations"
printf 'CREATE TABLE bill_row(n INTEGER NOT NULL) STRICT;\n' >"$dir/src/bill/migrations/001_row.sql"
cat >"$dir/src/bill/init.lua" <<'LUA'
return { commands = { ["bill.next"] = { mode = "write", args = {}, returns = "int", summary = "Next.",
  run = function(call) return call:next("bill") end } } }
LUA
pack bill 1.0.0
do_ plugin install "$dir/pool/bill-1.0.0.muster" --yes --no-wait
[ "$(call bill.next)" = 1 ] && [ "$(call bill.next)" = 2 ] || fail "the series"
do_ plugin remove bill --yes --no-wait
for no in no 不 yet; do
  if echo $no | plugin purge bill >"$dir/out" 2>&1; then fail "purged with $no"; fi
done
echo 是 | plugin purge bill >"$dir/out" 2>&1 || fail "是 is no yes: $(cat "$dir/out")"
if plugin purge bill </dev/null >"$dir/out" 2>&1; then fail "purged twice"; fi
said plugin.no_tables
if grep -q 'drop them' "$dir/out"; then fail "asked about nothing: $(cat "$dir/out")"; fi
do_ plugin install "$dir/pool/bill-1.0.0.muster" --yes --no-wait
[ "$(call bill.next)" = 1 ] || fail "purge left the series"

# -- a package hides what came with the program under its name, until it is removed --
source_of both 1.1.0 '{}'
pack both 1.1.0
[ "$(call both.ping)" = 1.0.0 ] || fail "what came with the program"
do_ plugin upgrade "$dir/pool/both-1.1.0.muster" --yes --no-wait
[ "$(call both.ping)" = 1.1.0 ] || fail "the package does not hide it"
do_ plugin remove both --yes --no-wait
said 'came with the program, will run in place of 1.1.0'
[ "$(call both.ping)" = 1.0.0 ] || fail "it is not back"
fails plugin remove both --yes
said plugin.bundled
do_ plugin rollback --yes --no-wait
[ "$(call both.ping)" = 1.1.0 ] || fail "the package is not back"

# -- a file changed on the disk: verify says so, and the next start leaves it out, and what requires it --
source_of upper 1.0.0 '{ base = ">=1 <2" }'
source_of base 1.0.0 '{}'
pack upper 1.0.0
pack base 1.0.0
do_ plugin install "$dir/pool/base-1.0.0.muster" "$dir/pool/upper-1.0.0.muster" --yes --no-wait
do_ plugin verify
if grep -q 'since it was installed\|自安装' "$dir/out"; then fail "verify: $(cat "$dir/out")"; fi
echo '-- more' >>"$(echo "$data"/plugins/base/*)/init.lua"
fails plugin verify base
said 'init.lua'
house_stop
house_start
plugin list >"$dir/out"
said 'base.*off.*changed: .*init.lua'
said 'upper.*off.*requires base'
do_ plugin install "$dir/pool/base-1.0.0.muster" --yes --no-wait
[ "$(call both.ping)" = 1.1.0 ] || fail "after a start it does not hide what came with the program"
[ "$(call upper.ping)" = 1.0.0 ] || fail "installing it again does not mend it"
house_stop

# -- without a server: the same on the folder itself --
port=1
plugin() { "$MUSTER" plugin "$@" --data "$data" --port "$port" --plugins "$dir/bundled"; }
do_ plugin list
said 'base.*1.0.0.*on'
do_ plugin remove upper --yes
do_ plugin upgrade "$dir/pool/tally-1.1.0.muster" --yes
said 'no server runs here'
house_start
[ "$(call tally.version)" = 1.1.0 ] || fail "what was upgraded without a server does not run"
fails call upper.ping
house_stop
