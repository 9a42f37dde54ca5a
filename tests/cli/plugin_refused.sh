#!/bin/sh
# Packages that must not run: each is refused by its rule, and nothing has changed: the list, the shelf, the generations,
# the schema and the rows are as before.
set -eu
. "$(dirname "$0")/../support/install.sh"
export LC_ALL=C

house_new
house_start
tally_source "$dir/src/tally" 1.0.0
pack tally 1.0.0

# -- whose it is, and whether it is whole --
"$MUSTER" plugin pack "$dir/src/tally" --out "$dir/unsigned.muster" >/dev/null
refused package.unsigned plugin install "$dir/unsigned.muster" --yes
(cd "$dir" && "$MUSTER" plugin keys new stranger >/dev/null)
"$MUSTER" plugin sign "$dir/unsigned.muster" --key "$dir/stranger.key" --out "$dir/strange.muster" >/dev/null
refused package.key plugin install "$dir/strange.muster" --yes
mkdir "$dir/open" "$dir/kept"
tar -C "$dir/kept" -xzf "$dir/pool/tally-1.0.0.muster"
opened() { rm -rf "$dir/open/"* && cp -r "$dir/kept/." "$dir/open"; }
listed() { (cd "$dir/open/tally-1.0.0" && find plugin -type f | sort | xargs sha256sum >sha256sums); }
closed() { # closed FILE [TAR-OPTION…]: what is in $dir/open as a package
  file=$1
  shift
  tar -C "$dir/open" -czf "$dir/$file" "$@" tally-1.0.0/sha256sums tally-1.0.0/signature \
    $(cd "$dir/open" && find tally-1.0.0/plugin ! -type d | sort)
}
opened
echo '-- more' >>"$dir/open/tally-1.0.0/plugin/init.lua"
closed tampered.muster
refused package.hash plugin install "$dir/tampered.muster" --yes
listed
closed listed.muster
refused package.key plugin install "$dir/listed.muster" --yes
head -c 700 "$dir/pool/tally-1.0.0.muster" >"$dir/cut.muster"
refused package.form plugin install "$dir/cut.muster" --yes

# -- what has no business in a package --
opened
echo 'gone' >"$dir/open/tally-1.0.0/plugin/up"
closed path.muster --transform 's#plugin/up#plugin/../../../../up#'
refused package.path plugin install "$dir/path.muster" --yes
closed root.muster -P --transform 's#tally-1.0.0/plugin/up#/tmp/up#'
refused package.path plugin install "$dir/root.muster" --yes
opened
ln -s /etc/passwd "$dir/open/tally-1.0.0/plugin/passwd"
closed link.muster
refused package.link plugin install "$dir/link.muster" --yes
opened
head -c 12000000 /dev/zero >"$dir/open/tally-1.0.0/plugin/zeros"
listed
closed bomb.muster
refused package.size plugin install "$dir/bomb.muster" --yes
refused plugin.unconfirmed plugin install "$dir/pool/tally-1.0.0.muster" </dev/null
unchanged "packages"

# -- the same from a client that looks at nothing --
cat >"$dir/send.lua" <<'LUA'
local conn = muster.connect()
for _, path in ipairs(muster.args) do
  local value, err = conn:try("plugin.stage", { kind = "install", package = muster.read_file(path) })
  print(value and "taken" or err.rule)
end
LUA
(cd "$dir" && "$MUSTER" play --data "$data" --port "$port" send.lua -- unsigned.muster strange.muster tampered.muster \
  listed.muster cut.muster path.muster root.muster link.muster bomb.muster) >"$dir/out" 2>&1 || fail "$(cat "$dir/out")"
[ "$(echo $(sed 's/package\.//' "$dir/out"))" = "unsigned key hash key form path path link size" ] || fail "$(cat "$dir/out")"

plugin install "$dir/pool/tally-1.0.0.muster" --yes >/dev/null
call tally.add n=7 >/dev/null

# -- the rules of upgrades --
refused plugin.nothing plugin install "$dir/pool/tally-1.0.0.muster" --yes
tally_source "$dir/src/tally" 0.9.0
pack tally 0.9.0
refused plugin.downgrade plugin upgrade "$dir/pool/tally-0.9.0.muster" --yes
tally_source "$dir/src/tally" 1.0.0
echo '-- other' >>"$dir/src/tally/init.lua"
pack tally 1.0.0
refused plugin.same_version plugin upgrade "$dir/pool/tally-1.0.0.muster" --yes

