#!/bin/sh
# node-redis (RESP2 and RESP3) and ioredis from npm, at the versions of package-lock.json.
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${MUSTER_PORT:-}" ]; then exec tests/support/with_server.sh "$MUSTER" "$0"; fi
command -v npm >/dev/null || { echo "npm is missing"; exit 77; }
dir=${MUSTER_BUILD:-${TMPDIR:-/tmp}}/node_clients
mkdir -p "$dir"
cp tests/clients/package.json tests/clients/package-lock.json tests/clients/node.mjs "$dir/"
(cd "$dir" && npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1) ||
  { echo "the npm packages cannot be fetched:"; tail -3 "$dir/npm.log"; exit 77; }
node "$dir/node.mjs" "$MUSTER_PORT" "$MUSTER_DATA"
