#!/bin/sh
# What was changed on the shelf does not come to run by a change of plugins: not with a change of another one, not by going
# back to it, not by turning it on again. Turning it off, and bringing its package again, go.
set -eu
. "$(dirname "$0")/../support/install.sh"
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
tamper() { sed -i "s/return \"$2\"/return \"EVIL\"/" "$data/plugins/$1/$2"-*/init.lua; }

house_new
house_start
for version in 1.0.0 1.1.0; do source_of alpha $version '{}'; pack alpha $version; done
source_of beta 1.0.0 '{}'
pack beta 1.0.0
do_ plugin install "$dir/pool/alpha-1.0.0.muster" "$dir/pool/beta-1.0.0.muster" --yes --no-wait

# -- with a change of another one --
tamper alpha 1.0.0
refused package.changed plugin disable beta --yes
refused package.changed plugin remove beta --yes
unchanged "a change of beta"
[ "$(call alpha.ping)" = 1.0.0 ] || fail "what was changed runs: $(call alpha.ping)"
do_ plugin disable alpha --yes --no-wait

# -- by turning it on, now and after a start that left it out --
refused package.changed plugin enable alpha --yes
unchanged "alpha off"
do_ plugin rollback --to 1 --yes --no-wait
do_ plugin install "$dir/pool/alpha-1.0.0.muster" --yes --no-wait
tamper alpha 1.0.0
house_stop
house_start
refused package.changed plugin enable alpha --yes
unchanged "left out"
do_ plugin install "$dir/pool/alpha-1.0.0.muster" --yes --no-wait
[ "$(call alpha.ping)" = 1.0.0 ] || fail "its package again does not mend it"

# -- by going back --
do_ plugin upgrade "$dir/pool/alpha-1.1.0.muster" --yes --no-wait
tamper alpha 1.0.0
refused package.changed plugin rollback --yes
refused package.changed plugin rollback alpha --yes
unchanged "the way back"
[ "$(call alpha.ping)" = 1.1.0 ] || fail "gone back to $(call alpha.ping)"
house_stop
