--- What the parts of fund share: funds and gifts the caller may see, revisions, the journal.
local scope = require "muster.scope"

local common = {}

--- No single gift is larger (¥10,000,000,000): so that sums over millions of gifts stay exact integers.
common.MOST_FEN = 1000000000000

--- The last day of a fund without one.
common.OPEN_END = "9999-12-31"

--- As muster.scope has it; the rules are this plugin's.
function common.unknown(call, arg, code)
  scope.unknown(call, "fund", arg, code)
end

common.sees, common.check_rev = scope.sees, scope.check_rev

--- Nothing happens to a record before it was made: `at` is when that was, `what` its number.
function common.check_time(call, at, what)
  if call.now < at then
    call:fail("CONFLICT", { rule = "fund.time_order", arg = "at" },
      "%s was recorded later than the time given; check at", what)
  end
end

local FUND = [[SELECT f.code, f.kind, f.name, f.unit, f.opens, f.closes, f.large_fen, f.route_large, f.route_rest,
  f.publicise, f.methods, f.min_fen, f.quota_fen, f.state, f.rev, m.path
  FROM fund_fund f JOIN muster_unit m ON m.code = f.unit WHERE f.code = ?]]

--- One fund. Seen by those above its unit and by those below it, who give to it.
function common.fund(call, code)
  local fund = call.db:row(FUND, code)
  if not fund then common.unknown(call, "fund", code) end
  local path, own = fund.path, call.scope
  if path:sub(1, #own) ~= own and own:sub(1, #path) ~= path then common.unknown(call, "fund", code) end
  return fund
end

--- One fund whose own unit lies in the caller's scope: to close it, to publish it, to send its money on.
function common.own_fund(call, code)
  local fund = common.fund(call, code)
  if not common.sees(call, fund.path) then common.unknown(call, "fund", code) end
  return fund
end

--- The last day of a fund as words.
function common.last_day(fund)
  return fund.closes == common.OPEN_END and "…" or fund.closes
end

--- May the fund take a gift of this day?
function common.check_day(call, fund, on)
  if fund.state ~= "open" or on < fund.opens or on > fund.closes then
    call:fail("CLOSED", { rule = "fund.dates", arg = "on", state = fund.state },
      "fund %s takes gifts dated %s to %s and is %s; %s is refused", fund.code, fund.opens,
      common.last_day(fund), fund.state, on)
  end
  if on > call.today then
    call:fail("ARG", { rule = "fund.future", arg = "on" }, "%s has not come yet; today is %s", on, call.today)
  end
end

local GIFT = [[SELECT g.id, g.no, g.fund, g.donor, g.donor_key, g.donor_name, g.donor_class, g.anonymous, g.branch,
  g.unit, g.grp, g.amount_fen, g.refunded_fen, g.on_day, g.pledged_on, g.route, g.large, g.note, g.state, g.batch,
  g.receipt, g.reason, g.at, g.rev, m.path FROM fund_gift g JOIN muster_unit m ON m.code = g.unit WHERE g.no = ?]]

--- One gift by its number, of a unit in the caller's scope.
function common.gift(call, no)
  local gift = call.db:row(GIFT, no)
  if not gift or not common.sees(call, gift.path) then common.unknown(call, "gift", no) end
  return gift
end

--- Post `fen` from one account to another: two rows, debits = credits by construction.
-- `gift`: row id or nil; `ref`: number of the paper this belongs to.
function common.post(call, fund, kind, gift, debit, credit, fen, on, ref)
  if fen == 0 then return end
  call.db:run([[INSERT INTO fund_journal (fund, kind, gift, account, debit_fen, credit_fen, on_day, ref, at)
    VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?), (?, ?, ?, ?, 0, ?, ?, ?, ?)]],
    fund, kind, gift, debit, fen, on, ref, call.now, fund, kind, gift, credit, fen, on, ref, call.now)
end

--- "" in the table (so that SQL can compare) is nothing on the wire.
function common.some(value)
  if value == "" then return nil end
  return value
end

--- Merge tables of commands into `into`.
function common.merge(into, from)
  for name, value in pairs(from) do
    assert(into[name] == nil, "declared twice: " .. name)
    into[name] = value
  end
  return into
end

return common
