#!/bin/sh
# What a plugin in Lua meets is what api/types.lua says: the names of its environment are walked by a plugin, and compared with
# those of stock Lua and of the stubs. `./dev test -R lua` compares the library, `call` and `call.db` with them.
set -eu
: "${MUSTER:?the program under test}"
cd "$(dirname "$0")/../.."
stubs=$PWD/api/types.lua
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-environment-XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/walk/tests"
cd "$dir"
cat >walk.lua <<'LUA'
local function walk(t, prefix, names)
  for key, value in pairs(t) do
    if type(value) == "table" and prefix .. key ~= "_G" and not prefix:find("%..*%.") then
      walk(value, prefix .. key .. ".", names)
    else
      names[#names + 1] = prefix .. key
    end
  end
  table.sort(names)
  return names
end
LUA
cat >walk/manifest.lua <<'LUA'
return { name = "walk", version = "1.0.0", api = 1, requires = {}, summary = { en = "Walks.", ["zh-CN"] = "走查" } }
LUA
cat walk.lua - >walk/init.lua <<'LUA'
return { commands = { ["walk.names"] = { mode = "read", returns = "[text]",
  summary = { en = "Say what is there.", ["zh-CN"] = "列出环境" }, run = function() return walk(_ENV, "", {}) end } } }
LUA
printf 'A> walk.names\nA<\n' >walk/tests/names.session
"$MUSTER" plugin test walk --update >said || { cat said; exit 1; }
sed -n 's/^A< \[\(.*\)\]$/\1/p' walk/tests/names.session | tr -d '"' | tr ',' '\n' | sort >there
grep -qx string.find there

# Stock Lua's names without those that the stubs take away …
sed -n 's/^--- not there: //p' "$stubs" | tr ' ' '\n' >gone
grep -qx os gone
{ cat walk.lua; echo 'for _, name in ipairs(walk(_G, "", {})) do print(name) end'; } | lua5.4 - | grep -v '^arg[.]' >stock
while read -r name; do
  grep -q "^$name\([.]\|\$\)" stock || { echo "$name is no name of Lua"; exit 1; }
  grep -v "^$name\([.]\|\$\)" stock >rest && mv rest stock
done <gone
# … and the fields of `muster` in the stubs.
sed -n '/^---@class muster.Global/,/^muster = /p' "$stubs" |
  lua5.4 -e 'for line in io.lines() do
    local name, kind = line:match("^%-%-%-@field ([%w_]+) (.*)$")
    local inner = name and kind:match("^(%b{})")
    for key in (inner or ""):gmatch("([%w_]+): fun") do print("muster." .. name .. "." .. key) end
    if name and not inner then print("muster." .. name) end
  end' >>stock
sort stock | diff - there >differences || { echo "the stubs (<) and the sandbox (>) differ:"; cat differences; exit 1; }

# The template shows lua-language-server where the stubs are.
"$MUSTER" plugin new guide --lua >said
library=$(sed -n 's/.*"workspace.library": \["\(.*\)"\].*/\1/p' guide/.luarc.json)
[ -f "$library/types.lua" ] || { echo "guide/.luarc.json does not name the folder of types.lua: $library"; exit 1; }
