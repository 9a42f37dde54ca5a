#!/bin/sh
# What the sandbox costs a fund.give, on the database that the article leaves behind. Arguments go to sandbox.c: [ROUNDS [GIVES]].
set -eu
cd "$(dirname "$0")/../.."
muster=$PWD/build/release/muster
dir=$PWD/build/bench/sandbox
rm -rf "$dir"; mkdir -p "$dir"
. tests/support/server.sh
"$muster" init --data "$dir/data" >/dev/null
server_start "$dir/log" "$muster" --data "$dir/data" --port 0
trap 'kill "$server" 2>/dev/null || true' EXIT
"$muster" play --data "$dir/data" --port "$port" scripts/article/play.lua >"$dir/play" 2>&1 || { tail -5 "$dir/play" >&2; exit 1; }
kill "$server"
wait "$server" || true
build/release/bench_sandbox "$dir/data/muster.db" "$PWD" "$@"
