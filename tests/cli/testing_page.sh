#!/bin/sh
# A plugin with a mistake is tested and mended as the page about tests says, word by word.
set -eu
: "${MUSTER:?the program under test}"
. "$(dirname "$0")/../support/page.sh"
page api/TESTING.md 'An example'
