#!/bin/sh
# muster init: whole or not at all, never over what is there, for its owner alone.
set -eu
: "${MUSTER:?the program under test}"
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-init-XXXXXX")
trap 'rm -rf "$dir"' EXIT
fail() { echo "init: $*" >&2; exit 1; }
status() { wanted=$1; shift; got=0; "$@" >"$dir/out" 2>&1 || got=$?; [ "$got" = "$wanted" ] || { cat "$dir/out" >&2; fail "exit status $got, not $wanted: $*"; }; }
FILES="admin.key admin.pem ca.key ca.pem muster.db server.key server.pem"

# A new folder holds everything, for its owner alone, whatever the umask; the certificates are good.
(umask 000; status 0 "$MUSTER" init --data "$dir/a" --host muster.example --host 192.0.2.7)
for file in $FILES; do [ "$(stat -c %a "$dir/a/$file")" = 600 ] || fail "$file is not 0600"; done
[ "$(stat -c %a "$dir/a")" = 700 ] || fail "the folder is not 0700"
[ -z "$(find "$dir/a" -type f -not -perm 600)" ] || fail "a file beside them is not 0600"
for pair in server:sslserver admin:sslclient; do
  openssl verify -x509_strict -CAfile "$dir/a/ca.pem" -purpose "${pair#*:}" "$dir/a/${pair%:*}.pem" >/dev/null 2>&1 || fail "${pair%:*}.pem does not verify"
done
openssl x509 -noout -text -in "$dir/a/server.pem" >"$dir/text"
for host in DNS:localhost 'IP Address:127.0.0.1' DNS:muster.example 'IP Address:192.0.2.7'; do
  grep -q "$host" "$dir/text" || fail "the server's certificate lacks $host"
done

# The second time it refuses, names a file, and changes nothing.
before=$(cat "$dir"/a/*.pem "$dir"/a/*.key "$dir/a/muster.db" | sha256sum)
status 4 "$MUSTER" init --data "$dir/a"
grep -q 'init.exists' "$dir/out" || fail "the refusal does not name its rule"
[ "$before" = "$(cat "$dir"/a/*.pem "$dir"/a/*.key "$dir/a/muster.db" | sha256sum)" ] || fail "a refused init changed a file"

# One file is enough to refuse, and nothing comes beside it.
mkdir "$dir/b"
echo mine >"$dir/b/server.key"
status 4 "$MUSTER" init --data "$dir/b"
[ "$(ls -A "$dir/b")" = server.key ] && [ "$(cat "$dir/b/server.key")" = mine ] || fail "a refused init left something"

# An existing folder without them is used, made private, and keeps its other files.
mkdir -m 755 "$dir/c"
echo kept >"$dir/c/README"
status 0 "$MUSTER" init --data "$dir/c/"
[ "$(stat -c %a "$dir/c")" = 700 ] && [ "$(cat "$dir/c/README")" = kept ] || fail "the existing folder"
for file in $FILES; do [ -f "$dir/c/$file" ] || fail "c/$file is missing"; done
[ -z "$(find "$dir" -name '*.init-*')$(find "$dir" -name '.init-*')" ] || fail "a temporary folder is left"
status 0 "$MUSTER" serve --data "$dir/c" --check --port 0

# The administrator's name is in the certificate; what cannot be in one is refused, and leaves nothing.
status 0 "$MUSTER" init --data "$dir/d" --user wang.min
openssl x509 -noout -subject -in "$dir/d/admin.pem" | grep -q 'wang.min' || fail "the administrator's name"
status 2 "$MUSTER" init --data "$dir/e" --user 'a,O=b'
status 2 "$MUSTER" init
status 2 "$MUSTER" init --data "$dir/e" --colour red
status 9 "$MUSTER" init --data "$dir/none/e"
[ ! -e "$dir/e" ] || fail "a failed init made the folder"
[ -z "$(find "$dir" -mindepth 1 -name '*init-??????')" ] || fail "a failed init left its temporary folder"

# Of several at once exactly one wins.
for i in 1 2 3 4; do
  "$MUSTER" init --data "$dir/race" >"$dir/race.$i" 2>&1 && echo won >"$dir/won.$i" &
  eval "pid$i=$!"
done
for i in 1 2 3 4; do eval "wait \$pid$i" || true; done
[ "$(cat "$dir"/won.* | wc -l)" = 1 ] || fail "$(cat "$dir"/won.* | wc -l) of 4 simultaneous inits won"
openssl verify -CAfile "$dir/race/ca.pem" "$dir/race/server.pem" >/dev/null 2>&1 || fail "the winner's folder is mixed"
