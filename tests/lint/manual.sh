#!/bin/sh
# The reference in api/ is what the declarations say now, and its links lead somewhere.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-manual-XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$MUSTER" plugin manual --all "$dir"
stale=""
for page in $(cd "$dir" && find . -name '*.md' | sort); do
  cmp -s "$dir/$page" "api/$page" || { diff -u "api/$page" "$dir/$page" 2>&1 | head -n 20; stale=yes; }
done
for page in api/commands/*.md; do
  [ -f "$dir/commands/${page##*/}" ] || { echo "$page: nothing declares it any more"; stale=yes; }
done
[ -z "$stale" ] || { echo "the reference is stale: ./dev manual writes it again"; exit 1; }

for page in README.md CONTRIBUTING.md api/*.md api/commands/*.md plugins/*/README.md; do
  [ -f "$page" ] || continue
  grep -o '\[[^][]\+\](\([^)#]*\)' "$page" | sed 's/^.*](//' | grep -v '^https\{0,1\}:' | while read -r link; do
    [ -z "$link" ] || [ -e "$(dirname "$page")/$link" ] || { echo "$page: $link is not there"; exit 1; }
  done
done
