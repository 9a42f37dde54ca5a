#!/bin/sh
# A C program with hiredis, in RESP2 and RESP3.
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${MUSTER_PORT:-}" ]; then exec tests/support/with_server.sh "$MUSTER" "$0"; fi
pkg-config --exists hiredis hiredis_ssl || { echo "hiredis is missing (Debian: libhiredis-dev)"; exit 77; }
program=${MUSTER_BUILD:-${TMPDIR:-/tmp}}/hiredis_client
cc -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror tests/clients/hiredis.c -o "$program" $(pkg-config --cflags --libs hiredis hiredis_ssl)
"$program" "$MUSTER_PORT" "$MUSTER_DATA"
