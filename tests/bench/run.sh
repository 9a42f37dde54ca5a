#!/bin/sh
# Start Muster and Redis beside each other, on the same disk and with the same certificates, measure both in alternating rounds.
# Options go to bench.lua; see README.md.
set -eu
cd "$(dirname "$0")/../.."
build=$PWD/build/release
dir=$PWD/build/bench
muster=$build/muster
rm -rf "$dir"; mkdir -p "$dir/redis"
"$muster" init --data "$dir/data" >/dev/null

. tests/support/server.sh
server_start "$dir/muster.log" "$muster" --data "$dir/data" --port 0 --plugins tests/bench/plugins
muster_pid=$server
redis_port=$((20000 + $$ % 10000))
redis-server --port 0 --tls-port "$redis_port" --bind 127.0.0.1 --dir "$dir/redis" --appendonly yes --appendfsync always --save '' \
  --tls-cert-file "$dir/data/server.pem" --tls-key-file "$dir/data/server.key" --tls-ca-cert-file "$dir/data/ca.pem" \
  --tls-auth-clients optional --auto-aof-rewrite-percentage 0 >"$dir/redis.log" 2>&1 &
redis_pid=$!
trap 'kill $muster_pid $redis_pid 2>/dev/null || true; wait $muster_pid $redis_pid 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
tries=0
until redis-cli --tls --cacert "$dir/data/ca.pem" -p "$redis_port" PING >/dev/null 2>&1; do
  tries=$((tries + 1)); [ $tries -lt 200 ] || { tail -5 "$dir/redis.log" >&2; exit 1; }
  sleep 0.05
done

MUSTER=$muster MUSTER_PID=$muster_pid REDIS_PID=$redis_pid REDIS_PORT=$redis_port BENCH_DIR=$dir LOAD=$build/bench_load MUSTER_PORT=$port \
  "$muster" play --data "$dir/data" --port "$port" tests/bench/bench.lua -- "$@"
