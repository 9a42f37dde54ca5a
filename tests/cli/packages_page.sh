#!/bin/sh
# Packages are read, checked and made with tar, sha256sum and openssl as the page about them says, word by word.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
root=$PWD
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-packages-XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM
mkdir "$dir/work" "$dir/bin"
ln -s "$MUSTER" "$dir/bin/muster"
PATH=$dir/bin:$PATH
unset MUSTER_DATA MUSTER
lua5.4 "$root/tests/cli/tutorial.lua" api/PACKAGES.md "By hand" >"$dir/script"
cd "$dir/work"
timeout 100 sh "$dir/script" >"$dir/said" 2>&1 || { cat "$dir/said"; exit 1; }
