#!/bin/sh
# What goes with a package is found in a folder, the newest that fits everybody, or it is said why nothing fits; a lock file
# makes another server run exactly the same; list, show and their JSON tell of it, with what each plugin has cost.
set -eu
. "$(dirname "$0")/../support/install.sh"
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
make() { source_of "$1" "$2" "$3" && pack "$1" "$2"; }
runs() { [ "$(call "$1.ping")" = "$2" ] || fail "$1 is $(call "$1.ping"), not $2"; }

house_new
house_start
make base 1.0.0 '{}'
make base 1.1.0 '{}'
make base 1.2.0 '{}'
make base 2.0.0 '{}'
make left 1.0.0 '{ base = ">=1.1" }'
make right 1.0.0 '{ base = "<1.2" }'
make top 1.0.0 '{ left = "*", right = "*" }'
make alone 1.0.0 '{ nobody = "*" }'
make far 1.0.0 '{ base = ">=3" }'
make old 1.0.0 '{ left = "*", base = "<1.1" }'

# -- the newest that fits everybody: left alone would take 2.0.0, right forbids 1.2.0 --
do_ plugin install "$dir/pool/top-1.0.0.muster" --from "$dir/pool" --yes
said 'base 1.1.0, signed by house'
runs base 1.1.0
runs left 1.0.0
runs top 1.0.0

# -- nothing fits: who wants what, and what there is --
state >"$dir/before"
refused plugin.missing plugin install "$dir/pool/alone-1.0.0.muster" --from "$dir/pool" --yes
grep -q 'alone 1.0.0 requires nobody, of which there is no package' "$dir/out" || fail "$(cat "$dir/out")"
refused plugin.range plugin install "$dir/pool/far-1.0.0.muster" --from "$dir/pool" --yes
for word in 'far 1.0.0 requires base >=3' '1.1.0 (installed)' 2.0.0; do
  grep -q "$word" "$dir/out" || fail "it does not say $word: $(cat "$dir/out")"
done
refused plugin.range plugin install "$dir/pool/old-1.0.0.muster" --from "$dir/pool" --yes
grep -q 'old 1.0.0 requires base <1.1' "$dir/out" || fail "$(cat "$dir/out")"
refused package.file plugin install "$dir/pool/none.muster" --yes
echo junk >"$dir/pool/junk.muster"
refused plugin.range plugin install "$dir/pool/far-1.0.0.muster" --from "$dir/pool" --yes
grep -q 'junk.muster is left out' "$dir/out" || fail "a broken package is not told: $(cat "$dir/out")"
unchanged "what does not fit"

# -- an upgrade takes along what it needs --
make right 1.1.0 '{ base = ">=1.2 <2" }'
do_ plugin upgrade "$dir/pool/right-1.1.0.muster" --from "$dir/pool" --yes
runs base 1.2.0
runs right 1.1.0

# -- what is told --
call base.ping >/dev/null
do_ plugin show base
said '^signer: *house$'
said '^  calls: *2$'
said '^  right$'
do_ plugin show base --json
said '"required_by":\["left","right"\]'
said '"calls":2'
do_ plugin list --json
said '"name":"right","version":"1.1.0","state":"on"'
said '"name":"base",[^}]*"calls":2,"errors":0,"run_us":[0-9]*,"memory_peak":[1-9]'
do_ plugin list
said '^base .*house .* 2 .* 0 '

# -- a lock file: another server becomes the same, and says so when it is --
cp "$data/plugins.lock" "$dir/lock"
do_ plugin install --locked "$dir/lock" --from "$dir/pool" --yes
said 'all of it runs already'
house_stop
data=$dir/other
"$MUSTER" init --data "$data" >/dev/null
key_trust "$dir" "$data"
cp "$dir/data/config.lua" "$data"
house_start
do_ plugin install "$dir/pool/base-1.1.0.muster" --yes
sed 's/^base 1.2.0 ..../base 1.2.0 0000/' "$dir/lock" >"$dir/wrong"
refused lock.missing plugin install --locked "$dir/wrong" --from "$dir/pool" --yes
printf 'base 1.2.0\n' >"$dir/wrong"
refused lock.form plugin install --locked "$dir/wrong" --from "$dir/pool" --yes
printf 'echo 1.0.0 00000000 (bundled)\n' >"$dir/wrong"
refused lock.bundled plugin install --locked "$dir/wrong" --from "$dir/pool" --yes
printf '# generation 2: name version sha256 signer\n' >"$dir/wrong"
refused lock.form plugin install --locked "$dir/wrong" --from "$dir/pool" --yes
printf 'base 1.1.0 00000000 (bundled)\n' >"$dir/wrong"
refused lock.bundled plugin install --locked "$dir/wrong" --from "$dir/pool" --yes
grep -q 'muster plugin remove base' "$dir/out" || fail "it does not say what hides it: $(cat "$dir/out")"
refused lock.file plugin install --locked "$dir/no-such-file" --from "$dir/pool" --yes
unchanged "wrong lock files"
sed 's/$/\r/' "$dir/lock" >"$dir/crlf" # as it comes back from another system
do_ plugin install --locked "$dir/crlf" --from "$dir/pool" --yes
said 'base 1.1.0 → 1.2.0'
for pair in 'base 1.2.0' 'left 1.0.0' 'right 1.1.0' 'top 1.0.0'; do runs ${pair% *} ${pair#* }; done
grep -v '^#' "$dir/lock" >"$dir/one"
grep -v '^#' "$data/plugins.lock" >"$dir/two"
cmp -s "$dir/one" "$dir/two" || fail "not the same: $(cat "$dir/two")"
house_stop

# -- without a server: asking changes nothing --
port=1
plugin() { "$MUSTER" plugin "$@" --data "$data" --port "$port" --plugins "$dir/bundled"; }
(cd "$data" && find . -type f ! -name '*-shm' | sort | xargs sha256sum) >"$dir/before"
do_ plugin list
said 'base.*1.2.0.*on'
said 'no server answers'
do_ plugin show base
do_ plugin verify
do_ plugin generations
(cd "$data" && find . -type f ! -name '*-shm' | sort | xargs sha256sum) >"$dir/after"
cmp -s "$dir/before" "$dir/after" || fail "asking changed something: $(diff "$dir/before" "$dir/after")"

# -- copies that a killed one has left: doctor tells, the next start removes them, and none that is in use --
mkdir "$data/.look-999999999-gone" "$data/.look-$$-used"
"$MUSTER" doctor --data "$data" --plugins "$dir/bundled" >"$dir/out" 2>&1 || true
grep -qF 'copies of the database (.look-…), 1' "$dir/out" || fail "doctor does not tell: $(cat "$dir/out")"
house_start
house_stop
[ "$(ls -d "$data"/.look-*)" = "$data/.look-$$-used" ] || fail "left: $(ls -d "$data"/.look-*)"
