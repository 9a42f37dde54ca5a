#!/bin/sh
# `muster call … --out FILE`: a reply as a picture, a table or JSON. A file is there whole or not at all, and what can't be such a file is
# refused before anything is written.
set -eu
cd "$(dirname "$0")/../.."
. tests/support/server.sh
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-out-XXXXXX")
server=""
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
trap 'exit 143' INT TERM
fail() { echo "call_out: $*" >&2; cat "$dir/said" >&2; exit 1; }
"$MUSTER" init --data "$dir/data" >"$dir/said"
server_start "$dir/log" "$MUSTER" --data "$dir/data" --port 0 || exit 1
MUSTER_DATA=$dir/data MUSTER_PORT=$port
export MUSTER_DATA MUSTER_PORT
call() { "$MUSTER" call "$@" >"$dir/said" 2>&1; }
refused() { # refused WORDS ARGUMENT…
  words=$1; shift
  if call "$@"; then fail "not refused: $*"; fi
  grep -qF -- "$words" "$dir/said" || fail "it does not say \"$words\": $*"
}

call org.unit.add code=YL name=伊犁州退役军人事务局 kind=prefecture on=2019-01-01 || fail "a unit"
call org.person.add code=007 name='=1+1' unit=YL status=staff || fail "a person"
call org.person.add code=M-2 name=示例二 unit=YL status=staff || fail "a person"

