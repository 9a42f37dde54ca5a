#!/bin/sh
# Lua without globals, unused names and shadowing: .luacheckrc.
set -eu
cd "$(dirname "$0")/../.."
command -v luacheck >/dev/null || { echo "luacheck is missing (Debian: lua-check)"; exit 77; }
luacheck -q plugins api scripts tests
