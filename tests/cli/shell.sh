#!/bin/sh
# muster shell: with lines from a pipe, and on a terminal with completion and history.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then exec tests/support/with_server.sh "$MUSTER" "$0" inside; fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-shell-XXXXXX")
trap 'rm -rf "$dir"' EXIT
fail() { echo "shell: $*" >&2; cat "$dir/out" "$dir/err" >&2; exit 1; }
typed() { # typed STATUS TEXT [OPTION…]: lines from a pipe
  wanted=$1 text=$2; shift 2; got=0
  printf '%b' "$text" | "$MUSTER" shell "$@" >"$dir/out" 2>"$dir/err" || got=$?
  [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted, after: $text"
}

# Lines are commands; comments and empty lines nothing; exit ends; the last failure is the exit status.
typed 0 '# a comment\n\necho.say "two  words"\necho.say text=你好\nexit\necho.say never\n'
[ "$(cat "$dir/out")" = "two  words
你好" ] || fail "the replies"
typed 3 'notes.delete id=99\necho.say after\n'
grep -q 'NOTFOUND notes.unknown' "$dir/err" || fail "the error"
[ "$(cat "$dir/out")" = after ] || fail "it does not go on after an error"
typed 2 'echo.say "unfinished\n'
typed 0 'echo.say x' --json
[ "$(cat "$dir/out")" = '"x"' ] || fail "JSON, and a last line without its end"

# The declarations say what an instant is, a truth, an amount.
export TZ=CST-8
typed 0 'notes.add text=one\nnotes.list\nrole.define name=r grants=notes.list\nacl.why user=admin command=notes.list\n'
grep -q '^ 1  one   20[0-9-]* [0-9][0-9]:[0-9][0-9]:[0-9][0-9]$' "$dir/out" || fail "an instant"
grep -q '^✓$' "$dir/out" || fail "a truth"
at=$(sed -n 's/^ 1  one   //p' "$dir/out")
typed 0 'notes.list\n' --json
ms=$(sed 's/.*"at":\([0-9]*\).*/\1/' "$dir/out")
[ "$(date -d "@$((ms / 1000))" '+%Y-%m-%d %H:%M:%S')" = "$at" ] || fail "the instant $ms is not $at"
typed 0 'notes.delete 1\n'

# help comes from the server's declarations.
typed 0 'help\nhelp notes.list\nhelp notes.lst\n'
grep -q '^notes\.add  ' "$dir/out" || fail "help does not list notes.add"
grep -q '^  limit:int(1\.\.500)=100  (optional)$' "$dir/out" || fail "help does not show the arguments"
grep -q 'did you mean notes\.list' "$dir/out" || fail "help does not suggest"

# On a terminal: TAB completes commands and argument names, history is kept, but not what holds a secret.
command -v script >/dev/null || { echo "script (bsdutils) is missing" >&2; exit 1; }
HOME=$dir/home TERM=vt100
mkdir "$HOME"
export HOME TERM
unset XDG_STATE_HOME
terminal() {
  printf "$1" >"$dir/keys"
  # Keys come one line at a time, as from a person: what is typed ahead would be taken by the terminal before the shell listens.
  { sleep 1; while IFS= read -r line; do printf '%s\n' "$line"; sleep 0.3; done <"$dir/keys"; } |
    timeout 30 script -qec "'$MUSTER' shell" /dev/null >"$dir/out" 2>"$dir/err" || fail "the shell on a terminal failed"
}
terminal 'notes.ad\ttex\tone\nnotes.li\tlim\t7\nuser.password name=x password=hush\nexit\n'
history=$HOME/.local/state/muster/history
[ -f "$history" ] || fail "no history"
[ "$(stat -c %a "$history")" = 600 ] || fail "the history is not 0600"
[ "$(sed -n 1p "$history")" = "notes.add text=one" ] || { cat "$history" >&2; fail "completion of notes.add text="; }
[ "$(sed -n 2p "$history")" = "notes.list limit=7" ] || { cat "$history" >&2; fail "completion of notes.list limit="; }
if grep -q hush "$history"; then fail "a password is in the history"; fi
typed 0 'notes.count\n'
[ "$(cat "$dir/out")" = 1 ] || fail "the completed command was not sent"

# Without a server: the reason, and the exit status of it.
typed 9 'echo.say x\n' --port 1
