#!/bin/sh
# redis-cli over TLS: signs in by certificate and by password, calls in RESP2 and RESP3, gets help and errors, pipes in bulk.
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${MUSTER_PORT:-}" ]; then exec tests/support/with_server.sh "$MUSTER" "$0"; fi
command -v redis-cli >/dev/null || { echo "redis-cli is missing (Debian: redis-tools)"; exit 77; }
failed=0
rc() { redis-cli --tls --cacert "$MUSTER_DATA/ca.pem" -p "$MUSTER_PORT" "$@" 2>&1; }
admin() { rc --cert "$MUSTER_DATA/admin.pem" --key "$MUSTER_DATA/admin.key" "$@"; }
expect() { # expect NAME PATTERN TEXT
  case $3 in
    *$2*) ;;
    *) echo "$1: expected '$2' in: $3"; failed=1 ;;
  esac
}
lacks() { case $3 in *$2*) echo "$1: did not expect '$2' in: $3"; failed=1 ;; esac; }

expect "PING" PONG "$(admin PING)"
expect "a read" hello "$(admin echo.say hello)"
expect "named arguments" hello "$(admin echo.say text=hello)"
expect "a write" 1 "$(admin notes.add 'text=one note')"
expect "a list in RESP2" "one note" "$(admin notes.list)"
expect "a list in RESP3 is a map" '"text" => "one note"' "$(admin -3 --no-raw notes.list)"
expect "an error" "NOTFOUND" "$(admin notes.delete 99)"
expect "an unknown command" "ERR unknown command" "$(admin GET x)"
expect "COMMAND COUNT" "" "$(admin COMMAND COUNT | grep -E '^(\(integer\) )?[0-9]+$' || echo missing)"
expect "COMMAND DOCS" "summary" "$(admin COMMAND DOCS notes.add)"
expect "not signed in" "NOAUTH" "$(rc notes.count)"
admin user.add name=clerk methods=password >/dev/null
admin user.password name=clerk password=correct-horse-9 >/dev/null
admin role.define name=notes 'grants=["notes.*"]' >/dev/null
admin role.grant user=clerk role=notes >/dev/null
expect "sign in by password" 1 "$(rc --user clerk --pass correct-horse-9 --no-auth-warning notes.count)"
expect "sign in by password in RESP3" 1 "$(rc -3 --user clerk --pass correct-horse-9 --no-auth-warning notes.count)"
expect "wrong password" "WRONGPASS" "$(rc --user clerk --pass nonsense --no-auth-warning notes.count)"
expect "not allowed" "NOPERM" "$(rc --user clerk --pass correct-horse-9 --no-auth-warning audit.tail)"
expect "the password is not in the audit" "***" "$(admin audit.tail)"
lacks "the password is not in the audit" "correct-horse" "$(admin audit.tail)"
# The interactive program asks for COMMAND DOCS to complete and help. It reads keys from a terminal: Enter is a carriage return.
expect "help" "summary:" "$( (sleep 1; printf 'help notes.add\r'; sleep 1; printf 'quit\r'; sleep 1) | timeout 20 script -qec "stty cols 120; redis-cli --tls \
  --cacert $MUSTER_DATA/ca.pem --cert $MUSTER_DATA/admin.pem --key $MUSTER_DATA/admin.key -p $MUSTER_PORT" /dev/null)"
i=0
while [ $i -lt 200 ]; do echo "notes.add text=piped-$i"; i=$((i + 1)); done >"${TMPDIR:-/tmp}/pipe.$$"
admin <"${TMPDIR:-/tmp}/pipe.$$" >/dev/null
rm -f "${TMPDIR:-/tmp}/pipe.$$"
expect "200 from standard input" 201 "$(admin notes.count)"
exit $failed
