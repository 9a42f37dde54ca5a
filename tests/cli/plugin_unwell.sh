#!/bin/sh
# A plugin that is unwell is in nobody's way: others are changed as ever, in safe mode too, and the way back, off or away is open to
# it and to those beside it. What would come to run must be well.
set -eu
. "$(dirname "$0")/../support/install.sh"
export LC_ALL=C
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }

# sick_of NAME VERSION: well as long as NAME.add was not called; DIR/pool/NAME-VERSION.muster.
sick_of() {
  source_of "$1" "$2" '{}'
  sed -i "s/requires =/health = \"$1.health\", requires =/" "$dir/src/$1/manifest.lua"
  mkdir -p "$dir/src/$1/migrations"
  printf 'CREATE TABLE %s_row(id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;\n' "$1" >"$dir/src/$1/migrations/001_row.sql"
  cat >"$dir/src/$1/init.lua" <<LUA
return { commands = {
  ["$1.health"] = { mode = "read", args = {}, returns = "bool", summary = "Well?",
    run = function(call) return call.db:value("SELECT count(*) FROM $1_row") == 0 end },
  ["$1.ping"] = { mode = "read", args = {}, returns = "text", summary = "Which?", run = function() return "$2" end },
  ["$1.add"] = { mode = "write", args = { "n:int" }, returns = "int", summary = "Makes it unwell.",
    run = function(call, n) call.db:run("INSERT INTO $1_row(n) VALUES(?)", n) return n end },
} }
LUA
  pack "$1" "$2"
}

house_new
house_start
source_of alpha 1.0.0 '{}'
pack alpha 1.0.0
do_ plugin install "$dir/pool/alpha-1.0.0.muster" --yes
for name in sick ill; do
  sick_of $name 1.0.0
  do_ plugin install "$dir/pool/$name-1.0.0.muster" --yes
  do_ call $name.add 1
done

# -- beside it --
do_ plugin disable alpha --yes --no-wait
do_ plugin enable alpha --yes --no-wait
source_of alpha 1.1.0 '{}'
pack alpha 1.1.0
do_ plugin upgrade "$dir/pool/alpha-1.1.0.muster" --yes
do_ plugin rollback --yes
[ "$(call alpha.ping)" = 1.0.0 ] || fail "alpha is not back"

# -- itself: what would come to run must be well, what goes or goes back need not --
sick_of sick 1.1.0
refused plugin.unwell plugin upgrade "$dir/pool/sick-1.1.0.muster" --yes
unchanged "an unwell version"
do_ plugin disable sick --yes
refused plugin.unwell plugin enable sick --yes
unchanged "an unwell one"
if plugin rollback --yes >"$dir/out" 2>&1; then fail "its probation did not notice"; fi
said 'warning: .*sick is unwell'
said 'was given up'
plugin list >"$dir/out"
said 'sick.*off.*disabled'

# -- the way back by itself is not shut by another one --
source_of alpha 1.2.0 '{}'
sed -i 's/requires =/health = "alpha.health", requires =/' "$dir/src/alpha/manifest.lua"
cat >"$dir/src/alpha/init.lua" <<'LUA'
return { commands = {
  ["alpha.health"] = { mode = "read", args = {}, returns = "bool", summary = "Well?",
    run = function(call) return call.db:value("SELECT count(*) FROM alpha_row") == 0 end },
  ["alpha.add"] = { mode = "write", args = {}, returns = "int", summary = "Makes it unwell.",
    run = function(call) call.db:run("INSERT INTO alpha_row(n) VALUES(1)") return 1 end },
  ["alpha.ping"] = { mode = "read", args = {}, returns = "text", summary = "Ping.", run = function() return "1.2.0" end },
} }
LUA
mkdir "$dir/src/alpha/migrations"
printf 'CREATE TABLE alpha_row(id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;\n' >"$dir/src/alpha/migrations/001_row.sql"
pack alpha 1.2.0
do_ plugin upgrade "$dir/pool/alpha-1.2.0.muster" --yes --no-wait
do_ call alpha.add
tries=0
until [ "$(call alpha.ping)" = 1.0.0 ]; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "it did not go back by itself"
  sleep 0.1
done
call plugin.generations limit=2 >"$dir/out"
said 'failed.*unwell'
house_stop

# -- no way back: that is written down, and whoever waits is told --
sed -i 's/probation_s = 1/probation_s = 60/' "$data/config.lua"
house_start
tally_source "$dir/src/tally" 1.0.0
pack tally 1.0.0
do_ plugin install "$dir/pool/tally-1.0.0.muster" --yes --no-wait
tally_source "$dir/src/tally" 1.1.0
rebuilt() { # rebuilt TYPE: tally_row anew, with this type of n
  echo "CREATE TABLE tally_new(id INTEGER PRIMARY KEY, n $1) STRICT;"
  echo 'INSERT INTO tally_new SELECT id, n FROM tally_row;'
  echo 'DROP TABLE tally_row;'
  echo 'ALTER TABLE tally_new RENAME TO tally_row;'
}
rebuilt INTEGER >"$dir/src/tally/migrations/002_free.sql"
rebuilt 'INTEGER NOT NULL' >"$dir/src/tally/migrations/002_free.down.sql"
well='call.db:value("SELECT count(*) FROM tally_row WHERE n IS NULL") == 0'
sed -i "s/run = function() return true end/run = function(call) return $well end/; s/\"n:int\"/\"n:int?\"/" "$dir/src/tally/init.lua"
pack tally 1.1.0
plugin upgrade "$dir/pool/tally-1.1.0.muster" --yes >"$dir/waits" 2>&1 &
waits=$!
tries=0
until grep -q '^generation [0-9]* runs' "$dir/waits"; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "no upgrade: $(cat "$dir/waits")"
  sleep 0.05
done
do_ call tally.add
status=0
wait $waits || status=$?
[ $status = 4 ] || fail "whoever waits ends with $status: $(cat "$dir/waits")"
grep -q 'plugin.no_way_back.*muster plugin disable.*tally is unwell' "$dir/waits" || fail "that is not told: $(cat "$dir/waits")"
do_ plugin generations
said 'runs *probation.*tally is unwell.*no way back'
do_ plugin disable tally --yes --no-wait
house_stop

# -- a start that finds something new does not end the watch --
sqlite3 "$data/muster.db" 'DELETE FROM alpha_row'
house_start
do_ plugin upgrade "$dir/pool/alpha-1.2.0.muster" --yes --no-wait
house_stop
sqlite3 "$data/muster.db" 'INSERT INTO alpha_row(n) VALUES(1)'
echo 'return { probation_s = 60, lanes = { readers = 1 }, disabled = { "ill" } }' >"$data/config.lua"
house_start
tries=0
until [ "$(call alpha.ping)" = 1.0.0 ]; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "it did not go back by itself: $(plugin generations)"
  sleep 0.1
done
do_ plugin list
said 'ill.*off.*disabled by the configuration'
house_stop

# -- in safe mode --
house_start --safe-mode
do_ plugin disable alpha --yes --no-wait
house_stop
