#!/bin/sh
# What users, roles and plugins are refused for is said in Chinese too. Proves on a planted sentence that it bites, then checks the real ones.
set -eu
cd "$(dirname "$0")/../.."
planted=$(mktemp "${TMPDIR:-/tmp}/muster-words-XXXXXX")
trap 'rm -f "$planted"' EXIT
check() { lua5.4 tests/lint/words.lua host/plugin/texts.c host/work/words*.c -- "$@"; }
echo 'return err_rule(err, ERR_ARG, "a.b", arg(1, 2), "a sentence " "of %.*s nobody knows", n, s);' >"$planted"
if check "$planted" >/dev/null; then echo "words: a sentence without Chinese was not noticed"; exit 1; fi
check host/access/*.c host/ops/*_commands.c host/ops/install_*.c host/ops/probation.c host/plugin/package.c host/plugin/version.c \
  host/script/*.c host/store/*.c host/work/*.c host/plugin/child.c host/plugin/native*.c host/plugin/remote*.c host/plugin/runtime.c
