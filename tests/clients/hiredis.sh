#!/bin/sh
# A C program with hiredis. From 1.0 on hiredis speaks TLS and RESP3 itself; before (Debian 12) it goes through socat as a TLS tunnel,
# in RESP2. (redis-cli carries hiredis 1.x within it: redis_cli.sh covers that one in both.)
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${MUSTER_PORT:-}" ]; then exec tests/support/with_server.sh "$MUSTER" "$0"; fi
pkg-config --exists hiredis || { echo "hiredis is missing (Debian: libhiredis-dev)"; exit 77; }
program=${MUSTER_BUILD:-${TMPDIR:-/tmp}}/hiredis_client
if pkg-config --exists hiredis_ssl; then
  cc -std=c17 -D_GNU_SOURCE -DWITH_TLS -Wall -Wextra -Werror tests/clients/hiredis.c -o "$program" $(pkg-config --cflags --libs hiredis hiredis_ssl)
  exec "$program" "$MUSTER_PORT" "$MUSTER_DATA"
fi
command -v socat >/dev/null || { echo "socat is missing"; exit 77; }
cc -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror tests/clients/hiredis.c -o "$program" $(pkg-config --cflags --libs hiredis)
socket=$(mktemp -u "${TMPDIR:-/tmp}/hiredis.XXXXXX")
socat "UNIX-LISTEN:$socket,fork" \
  "OPENSSL:127.0.0.1:$MUSTER_PORT,cafile=$MUSTER_DATA/ca.pem,cert=$MUSTER_DATA/admin.pem,key=$MUSTER_DATA/admin.key,nodelay" &
tunnel=$!
trap 'kill $tunnel 2>/dev/null || true; rm -f "$socket"' EXIT
tries=0
until [ -S "$socket" ]; do tries=$((tries + 1)); [ $tries -lt 100 ]; sleep 0.05; done
"$program" "$socket"
