#!/bin/sh
# What must not get into a package stays out of it.
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
cd "$OLDPWD"
rm "$dir/src/leak/secret.txt"

