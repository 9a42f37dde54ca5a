#!/bin/sh
# muster doctor: nothing is wrong with a folder that was just made, a served one or not; each thing that is broken is found,
# named by its rule, with what to do, and turns the exit status to 1. Nothing is changed by looking.
set -eu
. "$(dirname "$0")/../support/install.sh"
doctor() { "$MUSTER" doctor --data "$data" --plugins "$dir/bundled" "$@"; }
well() {
  doctor >"$dir/out" 2>&1 || { cat "$dir/out" >&2; fail "$1, and something is wrong"; }
  grep -q '^nothing is wrong$' "$dir/out" || fail "$1: $(cat "$dir/out")"
}
ill() { # ill RULE TEXT: it is found wrong by this rule
  status=0
  doctor --json >"$dir/json" 2>"$dir/err" || status=$?
  [ "$status" = 1 ] && [ ! -s "$dir/err" ] || fail "$1: exit status $status $(cat "$dir/err")"
  doctor >"$dir/out" && fail "$1: exit status 0"
  grep -q "^WRONG .*$2" "$dir/out" || fail "it does not say $2: $(cat "$dir/out")"
  tr -d '\n' <"$dir/json" | grep -q "\"level\": \"wrong\", *\"rule\": \"$1\"" || fail "no finding $1: $(cat "$dir/json")"
}
only() { # no more than so many things are wrong
  [ "$(grep -c '^WRONG' "$dir/out")" -le "$1" ] || fail "more is wrong than was broken: $(cat "$dir/out")"
}

house_new
well "a folder in which no server ran"
grep -q '^note .*no server has run here yet' "$dir/out" || fail "$(cat "$dir/out")"
house_start
tally_source "$dir/src/tally" 1.0.0
pack tally 1.0.0
plugin install "$dir/pool/tally-1.0.0.muster" --yes >/dev/null
well "a folder that is served"
grep -q '^ok .*one runs on this folder' "$dir/out" || fail "it does not see the server"
plugin disable tally --yes --no-wait >/dev/null
plugin enable tally --yes >/dev/null
house_stop
(cd "$data" && find . -type f ! -name "*-shm" | sort | xargs sha256sum) >"$dir/before"
well "a folder at rest"
grep -q '^ok .*tally: 1.0.0, signed by house' "$dir/out" || fail "$(cat "$dir/out")"
(cd "$data" && find . -type f ! -name "*-shm" | sort | xargs sha256sum) >"$dir/after"
cmp -s "$dir/before" "$dir/after" || { diff "$dir/before" "$dir/after" >&2 || true; fail "looking changes something"; }
doctor --json | tr -d '\n' | grep -q '"ok": true, *"served": false, *"generation": [1-9]' || fail "$(doctor --json)"

# -- configuration, and who may read --
cp "$data/config.lua" "$dir/config.lua"
echo 'return { probaton_s = 1 }' >"$data/config.lua"
ill doctor.config 'no setting probaton_s; did you mean probation_s'
echo 'return { native_keys = { "nobody" }, developer = true }' >"$data/config.lua"
ill doctor.native_keys 'native_keys names nobody'
grep -q '^note .*developer mode' "$dir/out" || fail "developer mode is not told"
cp "$dir/config.lua" "$data/config.lua"
chmod 644 "$data/server.key"
ill doctor.mode 'server.key: others than its owner'
chmod 600 "$data/server.key"

# -- certificates: near their end, without their key, gone --
cp "$data/server.pem" "$data/server.key" "$dir"
openssl ecparam -name prime256v1 -genkey -noout -out "$dir/short.key" 2>/dev/null
openssl req -new -key "$dir/short.key" -subj /CN=localhost -out "$dir/short.csr" 2>/dev/null
openssl x509 -req -in "$dir/short.csr" -CA "$data/ca.pem" -CAkey "$data/ca.key" -set_serial 77 -days 9 -out "$data/server.pem" 2>/dev/null
ill doctor.certificate 'no server can start with these'
cat "$dir/short.key" >"$data/server.key"
ill doctor.certificate 'server.pem: expires in [89] days'
only 1
rm "$data/server.pem"
ill doctor.certificate 'server.pem: .*cannot be read'
cp "$dir/server.pem" "$dir/server.key" "$data"
well "put back"

# -- keys --
(cd "$dir" && "$MUSTER" plugin keys new spare >/dev/null)
"$MUSTER" plugin keys trust "$dir/spare.pem" --data "$data" >/dev/null
well "a key that signs nothing"
grep -q '^note .*key spare: .*signs nothing' "$dir/out" || fail "$(cat "$dir/out")"
cp "$dir/spare.key" "$data/keys"
ill doctor.key 'a private key does not belong'
rm "$data/keys/spare.key" "$data/keys/house.pem"
ill doctor.untrusted 'tally: 1.0.0 was signed by house, whose key is not trusted'
"$MUSTER" plugin keys trust "$dir/house.pem" --data "$data" >/dev/null

# -- plugins: lock, files, a plugin that cannot be loaded --
cp "$data/plugins.lock" "$dir/lock"
sed -i 's/^tally 1.0.0/tally 1.0.1/' "$data/plugins.lock"
ill doctor.lock 'it says tally 1.0.1 .* what runs is 1.0.0'
echo 'other 1.0.0 0 house' >"$data/plugins.lock"
ill doctor.lock 'it names other'
grep -q '^WRONG .*leaves out' "$dir/out" || fail "a missing line is not found"
cp "$dir/lock" "$data/plugins.lock"
init=$(echo "$data"/plugins/tally/*)/init.lua
cp "$init" "$dir/init.lua"
echo '-- more' >>"$init"
ill doctor.changed 'tally: 1.0.0: .*init.lua'
only 1
cp "$dir/init.lua" "$init"
mkdir "$dir/bundled/broken"
echo 'return { name = "broken", version = "1.0.0", api = 1, summary = "Broken.", requires = {} }' >"$dir/bundled/broken/manifest.lua"
echo 'return {' >"$dir/bundled/broken/init.lua"
ill doctor.start 'it would fail: .*broken'
rm -r "$dir/bundled/broken"

# -- what broke down --
mkdir "$data/crashes"
printf 'at=%s000\nplugin=tally\nversion=1.0.0\ncommand=tally.add\nuser=admin\nhow=signal 11 (Segmentation fault)\n' \
  "$(date +%s)" >"$data/crashes/$(date +%s)000-001"
ill doctor.crash 'crashed 1 time, .*tally.add: signal 11'
rm -r "$data/crashes"
printf 'plugin=tally\ncommand=tally.add\nreason=signal 6\nat=%s999\n' "$(date +%s)" >"$data/quarantine/tally"
ill doctor.quarantine 'tally: it brought the server down .* in tally.add: signal 6'
only 1
rm "$data/quarantine/tally"
well "all of it mended"

# -- the database; last, for nothing mends it --
rm -f "$data"/muster.db-*
dd if=/dev/urandom of="$data/muster.db" bs=4096 seek=2 count=10 conv=notrunc 2>/dev/null
ill doctor.database 'muster.db is damaged'
rm "$data/muster.db"
ill doctor.folder 'muster init'
status=0
"$MUSTER" doctor --data "$data" --bad >/dev/null 2>&1 || status=$?
[ "$status" = 2 ] || fail "a wrong use: exit status $status"
