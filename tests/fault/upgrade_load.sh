#!/bin/sh
# Upgrades and rollbacks of a plugin with a migration, and of one in C, under a load of 50 clients that write and read all the time: no
# connection is dropped, no request is lost or answered by a mixture of two versions. Prints the latencies around the switches beside
# those in between. UPGRADE_ROUNDS: how many times up and down again (5).
set -eu
cd "$(dirname "$0")/../.."
rounds=${UPGRADE_ROUNDS:-5}
load=$MUSTER_BUILD/bench_load
. tests/support/server.sh
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-upgrade-XXXXXX")
server="" loads=""
clean() {
  for pid in $loads $server; do kill "$pid" 2>/dev/null || true; done
  for pid in $loads $server; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 143' INT TERM
fail() { echo "$*" >&2; tail -n 40 "$dir/log" >&2; exit 1; }
plugin() { "$MUSTER" plugin "$@" >"$dir/out" 2>&1 || { cat "$dir/out" >&2; fail "muster plugin $* failed"; }; }

"$MUSTER" init --data "$dir/data" >/dev/null
echo 'return { native_keys = { "release" }, probation_s = 1 }' >"$dir/data/config.lua"
(cd "$dir" && "$MUSTER" plugin keys new release >/dev/null)
plugin keys trust "$dir/release.pem" --data "$dir/data"
# source VERSION WORD COLUMN: both plugins as this version has them; the first has only the first migration.
source() {
  mkdir "$dir/$1"
  cp -r tests/fixtures/roll/roll tests/fixtures/roll/rollc "$dir/$1"
  sed -i "s/VERSION/$1/g; s/WORD/$2/g; s/COLUMN/$3/g" "$dir/$1"/*/*.lua
  [ "$1" != 1.0.0 ] || rm "$dir/$1"/*/migrations/002_*
  "${CC:-cc}" -std=c17 -O2 -fPIC -shared -I api -DVERSION="\"$1\"" "$dir/$1/rollc/rollc.c" -o "$dir/$1/rollc/rollc.so"
  rm "$dir/$1/rollc/rollc.c" # VERSION is for this command, not for pack's
  for name in roll rollc; do plugin pack "$dir/$1/$name" --out "$dir/$name-$1.muster" --key "$dir/release.key"; done
}
source 1.0.0 one note
source 2.0.0 two remark

server_start "$dir/log" "$MUSTER" --data "$dir/data" --port 0 || exit 1
MUSTER_DATA=$dir/data MUSTER_PORT=$port
export MUSTER_DATA MUSTER_PORT
plugin install "$dir/roll-1.0.0.muster" --yes
plugin install "$dir/rollc-1.0.0.muster" --yes
"$MUSTER" call roll.put first >/dev/null

begin() { # begin NAME CONNECTIONS ALLOWED-1 ALLOWED-2 WORD…
  name=$1 connections=$2 one=$3 two=$4
  shift 4
  "$load" -p "$port" -c "$connections" -P 1 -s 600 -w 0 -C "$dir/data/ca.pem" -E "$dir/data/admin.pem" -K "$dir/data/admin.key" -a "$one" -a "$two" \
    -t "$dir/$name.times" "$@" >"$dir/$name.out" 2>&1 &
  loads="$loads $!"
}
begin put 20 "one one note" "two two remark" roll.put "{value:20}"
begin get 10 "one one note" "two two remark" roll.get
one="1.0.0 1.0.0 1.0.0" two="2.0.0 2.0.0 2.0.0"
begin say 10 "$one" "$two" rollc.say
begin write 10 "$one $one" "$two $two" rollc.write
sleep 2

round=0
while [ "$round" -lt "$rounds" ]; do
  round=$((round + 1))
  for name in roll rollc; do
    plugin upgrade "$dir/$name-2.0.0.muster" --yes --no-wait
    date +%s%3N >>"$dir/switches"
    sleep 0.2
    plugin rollback "$name" --yes --no-wait
    date +%s%3N >>"$dir/switches"
    sleep 0.2
  done
done
sleep 1
for pid in $loads; do
  kill -TERM "$pid" 2>/dev/null || { cat "$dir"/*.out >&2; fail "a client ended before its time"; }
done
for pid in $loads; do
  wait "$pid" || { cat "$dir"/*.out >&2; fail "a client did not get what it should"; }
done
loads=""
for name in put get say write; do
  grep -q '"errors": 0,' "$dir/$name.out" || { cat "$dir/$name.out" >&2; fail "$name: errors"; }
done

# Every acknowledged row is there; clients got their last replies while they drained.
acknowledged=$(wc -l <"$dir/put.times")
stored=$("$MUSTER" call --json roll.count)
[ "$stored" -gt "$acknowledged" ] || fail "$acknowledged writes were acknowledged, but only $stored rows are there"
[ "$stored" -le "$((acknowledged + 1 + 20))" ] || fail "$stored rows are there, but only $acknowledged writes were acknowledged"
"$MUSTER" call audit.verify >/dev/null || fail "the audit chain is broken"
lua5.4 tests/fault/upgrade_load.lua "$dir/switches" "$dir"/put.times "$dir"/get.times "$dir"/say.times "$dir"/write.times
