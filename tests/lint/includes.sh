#!/bin/sh
# A file of host/ includes only headers of its own folder or of folders above it, and each library only where its fence allows.
# Proves on a planted tree that it bites, then checks the real one.
set -eu
cd "$(dirname "$0")/../.."

cat >"${TMPDIR:-/tmp}/includes.$$.awk" <<'AWK'
BEGIN {
  n = split("base wire tls store script plugin access work net ops cli", folder)
  for (i = 1; i <= n; i++) rank[folder[i]] = i
  fence["mbedtls/"] = "tls"; fence["psa/"] = "tls"
  fence["sqlite3.h"] = "store"
  fence["lua.h"] = fence["lauxlib.h"] = fence["lualib.h"] = "script cli plugin ops"
  fence["dlfcn.h"] = "plugin"; fence["archive"] = "plugin"
  fence["seccomp.h"] = "plugin"; fence["linux/landlock.h"] = "plugin"
  fence["uv.h"] = "net cli/serve.c main.c"
  fence["pthread.h"] = "base"
  fence["argon2.h"] = "access"
  fence["utf8proc.h"] = "base"
  fence["editline/readline.h"] = fence["histedit.h"] = "cli"
}
FNR == 1 {
  path = FILENAME; sub(/^.*host\//, "", path)
  own = path; if (!sub(/\/.*/, "", own)) own = "main.c"
}
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
  name = $0; sub(/^[^<"]*[<"]/, "", name); sub(/[>"].*/, "", name)
  top = name; sub(/\/.*/, "", top)
  if (top in rank && own in rank && rank[top] > rank[own]) { print path ": " name " stands below " own "/"; bad = 1 }
  for (f in fence) if (index(name, f) == 1) {
    split(fence[f], places, " "); ok = 0
    for (p in places) if (own == places[p] || path == places[p]) ok = 1
    if (!ok) { print path ": " name " may be included only in " fence[f]; bad = 1 }
  }
}
/pthread_(mutex|cond|rwlock|spin)_|sem_(init|wait|post)|mtx_lock/ && own != "base" { print path ": locks live in base/"; bad = 1 }
END { exit bad }
AWK
awk_file="${TMPDIR:-/tmp}/includes.$$.awk"
planted=$(mktemp -d)
trap 'rm -rf "$planted" "$awk_file"' EXIT
check() { find "$1/host" -name '*.[ch]' -exec awk -f "$awk_file" {} +; }

plant() { # plant PATH LINE: the check must refuse this one line
  rm -rf "$planted/host"; mkdir -p "$planted/host/$(dirname "$1")"
  printf '%s\n' "$2" >"$planted/host/$1"
  if check "$planted" >/dev/null; then echo "not noticed: $2 in $1"; exit 1; fi
}
plant base/buf.c '#include "wire/reply.h"'
plant net/conn.c '#include "ops/config.h"'
plant work/lane.c '#include <sqlite3.h>'
plant net/conn.c '#include <mbedtls/ssl.h>'
plant access/users.c '#include <lua.h>'
plant work/lane.c '#include <uv.h>'
plant work/lane.c 'static pthread_mutex_t m; void f(void) { pthread_mutex_lock(&m); }'
rm -rf "$planted/host"; mkdir -p "$planted/host/store"
printf '#include <sqlite3.h>\n#include "base/err.h"\n' >"$planted/host/store/sqlite.c"
check "$planted" || { echo "refused a lawful file"; exit 1; }

check .
