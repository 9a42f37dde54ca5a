#!/bin/sh
# A command that loops, allocates or recurses without end is stopped by its limit; its neighbours in the batch are committed.
set -eu
cd "$(dirname "$0")/../.."
exec tests/support/with_server.sh "$MUSTER" --plugins tests/fixtures/plugins -- "$MUSTER" play tests/fault/limits.lua
