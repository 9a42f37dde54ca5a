#!/bin/sh
# A server is installed into, copied while it runs, restored and repeated offline as the page for operators says, word by word.
set -eu
: "${MUSTER:?the program under test}"
command -v sqlite3 >/dev/null || { echo "sqlite3 is missing (Debian: sqlite3)"; exit 77; }
. "$(dirname "$0")/../support/page.sh"
page api/OPERATING.md 'A rehearsal'
