# Sourced by the tests that install packages: a server with a trusted key, small plugins, and the proof that what was
# refused changed nothing. Sets dir, data, server, port; cleans up at the end.
. "$(dirname "$0")/../support/server.sh"
. "$(dirname "$0")/../support/package.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-test-XXXXXX")
data=$dir/data
server=""
clean() {
  if [ -n "$server" ] && server_alive "$server"; then kill -KILL "$server" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 143' INT TERM
fail() { echo "$(basename "$0" .sh): $*" >&2; tail -n 30 "$dir/log" >&2 2>/dev/null || true; exit 1; }
plugin() { "$MUSTER" plugin "$@" --data "$data" --port "$port"; }
call() { "$MUSTER" call --data "$data" --port "$port" "$@"; }

# source_of NAME VERSION REQUIRES: a plugin with one command, in $dir/src/NAME.
source_of() {
  mkdir -p "$dir/src/$1"
  printf 'return { name = "%s", version = "%s", api = 1, summary = "A test.", requires = %s }\n' "$1" "$2" "$3" \
    >"$dir/src/$1/manifest.lua"
  printf 'return { commands = { ["%s.ping"] = { mode = "read", args = {}, returns = "text", summary = "Ping.",
    run = function() return "%s" end } } }\n' "$1" "$2" >"$dir/src/$1/init.lua"
}
pack() { package_make "$dir" "$dir/src/$1" "$dir/pool/$1-$2.muster"; }

# house_new: a data folder that trusts $dir/house.key; house_start: its server.
house_new() {
  mkdir "$dir/pool" "$dir/bundled" "$dir/src"
  "$MUSTER" init --data "$data" >/dev/null
  key_new "$dir"
  key_trust "$dir" "$data"
  printf 'return { probation_s = 1, lanes = { readers = 1 } }\n' >"$data/config.lua"
}
house_start() { server_start "$dir/log" "$MUSTER" --data "$data" --port 0 --plugins "$dir/bundled" "$@" || exit 1; }
house_stop() {
  kill -TERM "$server"
  wait "$server" || fail "the server did not end cleanly"
  server=""
}

# state: what must not change: the list, the shelf, the generations, and the schema and rows of tally.
state() {
  plugin list --json | sed 's/"calls":[^}]*"sha256"/"sha256"/g' # without what it costs to look
  (cd "$data/plugins" && find . | sort)
  call plugin.generations limit=1
  call tally.columns 2>&1 || true
  call tally.add n=0 2>&1 || true
}
refused() { # refused RULE COMMAND…
  rule=$1
  shift
  [ -f "$dir/before" ] || state >"$dir/before"
  if "$@" >"$dir/out" 2>&1; then cat "$dir/out"; fail "not refused ($rule): $*"; fi
  grep -q "$rule" "$dir/out" || { cat "$dir/out"; fail "refused, but not by $rule: $*"; }
}
unchanged() { # since the first `refused` after the last of these
  state >"$dir/after"
  cmp -s "$dir/before" "$dir/after" || { diff "$dir/before" "$dir/after" >&2 || true; fail "something changed: $*"; }
  rm "$dir/before"
}
