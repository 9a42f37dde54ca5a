#!/bin/sh
# Packages are read, checked and made with tar, sha256sum and openssl as the page about them says, word by word.
set -eu
: "${MUSTER:?the program under test}"
. "$(dirname "$0")/../support/page.sh"
page api/PACKAGES.md 'By hand'
