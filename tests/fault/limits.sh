#!/bin/sh
# A command that loops, allocates or recurses without end is stopped by its limit, and one that rolls back the whole transaction loses only
# itself; their neighbours in the batch are committed.
set -eu
cd "$(dirname "$0")/../.."
exec tests/support/with_server.sh "$MUSTER" --plugins tests/fixtures/plugins --unsafe-sql -- "$MUSTER" play tests/fault/limits.lua
