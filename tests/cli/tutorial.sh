#!/bin/sh
# The tutorial of the README, done word by word in an empty folder: every file as it stands there, every command, everything it
# says is printed. The port alone is another, for 7878 may be taken.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
root=$PWD
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-tutorial-XXXXXX")
clean() {
  [ ! -f "$dir/pid" ] || kill "$(cat "$dir/pid")" 2>/dev/null || true
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 143' INT TERM

mkdir "$dir/work" "$dir/bin"
ln -s "$MUSTER" "$dir/bin/muster"
PATH=$dir/bin:$PATH
unset MUSTER_DATA MUSTER
lua5.4 "$root/tests/cli/tutorial.lua" README.md >"$dir/script"
# The server's pid, so that it ends when a step fails.
sed -i "s|^server=\$!|server=\$!; echo \$server >$dir/pid|" "$dir/script"
grep -q "$dir/pid" "$dir/script"
tries=0
while :; do
  MUSTER_PORT=$((20000 + ($$ * 7 + tries * 131) % 40000))
  export MUSTER_PORT
  status=0
  (cd "$dir/work" && timeout 120 sh "$dir/script" >"$dir/said" 2>&1) || status=$?
  if [ "$status" = 0 ]; then break; fi
  tries=$((tries + 1))
  if [ "$tries" -gt 5 ] || ! grep -q 'address already in use' "$dir/work/server.log"; then
    cat "$dir/said"
    echo "--- server.log"
    cat "$dir/work/server.log"
    exit 1
  fi
  rm -rf "$dir/work"
  mkdir "$dir/work"
done
