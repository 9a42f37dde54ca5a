#!/bin/sh
# muster console: Lua on the server for administrators; undone, with the rows it would change, unless it is to be kept.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then exec tests/support/with_server.sh "$MUSTER" "$0" inside; fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-console-XXXXXX")
trap 'rm -rf "$dir"' EXIT
failed=0
# expect NAME STATUS PATTERN OPTION…: exit status, and a pattern in what it says
expect() {
  name=$1 wanted=$2 pattern=$3 status=0
  shift 3
  said=$(timeout 60 "$MUSTER" "$@" 2>&1 </dev/null) || status=$?
  if [ "$status" != "$wanted" ] || ! printf '%s\n' "$said" | grep -q -- "$pattern"; then
    echo "$name: expected status $wanted and '$pattern', got status $status and: $said"
    failed=1
  fi
}
# typed NAME STATUS TEXT WANTED [OPTION…]: lines from a pipe, and all that is answered
typed() {
  name=$1 wanted=$2 text=$3 output=$4 status=0
  shift 4
  printf '%b' "$text" | timeout 60 "$MUSTER" console "$@" >"$dir/out" 2>"$dir/err" || status=$?
  if [ "$status" != "$wanted" ] || [ "$(cat "$dir/out")" != "$(printf '%b' "$output")" ]; then
    echo "$name: expected status $wanted and '$(printf '%b' "$output")', got status $status and: $(cat "$dir/out" "$dir/err")"
    failed=1
  fi
}

# Values: expressions and statements, one or many lines.
typed "values" 0 '1 + 1, "a", { 1, 2 }, nil\n' '2\n"a"\n[1,2]\nnil\n'
typed "a piece of several lines" 0 'for i = 1, 2 do\n\n  print(i)\nend\nreturn call.user\n' '1\n2\n"admin"\n'
typed "nothing is remembered" 2 'local x = 1\nreturn x == nil\n' ''
typed "what has no JSON" 0 'require("muster.money")\n' 'table\n'
expect "a piece as an argument" 0 '^6$' console '2 * 3'

lines='for i = 1, 20000 do print(("%05d"):format(i)) end'
said=$(timeout 60 "$MUSTER" console "$lines")
if [ "$(printf '%s\n' "$said" | tail -n 1)" != "（已在 64 KiB 处截断）" ] ||
  [ "$(printf '%s\n' "$said" | head -n 10922 | tail -n 1)" != 10922 ] || [ "$(printf '%s\n' "$said" | wc -l)" != 10923 ]; then
  echo "what is too long: $(printf '%s\n' "$said" | tail -n 4), $(printf '%s\n' "$said" | wc -l) lines"
  failed=1
fi
expect "in English" 0 '(cut at 64 KiB)$' call lua.eval "$lines" lang=en

# A dry run shows the rows, and leaves nothing.
insert='return db:run("INSERT INTO notes_note(text, at) VALUES (?, ?)", "one", 5)'
expect "an insert" 0 '^+ notes_note {"id":1,"text":"one","at":5' console --plugin notes "$insert"
expect "is undone" 0 '^0$' console --plugin notes 'db:value("SELECT count(*) FROM notes_note")'
expect "a command inside" 0 '^1 row would change; nothing was kept' console 'call:invoke("notes.add", { text = "two" })'
expect "is undone, too" 0 '^0$' console --plugin notes 'db:value("SELECT count(*) FROM notes_note")'
expect "a user that is not made" 0 '^+ muster_user .*"name":"eve"' console 'call:invoke("user.add", { name = "eve" }) and nil'
expect "is not there" 0 '^1$' console '#call:invoke("user.list")'
expect "hashes are nobody's to see" 0 '"password_hash":"(secret)"' \
  console 'call:invoke("user.add", { name = "eve" }) call:invoke("user.password", { name = "eve", password = "a password of ours" })'

# Kept, it stands in the tables and in the audit.
expect "a commit" 0 '^1 row changed, and kept' console --commit --plugin notes "$insert"
expect "stands" 0 '^1$' console --plugin notes 'db:value("SELECT count(*) FROM notes_note")'
expect "stands in the audit" 0 'lua.eval .*INSERT INTO notes_note.*"commit":true' call audit.tail limit=5
expect "the chain is whole" 0 '^ok: *✓' call audit.verify
expect "an update names what changed" 0 '^~ notes_note {"id":1,"text":"one"} → {"id":1,"text":"one!"}$' \
  console --plugin notes 'db:run("UPDATE notes_note SET text = text || ?", "!")'
expect "a delete" 0 '^- notes_note {"id":1,"text":"one"' console --plugin notes 'db:run("DELETE FROM notes_note")'
expect "rows as JSON" 0 '"op":"delete"' console --json --plugin notes 'db:run("DELETE FROM notes_note")'
expect "a failure keeps nothing" 2 'no such luck' console --commit --plugin notes 'db:run("DELETE FROM notes_note") error("no such luck")'
expect "all is there" 0 '^1$' console --plugin notes 'db:value("SELECT count(*) FROM notes_note")'

