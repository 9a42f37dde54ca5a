# Sourced by the scripts that start a server of their own.
#
# server_start LOG PROGRAM OPTIONS…: starts `PROGRAM serve OPTIONS…` with its output appended to LOG, waits until it is ready, and sets
# `server` (pid) and `port`. Returns 1 after printing the log when it does not get ready; `server` is then set all the same if it still runs.

# Does the process run? One look, for it may vanish between two; a zombie has ended.
server_alive() {
  server_state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
  [ -n "$server_state" ] && [ "$server_state" != Z ]
}

server_start() {
  server_log=$1 server_program=$2
  shift 2
  [ -f "$server_log" ] || : >"$server_log"
  server_skip=$(wc -l <"$server_log") # what earlier servers wrote there
  "$server_program" serve "$@" >>"$server_log" 2>&1 &
  server=$!
  server_tries=0
  until port=$(tail -n +$((server_skip + 1)) "$server_log" | sed -n 's/.*muster: listening on .*:\([0-9][0-9]*\)[^0-9]*$/\1/p') && [ -n "$port" ]; do
    server_tries=$((server_tries + 1))
    if ! server_alive "$server" || [ "$server_tries" -gt 600 ]; then
      echo "the server did not get ready:" >&2
      tail -n 50 "$server_log" >&2
      return 1
    fi
    sleep 0.05
  done
}