# -- migrations --
next() { # next RULE [SQL [DOWN]]: version 1.1.0 with this migration is refused
  rm -f "$dir/src/tally/migrations/"002*
  [ -z "${2:-}" ] || echo "$2" >"$dir/src/tally/migrations/002_next.sql"
  [ -z "${3:-}" ] || echo "$3" >"$dir/src/tally/migrations/002_next.down.sql"
  pack tally 1.1.0
  refused "$1" plugin upgrade "$dir/pool/tally-1.1.0.muster" --yes
}
tally_source "$dir/src/tally" 1.1.0
next migration.one_way 'UPDATE tally_row SET n = n * 2;'
note='ALTER TABLE tally_row ADD COLUMN note TEXT;' no_note='ALTER TABLE tally_row DROP COLUMN note;'
next sql.constraint "$note INSERT INTO tally_row(n) VALUES(NULL);" "$no_note"
next sql.name 'CREATE TABLE other_row(id INTEGER PRIMARY KEY) STRICT;' 'DROP TABLE other_row;'
next sql.table 'DELETE FROM muster_user;' 'SELECT 1;'
next sql.pragma 'PRAGMA writable_schema = 1;' 'SELECT 1;'
next migration.way_back "$note" 'DROP TABLE no_such_table;'
next migration.way_back 'ALTER TABLE tally_row RENAME COLUMN n TO amount;' 'SELECT 1;'
grep -q 'tally_row.n INTEGER NOT NULL.*tally_row.amount' "$dir/out" || fail "it does not say what: $(cat "$dir/out")"
next migration.way_back 'CREATE UNIQUE INDEX tally_once ON tally_row(n);' 'DROP INDEX tally_once; CREATE INDEX tally_once ON tally_row(n);'
next migration.way_back 'CREATE TABLE tally_two(id INTEGER PRIMARY KEY, row INTEGER REFERENCES tally_row(id)) STRICT;' 'SELECT 1;'
# What stays on a way back that only half undoes is no difference: 002 only adds, 003 has a down file.
echo 'ALTER TABLE tally_row ADD COLUMN odd TEXT;' >"$dir/src/tally/migrations/002_next.sql"
rm "$dir/src/tally/migrations/"*.down.sql
echo 'ALTER TABLE tally_row RENAME COLUMN n TO amount;' >"$dir/src/tally/migrations/003_amount.sql"
echo 'ALTER TABLE tally_row RENAME COLUMN odd TO even;' >"$dir/src/tally/migrations/003_amount.down.sql"
pack tally 1.1.0
refused migration.way_back plugin upgrade "$dir/pool/tally-1.1.0.muster" --yes
echo 'ALTER TABLE tally_row RENAME COLUMN amount TO n;' >"$dir/src/tally/migrations/003_amount.down.sql"
pack tally 1.1.0
refused plugin.unconfirmed plugin upgrade "$dir/pool/tally-1.1.0.muster" </dev/null
rm "$dir/src/tally/migrations/"00[23]*
unchanged "migrations"

# -- code --
printf 'while true do end\n' >"$dir/src/tally/init.lua"
next limit.time
tally_source "$dir/src/tally" 1.1.0
sed -i 's/return true end/return false end/' "$dir/src/tally/init.lua"
next plugin.unwell
tally_source "$dir/src/tally" 1.1.0
sed -i 's/"tally.add"/"other.add"/' "$dir/src/tally/init.lua"
next declare

# -- capabilities: what is added must be named --
tally_source "$dir/src/tally" 1.1.0
sed -i 's/requires = {}/requires = {}, units = true, asks = { memory_mib = 64 }/' "$dir/src/tally/manifest.lua"
pack tally 1.1.0
cat >"$dir/half.lua" <<'LUA'
local conn = muster.connect()
local plan = conn:call("plugin.stage", { kind = "upgrade", package = muster.read_file(muster.args[1]) })
local done, err = conn:try("plugin.activate", { stage = plan.stage, accept = { "tally:units" } })
assert(not done and err.rule == "plugin.capability", err and err.text)
assert(err.text:find("tally:memory_mib:64", 1, true) and not err.text:find("tally:units", 1, true), err.text)
conn:call("plugin.withdraw", { stage = plan.stage })
LUA
"$MUSTER" play --data "$data" --port "$port" "$dir/half.lua" -- "$dir/pool/tally-1.1.0.muster" || fail "capabilities"
unchanged "upgrades"

# -- dependencies --
source_of upper 1.0.0 '{ base = ">=1.1 <2" }'
pack upper 1.0.0
refused plugin.missing plugin install "$dir/pool/upper-1.0.0.muster" --yes
unchanged "a missing one"
for version in 1.0.0 1.1.0 2.0.0; do source_of base $version '{}'; pack base $version; done
plugin install "$dir/pool/base-1.0.0.muster" --yes >/dev/null
refused plugin.range plugin install "$dir/pool/upper-1.0.0.muster" --yes
source_of egg 1.0.0 '{ "hen" }'
pack egg 1.0.0
source_of hen 1.0.0 '{ "egg" }'
pack hen 1.0.0
refused plugin.cycle plugin install "$dir/pool/egg-1.0.0.muster" "$dir/pool/hen-1.0.0.muster" --yes
unchanged "dependencies"
plugin upgrade "$dir/pool/base-1.1.0.muster" --yes >/dev/null
plugin install "$dir/pool/upper-1.0.0.muster" --yes >/dev/null
refused plugin.required plugin remove base --yes
refused plugin.required plugin disable base --yes
refused plugin.range plugin upgrade "$dir/pool/base-2.0.0.muster" --yes
refused plugin.present plugin purge tally --yes
refused plugin.no_tables plugin purge nobody --yes
refused plugin.absent plugin enable nobody --yes
refused package.file plugin install "$dir/src/tally" --yes
unchanged "what is required"
house_stop
