#!/bin/sh
# The tests' own tools can fail: the transcript player notices each kind of difference, with_server.sh each kind of bad end.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
with_server=tests/support/with_server.sh

if [ "${1:-}" != inside ]; then
  dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-transcripts-XXXXXX")
  trap 'rm -rf "$dir"' EXIT
  fail() { echo "transcripts: $*" >&2; cat "$dir/out" >&2; exit 1; }
  ends() { # ends STATUS COMMAND…
    wanted=$1; shift; got=0
    "$@" >"$dir/out" 2>&1 || got=$?
    [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: $*"
  }
  ends 0 "$with_server" "$MUSTER" true
  ends 3 "$with_server" "$MUSTER" sh -c 'exit 3'
  ends 1 "$with_server" "$MUSTER" --no-such-option -- true
  grep -q 'did not get ready' "$dir/out" || fail "a server that does not start"
  ends 1 "$with_server" "$MUSTER" sh -c 'kill -KILL "$MUSTER_SERVER_PID"; sleep 0.2'
  grep -q "exit status is 137" "$dir/out" || fail "a server that dies"
  ends 1 "$with_server" "$MUSTER" sh -c 'echo "WARNING: ThreadSanitizer: data race" >>"$MUSTER_SERVER_LOG"'
  grep -q 'sanitizer reported' "$dir/out" || fail "a sanitizer's report"
  WITH_SERVER_SECONDS=1 ends 124 "$with_server" "$MUSTER" sleep 30
  rm -rf "$dir"
  exec "$with_server" "$MUSTER" "$0" inside
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-transcripts-XXXXXX")
trap 'rm -rf "$dir"' EXIT
fail() { echo "transcripts: $*" >&2; cat "$dir/out" >&2; exit 1; }
file=$dir/one.session
play() { # play STATUS TRANSCRIPT
  printf '%b' "$2" >"$file"; got=0
  "$MUSTER" play tests/support/session.lua -- "$file" >"$dir/out" 2>&1 || got=$?
  [ "$got" = "$1" ] || fail "exit status $got, not $1: $2"
}
good() { play 0 "$1"; grep -q "^ok $file" "$dir/out" || fail "no ok: $1"; }
bad() { play 1 "$1"; grep -q -- "$2" "$dir/out" || fail "it does not say \"$2\": $1"; }

good '# nothing\n\n'
good 'A> echo.say x\nA< "x"\n'
good 'A> echo.say x\nA< *\nB>> PING\nB>> notes.nope\nB< PONG\nB< -ERR\nB> notes.nope\nB< -*\n'
good 'A> PING\nA< $pong\nA> echo.say ${pong}\nA< "PONG"\n'
good 'A> COMMAND INFO echo.say\nA< [["echo.say", -1, ...]]\nA> COMMAND DOCS echo.say\nA< {"echo.say": {"mode": "read", ...}}\n'
good 'A! RAW "*1\\r\\n$4\\r\\nPING\\r\\n"\nA< PONG\nA> QUIT\nA< OK\nA<eof\n'
good 'A> notes.add text=a idem=t1\nA< $n\nA> notes.add text=a idem=t1\nA< ${n} !replayed\n'
good '@role noter notes.*\n@user zhang role=noter\nZ[zhang]> notes.count\nZ< *\nZ> echo.say\nZ< -NOPERM\nZ close\n'

bad 'A> echo.say x\nA< "y"\n' ':2: reply is "x", not "y"'
bad 'A> echo.say x\nA< -ARG\n' 'not refused but'
bad 'A> notes.nope\nA< OK\n' ':2: refused'
bad 'A> notes.add\nA< -STATE\n' 'code is ARG, not STATE'
bad 'A> notes.add\nA< -ARG other.rule\n' 'rule is arg.required, not other.rule'
bad 'A> notes.add\nA< -ARG arg.required elephant\n' 'does not say "elephant"'
bad 'A> notes.nope\n' 'was not checked'
bad 'A> COMMAND DOCS echo.say\nA< {"echo.say": {"mode": "read"}}\n' 'has .* too'
bad 'A> COMMAND DOCS echo.say\nA< {"echo.say": {"mode": "write", ...}}\n' 'mode is "read", not "write"'
bad 'A> COMMAND INFO echo.say\nA< [["echo.say"]]\n' 'has 10 elements, not 1'
bad 'A> notes.count\nA< "3"\n' 'not "3"'
bad 'A> notes.add text=b idem=t2\nA< * \nA> echo.say x\nA< "x" !replayed\n' 'not marked replayed'
bad 'A> notes.nope\nA< *\n' ':2: refused'
bad 'A> echo.say x\nA< -*\n' 'not refused but "x"'
bad 'A> echo.say x\nA<\n' ':2: nothing is expected yet; .*--update'
bad 'A< PONG\n' ':1: nothing was sent on this connection'
bad 'A> PING\nA<eof\n' 'expected  eof'
SESSION_TIMEOUT_MS=700
export SESSION_TIMEOUT_MS
bad 'A> PING\nA< PONG\nA<eof\n' 'still open'
unset SESSION_TIMEOUT_MS
bad 'A> echo.say ${never}\n' 'nothing was kept as never'
bad 'A> echo.say "open\n' ':1: '
bad 'what is this\n' 'cannot read this line; a line is .A> command'
bad '@now +2h\n' 'a server has its own clock'
bad '@colour red\n' 'unknown directive'
bad 'Z[nobody]> PING\n' 'there is no @user nobody'
bad 'A> PING\nA< {"a": \n' 'expected value'

# One bad file among good ones is enough, and the others are still played.
printf 'A> PING\nA< PONG\n' >"$dir/a.session"
printf 'A> PING\nA< OK\n' >"$dir/b.session"
got=0
"$MUSTER" play tests/support/session.lua -- "$dir/b.session" "$dir/a.session" >"$dir/out" 2>&1 || got=$?
[ "$got" = 1 ] && grep -q "^ok $dir/a.session (1 checks)" "$dir/out" && grep -q "^FAILED $dir/b.session" "$dir/out" || fail "two files"
