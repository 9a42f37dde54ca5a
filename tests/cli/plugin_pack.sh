#!/bin/sh
# What must not get into a package stays out of it, and a manifest that never ends ends the tool that reads it with a refusal, before
# anything of its signature was looked at, and leaves nothing behind.
set -eu
. "$(dirname "$0")/../support/install.sh"
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
ends() { # ends STATUS COMMAND…
  wanted=$1
  shift
  got=0
  timeout 60 "$@" >"$dir/out" 2>&1 || got=$?
  [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: $*: $(cat "$dir/out")"
}
left() { find /tmp -maxdepth 1 -name 'muster-package-*' -user "$(id -u)" 2>/dev/null | wc -l; }

# -- keys and packages in the folder that is packed --
house_new
source_of leak 1.0.0 '{}'
(cd "$dir/src/leak" && "$MUSTER" plugin keys new me >/dev/null)
cd "$dir/src/leak"
ends 0 "$MUSTER" plugin pack . --key me.key
ends 0 "$MUSTER" plugin pack . --key me.key
tar -tzf leak-1.0.0.muster | sort >"$dir/out"
[ "$(echo $(sed 's/.*1.0.0.//' "$dir/out"))" = "plugin/init.lua plugin/manifest.lua plugin/me.pem sha256sums signature" ] ||
  fail "in the package: $(cat "$dir/out")"
cp me.key secret.txt
ends 4 "$MUSTER" plugin pack . --key me.key
said 'package.secret.*secret.txt'
rm secret.txt
long=$(printf 'n%.0s' $(seq 101))
echo x >"$long"
ends 4 "$MUSTER" plugin pack . --key me.key
said 'package.path.*at most 100 bytes'
rm "$long"
cd "$OLDPWD"

# -- a summary that would fill every list --
source_of wordy 1.0.0 '{}'
sed -i "s/A test\./$(printf 'word %.0s' $(seq 200))/" "$dir/src/wordy/manifest.lua"
ends 2 "$MUSTER" plugin pack "$dir/src/wordy"
said 'summary.*at most 500 bytes'

# -- manifests that never end --
source_of good 1.0.0 '{ "loop" }'
source_of loop 1.0.0 '{}'
pack good 1.0.0
pack loop 1.0.0
mkdir "$dir/open"
tar -C "$dir/open" -xzf "$dir/pool/loop-1.0.0.muster"
printf 'while true do end\n' | tee "$dir/src/loop/manifest.lua" >"$dir/open/loop-1.0.0/plugin/manifest.lua"
(cd "$dir/open/loop-1.0.0" && find plugin -type f | LC_ALL=C sort | xargs sha256sum >sha256sums)
tar -C "$dir/open" -czf "$dir/pool/loop-1.0.0.muster" loop-1.0.0/sha256sums loop-1.0.0/plugin/init.lua loop-1.0.0/plugin/manifest.lua
ends 7 "$MUSTER" plugin pack "$dir/src/loop"
said 'limit.time'
mkdir -p /tmp/muster-package-999999999-stale # of a process that has ended long ago
before=$(left)
port=1
ends 7 "$MUSTER" plugin install "$dir/pool/loop-1.0.0.muster" --yes --data "$data" --port $port --plugins "$dir/bundled"
said 'limit.time'
ends 3 "$MUSTER" plugin install "$dir/pool/good-1.0.0.muster" --from "$dir/pool" --yes --data "$data" --port $port --plugins "$dir/bundled"
said 'left out.*loop'
[ "$(left)" -lt "$before" ] || fail "folders are left: $(ls -d /tmp/muster-package-*)"
