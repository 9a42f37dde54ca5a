#!/bin/sh
# The way back of a plugin outlives changes of others and starts; where its files are gone, its package leads back, and the refusals on
# the way there say so.
set -eu
. "$(dirname "$0")/../support/install.sh"
export LC_ALL=C
do_() { "$@" >"$dir/out" 2>&1 || fail "$*: $(cat "$dir/out")"; }
said() { grep -q "$1" "$dir/out" || fail "it does not say $1: $(cat "$dir/out")"; }

house_new
house_start
for version in 1.0.0 1.1.0 1.2.0; do source_of alpha $version '{}'; pack alpha $version; done
source_of beta 1.0.0 '{}'
pack beta 1.0.0
tally_source "$dir/src/tally" 1.0.0
pack tally 1.0.0
do_ plugin install "$dir/pool/alpha-1.0.0.muster" "$dir/pool/tally-1.0.0.muster" --yes
for version in 1.1.0 1.2.0; do do_ plugin upgrade "$dir/pool/alpha-$version.muster" --yes; done

# -- after changes of another one, and a start --
do_ plugin install "$dir/pool/beta-1.0.0.muster" --yes
do_ plugin disable beta --yes
house_stop
house_start
do_ plugin enable beta --yes
do_ plugin rollback alpha --yes
[ "$(call alpha.ping)" = 1.1.0 ] || fail "alpha is $(call alpha.ping)"
do_ plugin rollback alpha --yes
[ "$(call alpha.ping)" = 1.2.0 ] || fail "alpha is $(call alpha.ping), not as it was when it last was different"

# -- a stray file is in nobody's way --
echo stray >"$data/plugins/alpha/notes.txt"
do_ plugin disable beta --yes
do_ plugin enable beta --yes
[ "$(ls "$data/plugins/alpha" | wc -l)" = 3 ] || fail "not tidied: $(ls "$data/plugins/alpha")"
if grep -q 'not tidied' "$dir/log"; then fail "the stray file stops the tidying"; fi

# -- what is gone from the shelf --
refused plugin.gone plugin rollback --to 2 --yes
grep -q 'muster plugin rollback' "$dir/out" || fail "no way is told: $(cat "$dir/out")"
refused plugin.downgrade plugin upgrade "$dir/pool/alpha-1.0.0.muster" --yes
grep -q 'muster plugin rollback' "$dir/out" || fail "no way is told: $(cat "$dir/out")"
refused plugin.present plugin install "$dir/pool/alpha-1.0.0.muster" --yes
unchanged "an older one"
do_ plugin rollback "$dir/pool/alpha-1.0.0.muster" --yes
said 'alpha 1.2.0 → 1.0.0, signed by house'
[ "$(call alpha.ping)" = 1.0.0 ] || fail "alpha is $(call alpha.ping)"
refused plugin.newer plugin rollback "$dir/pool/alpha-1.1.0.muster" --yes
unchanged "a newer one"

# -- with its tables: what the newer version's migrations did is undone --
tally_source "$dir/src/tally" 1.1.0
echo 'ALTER TABLE tally_row ADD COLUMN note TEXT;' >"$dir/src/tally/migrations/002_note.sql"
echo 'ALTER TABLE tally_row DROP COLUMN note;' >"$dir/src/tally/migrations/002_note.down.sql"
pack tally 1.1.0
do_ plugin upgrade "$dir/pool/tally-1.1.0.muster" --yes
do_ call tally.columns
do_ plugin rollback "$dir/pool/tally-1.0.0.muster" --yes
said 'migration tally 002_note: undo'
if call tally.columns >"$dir/out" 2>&1; then fail "the column is still there"; fi
house_stop
