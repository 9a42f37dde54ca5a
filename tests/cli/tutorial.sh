#!/bin/sh
# The tutorial of the README, done word by word: every file as it stands there, every command; everything it says is printed.
set -eu
: "${MUSTER:?the program under test}"
. "$(dirname "$0")/../support/page.sh"
page README.md Tutorial
