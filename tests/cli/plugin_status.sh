#!/bin/sh
# Exit statuses of `muster plugin`, as api/OPERATING.md has them: scripts rely on them.
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

house_new
house_start
source_of alpha 1.0.0 '{}'
pack alpha 1.0.0
ends 0 plugin install "$dir/pool/alpha-1.0.0.muster" --yes

# -- what a package is refused for --
code() { # code TEXT: a package with this init.lua
  source_of bad 1.0.0 '{}'
  echo "$1" >"$dir/src/bad/init.lua"
  pack bad 1.0.0
}
code 'return { commands = { ["other.ping"] = { mode = "read", args = {}, returns = "nil", summary = "t", run = function() end } } }'
ends 4 plugin install "$dir/pool/bad-1.0.0.muster" --yes
said 'declare'
code 'return {'
ends 4 plugin install "$dir/pool/bad-1.0.0.muster" --yes
code 'error("no")'
ends 4 plugin install "$dir/pool/bad-1.0.0.muster" --yes
head -c 7000000 /dev/urandom >"$dir/pool/large.muster"
ends 4 plugin install "$dir/pool/large.muster" --yes
said 'package.size'
ends 3 plugin install "$dir/pool/nowhere-1.0.0.muster" --yes
ends 3 plugin disable nobody --yes
ends 3 plugin rollback --to 999 --yes
ends 2 plugin rollback --to x --yes
ends 2 plugin disable alpha beta

# -- verify --
ends 0 plugin verify
ends 0 plugin verify alpha
ends 3 plugin verify nobody
echo '-- more' >>"$(echo "$data"/plugins/alpha/*)/init.lua"
ends 4 plugin verify
said 'alpha.*init.lua'
ends 4 plugin verify alpha
ends 4 plugin verify --json
said '"ok":false'
house_stop

# -- what another one has left while it was waited for --
sed -i 's/probation_s = 1/probation_s = 60/' "$data/config.lua"
house_start
ends 0 plugin remove alpha --yes --no-wait
source_of beta 1.0.0 '{}'
pack beta 1.0.0
plugin install "$dir/pool/beta-1.0.0.muster" --yes >"$dir/waits" 2>&1 &
waits=$!
tries=0
until grep -q '^generation [0-9]* runs' "$dir/waits"; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "no install: $(cat "$dir/waits")"
  sleep 0.05
done
ends 0 plugin disable beta --yes --no-wait
status=0
wait $waits || status=$?
[ $status = 4 ] || fail "whoever waits ends with $status: $(cat "$dir/waits")"
grep -q 'plugin.left' "$dir/waits" || fail "that is not told: $(cat "$dir/waits")"

# -- when the server is gone while it is waited for --
plugin enable beta --yes >"$dir/waits" 2>&1 &
waits=$!
tries=0
until grep -q '^generation [0-9]* runs' "$dir/waits"; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || fail "not enabled: $(cat "$dir/waits")"
  sleep 0.05
done
kill -KILL "$server"
wait "$server" 2>/dev/null || true
server=""
status=0
wait $waits || status=$?
[ $status = 9 ] || fail "whoever waits ends with $status: $(cat "$dir/waits")"
grep -q 'muster plugin generations' "$dir/waits" || fail "where to look is not told: $(cat "$dir/waits")"
