#!/bin/sh
# A server that is killed behind any durable step of an install, an upgrade with a migration, a rollback, of turning a plugin off, on,
# or removing it, starts again with the set before or with the one after, whole: what is listed, the schema, the commands and the
# files agree. And there is no step in the sources that none of these has come to.
set -eu
. "$(dirname "$0")/../support/server.sh"
. "$(dirname "$0")/../support/package.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-test-XXXXXX")
server=""
clean() {
  if [ -n "$server" ] && server_alive "$server"; then kill -KILL "$server" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 143' INT TERM
log=$dir/log
fail() { echo "install_kill: $*" >&2; tail -n 30 "$log" >&2; exit 1; }

MUSTER_TEST=1
export MUSTER_TEST
data=$dir/data
out=$dir/out
plugin() { "$MUSTER" plugin "$@" --data "$data" --port "$port"; }

stop() {
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=""
}

tally_source "$dir/one/tally" 1.0.0
tally_source "$dir/two/tally" 1.1.0
cat >"$dir/two/tally/migrations/002_note.sql" <<'SQL'
ALTER TABLE tally_row ADD COLUMN note TEXT;
SQL
cat >"$dir/two/tally/migrations/002_note.down.sql" <<'SQL'
ALTER TABLE tally_row DROP COLUMN note;
SQL
key_new "$dir"
package_make "$dir" "$dir/one/tally" "$dir/tally-1.0.0.muster"
package_make "$dir" "$dir/two/tally" "$dir/tally-1.1.0.muster"

# The places to start from.
mkdir "$dir/bundled"
base() { # base NAME COMMAND…: a data folder that a server has served, with the command done
  base_name=$1
  shift
  server_start "$log" "$MUSTER" --data "$data" --port 0 --plugins "$dir/bundled" || exit 1
  [ $# = 0 ] || plugin "$@" --yes >"$out" 2>&1 || { cat "$out" >&2; fail "the base $base_name"; }
  stop
  cp -a "$data" "$dir/base_$base_name"
}
"$MUSTER" init --data "$data" >/dev/null
key_trust "$dir" "$data"
printf 'return { probation_s = 1, lanes = { readers = 1 } }\n' >"$data/config.lua"
cp -a "$data" "$dir/base_fresh" # no server has seen it
base one install "$dir/tally-1.0.0.muster"
base two upgrade "$dir/tally-1.1.0.muster"
base off disable tally

version_now() { plugin list 2>/dev/null | awk '$1 == "tally" && !/ off / { print $2 }'; }

# What must hold after a start: one version everywhere, its files and no other leftovers.
check() { # check WHAT ALLOWED…
  what=$1
  shift
  now=$(version_now)
  now=${now:-none}
  case " $* " in *" $now "*) ;; *) fail "$what: tally is $now, not one of: $*" ;; esac
  plugin verify >"$out" 2>&1 || fail "$what: verify: $(cat "$out")"
  if grep -q '–' "$out"; then fail "$what: verify: $(cat "$out")"; fi
  if [ "$now" != none ]; then
    answer=$("$MUSTER" call --data "$data" --port "$port" tally.version) || fail "$what: tally does not answer"
    [ "$answer" = "$now" ] || fail "$what: listed is $now, but $answer runs"
    "$MUSTER" call --data "$data" --port "$port" tally.add n=1 >/dev/null || fail "$what: tally does not write"
    columns=$("$MUSTER" call --data "$data" --port "$port" tally.columns 2>&1) || true
    case $now:$columns in
      1.0.0:*"no such column"* | 1.1.0:[0-9]*) ;;
      *) fail "$what: $now runs, but the schema is another: $columns" ;;
    esac
  fi
  [ -z "$(ls "$data/plugins/tmp")" ] || fail "$what: left over in tmp: $(ls "$data/plugins/tmp")"
}

# killed NAME BASE OLD NEW COMMAND…: behind step 1, 2, 3 … until a run gets through.
killed() {
  name=$1 from=$2 old=$3 new=$4
  shift 4
  n=0 through=""
  while [ -z "$through" ]; do
    n=$((n + 1))
    [ "$n" -lt 60 ] || fail "$name: no run without a crash"
    rm -rf "$data"
    cp -a "$dir/base_$from" "$data"
    MUSTER_CRASH_AT=$n
    export MUSTER_CRASH_AT
    if ! server_start "$log" "$MUSTER" --data "$data" --port 0 --plugins "$dir/bundled" 2>/dev/null; then
      unset MUSTER_CRASH_AT
    else
      unset MUSTER_CRASH_AT
      status=0
      plugin "$@" --yes >"$out" 2>&1 || status=$?
      if [ "$status" = 0 ]; then
        sleep 1.5 # the tick behind the last step
        if server_alive "$server"; then through=yes; fi
      else # the connection is closed a moment before the process is gone
        tries=0
        while server_alive "$server"; do
          tries=$((tries + 1))
          [ "$tries" -lt 100 ] || { cat "$out" >&2; fail "$name $n: refused without a crash"; }
          sleep 0.05
        done
      fi
    fi
    stop
    server_start "$log" "$MUSTER" --data "$data" --port 0 --plugins "$dir/bundled" || fail "$name $n: no start"
    if [ -n "$through" ]; then check "$name through" "$new"; else check "$name $n" "$old" "$new"; fi
    stop
  done
  [ "$n" -gt 3 ] || fail "$name: only $n steps were killed"
  echo "$name: killed behind each of $((n - 1)) steps"
}

# Side by side: each has a folder of its own.
start() {
  (
    server="" data=$dir/$1.data out=$dir/$1.out log=$dir/$1.log
    trap 'if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi' EXIT
    killed "$@"
  ) &
}
status=0
pair() { # two side by side
  wait "$one" || status=1
  wait "$two" || status=1
}
start install fresh none 1.0.0 install "$dir/tally-1.0.0.muster"
one=$!
start upgrade one 1.0.0 1.1.0 upgrade "$dir/tally-1.1.0.muster"
two=$!
pair
start rollback two 1.1.0 1.0.0 rollback
one=$!
start disable two 1.1.0 none disable tally
two=$!
pair
start enable off none 1.1.0 enable tally
one=$!
start remove two 1.1.0 none remove tally
two=$!
pair

grep -rho 'crash_point("[^"]*' host | sed 's/.*"//' | sort -u >"$dir/steps"
sed -n 's/^crash point [0-9]*: //p' "$dir"/*.log | sort -u >"$dir/reached"
[ -s "$dir/steps" ] || fail "no steps in the sources"
if ! cmp -s "$dir/steps" "$dir/reached"; then
  diff "$dir/steps" "$dir/reached" >&2 || true
  fail "steps that were not reached, or are not in the sources"
fi
exit "$status"
