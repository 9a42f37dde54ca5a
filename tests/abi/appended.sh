#!/bin/sh
# The C interface only grows: every struct of the newest copy in tests/abi begins muster.h's struct of the same name, word for word
# (comments aside) and byte for byte; constants keep their values. Proves on planted headers that it bites.
set -eu
cd "$(dirname "$0")/../.."
cc=${CC:-cc}
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-appended-XXXXXX")
trap 'rm -rf "$dir"' EXIT

# "STRUCT <tab> its body without comments, in one line", and the same for functions' types inside.
bodies() {
  { $cc -fpreprocessed -dD -E -P -x c "$1" 2>/dev/null | tr -s ' \t\n' ' '; echo; } | sed 's/struct muster_[a-z]* {/\n&/g' |
    sed -n 's/^struct \(muster_[a-z]*\) {\([^}]*\)}.*/\1\t\2/p' | sed 's/ *$//'
}

# The layout of the structs of $1 as macro calls: FIELD for every field, STRUCT for every struct, CONSTANT for every constant.
layout() {
  bodies "$1" | while IFS="$(printf '\t')" read -r struct body; do
    printf '%s\n' "$body" | tr ';' '\n' | while read -r field; do
      case $field in
        '') continue ;;
        *'(*'*) names=$(printf '%s' "$field" | sed 's/^[^(]*(\*\([a-z_]*\)).*/\1/') ;;
        *) names=$(printf '%s' "$field" | sed 's/^const //; s/^struct [a-z_]*//; s/^[a-z0-9_]* //; s/[*,]/ /g') ;;
      esac
      for name in $names; do echo "FIELD($struct, $name)"; done
    done
    echo "STRUCT($struct)"
  done
  grep -o 'MUSTER_[A-Z]* = ' "$1" | while read -r name _; do echo "CONSTANT($name)"; done
  echo 'CONSTANT(MUSTER_ABI)'
}

# What the structs of $1 measure, as assertions on another header.
measure() {
  cat >"$dir/measure.c" <<'EOT'
#include <muster.h>
#include <stdio.h>
#define FIELD(s, f) printf("FIELD(%s, %s, %zu, %zu)\n", #s, #f, offsetof(struct s, f), sizeof(((struct s *)0)->f));
#define STRUCT(s) printf("STRUCT(%s, %zu)\n", #s, sizeof(struct s));
#define CONSTANT(c) printf("_Static_assert(" #c " == %d, \"" #c "\");\n", c);
int main(void)
{
EOT
  { layout "$1" && echo '}'; } >>"$dir/measure.c"
  $cc -std=c17 -I"$(dirname "$1")" "$dir/measure.c" -o "$dir/measure" || return 1
  cat >"$dir/asserts.c" <<'EOT'
#include <muster.h>
#define FIELD(s, f, at, size)                                                                                                   \
    _Static_assert(offsetof(struct s, f) == (at) && sizeof(((struct s *)0)->f) == (size), #s "." #f);
#define STRUCT(s, size) _Static_assert(sizeof(struct s) >= (size), #s);
EOT
  "$dir/measure" >>"$dir/asserts.c"
}

# appended OLD NEW: is NEW nothing but OLD with more at the ends?
appended() {
  old=$1 new=$2
  bodies "$old" >"$dir/old" && bodies "$new" >"$dir/new"
  [ "$(wc -l <"$dir/old")" -ge 5 ] || { echo "appended: the structs of $old were not found"; return 1; }
  while IFS="$(printf '\t')" read -r struct body; do
    now=$(sed -n "s/^$struct$(printf '\t')//p" "$dir/new")
    case $now in
      "$body"*) ;;
      *) echo "appended: struct $struct was changed other than at its end"; return 1 ;;
    esac
  done <"$dir/old"
  measure "$old" || return 1
  [ "$(wc -l <"$dir/asserts.c")" -ge 60 ] || { echo "appended: too few assertions"; return 1; }
  $cc -std=c17 -fsyntax-only -I"$(dirname "$new")" "$dir/asserts.c"
}

newest=$(printf '%s\n' tests/abi/*/muster.h | sort -t / -k 3 -V | tail -1)
planted=$dir/planted/muster.h
mkdir "$dir/planted"
plant() { # plant WHAT SED EXPECTED: the check must refuse the header changed so, with words that say why
  sed "$2" "$newest" >"$planted"
  if cmp -s "$planted" "$newest"; then echo "appended: nothing was planted: $1"; exit 1; fi
  if appended "$newest" "$planted" >"$dir/said" 2>&1; then echo "appended: not noticed: $1"; exit 1; fi
  grep -q "$3" "$dir/said" || { echo "appended: $1: noticed for another reason:"; cat "$dir/said"; exit 1; }
}
plant "a function in the middle" 's/^    int (\*run)(struct muster_call \*call, const char \*sql.*/    int (*early)(void);\n&/' 'struct muster_host was changed'
plant "a field's type" 's/^    int32_t timeout_ms; /    int64_t timeout_ms; /' 'struct muster_command was changed'
plant "a function's arguments" 's/(\*reply_null)(struct muster_call \*call)/(*reply_null)(struct muster_call *call, int how)/' 'struct muster_host was changed'
plant "a field gone" '/^    int (\*emit)(/d' 'struct muster_host was changed'
plant "a constant" 's/MUSTER_BLOB = 5/MUSTER_BLOB = 7/' 'MUSTER_BLOB'
plant "a new interface version" 's/#define MUSTER_ABI 1/#define MUSTER_ABI 2/' 'MUSTER_ABI'
sed 's/^    size_t ncommands;/&\n    const void *later;/' "$newest" >"$planted"
appended "$newest" "$planted" || { echo "appended: refused a header that only grew"; exit 1; }

appended "$newest" api/muster.h
