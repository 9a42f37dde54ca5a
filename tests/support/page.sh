# Sourced by the tests that follow a page word by word in an empty folder: page FILE SECTION does every block of that section
# (tests/cli/tutorial.lua) with `muster` on the PATH. The port alone is another, for 7878 may be taken.
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-page-XXXXXX")
clean() {
  for pid in $(cat "$dir/pid" 2>/dev/null); do kill "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap clean EXIT
trap 'exit 143' INT TERM

page() {
  mkdir "$dir/bin"
  ln -s "$MUSTER" "$dir/bin/muster"
  PATH=$dir/bin:$PATH
  unset MUSTER_DATA MUSTER
  lua5.4 "$root/tests/cli/tutorial.lua" "$root/$1" "$2" >"$dir/script"
  # Servers' pids, so that they end when a step fails.
  sed -i "s|^server=\$!|server=\$!; echo \$server >>$dir/pid|" "$dir/script"
  tries=0
  while :; do
    mkdir "$dir/work"
    MUSTER_PORT=$((20000 + ($$ * 7 + tries * 131) % 40000))
    export MUSTER_PORT
    if (cd "$dir/work" && timeout 120 sh "$dir/script" >"$dir/said" 2>&1); then return 0; fi
    tries=$((tries + 1))
    if [ "$tries" -gt 5 ] || ! grep -qs 'address already in use' "$dir/work/server.log"; then
      cat "$dir/said"
      [ ! -f "$dir/work/server.log" ] || { echo "--- server.log"; cat "$dir/work/server.log"; }
      return 1
    fi
    rm -rf "$dir/work"
  done
}
