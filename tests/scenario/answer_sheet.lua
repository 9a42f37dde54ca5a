--- The scenario's invariants, through commands only. `first FILE`: play on an empty server and keep what came out;
-- `second FILE`: play again after the server was killed, compare, then write on and look back.
package.path = "scripts/article/?.lua;" .. package.path

local data = require "data"
local days = require "days"
local sheet = require "sheet"
local story = require "story"

local mode, file = muster.args[1], muster.args[2]
local admin = muster.connect {}
local checks, failures = 0, 0

local function check(ok, fmt, ...)
  checks = checks + 1
  if not ok then
    failures = failures + 1
    print("FAIL " .. string.format(fmt, ...))
  end
end

--- All rows of a list command that pages by `after`, the last row's `field`.
local function all(command, args, field)
  local out = {}
  args.limit = 100
  repeat
    local page = admin:call(command, args)
    table.move(page, 1, #page, #out + 1, out)
    args.after = #page > 0 and page[#page][field] or nil
  until #page < args.limit
  return out
end

local FUNDS = { "DUES", "STAFF", "SOCIAL", "DUES-654002", "INKIND" }

--- Figures of the answer sheet, numbers of rows, and the audit chain as they are now.
local function snapshot(s)
  local out = { figures = {}, rows = {} }
  for i, l in ipairs(s.lines) do
    check(l.ok, "%s %s at %s is not what the answer sheet says", l.name, l.words, l.as_of)
    out.figures[i] = muster.json.encode { l.reply and l.reply.value or "-", l.reply and l.reply.numerator or "-",
      l.reply and l.reply.denominator or "-" }
  end
  for _, t in ipairs(s.tree) do check(t.ok, "%s: %s", t.what, t.got or "?") end
  for _, fund in ipairs(FUNDS) do
    if fund ~= "INKIND" then
      out.rows["gifts of " .. fund] = #all("fund.gift.list", { fund = fund }, "id")
      out.rows["receipts of " .. fund] = #all("fund.receipt.list", { fund = fund }, "no")
    end
  end
  out.rows.findings = #all("inspect.finding.list", {}, "id")
  out.rows.inspections = #all("inspect.inspection.list", {}, "id")
  out.rows.cases = #all("fiveones.case.list", {}, "no")
  out.rows.problems = #all("fiveones.problem.list", {}, "no")
  out.rows.sites = #all("inspect.site.list", {}, "code")
  return out
end

--- 1: the books of every fund balance, and its views add up to the same sum.
local function books()
  for _, fund in ipairs(FUNDS) do
    local c = admin:call("fund.check", { fund = fund })
    check(c.ok, "fund %s: %s", fund, table.concat(c.problems, "; "))
    check(c.debit_fen == c.credit_fen, "fund %s: %d debited, %d credited", fund, c.debit_fen, c.credit_fen)
    check(c.gifts_fen == c.branches_fen and c.gifts_fen == c.days_fen and c.gifts_fen == c.batches_fen + c.open_fen,
      "fund %s: gifts %d, branches %d, days %d, batches %d + open %d", fund, c.gifts_fen, c.branches_fen, c.days_fen,
      c.batches_fen, c.open_fen)
  end
end

--- Numbers "PREFIX-YEAR-SEQ" run from 1 without holes in each prefix and year.
local function gapless(what, numbers)
  local highest, count = {}, {}
  for _, no in ipairs(numbers) do
    local series, seq = no:match("^(.*)-(%d+)$")
    seq = math.tointeger(tonumber(seq))
    count[series] = (count[series] or 0) + 1
    if seq > (highest[series] or 0) then highest[series] = seq end
  end
  check(next(count) ~= nil, "no %s at all", what)
  for series, n in pairs(count) do
    check(highest[series] == n, "%s %s: %d numbers up to %d", what, series, n, highest[series])
  end
end

local function numbers(command, args, field, cursor)
  local out = {}
  for i, row in ipairs(all(command, args, cursor)) do out[i] = row[field] end
  return out
end

--- 2: gifts, receipts, findings and cases are numbered without holes, void ones included.
local function series()
  for _, fund in ipairs { "DUES", "STAFF", "SOCIAL", "DUES-654002" } do
    gapless("gift of " .. fund, numbers("fund.gift.list", { fund = fund }, "no", "id"))
  end
  gapless("receipt", numbers("fund.receipt.list", { fund = "DUES" }, "no", "no"))
  gapless("finding", numbers("inspect.finding.list", {}, "no", "id"))
  gapless("case", numbers("fiveones.case.list", {}, "no", "no"))
end

--- 3: nobody gave both special dues and as staff outside the Party.  4: the commando team are members on its day.
local function people()
  local seen = {}
  for _, d in ipairs(admin:call("fund.donors", { fund = "DUES" })) do seen[d.donor] = true end
  for _, d in ipairs(admin:call("fund.donors", { fund = "STAFF" })) do
    check(not seen[d.donor], "%s gave to both funds", d.donor)
  end
  local team = 0
  for i, b in ipairs(data.branches) do
    for k = b.first, b.first + data.commando[i] - 1 do
      local p = admin:call("org.party.check", { person = string.format("M%03d", k), on = "2020-02-09" })
      check(p.member and p.branch == b.code, "%s is no member of %s on 2020-02-09", p.person, b.code)
      team = team + 1
    end
  end
  check(team == 27, "the team has %d people", team)
end

--- 5: every open site and unit has one inspector and one leader on every day.
local function charges()
  local g = admin:call("inspect.gaps", { from = "2020-01-27", to = "2020-03-18", unit = "YL" })
  check(g.ok and g.unit_days == 15 * 52 and g.site_days == 45 * 52, "gaps: %s", muster.json.encode(g))
end

--- 10: one audit row for each accepted write, in a whole chain.
local function audit(s, before)
  local v = admin:call("audit.verify", {})
  check(v.ok and v.complete, "the audit chain is broken at %s", tostring(v.broken))
  check(v.rows == before + s.written + 2 * s.users_signed, "%d audit rows; %d before, %d written, %d tokens", v.rows,
    before,
    s.written, s.users_signed)
  return v.rows
end

local function first()
  local before = admin:call("audit.verify", {}).rows
  local s = story.play(admin)
  check(s.written == s.sent - s.refused - s.marked, "%d written, %d sent, %d refused, %d marked as replayed", s.written,
    s.sent, s.refused, s.marked)
  check(s.marked == 3, "three gifts were sent twice, %d replies are marked", s.marked)
  local snap = snapshot(s)
  snap.audit = audit(s, before)
  local out = assert(io.open(file, "w"))
  out:write(muster.json.encode(snap))
  out:close()
end

--- 9: no row is lost, and nothing that was counted has changed.
local function same(old, new)
  for i, text in ipairs(old.figures) do
    check(text == new.figures[i], "figure %d was %s, is %s", i, text, tostring(new.figures[i]))
  end
  for name, n in pairs(old.rows) do check(new.rows[name] == n, "%s: %d rows, now %d", name, n, new.rows[name]) end
end

--- The two waiting cases are completed after 03-18: F017's two open problems and F016's one.
local function complete_cases()
  local open = admin:call("fiveones.problem.list", { state = "handling" })
  check(#open == 3, "%d problems are open", #open)
  for k, p in ipairs(open) do
    admin:call("fiveones.problem.solve", { problem = p.no, result = "已解决", at = days.at("2020-03-20", "10:0"
      .. k) })
  end
end

--- 7: later writes change later figures, and none of the answer sheet's instants.
local function look_back(old)
  complete_cases()
  local gift = admin:call("fund.gift.list", { fund = "STAFF", limit = 1 })[1]
  admin:call("fund.refund", { gift = gift.no, amount_fen = 100, reason = "试退", at = days.at("2020-03-20",
    "11:00") })
  admin:call("fiveones.campaign.define", { code = "FIVE", name = "六个一", unit = "YL",
    at = days.at("2020-03-20", "12:00"), items = { { kind = "visit", label = "走访" }, { kind = "card",
      label = "联系卡" },
      { kind = "letter", label = "慰问信" }, { kind = "package", label = "拥军包" }, { kind = "problem",
        label = "问题" },
      { kind = "recall", label = "回访" } } })
  local function now(name, params)
    return admin:call("figure.get", { name = name, scope = "YL", params = params, as_of = "2020-03-21T12:00:00+08:00" })
  end
  check(now("fiveones.completed").value == 17, "%d cases are complete", now("fiveones.completed").value)
  check(now("fiveones.items_done").value == 85, "%d items are done", now("fiveones.items_done").value)
  check(now("fiveones.items_per_case", { campaign = "FIVE" }).value == 6, "the campaign has six items now")
  check(now("fund.net", { fund = "STAFF" }).value == 585000 - 100, "one yuan was paid back")
  local lines = sheet.ask { admin }
  same(old, snapshot { lines = lines, tree = sheet.tree(admin) })
end

local function second()
  local old = muster.json.decode(muster.read_file(file))
  check(admin:call("audit.verify", {}).rows == old.audit, "the kill has cost audit rows")
  local s = story.play(admin)
  check(s.written == 0, "the second play wrote %d times", s.written)
  same(old, snapshot(s))
  audit(s, old.audit)
  books()
  series()
  people()
  charges()
  look_back(old)
  books()
end

if mode == "first" then first() else second() end
print(string.format("answer sheet, %s: %d checks, %d failed", mode, checks, failures))
muster.exit(failures == 0 and 0 or 1)
