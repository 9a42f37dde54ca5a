#!/bin/sh
# Plugins built with every past version of muster.h, with today's, and with a later one whose structs have grown, run in this
# server; and a host whose structs have grown takes today's plugins. tests/abi/VERSION/muster.h is a copy of the header as it was
# when that version was released.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
cc=${CC:-cc}
if [ "${1:-}" != inside ]; then
  dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-abi-XXXXXX")
  trap 'rm -rf "$dir"' EXIT
  mkdir "$dir/later"
  # What a later version may look like: something more at the end of each struct.
  sed -e 's/^    int (\*emit)(.*/&\n    int (*later)(struct muster_call *call, int64_t number);/' \
    -e 's/^    int (\*run)(const struct muster_host \*host,.*/&\n    const char *later;\n    int64_t later_number;/' \
    -e 's/^    size_t ncommands;/&\n    const void *later;/' api/muster.h >"$dir/later/muster.h"
  [ "$(diff api/muster.h "$dir/later/muster.h" | grep -c '^>')" = 4 ] ||
    { echo "versions: the later header did not come out"; exit 1; }

  # A host of that later version: its reader of descriptors, and today's plugin.
  $cc -shared -fPIC -std=c17 -Iapi tests/abi/every/every.c -o "$dir/every.so"
  $cc -std=c17 -D_GNU_SOURCE -I"$dir/later" -Ihost tests/abi/reader.c host/plugin/object.c host/plugin/arena.c host/base/buf.c \
    host/base/err.c host/base/utf8.c -o "$dir/reader" -lutf8proc
  "$dir/reader" "$dir/every.so"

  for header in tests/abi/*/muster.h api/muster.h "$dir/later/muster.h"; do
    plugins=$dir/plugins
    rm -rf "$plugins"
    mkdir -p "$plugins"
    cp -r tests/abi/every "$plugins/every"
    rm -f "$plugins/every/every.c"
    $cc -shared -fPIC -std=c17 -Wall -Wextra -Wno-missing-field-initializers -Werror -I"$(dirname "$header")" \
      tests/abi/every/every.c -o "$plugins/every/every.so"
    knows=true
    [ "$header" != "$dir/later/muster.h" ] || knows=false
    tests/support/with_server.sh "$MUSTER" --plugins "$plugins" -- "$0" inside "$header" $knows
  done
  exit 0
fi

header=$2 knows=$3
expect() { # expect TEXT COMMAND…
  wanted=$1; shift
  got=$("$MUSTER" call --json "$@" 2>&1) || true
  case $got in
    *"$wanted"*) ;;
    *) echo "versions: built with $header: $*: $got, not $wanted"; exit 1 ;;
  esac
}
expect '"lang":"' every.facts
expect "\"stopped\":false,\"host\":$knows" every.facts
expect '["4 0 甲","2 -1 ","1 1 ","2 5 ","4 0 2020-02-29","2 1000 ","0 0 ","4 0 b","6 0 {\"k\":[1]}","0 0 ","6 0 [1,2]","0 0 "]' \
  every.types text=甲 int=-1 bool=yes fen=5 date=2020-02-29 instant=1000 'json={"k": [1]}' list=1,2
expect 1 every.put text=一
expect '[{\"text\":\"一\",\"bytes\":\"AAH/\",\"half\":true,\"nothing\":true}]' every.invoke every.list args={}
expect '"figure":"{\"name\":\"every.rows\",\"value\":2,' every.ask
expect '"number":2,"word":"默认"' every.ask
expect 'every.refused' every.fail NOTFOUND 甲
expect '甲 不是 good，100%' every.fail NOTFOUND 甲 lang=zh-CN
expect 'limit.memory' every.fill 70000000
expect 'limit.time' every.spin
expect '"xx"' every.twice x
expect '"xx"' every.lua x
expect '"went on"' every.misuse how=rightly
expect 'sql.' every.misuse how=sql
