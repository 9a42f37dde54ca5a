#!/bin/sh
# A command that fails by a fault of its plugin leaves a capsule, which fails in the same way wherever it is played, and
# succeeds once the plugin is mended. Refusals leave none; a secret is in none; nobody else may read them.
set -eu
. "$(dirname "$0")/../support/install.sh"
fails() { if "$@" >"$dir/out" 2>&1; then fail "$* went through"; fi; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
replay() { # replay STATUS FILE [DIR]: with that exit status
  want=$1 status=0
  shift
  "$MUSTER" plugin replay "$@" >"$dir/out" 2>&1 || status=$?
  [ "$status" = "$want" ] || fail "replay $*: exit status $status, not $want: $(cat "$dir/out")"
}
made() { find "$data/capsules" -name '*.capsule' 2>/dev/null | wc -l; }
of() { find "$data/capsules" -name "*-$1-*.capsule" | sort | head -n 1; }

house_new
mkdir -p "$dir/bundled/dues/migrations" "$dir/bundled/rates"
cat >"$dir/bundled/rates/manifest.lua" <<'LUA'
return { name = "rates", version = "1.0.0", api = 1, summary = "Rates.", requires = {} }
LUA
cat >"$dir/bundled/rates/init.lua" <<'LUA'
return { commands = { ["rates.of"] = { mode = "read", args = { "name:text" }, returns = "int", summary = "Rate.",
  run = function(_, name)
    if name == "none" then local t; return t.rate end
    if name:find("fish") then error("no rate of " .. name) end
    return #name
  end } } }
LUA
cat >"$dir/bundled/dues/manifest.lua" <<'LUA'
return { name = "dues", version = "1.2.0", api = 1, summary = "Dues.", requires = { "rates" },
  asks = { commands = { "rates.*" } } }
LUA
echo 'CREATE TABLE dues_row (id INTEGER PRIMARY KEY, name TEXT NOT NULL, fen INTEGER) STRICT;' \
  >"$dir/bundled/dues/migrations/001_row.sql"
cat >"$dir/bundled/dues/init.lua" <<'LUA'
local c = {}
c["dues.add"] = { mode = "write", args = { "name:text", "fen:int?" }, returns = "int", summary = "Add.",
  run = function(call, name, fen)
    if fen and fen < 0 then call:fail("POLICY", "not %d", fen) end
    call.db:run("INSERT INTO dues_row(name, fen) VALUES(?, ?)", name, fen)
    local number = call:next("rows")
    local row = { sums = fen and { all = call.db:value("SELECT sum(fen) FROM dues_row") } }
    return number + row.sums.all
  end }
c["dues.sum"] = { mode = "read", args = {}, returns = "int", summary = "Sum.",
  run = function(call)
    local sum = 0
    for _, row in ipairs(call.db:rows("SELECT name, fen FROM dues_row ORDER BY id")) do
      sum = sum + row.fen * call:invoke("rates.of", { name = row.name })
    end
    return sum
  end }
c["dues.rate"] = { mode = "read", args = { "name:text" }, returns = "int", summary = "Rate.",
  run = function(call, name) return call:invoke("rates.of", { name = name }) end }
c["dues.open"] = { mode = "read", args = { "key!:text" }, returns = "nil", summary = "Open.",
  run = function(_, key) error("no door for " .. key) end }
c["dues.lock"] = { mode = "read", args = { "key!:text" }, returns = "nil", summary = "Lock.",
  run = function(_, key) local t = {}; return t.doors[key] end }
c["dues.pass"] = { mode = "read", args = { "key!:text" }, returns = "int", summary = "Hand a secret on.",
  run = function(call, key) return call:invoke("rates.of", { name = key }) end }
c["dues.chain"] = { mode = "read", args = {}, returns = "nil", summary = "Make a secret.",
  run = function(call)
    local one = call.db:value("SELECT 1")
    pcall(call.invoke, call, "dues.lock", { key = "swordfish" .. 77 + one })
    return one.x.y
  end }
return { commands = c }
LUA
cp -r "$dir/bundled/dues" "$dir/mended"
sed -i 's/row.sums.all/(row.sums and row.sums.all or 0)/' "$dir/mended/init.lua"
mv "$dir/mended" "$dir/dues"
house_start

# -- a write --
[ "$(call dues.add Ann 3)" = 4 ] || fail "dues.add does not work"
fails call dues.add Bob fen=-1
said 'POLICY'
fails call dues.add
fails call dues.nothing
[ "$(made)" = 0 ] || fail "a refusal left a capsule"
fails call dues.add Bob
said 'INTERNAL.*dues.*init.lua:8'
[ "$(made)" = 1 ] || fail "no capsule: $(ls "$data/capsules")"
fails call --dry-run dues.add Bob
said 'INTERNAL 插件 dues，init.lua:8: attempt to index'
file=$(of dues.add)
[ "$(stat -c %a "$file")" = 600 ] && [ "$(stat -c %a "$data/capsules")" = 700 ] || fail "others may read it"
[ "$(call dues.add Eve 2)" = 7 ] || fail "the second run of what failed has left something"

"$MUSTER" plugin capsules --data "$data" >"$dir/out"
said 'dues.add  dues 1.2.0'
said "$file"
"$MUSTER" plugin capsules --data "$data" --json >"$dir/out"
said '"command":"dues.add","plugin":"dues","version":"1.2.0"'
"$MUSTER" plugin replay "$file" --print >"$dir/out"
said '"name":"Bob"'
said '? \["exec","INSERT INTO dues_row'
said '? \["next","rows"\]'
said 'stack traceback'

replay 1 "$file"
said 'fails in the same way: INTERNAL.*init.lua:8'
said 'stack traceback'
replay 0 "$file" "$dir/dues"
said 'succeeds: 2'
sed 's/"rows"/"lines"/' "$dir/dues/init.lua" >"$dir/init" && cp "$dir/init" "$dir/dues/init.lua"
replay 4 "$file" "$dir/dues"
said 'asks what the capsule does not know, after 1 of its 2 questions: \["next","lines"\]'
printf '%s' 'return { commands = {} }' >"$dir/dues/init.lua"
replay 4 "$file" "$dir/dues"
said 'fails in another way'
replay 2 "$dir/dues/init.lua"
replay 2 "$file" "$dir/nowhere"

# -- a read with rows, and calls of others: the fault is the innermost's --
call dues.add none 5 >/dev/null
before=$(made) # the same fault makes another one after a minute
fails call dues.sum
[ "$(made)" = $((before + 1)) ] || fail "not one capsule, of the plugin that failed: $(ls "$data/capsules")"
file=$(of rates.of)
[ -n "$file" ] || fail "it is another: $(ls "$data/capsules") $(cat "$dir/out")"
"$MUSTER" plugin replay "$file" --print >"$dir/out"
said '"name":"none"'
replay 1 "$file"

# -- secrets --
for command in dues.open dues.lock; do
  fails call $command key=swordfish77
  said INTERNAL
  [ -n "$(of $command)" ] || fail "no capsule of $command"
  replay 2 "$(of $command)"
  said 'it takes a secret'
done
count=$(made)
fails call dues.pass key=swordfish77
said INTERNAL
[ "$(made)" = "$count" ] || fail "a capsule of what a secret was handed to: $(ls "$data/capsules")"
fails call dues.chain
"$MUSTER" plugin replay "$(of dues.chain)" --print >"$dir/out"
said 'short of *it goes on with a command that takes a secret'
said '"SELECT 1"'
if grep -r swordfish "$data/capsules"; then fail "a secret was kept"; fi
"$MUSTER" plugin replay "$(of dues.lock)" --print >"$dir/out"
said "attempt to index a nil value (field 'doors')"

# -- code in C, and what it does for others; a process of its own --
house_stop
mkdir -p "$dir/bundled/cee" "$dir/bundled/near" "$dir/bundled/far"
cat >"$dir/bundled/cee/manifest.lua" <<'LUA'
return { name = "cee", version = "1.0.0", api = 1, summary = "In C.", requires = {}, native = true }
LUA
cat >"$dir/bundled/cee/cee.c" <<'C'
#include <muster.h>

static int twice(const struct muster_host *host, struct muster_call *call, const struct muster_value *args)
{
    host->reply_int(call, 2 * args[0].i);
    return MUSTER_OK;
}

/* It says that it failed, and not why. */
static int bug(const struct muster_host *host, struct muster_call *call, const struct muster_value *args)
{
    int64_t number;
    (void)args;
    return host->next(call, "cee", &number) == MUSTER_OK ? MUSTER_FAILED : MUSTER_OK;
}

static int sql(const struct muster_host *host, struct muster_call *call, const struct muster_value *args)
{
    struct muster_rows *rows;
    (void)args;
    host->query(call, "SELECT absent", NULL, 0, &rows);
    return MUSTER_OK;
}

static const struct muster_command commands[] = {
    {.name = "cee.sql", .mode = MUSTER_READ, .args = "", .returns = "int", .summary_en = "A wrong statement.", .run = sql},
    {.name = "cee.twice",
     .mode = MUSTER_READ, .flags = MUSTER_PURE, .args = "n:int", .returns = "int", .summary_en = "Twice.", .run = twice},
    {.name = "cee.bug", .mode = MUSTER_WRITE, .args = "", .returns = "int", .summary_en = "A bug.", .run = bug},
};

MUSTER_PLUGIN("cee", "1.0.0", commands);
C
"$MUSTER" plugin build "$dir/bundled/cee" >"$dir/out" 2>&1 || fail "$(cat "$dir/out")"
for name in near far; do
  isolate=""
  [ $name = near ] || isolate=', isolate = "process"'
  echo "return { name = \"$name\", version = \"1.0.0\", api = 1, summary = \"L.\", requires = { \"cee\" }$isolate }" \
    >"$dir/bundled/$name/manifest.lua"
  cat >"$dir/bundled/$name/init.lua" <<LUA
local cee = require "cee"
return { commands = { ["$name.bug"] = { mode = "write", args = { "n:int" }, returns = "int", summary = "Bug.",
  run = function(call, n)
    local t = { [84] = {} }
    return t[cee.twice(n)].x.y + call:next("n")
  end } } }
LUA
done
house_start
fails call cee.sql
said 'INTERNAL sql.error: 插件 cee 的命令 cee.sql：SQL：no such column: absent，语句：SELECT absent'
fails call cee.sql lang=en
said 'INTERNAL sql.error: plugin cee, command cee.sql: SQL: no such column: absent, in the statement: SELECT absent'
replay 1 "$(of cee.sql)"
fails call cee.bug
said '插件 cee 的命令 cee.bug：它失败了，却没有说明原因'
for command in cee.bug 'near.bug 42' 'far.bug 42'; do
  fails call $command
  said INTERNAL
  file=$(of "${command%% *}")
  [ -n "$file" ] || fail "no capsule of $command"
  replay 1 "$file"
  "$MUSTER" plugin replay "$file" --print >"$dir/out"
  grep -q '"next","cee"\|"invoke","cee.twice","1","42"' "$dir/out" || fail "it heard nothing: $(cat "$dir/out")"
  case $command in cee*) ;; *) said 'stack traceback' ;; esac
done
sed 's/.x.y + call:next("n")/ and n/' "$dir/bundled/far/init.lua" >"$dir/init"
mkdir "$dir/far" && cp "$dir/init" "$dir/far/init.lua" && cp "$dir/bundled/far/manifest.lua" "$dir/far"
replay 0 "$(of far.bug)" "$dir/far"
said 'succeeds: 42'
house_stop
