#!/bin/sh
# What authors begin with: `plugin new` makes plugins whose tests pass, `plugin test` notices what is wrong with one that runs,
# and `plugin check` what is wrong with one that does not have to. Every bundled plugin passes both.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
root=$PWD
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-tools-XXXXXX")
trap 'rm -rf "$dir"' EXIT
fail() { echo "plugin_tools: $*" >&2; cat "$dir/out" >&2; exit 1; }
ends() { # ends STATUS COMMAND…
  wanted=$1; shift; got=0
  "$@" >"$dir/out" 2>&1 || got=$?
  [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: $*"
}
says() { grep -qF -- "$1" "$dir/out" || fail "it does not say \"$1\""; }
silent() { if grep -qF -- "$1" "$dir/out"; then fail "it says \"$1\""; fi; }
code_lines() { grep -cvE '^[[:space:]]*(--.*)?$' "$1"; }
cd "$dir"

# -- the bundled plugins --
for plugin in "$root"/plugins/*/; do
  ends 0 "$MUSTER" plugin test "$plugin"
  ends 0 "$MUSTER" plugin check "$plugin"
  says ": 0 errors"
done

# -- new: both languages, small, and at once without a fault --
ends 0 "$MUSTER" plugin new greeter --lua
ends 0 "$MUSTER" plugin test greeter
says "ok greeter/tests/greet.session (3 checks)"
says "ok greeter/tests/words_spec.lua (1 checks)"
says "ok greeter/manifest.lua (1 checks)"
silent "no transcript calls"
ends 0 "$MUSTER" plugin check greeter
says "greeter: 0 errors, 0 warnings"
[ "$(code_lines greeter/init.lua)" -lt 20 ] || fail "init.lua is long"
ends 0 "$MUSTER" plugin new native --c
[ "$(code_lines native/native.c)" -lt 40 ] || fail "native.c is long"
ends 0 "$MUSTER" plugin test native
says "ok native/tests/greet.session (3 checks)"
ends 0 "$MUSTER" plugin check native
says "native: 0 errors, 0 warnings"
mkdir elsewhere share
ends 0 "$MUSTER" plugin new other --lua --dir elsewhere
[ -f elsewhere/other/manifest.lua ] || fail "--dir"
cp -r "$root/api" "$root/plugins" share/ # as installed: everything is found there
ends 0 env MUSTER_SHARE="$dir/share" "$MUSTER" plugin new installed --c
ends 0 env MUSTER_SHARE="$dir/share" "$MUSTER" plugin test installed
ends 0 env MUSTER_SHARE="$dir/share" "$MUSTER" plugin check installed
ends 1 "$MUSTER" plugin new greeter --lua
says "is there already; nothing was written"
for wrong in "Greeter --lua" "muster --lua" "a b --lua" "fine" "fine --lua --c" "fine --java" "fine --lua --dir nowhere" ""; do
  ends 2 "$MUSTER" plugin new $wrong
done
for subcommand in new test check; do
  ends 0 "$MUSTER" plugin "$subcommand" --help
  says "Usage: muster plugin $subcommand"
done
ends 2 "$MUSTER" plugin test elsewhere
says "there is no manifest.lua"
ends 2 "$MUSTER" plugin check nowhere

# -- test: what fails is shown where it stands --
fresh() { rm -rf greeter; ends 0 "$MUSTER" plugin new greeter --lua; }
session() { printf '%b' "$1" >greeter/tests/greet.session; }
session 'A> greeter.greet Li\nA< {"id": 2, ...}\n'
ends 1 "$MUSTER" plugin test greeter
says "greeter/tests/greet.session:2: reply.id is 1, not 2"
says "  expected  {\"id\": 2, ...}"
says "  got       {\"greeting\":\"Hello, Li!\",\"id\":1}"
says "3 files, 1 failed"
ends 0 "$MUSTER" plugin test greeter words
says "1 files, 0 failed"
ends 1 "$MUSTER" plugin test greeter no_such_test
session 'A> greeter.nope\nA< *\n'
ends 1 "$MUSTER" plugin test greeter
says "greeter/tests/greet.session:2: refused"
session 'A< *\n'
ends 1 "$MUSTER" plugin test greeter
says "greeter/tests/greet.session:1: nothing was sent on this connection"
session 'A> greeter.nope\nA< -*\n'
ends 0 "$MUSTER" plugin test greeter
says "no transcript calls: greeter.greet"
for line in 'A! RAW "PING"' 'A<eof'; do
  session "$line\n"
  ends 1 "$MUSTER" plugin test greeter
  says "greeter/tests/greet.session:1: "
  says "this needs a server"
  silent traceback
done
fresh
sed -i 's/"Hello, World!"/"Bye"/' greeter/tests/words_spec.lua
ends 1 "$MUSTER" plugin test greeter
says 'words_spec.lua:6: a greeting names the guest'
says '  expected  "Bye"'
printf 'local text = os.date()\n' >greeter/tests/words_spec.lua
ends 1 "$MUSTER" plugin test greeter
says "undefined name 'os'"

# What came can be written into the transcript, which then says so.
fresh
session '# Kept.\nA> greeter.greet Li\nA<\nA> greeter.greet Li\nA< nil\nA> greeter.greet Wu\nA< {"id": $id, "greeting": "?"}\n'
cp greeter/tests/greet.session before
ends 1 "$MUSTER" plugin test greeter
cmp -s before greeter/tests/greet.session || fail "a transcript was changed unasked"
ends 1 "$MUSTER" plugin test greeter --update
says "(3 checks, 2 lines renewed)"
printf '%s\n' '# Kept.' 'A> greeter.greet Li' 'A< {"greeting":"Hello, Li!","id":1}' 'A> greeter.greet Li' \
  'A< -STATE greeter.once' 'A> greeter.greet Wu' 'A< {"id": $id, "greeting": "?"}' >after
cmp -s after greeter/tests/greet.session || { cat greeter/tests/greet.session >"$dir/out"; fail "another transcript"; }

# The clock stands still until it is set; users and roles are as with a server.
fresh
sed -i 's/returns = "{id:int, greeting:text}"/returns = "{id:int, greeting:text, at:int}"/; s/{ id = id,/{ id = id, at = call.now,/' greeter/init.lua
session 'A> greeter.greet a\nA< {"at": 1735693200000, ...}\nA> greeter.greet b\nA< {"at": 1735693200000, ...}
@now +2h\nA> greeter.greet c\nA< {"at": 1735700400000, ...}\n@now 2020-02-29T08:00:00+08:00\nA> greeter.greet d\nA< {"at": 1582934400000, ...}
@role clerk greeter.*\n@role guest echo.*\n@user wang role=clerk\n@user lin role=guest\nW[wang]> greeter.greet e\nW< {...}
L[lin]> greeter.greet f\nL< -NOPERM\nA> greeter.greet g idem=x\nA< {...}\nA> greeter.greet g idem=x\nA< {...} !replayed
@now tomorrow\n'
ends 1 "$MUSTER" plugin test greeter
says "greet.session:23: @now INSTANT"
says "(8 checks)"
sed -i '$d' greeter/tests/greet.session
ends 0 "$MUSTER" plugin test greeter

# What a Lua variable holds is gone with the command.
fresh
sed -i 's/^local words = .*/&\nlocal last = { n = 0 }/; s/return { id = id,/last.n = last.n + 1\n      return { id = last.n,/' greeter/init.lua
session 'A> greeter.greet a\nA< {"id": 1, ...}\nA> greeter.greet b\nA< {"id": 2, ...}\n'
ends 1 "$MUSTER" plugin test greeter
says "greet.session:4: reply.id is 1, not 2"

# What the library refuses with is Chinese without a word in the plugin's own locale.
fresh
sed -i 's/^local words = .*/&\nlocal life = require("muster.machine").define {\n  initial = "new", states = { "new", "old" }, transitions = { { name = "age", from = "new", to = "old" } },\n}/' greeter/init.lua
sed -i 's/^      local id = .*/      life:check(call, { state = "old" }, "age")\n&/' greeter/init.lua
session 'A> greeter.greet a\nA< -STATE wrong_state 不能“age”：已处于终结状态 old\nA> greeter.greet a lang=en\nA< -STATE wrong_state age is not possible in state old\n'
ends 0 "$MUSTER" plugin test greeter

# What it prints and logs is shown, apart from what is tested.
fresh
sed -i 's/^      local id = .*/      print("printed", name, 1)\n      call:log("logged %s", name)\n&/' greeter/init.lua
"$MUSTER" plugin test greeter >"$dir/tested" 2>"$dir/out" || fail "printing"
says "log: greeter: printed 古丽米热 1"
says "log: greeter, greeter.greet: logged 古丽米热"
[ "$(wc -l <"$dir/out")" = 2 ] || fail "more than was printed"
! grep -q "log: " "$dir/tested" || fail "what is printed is mixed with what is tested"

# A plugin that says it is unwell would not be taken.
fresh
ends 0 "$MUSTER" plugin test greeter
says "ok greeter/manifest.lua (1 checks)"
silent "no transcript calls"
ends 0 "$MUSTER" plugin check greeter
says "0 errors, 0 warnings"
sed -i 's/function(call) return { guests = .*/function() return { ok = false } end },/; s/{guests:int}/{ok:bool}/' greeter/init.lua
ends 1 "$MUSTER" plugin test greeter
says "greeter/manifest.lua: greeter.health says on an empty database that the plugin is unwell"

# A plugin that needs another one: from the program's, or from --with.
fresh
sed -i 's/requires = {}/requires = { "fund" }/' greeter/manifest.lua
ends 0 "$MUSTER" plugin test greeter
sed -i 's/requires = { "fund" }/requires = { "other" }/' greeter/manifest.lua
ends 1 "$MUSTER" plugin test greeter
says "greeter cannot be loaded"
ends 0 "$MUSTER" plugin test greeter --with elsewhere/other
ends 0 "$MUSTER" plugin check greeter --with elsewhere/other

# A process that the plugin leaves behind is not waited for, and ended.
cp native/native.c "$dir/native.c"
cat >>native/native.c <<'C'
#include <sys/prctl.h>
#include <unistd.h>
__attribute__((constructor)) static void leave_behind(void)
{
    if (fork() == 0 && prctl(PR_SET_NAME, "left-behind") == 0)
        sleep(1000);
}
C
ends 0 timeout 60 "$MUSTER" plugin test native
tries=0
while pgrep -r R,S,D -x left-behind >/dev/null; do # a dead one may wait for whoever collects the dead
  tries=$((tries + 1))
  [ $tries -lt 100 ] || fail "what it left behind is still there"
  sleep 0.05
done
mv "$dir/native.c" native/native.c

# A command that brings the process down, or does not end, is named; so is a file that does not compile.
sed -i 's/    struct muster_rows \*rows;/    *(volatile int *)(intptr_t)8 = 1;\n&/' native/native.c
if [ -z "${MUSTER_SANITIZE:-}" ]; then
  ends 1 "$MUSTER" plugin test native
  says "native/tests/greet.session:2: native.greet"
  says "it ended by signal 11"
  sed -i 's/    \*(volatile int.*/    exit(0);/' native/native.c
  sed -i '1i #include <stdlib.h>' native/native.c
  ends 1 "$MUSTER" plugin test native
  says "native/tests/greet.session:2: native.greet"
  says "its process ended by itself, with exit status 0"
  silent traceback
  sed -i 's/    exit(0);/    while (*(volatile int64_t *)\&args[0].i != 1 || 1)\n        ;/' native/native.c
  ends 1 "$MUSTER" plugin test native
  says "native/tests/greet.session:2: native.greet"
  says "can't be stopped"
  sed -i '/^        ;$/d' native/native.c
fi
sed -i 's/^    [*w].*(volatile int.*/    undeclared();/' native/native.c
ends 1 "$MUSTER" plugin test native
says "do not compile"
says "undeclared"
CC=no-such-compiler ends 1 "$MUSTER" plugin check native
says "no-such-compiler cannot be run"

# -- check: each rule speaks when one thing is wrong --
bad() { # bad RULE FILE:LINE WORDS FILE SED-SCRIPT…
  rule=$1 place=$2 words=$3 file=$4
  shift 4
  rm -rf greeter native
  ends 0 "$MUSTER" plugin new greeter --lua
  ends 0 "$MUSTER" plugin new native --c
  for script; do sed -i "$script" "$file"; done
  ends 1 "$MUSTER" plugin check "${file%%/*}"
  says "${file%%/*}/$place: error: "
  says "[$rule]"
  says "$words"
}
warned() { # as bad, for warnings
  rule=$1 place=$2 words=$3 file=$4
  shift 4
  rm -rf greeter
  ends 0 "$MUSTER" plugin new greeter --lua
  for script; do sed -i "$script" "$file"; done
  ends 0 "$MUSTER" plugin check greeter
  says "greeter/$place: warning: "
  says "[$rule]"
  says "$words"
  says "1 warnings"
}
lua=greeter/init.lua
bad declaration manifest.lua:2 "did you mean requires?" greeter/manifest.lua 's/requires/requirse/'
bad declaration manifest.lua:2 "1.4.0" greeter/manifest.lua 's/1\.0\.0/1.0/'
bad declaration init.lua:6 "types are text int" $lua 's/text(40)/string/'
bad declaration locale/zh-CN.lua:2 "same % items" greeter/locale/zh-CN.lua 's/%s 已/%d 已/'
bad declaration manifest.lua:1 "nowhere" greeter/manifest.lua 's/requires = {}/requires = { "nowhere" }/'
bad declaration init.lua:6 "did you mean args?" $lua 's/args = {/arg = {/'
bad declaration init.lua:5 '"greeter.Greet" must be' $lua 's/"greeter.greet"/"greeter.Greet"/'
bad declaration init.lua:5 "setting words" $lua 's/^return {/return {\nsettings = { words = { type = "int", default = "x", summary = "Words." } },/'
bad declaration init.lua:20 "grants must be a list" $lua 's/"greeter[.][*]"/5/'
machine='local life = require("muster.machine").define {\n  initial = "a", states = { "a" },\n  transitions = { { name = "go", from = "a", to = "b" } } }'
bad declaration init.lua:4 "transition go leads to an unknown state, b" $lua "s/^return {/$machine\nreturn { machines = { life = life },/"
bad declaration init.lua:6 "did you mean four_eyes?" $lua "s/^return {/$machine\nreturn { machines = { life = life },/" 's/to = "b"/to = "a", four_eye = "by"/'
bad declaration words.lua:8 "transition go leads to an unknown state, b" greeter/words.lua "\$s/.*/return ${machine#*=}/"
bad declaration native.c:31 "types are text int" native/native.c 's/text(40)/string/'
bad declaration native.c:29 "its name must be" native/native.c 's/"native.greet"/"native.Greet"/'
bad c.compile native.c:26 "unused_one" native/native.c '5s/^/static int unused_one;\n/' 's/return MUSTER_OK;/return MUSTER_FINE;/'
says "native/native.c:5: warning: "
"$MUSTER" plugin check native --json >"$dir/out" 2>/dev/null && fail "it compiles"
says '"line":26,"path":"native/native.c","rule":"c.compile"'
bad lua.syntax manifest.lua:2 "expected" greeter/manifest.lua 's/requires = {}/requires = { "fund" "org" }/'
bad declaration init.lua:7 "summary of command greeter.greet" $lua 's/\["zh-CN"\] =/zh =/'
bad docs.summary manifest.lua:1 "plugin greeter has no Chinese summary" greeter/manifest.lua 's/, \["zh-CN"\] = "[^"]*"//'
bad docs.summary init.lua:5 "command greeter.greet has no Chinese summary" $lua 's/, \["zh-CN"\] = "[^"]*"//'
bad docs.summary native.c:29 "command native.greet has no Chinese summary" native/native.c '/summary_zh/d'
bad lua.syntax init.lua:9 "expected" $lua '9s/then/them/'
bad global.write init.lua:12 "the global variable id is written" $lua 's/local id =/id =/'
bad global.unknown init.lua:9 "no global os" $lua '9s/name)/os.getenv(name))/'
bad global.missing init.lua:13 "no math.random" $lua '13s/id = id/id = math.random(id)/'
bad machine.transition init.lua:16 "the machine has no transition goo" $lua "s/^return {/$machine\nreturn { machines = { life = life },/" 's/to = "b"/to = "a"/' \
  's/^      return { id/      life:check(call, { state = "a" }, "goo")\n&/'
bad call.unknown init.lua:13 "call has no function faill" $lua '13s/^/      call:faill("STATE", "x")\n/'
bad call.unknown init.lua:9 "call.db has no function val" $lua '9s/:value/:val/'
bad call.unknown init.lua:13 "muster.money has no function yuans" $lua '1s/^/local money = require "muster.money"\n/' '12s/$/\n      money.yuans(id)/' '13s/^/ /'
bad mode.read init.lua:12 "this statement writes" $lua 's/mode = "write"/mode = "read"/'
bad mode.read init.lua:12 "call:next" $lua 's/mode = "write"/mode = "read"/' '12s/.*/      local id = call:next("guest")/'
bad table.twice init.lua:7 "the key mode stands in line 6" $lua '7s/^/    mode = "write",/'
bad fail.rule init.lua:10 "has a blank in it" $lua 's/"greeter.once"/"greeted before"/'
bad fail.rule native.c:15 "has a blank in it" native/native.c 's/"native.once"/"greeted before"/'
bad role.grant init.lua:20 "no command is greeter.meet" $lua 's/"greeter[.][*]"/"greeter.*", "greeter.meet"/'
bad role.grant init.lua:20 "no command is read:greeter.greet" $lua 's/"greeter[.][*]"/"read:greeter.*", "read:greeter.greet", "*", "backdate", "fund.*"/'
bad asks.unknown manifest.lua:2 "is org.nothing.*" greeter/manifest.lua 's/requires = {}/requires = { "org" }, asks = { commands = { "org.nothing.*", "org.unit.*" } }/'
bad file.encoding words.lua:1 "begins with a byte order mark" greeter/words.lua '1s/^/\xEF\xBB\xBF/'
bad file.encoding tests/greet.session:1 "begins with a byte order mark" greeter/tests/greet.session '1s/^/\xEF\xBB\xBF/'
ends 1 "$MUSTER" plugin test greeter
says "greeter/tests/greet.session:1: the file begins with a byte order mark"
bad file.encoding locale/zh-CN.lua:2 "line 2 is not UTF-8 (GBK?)" greeter/locale/zh-CN.lua '2s/.*/  ["%s was greeted before"] = "%s \xD2\xD1",/'
bad file.encoding migrations/001_guests.sql:1 "line 1 is not UTF-8" greeter/migrations/001_guests.sql '1s/^/-- \xD2\xD1\n/'
bad file.encoding native.c:1 "line 1 is not UTF-8" native/native.c '1s/^/\/\/ \xD2\xD1\n/'
bad unused.local init.lua:13 "row is never used" $lua '13s/return/local row = id\n      return/'
bad unused.argument init.lua:8 "more is never used" $lua '8s/name)/name, more)/'
bad require.missing init.lua:2 "no module greeter.texts" $lua '2s/greeter.words/greeter.texts/'
bad require.foreign init.lua:3 "module of another plugin" $lua '3s/^/local _ = require "fund.gifts"\n/'
bad require.undeclared init.lua:3 "the plugin fund is not required" $lua '3s/^/local _ = require "fund"\n/'
bad fail.code init.lua:10 "no code WRONG" $lua 's/"STATE"/"WRONG"/'
bad fail.detail init.lua:10 "no detail field" $lua 's/arg = "name"/field = "name"/'
bad fail.items init.lua:10 '0 values for "%s was' $lua 's/before", name)/before")/'
bad sql.error init.lua:9 "greeter_gost" $lua '9s/greeter_guest/greeter_gost/'
bad sql.ifnull init.lua:9 "write coalesce(a, b)" $lua '9s/SELECT 1/SELECT ifnull(id, 1)/'
bad sql.many init.lua:9 "one statement at a time" $lua '9s/= ?"/= ?; SELECT 2"/'
bad sql.parameters init.lua:12 "1 values for 2 parameters" $lua '12s/, call.now//'
bad locale.missing init.lua:10 'no Chinese text' $lua 's/was greeted before/was here before/'
bad locale.unused locale/zh-CN.lua:3 'said nowhere' greeter/locale/zh-CN.lua '3s/^/  ["left over"] = "多余",\n/'
bad migration migrations/001_guests.sql:2 STRICT greeter/migrations/001_guests.sql 's/ STRICT//'
bad fail.code native.c:15 "no code WRONG" native/native.c 's/"STATE"/"WRONG"/'
bad sql.error native.c:13 "greeter_gost" native/native.c 's/native_guest WHERE/greeter_gost WHERE/'
bad sql.parameters native.c:16 "1 values for 2 parameters" native/native.c 's/guest, 2, /guest, 1, /'
bad command.unknown init.lua:13 "there is no command greeter.meet" $lua '13s/^/      call:invoke("greeter.meet", {})\n/'
bad command.argument init.lua:13 "has no argument nam" $lua '13s/^/      call:invoke("greeter.greet", { nam = name })\n/'
bad figure.unknown init.lua:13 "there is no figure greeter.count" $lua '13s/^/      call:figure("greeter.count", {})\n/'
bad setting.unknown init.lua:13 "there is no setting words" $lua '13s/^/      call:setting("words")\n/'
bad locale.missing native.c:15 "no Chinese text" native/native.c 's/was greeted before/was here before/'
warned fail.argument init.lua:10 "no command has an argument nam" $lua 's/arg = "name"/arg = "nam"/'
warned command.trust init.lua:13 "fund.totals is of a plugin that is not required" $lua '13s/^/      call:invoke("fund.totals", {})\n/'
warned sql.built init.lua:9 "put together when it runs" $lua '9s/WHERE name = ?"/WHERE " .. name .. " = ?"/'
warned tests.none init.lua:5 "no transcript calls greeter.greet" greeter/tests/greet.session '/^A/d'
warned docs.returns init.lua:5 "does not say what it returns" $lua 's/"{id:int, greeting:text}"/"any"/'
sed -i 's/requires = {}/requires = { "echo" }/' greeter/manifest.lua
sed -i '13s/^/      call:invoke("echo.say", { text = name })\n/' $lua
ends 0 "$MUSTER" plugin check greeter
says "init.lua:13: warning: echo.say is allowed only to users who may use it themselves [command.trust]"
sed -i 's/requires = /asks = { commands = { "echo.*" } }, requires = /' greeter/manifest.lua
ends 0 "$MUSTER" plugin check greeter
silent command.trust
rm -rf greeter
ends 0 "$MUSTER" plugin new greeter --lua
sed -i 's/requires = {}/requires = { "cnkit" }/' greeter/manifest.lua
sed -i '2s/^/local kit = require "cnkit"\n/; 13s/^/      kit.name.norm(name)\n/' $lua
ends 0 "$MUSTER" plugin check greeter
ends 0 "$MUSTER" plugin test greeter
sed -i 's/kit.name.norm(name)/kit.name.norm(name, id)/' $lua
ends 1 "$MUSTER" plugin check greeter
says "init.lua:14: error: 2 arguments for cnkit.name.norm [kit.arguments]"
sed -i 's/kit.name.norm/kit.name.nurm/' $lua
ends 1 "$MUSTER" plugin check greeter
says "init.lua:14: error: there is no command cnkit.name.nurm [kit.unknown]"
rm -rf greeter
ends 0 "$MUSTER" plugin new greeter --lua
misnamed() { # misnamed NAME FROM TO WORDS: a file of a new plugin has another name
  rm -rf greeter
  ends 0 "$MUSTER" plugin new greeter --lua
  cp "greeter/$2" kept
  rm "greeter/$2"
  cp kept "greeter/$3"
  [ -z "${5:-}" ] || cp kept "greeter/$5"
  ends 1 "$MUSTER" plugin check greeter
  says "greeter/$3:1: error: $4"
  says "[$1]"
}
misnamed migration.name migrations/001_guests.sql migrations/more.sql "this is no name of a migration"
misnamed migration.name migrations/001_guests.sql migrations/002_guests.sql "there is no migration 001"
misnamed migration.name migrations/001_guests.sql migrations/001_more.sql "001_guests.sql has the number 001, too" migrations/001_guests.sql
misnamed locale.name locale/zh-CN.lua locale/zh-cn.lua "nobody reads this file"
rm -rf greeter
ends 0 "$MUSTER" plugin new greeter --lua
printf 'DROP TABLE greeter_guest;\nCREATE TABLE greeter_guest (id INTEGER PRIMARY KEY, name TEXT, at INTEGER) STRICT;\n' >greeter/migrations/002_anew.sql
ends 0 "$MUSTER" plugin check greeter
says "greeter/migrations/002_anew.sql:1: warning: "
says "[migration.way_back]"

printf 'DROP TABLE greeter_guest;\n' >greeter/migrations/002_anew.down.sql
ends 1 "$MUSTER" plugin check greeter
says "migrations/002_anew.down.sql:1: error: "
cat greeter/migrations/001_guests.sql >>greeter/migrations/002_anew.down.sql
ends 0 "$MUSTER" plugin check greeter
says "0 errors, 0 warnings"
rm greeter/migrations/002_anew.down.sql

# Everything at once, as data.
sed -i 's/local id =/id =/' $lua
ends 1 "$MUSTER" plugin check greeter --json
says '"rule":"global.write"'
says '"level":"warning"'
