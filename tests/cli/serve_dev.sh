#!/bin/sh
# muster serve --dev: what is saved runs at once, in Lua and in C; what cannot run is told with file and line while the code before answers.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-dev-XXXXXX")
server=""
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM
failed=0
. tests/support/server.sh

# told PATTERN: wait until the server has said it, from the mark on
told() {
  tries=0
  until tail -n +"$mark" "$dir/log" | grep -q -- "$1"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ]; then
      echo "not told within 10 s: $1"
      tail -n 40 "$dir/log"
      exit 1
    fi
    sleep 0.05
  done
}
mark() { mark=$(($(wc -l <"$dir/log") + 1)); }
call() { timeout 20 "$MUSTER" call --data "$dir/data" --port "$port" "$@" 2>&1; }
# answers PATTERN COMMAND…
answers() {
  pattern=$1
  shift
  reply=$(call "$@") || true
  printf '%s\n' "$reply" | grep -q -- "$pattern" || { echo "$*: expected '$pattern', got: $reply"; failed=1; }
}
# edit FILE EXPRESSION: as editors do it, a new file in place of the old
edit() { sed "$2" "$1" >"$1.tmp" && mv "$1.tmp" "$1"; }

"$MUSTER" init --data "$dir/data" >/dev/null
mkdir "$dir/plugins"
"$MUSTER" plugin new hello --lua --dir "$dir/plugins" >/dev/null
"$MUSTER" plugin new chello --c --dir "$dir/plugins" >/dev/null
server_start "$dir/log" "$MUSTER" --data "$dir/data" --port 0 --dev "$dir/plugins"
answers "Hello, Li" hello.greet Li
answers "name: *Li" chello.greet Li
hello=$dir/plugins/hello chello=$dir/plugins/chello/chello.c

mark
edit "$hello/init.lua" 's/greeting = words/greeting = "Well. " .. words/'
told 'hello 1.0.0; runs [0-9]* ms after init.lua was saved'
answers "Well. Hello, Wang" hello.greet Wang

mark
cp "$hello/init.lua" "$dir/kept.lua"
edit "$hello/init.lua" '11s/$/ = =/'
told 'dev: init.lua was saved, but cannot run like this; the code before goes on'
told 'init.lua:11: error: .* Lua 5.4 does not understand it'
answers "Well. Hello, Zhao" hello.greet Zhao

mark
cp "$dir/kept.lua" "$hello/init.lua" # in place, as others do it
told 'init.lua was saved; nothing has changed in what runs'
edit "$hello/init.lua" 's/"hello.greet"\]/"hello.welcome"]/'
told 'hello 1.0.0, +hello.welcome -hello.greet; runs'
answers "Hello, Qian" hello.welcome Qian
answers "unknown command" hello.greet Sun

mark
printf 'CREATE TABLE hello_more (id INTEGER PRIMARY KEY) STRICT;\n' >"$hello/migrations/002_more.sql"
told 'migration 002_more applied; runs'
printf 'CREATE TABLE hello_more (id INTEGER PRIMARY KEY, at INTEGER) STRICT;\n' >"$hello/migrations/002_more.sql"
told '002_more of hello has changed since it was applied'
told 'fresh data folder'
told 'restore its text, with a .down.sql beside it'
# The advice helps, whether there was a way back or not; a server that is started on the changed one gives it, too.
kill -TERM "$server"
wait "$server" || true
if "$MUSTER" serve --data "$dir/data" --port 0 --dev "$dir/plugins" >"$dir/start" 2>&1 ||
  ! grep -q 'restore its text, with a .down.sql beside it' "$dir/start"; then
  echo "a start with a changed migration: $(cat "$dir/start")"
  failed=1
fi
printf 'CREATE TABLE hello_more (id INTEGER PRIMARY KEY) STRICT;\n' >"$hello/migrations/002_more.sql"
printf 'DROP TABLE hello_more;\n' >"$hello/migrations/002_more.down.sql"
server_start "$dir/log" "$MUSTER" --data "$dir/data" --port 0 --dev "$dir/plugins"
for columns in 'id INTEGER PRIMARY KEY, at INTEGER' 'id INTEGER PRIMARY KEY, at INTEGER, by TEXT'; do
  mark
  mv "$hello/migrations/002_more.sql" "$hello/migrations/002_more.down.sql" "$dir/"
  told 'migration 002_more undone; runs'
  mark
  mv "$dir/002_more.down.sql" "$hello/migrations/"
  printf 'CREATE TABLE hello_more (%s) STRICT;\n' "$columns" >"$hello/migrations/002_more.sql"
  told 'migration 002_more applied; runs'
