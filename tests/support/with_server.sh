#!/bin/sh
# with_server.sh MUSTER [SERVE-OPTIONS --] COMMAND…
# Runs COMMAND beside a fresh server: a new data folder, a free port, MUSTER_DATA, MUSTER_PORT, MUSTER_SERVER_PID and
# MUSTER_SERVER_LOG in its environment. Ends the server with SIGTERM and fails if COMMAND failed, the server's exit status is
# not 0, or a sanitizer reported. WITH_SERVER_SECONDS bounds COMMAND.
set -eu

muster=$1
shift
options=""
case ${1:-} in -*)
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    options="$options '$(printf '%s' "$1" | sed "s/'/'\\\\''/g")'"
    shift
  done
  shift
esac
[ $# -gt 0 ] || { echo "usage: with_server.sh MUSTER [SERVE-OPTIONS --] COMMAND…" >&2; exit 2; }

. "$(dirname "$0")/server.sh"
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-test-XXXXXX")
server=""
clean() {
  if [ -n "$server" ] && server_alive "$server"; then kill -KILL "$server" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 143' INT TERM

"$muster" init --data "$dir/data" >"$dir/init.log" 2>&1 || { cat "$dir/init.log" >&2; exit 1; }

log=$dir/server.log
: >"$log"
eval "server_start \"\$log\" \"\$muster\" --data \"\$dir/data\" --port 0 $options" || exit 1
MUSTER_DATA=$dir/data
MUSTER_PORT=$port
MUSTER_SERVER_PID=$server
MUSTER_SERVER_LOG=$log
export MUSTER_DATA MUSTER_PORT MUSTER_SERVER_PID MUSTER_SERVER_LOG

status=0
timeout -k 5 "${WITH_SERVER_SECONDS:-170}" "$@" || status=$?
[ "$status" != 124 ] || echo "with_server: the command ran out of time" >&2

# A second SIGTERM means "at once": a command that has asked the server to stop itself shall see the first one through.
grep -q ' draining ' "$log" || kill -TERM "$server" 2>/dev/null || true
tries=0
while server_alive "$server" && [ "$tries" -lt 600 ]; do
  tries=$((tries + 1))
  sleep 0.05
done
if server_alive "$server"; then
  echo "with_server: the server does not end after SIGTERM" >&2
  kill -KILL "$server"
  status=1
fi
server_status=0
wait "$server" || server_status=$?
server=""
if [ "$server_status" != 0 ]; then
  echo "with_server: the server's exit status is $server_status" >&2
  [ "$status" != 0 ] || status=1
fi
if grep -qE 'ERROR: (Address|Leak|Thread|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:' "$log"; then
  echo "with_server: a sanitizer reported" >&2
  [ "$status" != 0 ] || status=1
fi
[ "$status" = 0 ] || { echo "with_server: the server's log:" >&2; tail -n 200 "$log" >&2; }
exit "$status"
