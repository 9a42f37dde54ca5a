#!/bin/sh
# muster version, help, and names typed wrongly.
set -eu
: "${MUSTER:?the program under test}"
out=$(mktemp "${TMPDIR:-/tmp}/muster-version-XXXXXX")
trap 'rm -f "$out"' EXIT
fail() { echo "version: $*" >&2; cat "$out" >&2; exit 1; }
run() { wanted=$1; shift; got=0; "$MUSTER" "$@" >"$out" 2>&1 || got=$?; [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: muster $*"; }
says() { grep -q -- "$1" "$out" || fail "it does not say: $1"; }

run 0 version
says '^muster [0-9][0-9]*\.[0-9]'
says '^[Mm]bed TLS [23]\.'
says '^Lua 5\.4'
says '^SQLite 3\.[0-9]'
says '^jansson '
run 0 --version
says '^muster '
run 2 version now

run 0 help
for name in init serve call shell play version; do says "^  $name "; done
for name in init serve call shell play version; do
  run 0 help "$name"
  says "Usage: muster $name"
  run 0 "$name" --help
  says "Usage: muster $name"
done
run 2
says 'Usage: muster'
run 2 cal
says 'did you mean "call"'
run 2 help verzion
says 'did you mean "version"'
run 2 xylophonist
if grep -q 'did you mean' "$out"; then fail "a suggestion for something quite different"; fi
run 2 call --colour echo.say
says 'unknown option --colour'
run 2 call echo.say --port
says 'needs a value'
run 2 call echo.say --port 70000
says '65535'