# muster call --dry-run is the same for one command.
expect "a dry run" 0 '^+ notes_note .*"text":"a \\"word\\", 你好"' call --dry-run notes.add 'a "word", 你好'
expect "says that nothing was kept" 0 '^1 row would change; nothing was kept$' call --dry-run notes.add text=x
expect "shows the reply" 0 '^2$' call --dry-run notes.add text=x
expect "keeps nothing" 0 '^1$' console --plugin notes 'db:value("SELECT count(*) FROM notes_note")'
expect "checks arguments" 2 'no such argument' call --dry-run notes.add lang=en txt=x
expect "at the time that is given" 0 '"at":1000000000000,' call --dry-run notes.add text=x at=1000000000000
expect "is refused as the command is" 3 'notes.unknown' call --dry-run notes.delete 99
expect "has nothing to count for a read" 0 '"text":"one"' call --dry-run notes.list

# Refusals say where.
expect "a fault and its trace" 2 'at console:2: in local .f.' console 'local t
local function f() return t.x end
f()
return 1'
expect "what is not finished" 2 'near <eof>' console 'if true then'
expect "a refusal of a command" 3 'NOTFOUND notes.unknown' console 'call:invoke("notes.delete", { id = 99 })'
expect "tables of others" 2 'sql.table' console 'db:rows("SELECT * FROM notes_note")'
expect "tables of the host" 2 'sql.table' console --plugin notes 'db:rows("SELECT * FROM muster_user")'
expect "an unknown plugin" 3 'plugin.absent' console --plugin nowhere 1
# ThreadSanitizer holds back the signals that stop these.
if [ "${MUSTER_SANITIZE:-}" != thread ]; then
  expect "an endless loop" 7 'limit.time' console 'while true do end'
  expect "a loop that catches everything" 7 'limit.time' console 'while true do pcall(function() while true do end end) end'
  expect "too much memory" 4 'limit.memory' console 'local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end'
fi
expect "no files" 2 'no global variables, no io' console 'return io.open("/etc/passwd")'
expect "it goes on after all that" 0 '^2$' console '1 + 1'

# For administrators only, whatever a role grants.
printf 'a long password of ours\n' >"$dir/password"
"$MUSTER" call user.add name=li >/dev/null
"$MUSTER" call user.password name=li "password=a long password of ours" >/dev/null
"$MUSTER" call role.define name=all 'grants=*' >/dev/null
"$MUSTER" call role.grant user=li role=all >/dev/null
expect "not an administrator" 5 'access.admin_only' console --user li --password-file "$dir/password" 1

# On a terminal it asks before it keeps.
command -v script >/dev/null || { echo "script (bsdutils) is missing" >&2; exit 1; }
HOME=$dir/home TERM=vt100
mkdir "$HOME"
export HOME TERM
unset XDG_STATE_HOME
terminal() {
  printf '%b' "$1" >"$dir/keys"
  { sleep 1; while IFS= read -r line; do printf '%s\n' "$line"; sleep 0.4; done <"$dir/keys"; } |
    timeout 30 script -qec "'$MUSTER' console" /dev/null >"$dir/out" 2>"$dir/err" || { cat "$dir/out" "$dir/err"; exit 1; }
}
terminal '.plugin notes\ndb:run("DELETE FROM notes_note")\n.commit\nn\n.commit\ny\n.exit\n'
grep -q 'Keep this' "$dir/out" || { echo "it does not ask:"; cat "$dir/out"; failed=1; }
grep -q 'nothing was kept' "$dir/out" || { echo "no is not taken for no:"; cat "$dir/out"; failed=1; }
grep -q '1 row changed, and kept' "$dir/out" || { echo "yes is not taken for yes:"; cat "$dir/out"; failed=1; }
expect "kept by .commit" 0 '^0$' console --plugin notes 'db:value("SELECT count(*) FROM notes_note")'
terminal 'if true then\nprint("dropped")\n\003\nprint("half\003\nprint("wh" .. "ole", "\0344\0275\0240")\n.exit\n'
grep -q 'whole.*你' "$dir/out" || { echo "Ctrl-C ends it, or drops too little:"; cat "$dir/out"; failed=1; }
if grep -q '^dropped' "$dir/out"; then echo "Ctrl-C drops nothing"; failed=1; fi
status=0
{ sleep 1; printf '\003'; sleep 1; } | timeout 30 script -qec "'$MUSTER' console" /dev/null >"$dir/out" || status=$?
[ "$status" = 130 ] || { echo "Ctrl-C at an empty prompt: exit status $status"; cat "$dir/out"; failed=1; }
grep -q 'DELETE FROM notes_note' "$HOME/.local/state/muster/console" || { echo "no history"; failed=1; }
exit $failed
