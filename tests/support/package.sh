# Sourced by the tests of packages: a small plugin, a key, and signed packages.

# tally_source DIR VERSION: a plugin with a table, a health command and a version that can be asked for.
tally_source() {
  mkdir -p "$1/migrations"
  cat >"$1/manifest.lua" <<LUA
return { name = "tally", version = "$2", api = 1, summary = "Counts.", requires = {}, health = "tally.health" }
LUA
  cat >"$1/init.lua" <<LUA
return { commands = {
  ["tally.health"] = { mode = "read", args = {}, returns = "bool", summary = "Well?",
    run = function() return true end },
  ["tally.version"] = { mode = "read", args = {}, returns = "text", summary = "Which?",
    run = function() return "$2" end },
  ["tally.columns"] = { mode = "read", args = {}, returns = "int", summary = "Has it notes?",
    run = function(call) return call.db:value("SELECT count(note) FROM tally_row") end },
  ["tally.add"] = { mode = "write", args = { "n:int" }, returns = "int", summary = "Add N.",
    run = function(call, n)
      call.db:run("INSERT INTO tally_row(n) VALUES(?)", n)
      return call.db:value("SELECT coalesce(sum(n), 0) FROM tally_row")
    end },
} }
LUA
  printf 'CREATE TABLE tally_row(id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;\n' >"$1/migrations/001_row.sql"
}

# key_new DIR: makes DIR/house.key and DIR/house.pem.
key_new() { (cd "$1" && "$MUSTER" plugin keys new house >/dev/null); }
# key_trust DIR DATA: the server takes what is signed by it.
key_trust() { "$MUSTER" plugin keys trust "$1/house.pem" --data "$2" >/dev/null; }
# package_make DIR SOURCE FILE: packs the folder and signs it with DIR/house.key.
package_make() { "$MUSTER" plugin pack "$2" --key "$1/house.key" --out "$3" >/dev/null; }
