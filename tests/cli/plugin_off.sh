#!/bin/sh
# What somebody has turned off, an upgrade does not turn on: it is upgraded, stays off, and the plan says so. Turned on, it is tried out
# and asks for what its new version adds.
set -eu
. "$(dirname "$0")/../support/install.sh"
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
fails() { if "$@" >"$dir/out" 2>&1; then fail "$* went through"; fi; }

house_new
house_start
for version in 1.0.0 1.1.0; do source_of alpha $version '{}'; pack alpha $version; done
do_ plugin install "$dir/pool/alpha-1.0.0.muster" --yes

# -- by hand --
do_ plugin disable alpha --yes --no-wait
do_ plugin upgrade "$dir/pool/alpha-1.1.0.muster" --yes --no-wait
said 'warning: alpha 1.1.0 .*off'
fails call alpha.ping
do_ plugin list
said 'alpha *1.1.0.*off.*disabled'
do_ plugin enable alpha --yes --no-wait
[ "$(call alpha.ping)" = 1.1.0 ] || fail "enabled: $(call alpha.ping)"

# -- what its new version asks for is asked for when it is turned on; what it is not is refused at once --
do_ plugin disable alpha --yes --no-wait
source_of alpha 1.2.0 '{}'
sed -i 's/requires =/units = true, requires =/' "$dir/src/alpha/manifest.lua"
pack alpha 1.2.0
do_ plugin upgrade "$dir/pool/alpha-1.2.0.muster" --yes --no-wait
cat >"$dir/on.lua" <<'LUA'
local conn = muster.connect()
local plan = conn:call("plugin.stage", { kind = "enable", name = "alpha" })
local done, err = conn:try("plugin.activate", { stage = plan.stage })
print(done and "runs" or err.rule)
LUA
[ "$("$MUSTER" play --data "$data" --port "$port" "$dir/on.lua")" = plugin.capability ] || fail "turned on without consent"
do_ plugin enable alpha --yes --no-wait
said 'NEW: units'
do_ plugin disable alpha --yes --no-wait
mkdir "$dir/open"
source_of alpha 1.3.0 '{}'
pack alpha 1.3.0
tar -C "$dir/open" -xzf "$dir/pool/alpha-1.3.0.muster"
mv "$dir/open/alpha-1.3.0" "$dir/open/alpha-1.4.0"
tar -C "$dir/open" -czf "$dir/pool/alpha-1.4.0.muster" alpha-1.4.0/sha256sums alpha-1.4.0/signature alpha-1.4.0/plugin/init.lua \
  alpha-1.4.0/plugin/manifest.lua
fails plugin upgrade "$dir/pool/alpha-1.4.0.muster" --yes
said 'package.form'

# -- by the configuration --
do_ plugin enable alpha --yes --no-wait
house_stop
echo 'return { probation_s = 1, lanes = { readers = 1 }, disabled = { "alpha" } }' >"$data/config.lua"
house_start
do_ plugin upgrade "$dir/pool/alpha-1.3.0.muster" --yes --no-wait
said 'warning: alpha 1.3.0 .*off'
do_ plugin list
said 'alpha *1.3.0.*off.*disabled by the configuration'
house_stop