done
mark
printf 'INSERT INTO hello_more\n  SELECT absent,\n 1\n  FROM hello_more;\n' >"$hello/migrations/003_rows.sql"
told 'dev: 003_rows.sql was saved, but cannot run like this'
told '003_rows.sql:1: error: .*no such column: absent, in the statement: INSERT INTO hello_more SELECT absent, 1 FROM hello_more'
mark
printf 'CREATE TABLE hello_rows (id INTEGER PRIMARY KEY);\n' >"$hello/migrations/003_rows.sql"
told '003_rows.sql:1: error: .*a table ends with STRICT'
mark
printf '\357\273\277CREATE TABLE hello_rows (id INTEGER PRIMARY KEY) STRICT;\n' >"$hello/migrations/003_rows.sql"
told '003_rows.sql:1: error: .*byte order mark'
mark
rm "$hello/migrations/003_rows.sql"
told 'was deleted; nothing has changed in what runs'
for words in 'a table ends with STRICT' 'byte order mark'; do # once in each report; a busy machine may save in two steps
  awk -v words="$words" '/^dev:/ { told = 0 } index($0, words) && ++told > 1 { twice = 1 } END { exit twice }' "$dir/log" ||
    { echo "told twice: $words"; failed=1; }
done
mark
cp "$hello/init.lua" "$dir/kept.lua"
edit "$hello/init.lua" "1s/^/$(printf '\357\273\277')/"
told 'init.lua:1: error: the file begins with a byte order mark .*save it as UTF-8 without'
cp "$dir/kept.lua" "$hello/init.lua"
told 'nothing has changed in what runs'
mark
rm "$hello/migrations/002_more.sql" "$hello/migrations/002_more.down.sql"
told 'runs [0-9]* ms after 002_more.*sql was deleted'

mark
edit "$chello" 's/greeted before/welcomed before/'
told 'chello 1.0.0; runs'
answers "Li was welcomed before" chello.greet Li
mark
edit "$chello" 's/\.run = greet,/.run = greeet,/'
told 'chello.c:[0-9]*:[0-9]*: error: .*greeet'
answers "Li was welcomed before" chello.greet Li
edit "$chello" 's/\.run = greeet,/.run = greet,/; s/welcomed before/received before/'
told 'chello 1.0.0; runs'
answers "Li was received before" chello.greet Li

mark
"$MUSTER" plugin new third --lua --dir "$dir/plugins" >/dev/null
told 'third 1.0.0, +third.greet +third.health, migration 001_guests applied; runs'
answers "Hello, Li" third.greet Li

mark
edit "$dir/plugins/third/manifest.lua" 's/requires = {}/requires = { "hello", "chello" }/'
told 'third 1.0.0; runs'
edit "$dir/plugins/third/manifest.lua" 's/"chello"/"nobody"/'
told 'requires plugin nobody, which is missing'
if tail -n +"$mark" "$dir/log" | grep 'third.*error.* hello.*missing'; then
  echo "what is written beside it is not found"
  failed=1
fi

mark
edit "$dir/plugins/third/manifest.lua" 's/"nobody"/"chello"/'
told 'manifest.lua was saved; nothing has changed'

# A folder that is replaced by another, as git does it, is watched like the one before.
for round in 1 2 3; do
  cp -r "$hello" "$dir/kept"
  mark
  rm -r "$hello"
  cp -r "$dir/kept" "$hello"
  told '; nothing has changed in what runs'
  mark
  edit "$hello/init.lua" "s/ -- round.*//; 1s/\$/ -- round $round/"
  told 'hello 1.0.0; runs [0-9]* ms after init.lua was saved'
  rm -r "$dir/kept"
done
# So is the folder that holds them, when it is back.
mark
mv "$dir/plugins" "$dir/away"
told 'plugins: No such file or directory; the code before goes on'
answers "Hello, Zhou" hello.welcome Zhou
mv "$dir/away" "$dir/plugins"
told 'plugins came back; nothing has changed in what runs'
mark
edit "$hello/init.lua" '1s/ -- round.*//'
told 'hello 1.0.0; runs [0-9]* ms after init.lua was saved'
mark
rm "$chello"
told 'chello.c was deleted'

kill -TERM "$server"
status=0
wait "$server" || status=$?
server=""
[ "$status" = 0 ] || { echo "the exit status after SIGTERM is $status"; failed=1; }

# Without --dev they are gone, and their tables stay for the next time.
server_start "$dir/log" "$MUSTER" --data "$dir/data" --port 0
answers "unknown command" hello.welcome Li
answers "unknown command" third.greet Li
answers "live.absent" plugin.stage kind=reload
exit $failed
