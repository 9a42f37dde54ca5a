#!/bin/sh
# Plugins in C are upgraded while they run: a read that is inside the old code ends there and is run again by the new one; then
# the old shared object is unmapped. The server's map of memory shows it. Only a key of native_keys brings code into it.
set -eu
. "$(dirname "$0")/../support/install.sh"
api=$(cd "$(dirname "$0")/../../api" && pwd)
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
maps() { grep -c "/plugins/still/$1-" "/proc/$server/maps" || true; }

make_still() { # make_still VERSION
  mkdir -p "$dir/src/still"
  cat >"$dir/src/still/manifest.lua" <<LUA
return { name = "still", version = "$1", api = 1, summary = "Waits in C.", requires = {}, native = true }
LUA
  cat >"$dir/still.c" <<'C'
#include <muster.h>
#include <string.h>
#include <time.h>

static int wait_and_say(const struct muster_host *host, struct muster_call *call, const struct muster_value *args)
{
    const struct timespec time = {args[0].i / 1000, args[0].i % 1000 * 1000000};
    nanosleep(&time, NULL);
    host->reply_text(call, (struct muster_text){VERSION, strlen(VERSION)});
    return MUSTER_OK;
}

static const struct muster_command commands[] = {
    {.name = "still.say", .mode = MUSTER_READ, .args = "ms:int(0..2000)", .returns = "text", .summary_en = "Wait, then say the version.", .run = wait_and_say},
};

MUSTER_PLUGIN("still", VERSION, commands);
C
  "${CC:-cc}" -std=gnu17 -O1 -fPIC -shared -I "$api" -DVERSION="\"$1\"" "$dir/still.c" -o "$dir/src/still/still.so"
  pack still "$1"
}
unmapped() { # unmapped VERSION
  tries=0
  until [ "$(maps "$1")" = 0 ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "$1 stays mapped: $(grep still "/proc/$server/maps")"
    sleep 0.05
  done
}

house_new
printf 'return { probation_s = 1, native_keys = { "house" }, lanes = { readers = 2 } }\n' >"$data/config.lua"
house_start
for version in 1.0.0 2.0.0; do make_still $version; done
do_ plugin install "$dir/pool/still-1.0.0.muster" --yes
said 'NATIVE code inside the server, fully trusted'
said 'NEW: native'
[ "$(call still.say 0)" = 1.0.0 ] && [ "$(maps 1.0.0)" -gt 0 ] || fail "1.0.0 does not run inside the server"

# -- upgraded while a call is inside --
call still.say 1200 >"$dir/slow" 2>&1 &
slow=$!
sleep 0.3
do_ plugin upgrade "$dir/pool/still-2.0.0.muster" --yes --no-wait
[ "$(call still.say 0)" = 2.0.0 ] || fail "the new version does not answer beside the old call"
kill -0 "$slow" 2>/dev/null && [ "$(maps 1.0.0)" -gt 0 ] || fail "nothing was inside the old code: $(cat "$dir/slow")"
wait "$slow" || fail "the call in the old code was lost: $(cat "$dir/slow")"
[ "$(cat "$dir/slow")" = 2.0.0 ] || fail "a read that the upgrade overtook says $(cat "$dir/slow")"
unmapped 1.0.0
[ "$(maps 2.0.0)" -gt 0 ] || fail "2.0.0 is not mapped"

# -- back, many times: nothing piles up --
i=0
while [ $i -lt 5 ]; do
  do_ plugin rollback still --yes --no-wait
  [ "$(call still.say 0)" = 1.0.0 ] || fail "not back"
  do_ plugin upgrade "$dir/pool/still-2.0.0.muster" --yes --no-wait
  [ "$(call still.say 0)" = 2.0.0 ] || fail "not up again"
  i=$((i + 1))
done
unmapped 1.0.0
do_ plugin remove still --yes
unmapped 2.0.0

# -- without the key in native_keys: in a process of its own, and not mapped here --
house_stop
printf 'return { probation_s = 1, lanes = { readers = 1 } }\n' >"$data/config.lua"
house_start
do_ plugin install "$dir/pool/still-2.0.0.muster" --yes
said 'native code in a process of its own'
[ "$(call still.say 0)" = 2.0.0 ] && [ "$(maps 2.0.0)" = 0 ] || fail "foreign code inside the server"
house_stop
