#!/bin/sh
# muster call: what it prints and how it ends.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then exec tests/support/with_server.sh "$MUSTER" "$0" inside; fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-call-XXXXXX")
trap 'rm -rf "$dir"' EXIT
fail() { echo "call: $*" >&2; cat "$dir/out" "$dir/err" >&2; exit 1; }
run() { # run STATUS ARGUMENT…
  wanted=$1; shift; got=0
  "$MUSTER" call "$@" >"$dir/out" 2>"$dir/err" </dev/null || got=$?
  [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: $*"
}
prints() { printf '%b' "$1" >"$dir/wanted"; cmp -s "$dir/wanted" "$dir/out" || fail "it should print: $1"; }
complains() { grep -q -- "$1" "$dir/err" || fail "standard error does not say: $1"; [ ! -s "$dir/out" ] || fail "it printed something too"; }

# Scalars, nothing, lists as tables with Chinese widths, JSON.
run 0 echo.say hello
prints 'hello\n'
run 0 echo.say --json text=你好
prints '"你好"\n'
run 0 notes.list
prints '(none)\n'
run 0 notes.add text=你好
prints '1\n'
run 0 notes.add 'text=two words'
run 0 notes.list
grep -q '^id  text       *at$' "$dir/out" || fail "the headings"
grep -q '^ 1  你好       [0-9]' "$dir/out" || fail "the first row is not aligned"
grep -q '^ 2  two words  [0-9]' "$dir/out" || fail "the second row is not aligned"
run 0 notes.list --json limit=1
grep -q '^\[{"id":1,"text":"你好","at":[0-9]*}\]$' "$dir/out" || fail "the JSON"

# For people: instants as civil time of the server's zone, money in yuan, truth as a mark. Programs get what the server sent.
ms=$(sed 's/.*"at":\([0-9]*\).*/\1/' "$dir/out")
for zone in CST-8 UTC0; do
  run_at=$(TZ=CST-8 date -d "@$((ms / 1000))" '+%Y-%m-%d %H:%M:%S')
  export TZ=$zone
  run 0 notes.list limit=1
  grep -q "^ 1  你好  $run_at\$" "$dir/out" || fail "the instant is not $run_at on a machine in $zone"
done
unset TZ
run 0 notes.list --resp2 limit=1
grep -q "$ms" "$dir/out" || fail "without declarations the reply is not shown as it came"
run 0 user.list
grep -q '^admin .* cert  *✓  *–  *–  *0  *1$' "$dir/out" || fail "true and false"
run 0 org.unit.add code=YL name=玉林 kind=county on=2020-01-01
run 0 fund.open code=STAFF name=职工捐款 kind=staff unit=YL opens=2020-01-01 large_fen=6965000
grep -q '^large (yuan): *69,650\.00$' "$dir/out" || fail "money"
run 0 FUND.GET fund=STAFF
grep -q '^large (yuan): *69,650\.00$' "$dir/out" || fail "the name of a command in capitals"
run 0 fund.get fund=STAFF --json
grep -q '"large_fen":6965000[,}]' "$dir/out" || fail "money as JSON"
run 0 figure.get fund.net scope=YL 'params={"fund":"STAFF"}'
grep -q '^value (yuan): 0\.00$' "$dir/out" || fail "a figure in fen"
grep -q '^as_of: *20[0-9-]* [0-9:]*$' "$dir/out" || fail "the instant of a figure"
run 0 notes.delete id=2
prints '(nothing)\n'
run 0 echo.say -- -x
[ "$(cat "$dir/out")" = "-x" ] || fail "an argument that begins with -"
run 0 notes.list --resp2
run 0 INFO lanes
grep -q '^commits:[0-9]*$' "$dir/out" || fail "a text of several lines"

# A terminal is safe from what others wrote: no control characters reach it.
run 0 echo.say "$(printf 'a\033[31mb\302\233c')"
prints 'a [31mb c\n'

# Each class of error has its exit status; the words go to standard error.
run 2 notes.add
complains 'ARG arg.required: '
run 2 notes.nope
complains '^muster call: ERR unknown command'
run 3 notes.delete id=99
complains 'NOTFOUND notes.unknown'
run 0 notes.add text=a idem=k1
run 4 notes.add text=b idem=k1
complains 'DUP '

# What the server knows besides is told too, in both versions of the protocol, but nothing twice.
for proto in '' --resp2; do
  run 4 org.unit.reopen unit=YL on=2020-03-01 $proto
  complains '^muster call: STATE org.unit_open: '
  complains '^  state: open$'
  complains '^  possible: org.unit.close$'
  run 2 user.add name=wu methods=telepathy $proto
  complains '^  argument: methods$'
  run 2 org.unit.add code=A name=n kind=telepathy $proto
  complains 'ARG arg.type: .*county'
  [ "$(wc -l <"$dir/err")" = 1 ] || fail "it says the possible values twice"
done
run 9 echo.say --port 1
complains 'port 1'
run 9 echo.say --data "$dir/nowhere"
complains 'No such file'
(unset MUSTER_DATA; run 2 echo.say; complains '--data DIR')

# Without certificate and password nobody is signed in; with a wrong password neither; with a right one or a token it works.
ca=$MUSTER_DATA/ca.pem
(unset MUSTER_DATA; run 6 notes.count --ca "$ca"; complains NOAUTH)
run 0 user.add name=li methods=password,token
run 0 user.password name=li 'password=correct horse'
run 0 role.define name=reader 'grants=["notes.*"]'
run 0 role.grant user=li role=reader
printf 'correct horse\n' >"$dir/password"
printf 'wrong\n' >"$dir/wrong"
run 0 notes.count --user li --password-file "$dir/password"
prints '2\n'
run 6 notes.count --user li --password-file "$dir/wrong"
complains WRONGPASS
run 5 echo.say --user li --password-file "$dir/password"
complains NOPERM
run 0 user.token name=li label=test --json
sed 's/.*"token":"\([^"]*\)".*/\1/' "$dir/out" >"$dir/token"
run 0 notes.count --user li --token-file "$dir/token"
run 9 notes.count --user li --token-file "$dir/none"
# Nobody to ask: no terminal, no file.
run 6 notes.count --user li
complains 'password-file'

# Another server's certificate is not accepted, nor another name.
"$MUSTER" init --data "$dir/other" >/dev/null
run 6 echo.say --ca "$dir/other/ca.pem" --cert "$MUSTER_DATA/admin.pem" --key "$MUSTER_DATA/admin.key"
complains 'certificate'
