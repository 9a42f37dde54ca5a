#!/bin/sh
# `cmake --install` makes a tree that needs no sources: bundled plugins in Lua and in C, and the tools for authors, all from there.
set -eu
. "$(dirname "$0")/../support/server.sh"
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-installed-XXXXXX")
server=""
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM
fail() { echo "installed: $*" >&2; cat "$dir/out" "$dir/log" >&2; exit 1; }
same() { [ "$1" = "$2" ] || fail "\"$1\", not \"$2\""; }

cmake --install "$MUSTER_BUILD" --prefix "$dir/first" >"$dir/out" 2>&1 || fail "cmake --install"
mv "$dir/first" "$dir/usr" # a tree can be moved
muster=$dir/usr/bin/muster
unset MUSTER_SHARE MUSTER_NATIVE MUSTER
mkdir "$dir/usr/share/muster/plugins/here"
echo 'return { name = "here", version = "1.0.0", api = 1, summary = "Here.", requires = {} }' \
  >"$dir/usr/share/muster/plugins/here/manifest.lua"
echo 'return { commands = { ["here.ok"] = { mode = "read", args = {}, returns = "text", summary = "Here?",
  run = function() return "from the tree" end } } }' >"$dir/usr/share/muster/plugins/here/init.lua"

"$muster" init --data "$dir/data" >"$dir/out"
server_start "$dir/log" "$muster" --data "$dir/data" --port 0 || exit 1
call() { "$muster" call --data "$dir/data" --port "$port" "$@" 2>&1; }
same "$(call here.ok)" "from the tree"
same "$(call cnkit.yuan.format 6965000 words=1)" 陆万玖仟陆佰伍拾元整
call notes.add text=hello >"$dir/out" || fail "a bundled plugin in Lua does not answer"
(cd "$dir" && "$muster" plugin new welcome --lua && "$muster" plugin test welcome) >"$dir/out" 2>&1 || fail "the tools"
