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

# Links, first of a page with a wrong one and one to a heading that is not there.
printf '# A\n[a](#a) [a](planted.md#a)\n' >"$dir/planted.md"
lua5.4 tests/lint/links.lua "$dir/planted.md"
for wrong in nowhere.md planted.md#b '#b'; do
  printf '# A\n[a](%s)\n' "$wrong" >"$dir/planted.md"
  if lua5.4 tests/lint/links.lua "$dir/planted.md" >/dev/null; then echo "not noticed: a link to $wrong"; exit 1; fi
done
find . -name '*.md' -not -path './build/*' -not -path '*/node_modules/*' -exec lua5.4 tests/lint/links.lua {} +