# Rows: the head, a byte order mark, codes that keep their zeros, no formula.
call fund.list --out "$dir/empty.csv" || fail "an empty list"
[ "$(od -An -tx1 "$dir/empty.csv" | tr -d ' \n')" = efbbbf ] || fail "an empty list is not an empty table"
call org.person.find 示例 --out "$dir/people.json" || fail "JSON"
grep -q '^\[{"code":"M-2","name":"示例二"' "$dir/people.json" || { cat "$dir/people.json"; fail "people.json"; }
call org.person.get 007 --out "$dir/person.csv" || fail "one map"
head -n 1 "$dir/person.csv" | grep -q 'code.*name.*unit' || fail "its head"
grep -qF '"=""007"""' "$dir/person.csv" || fail "007 became a number: $(cat "$dir/person.csv")"
grep -qF "'=1+1" "$dir/person.csv" || fail "a formula"
call org.person.find 示例 --out "$dir/people.xlsx" || fail "XLSX"
"$MUSTER" call --json org.person.find 示例 >"$dir/json"
rows=$(lua5.4 -e 'local t = io.read("a"); local k, v = {}, {}
  for key, value in t:gmatch("\"([%w_]+)\":([^,}]*)") do k[#k+1] = "\"" .. key .. "\""; v[#v+1] = value == "null" and "\"\"" or value end
  while v[#v] == "\"\"" do v[#v] = nil end
  print("[[" .. table.concat(k, ",") .. "],[" .. table.concat(v, ",") .. "]]")' <"$dir/json")
"$MUSTER" play tests/cli/call_out.lua -- "$dir/people.xlsx" "$rows" >"$dir/said" 2>&1 || fail "people.xlsx"

# Who may read rows may write them into a table: making the file needs no role of its own.
call user.add name=li methods=password || fail "a user"
call user.password name=li 'password=correct horse' || fail "a password"
call role.define name=reader 'grants=["read:org.*"]' || fail "a role"
call role.grant user=li role=reader || fail "a grant"
printf 'correct horse\n' >"$dir/password"
for kind in csv xlsx; do
  (unset MUSTER_DATA; call org.person.find 示例 --ca "$dir/data/ca.pem" --user li --password-file "$dir/password" --out "$dir/li.$kind") ||
    fail "a $kind of one who is no administrator"
  [ -s "$dir/li.$kind" ] || fail "no li.$kind"
done
call acl.why li cnkit.csv.format lang=en || fail "acl.why"
grep -q 'open to everybody who is signed in' "$dir/said" || fail "acl.why does not tell"

# Tables are for people: money in yuan that a spreadsheet sums, instants as civil time. JSON stays exact.
call org.branch.add code=B1 name=机关党支部 unit=YL on=2019-01-01 || fail "a branch"
call org.person.add code=M001 name=示例一 unit=YL || fail "a person"
call org.branch.join person=M001 branch=B1 on=2019-01-01 || fail "a member"
call fund.open code=DUES kind=special_dues name=特殊党费 unit=YL opens=2020-02-10 || fail "a fund"
call fund.give fund=DUES donor=M001 amount_fen=3254900 on=2020-03-01 at=2020-03-01T04:00:00Z || fail "a gift"
call fund.totals fund=DUES by=branch --out "$dir/totals.csv" || fail "totals"
grep -q '^.*key,.*received (yuan),' "$dir/totals.csv" || fail "its head: $(cat "$dir/totals.csv")"
grep -q ',32549.00,0.00,32549.00' "$dir/totals.csv" || fail "money: $(cat "$dir/totals.csv")"
call fund.totals fund=DUES by=branch --out "$dir/totals.json" || fail "totals"
grep -q '"received_fen":3254900' "$dir/totals.json" || fail "JSON is not exact"
call fund.totals fund=DUES by=branch --out "$dir/totals.xlsx" || fail "totals"
"$MUSTER" play tests/cli/call_out.lua -- "$dir/totals.xlsx" \
  '[["key","gifts","donors","received (yuan)","refunded (yuan)","net (yuan)"],["B1","1","1","32549","0","32549"]]' >"$dir/said" 2>&1 ||
  fail "totals.xlsx"
call notes.add text=伊犁 at=2020-02-29T06:00:00Z || fail "a note"
call notes.list --out "$dir/notes.csv" || fail "notes"
grep -q ',2020-02-29 14:00:00' "$dir/notes.csv" || fail "an instant: $(cat "$dir/notes.csv")"

# What a spreadsheet would take for a number, a date or a time stays a text; plain numbers and days stay bare.
call cnkit.csv.parse bytes='1E5,3-4,1/2,12:30,12,2020-02-29,-5,1.50,a1' --out "$dir/like.csv" || fail "texts like numbers"
[ "$(cat "$dir/like.csv")" = "$(printf '\357\273\277"=""1E5""","=""3-4""","=""1/2""","=""12:30""",12,2020-02-29,-5,"=""1.50""",a1\r')" ] ||
  fail "like.csv: $(cat "$dir/like.csv")"

# A map with one list of rows is that list, also when it is empty; a column for every key, whichever row has it first.
call inspect.ledger --out "$dir/ledger.csv" || fail "a list in a map"
head -n 1 "$dir/ledger.csv" | grep -q 'total' && fail "the map became the table"
call inspect.area.define code=A1 name=一片区 units=YL from=2020-01-01 || fail "an area"
call inspect.site.add code=S-1 unit=YL name=点1 from=2020-01-01 lat=43900000 lon=81300000 || fail "a site"
call inspect.site.add code=S-2 unit=YL name=点2 from=2020-01-01 || fail "a site"
call inspect.map A1 --out "$dir/map.csv" || fail "inspect.map"
[ "$(wc -l <"$dir/map.csv")" = 3 ] || fail "not a row for each site: $(cat "$dir/map.csv")"
head -n 1 "$dir/map.csv" | grep -q 'site,unit,name' || fail "its head: $(cat "$dir/map.csv")"
call cnkit.csv.parse bytes=a --out "$dir/parsed.csv" || fail "lists in a map"
[ "$(cat "$dir/parsed.csv")" = "$(printf '\357\273\277a\r')" ] || fail "parsed.csv: $(cat "$dir/parsed.csv")"

# Pictures, and bytes that are a file already.
call pictures.figure name=org.leadgroup.coverage unit=YL --out "$dir/bars.svg" || fail "a picture"
grep -q '^<svg xmlns' "$dir/bars.svg" || fail "no picture"
tail -c 7 "$dir/bars.svg" | grep -q '</svg>' || fail "a picture without an end"
call cnkit.csv.format rows='[["甲",1]]' --out "$dir/own.csv" || fail "bytes"
[ "$(cat "$dir/own.csv")" = "$(printf '\357\273\277甲,1\r')" ] || fail "own.csv"
call cnkit.xlsx.write sheets='[{"name":"a","rows":[[1]]}]' --out "$dir/own.xlsx" || fail "bytes"
"$MUSTER" play tests/cli/call_out.lua -- "$dir/own.xlsx" '[["1"]]' >"$dir/said" 2>&1 || fail "own.xlsx"

# A file that is there keeps its mode, and a link leads where it led.
echo before >"$dir/private.csv"
chmod 600 "$dir/private.csv"
ln -s private.csv "$dir/link.csv"
call org.person.get 007 --out "$dir/link.csv" || fail "through a link"
[ -L "$dir/link.csv" ] || fail "the link is gone"
[ "$(stat -c %a "$dir/private.csv")" = 600 ] || fail "a private file can be read by all"
grep -q 007 "$dir/private.csv" || fail "not written through the link"

# A file that can't be written is found out before anything is sent; what goes wrong afterwards says that it was done.
ln -s nowhere.csv "$dir/broken.csv"
mkdir "$dir/folder.csv"
for out in none/unit.csv broken.csv folder.csv; do
  if call org.unit.add code=NEW name=新单位 kind=county parent=YL --out "$dir/$out"; then fail "not refused: $out"; fi
  refused NOTFOUND org.unit.get NEW lang=en
done
refused "the command was carried out" org.unit.add code=NEW name=新单位 kind=county parent=YL --out "$dir/new.svg"
call org.unit.get NEW || fail "it was not carried out"

# What can't be.
refused "its ending says" org.person.get 007 --out "$dir/person.doc"
refused "no picture" org.person.get 007 --out "$dir/person.svg"
refused "a text, not a spreadsheet's file; --out FILE.json takes it" echo.say hello --out "$dir/hello.xlsx"
refused "a text, not a table; --out FILE.json takes it" echo.say hello --out "$dir/hello.csv"
refused "a picture, not a table; --out FILE.svg takes it" cnkit.svg.bar rows='[]' --out "$dir/bar.csv"
refused "a spreadsheet's file, not a table; --out FILE.xlsx takes it" cnkit.xlsx.write sheets='[{"name":"a","rows":[[1]]}]' --out "$dir/sheet.csv"
refused "a spreadsheet's file, not JSON; --out FILE.xlsx takes it" cnkit.xlsx.write sheets='[{"name":"a","rows":[[1]]}]' --out "$dir/sheet.json"
refused "bytes, not JSON; --out FILE.csv takes it" cnkit.enc.to_gb18030 伊犁 --out "$dir/bytes.json"
call echo.say hello --out "$dir/hello.JSON" || fail "an ending in capitals"
[ "$(cat "$dir/hello.JSON")" = '"hello"' ] || fail "hello.JSON"
refused "No such file or directory" org.person.get 007 --out "$dir/none/person.csv"
refused "--out goes with neither" org.person.get 007 --dry-run --out "$dir/person.csv"
echo before >"$dir/kept.csv"
refused "NOTFOUND" org.person.get nobody lang=en --out "$dir/kept.csv"
[ "$(cat "$dir/kept.csv")" = before ] || fail "a refusal has written something"
if ls "$dir" | grep -q '\.csv\.\|\.svg\.\|\.xlsx\.'; then ls "$dir"; fail "half a file"; fi
for made in "$dir"/*.doc "$dir"/hello.xlsx "$dir"/person.svg; do [ ! -e "$made" ] || fail "$made"; done
