#!/bin/sh
# Whose packages are taken: one key has one name, what is distrusted is refused in truth, between plan and yes, too.
set -eu
. "$(dirname "$0")/../support/install.sh"
ends() { # ends STATUS COMMAND…
  wanted=$1
  shift
  got=0
  "$@" >"$dir/out" 2>&1 || got=$?
  [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: $*: $(cat "$dir/out")"
}
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }
keys() { "$MUSTER" plugin keys "$@" --data "$data"; }

house_new
house_start
source_of alpha 1.0.0 '{}'
pack alpha 1.0.0

# -- two names --
cp "$dir/house.pem" "$dir/other.pem"
ends 4 keys trust "$dir/other.pem"
said 'house'
[ "$(keys list | wc -l)" = 1 ] || fail "trusted twice: $(keys list)"
cp "$dir/house.pem" "$data/keys/other.pem" # as an older program, or a person, did it
ends 0 keys distrust house.pem # by its file's name, too
said 'other'
[ -z "$(keys list)" ] || fail "still trusted: $(keys list)"
ends 4 plugin install "$dir/pool/alpha-1.0.0.muster" --yes
said 'package.key'
ends 3 keys distrust house

# -- another one's version --
key_trust "$dir" "$data"
(cd "$dir" && "$MUSTER" plugin keys new eve >/dev/null)
ends 0 keys trust "$dir/eve.pem"
ends 0 plugin install "$dir/pool/alpha-1.0.0.muster" --yes --no-wait
source_of alpha 1.1.0 '{}'
"$MUSTER" plugin pack "$dir/src/alpha" --key "$dir/eve.key" --out "$dir/pool/eve.muster" >/dev/null
ends 0 plugin upgrade "$dir/pool/eve.muster" --yes --no-wait
said 'warning: the signer of alpha changes from house to eve'
ends 0 plugin remove alpha --yes --no-wait
ends 0 keys distrust house
[ "$(keys list | wc -l)" = 1 ] || fail "eve is trusted, and nobody else: $(keys list)"

# -- between the plan and the yes --
key_trust "$dir" "$data"
cat >"$dir/late.lua" <<'LUA'
local conn = muster.connect()
local plan = conn:call("plugin.stage", { kind = "install", package = muster.read_file(muster.args[1]) })
print(plan.stage)
LUA
stage=$("$MUSTER" play --data "$data" --port "$port" "$dir/late.lua" -- "$dir/pool/alpha-1.0.0.muster")
ends 0 keys distrust house
ends 4 call plugin.activate "stage=$stage"
said 'package.key'
if call alpha.ping >"$dir/out" 2>&1; then fail "it runs"; fi
house_stop
