--- Totals, donors, the daily tally, and the check that everything adds up: all read from the journal.
local calendar = require "muster.calendar"
local common = require "fund.common"

local commands = {}

local DAY_MIN = 1440

-- What each gift brought in and what was paid back, as recorded up to an instant and dated up to its day.
-- Parameters: fund, as_of, day, scope, scope_end.
local PER_GIFT = [[WITH per AS (SELECT j.gift,
  sum(CASE WHEN j.kind = 'refund' THEN 0 ELSE j.credit_fen - j.debit_fen END) AS received_fen,
  sum(CASE WHEN j.kind = 'refund' THEN j.debit_fen ELSE 0 END) AS refunded_fen
  FROM fund_journal j WHERE j.fund = ? AND j.account = 'income' AND j.at <= ? AND j.on_day <= ? GROUP BY j.gift),
  net AS (SELECT p.gift, p.received_fen, p.refunded_fen, p.received_fen - p.refunded_fen AS net_fen, g.donor,
  g.donor_key, g.donor_name, g.donor_class, g.branch, g.unit, g.route, g.on_day
  FROM per p JOIN fund_gift g ON g.id = p.gift JOIN muster_unit m ON m.code = g.unit
  WHERE p.received_fen > 0 AND m.path >= ? AND m.path < ?) ]]

local COLUMNS = [[count(*) FILTER (WHERE n.net_fen > 0) AS gifts,
  count(DISTINCT CASE WHEN n.net_fen > 0 THEN n.donor_key END) AS donors, sum(n.received_fen) AS received_fen,
  sum(n.refunded_fen) AS refunded_fen, sum(n.net_fen) AS net_fen ]]

local function totals_sql(column)
  return PER_GIFT .. "SELECT n." .. column .. " AS key, " .. COLUMNS .. "FROM net n GROUP BY n." .. column ..
    " ORDER BY n." .. column .. " LIMIT 2000"
end

local TOTALS = { branch = totals_sql("branch"), unit = totals_sql("unit"), day = totals_sql("on_day"),
  route = totals_sql("route"), class = totals_sql("donor_class") }

local BY_METHOD = PER_GIFT .. [[SELECT l.method AS key,
  count(DISTINCT CASE WHEN n.net_fen > 0 THEN n.gift END) AS gifts,
  count(DISTINCT CASE WHEN n.net_fen > 0 THEN n.donor_key END) AS donors, sum(l.amount_fen) AS received_fen
  FROM net n JOIN fund_payline l ON l.gift = n.gift GROUP BY l.method ORDER BY l.method]]

local REFUNDS_BY_METHOD = PER_GIFT .. [[SELECT r.method AS key, sum(r.amount_fen) AS refunded_fen
  FROM net n JOIN fund_refund r ON r.gift = n.gift WHERE r.at <= ? AND r.on_day <= ? GROUP BY r.method]]

--- Totals by way of payment: a refund counts against the way it was paid back.
local function by_method(call, fund, as_of, day)
  local rows = call.db:rows(BY_METHOD, fund, as_of, day, call.scope, call.scope_end)
  local refunds = call.db:rows(REFUNDS_BY_METHOD, fund, as_of, day, call.scope, call.scope_end, as_of, day)
  local refunded = {}
  for _, r in ipairs(refunds) do refunded[r.key] = r.refunded_fen end
  for _, row in ipairs(rows) do
    row.refunded_fen = refunded[row.key] or 0
    row.net_fen = row.received_fen - row.refunded_fen
  end
  return rows
end

local function totals(call, fund, by, as_of)
  local day = calendar.day_of(as_of, call.zone_min)
  if by == "method" then return by_method(call, fund, as_of, day) end
  return call.db:rows(TOTALS[by], fund, as_of, day, call.scope, call.scope_end)
end

commands["fund.totals"] = {
  mode = "read", timeout_ms = 10000,
  args = { "fund:text(20)", "by:enum(branch|unit|day|method|route|class)=branch", "as_of:instant?" },
  returns = "[{key:text, gifts:int, donors:int, received_fen:fen, refunded_fen:fen, net_fen:int}]",
  summary = { en = "Totals of a fund as of an instant.", ["zh-CN"] = "捐款汇总（可指定截至时刻）" },
  doc = "Void gifts count nowhere; gifts and donors are those with something left after refunds. Under `method` a " ..
    "refund counts against the way it was paid back.",
  run = function(call, fund, by, as_of)
    common.fund(call, fund)
    local rows = totals(call, fund, by, as_of or call.now)
    for _, row in ipairs(rows) do row.key = common.some(row.key) end
    return rows
  end,
}

commands["fund.donors"] = {
  mode = "read", timeout_ms = 10000,
  args = { "fund:text(20)", "min_fen:fen=0", "as_of:instant?", "after:text(200)?", "limit:int(1..500)=200" },
  returns = "[{key:text, donor:text, name:text, branch:text, unit:text, gifts:int, net_fen:fen}]",
  summary = { en = "Donors of a fund with their net totals; pass the last key as `after` to read on.",
    ["zh-CN"] = "捐款人名单（净额）" },
  run = function(call, fund, min, as_of, after, limit)
    common.fund(call, fund)
    as_of = as_of or call.now
    local rows = call.db:rows(PER_GIFT .. [[SELECT n.donor_key AS key, min(n.donor) AS donor, min(n.donor_name) AS name,
      min(n.branch) AS branch, min(n.unit) AS unit, count(*) AS gifts, sum(n.net_fen) AS net_fen FROM net n
      WHERE n.net_fen > 0 AND n.donor_key > ? GROUP BY n.donor_key HAVING sum(n.net_fen) >= ?
      ORDER BY n.donor_key LIMIT ?]], fund, as_of, calendar.day_of(as_of, call.zone_min), call.scope, call.scope_end,
      after or "", min, limit)
    for _, row in ipairs(rows) do row.branch = common.some(row.branch) end
    return rows
  end,
}

commands["fund.tally"] = {
  mode = "read", timeout_ms = 10000, args = { "fund:text(20)", "day:date?" },
  returns = "{fund:text, day:date, since:instant, till:instant, complete:bool, count:int, sum_fen:int, " ..
    "routes:[{route:text, count:int, sum_fen:int}], total_fen:int}",
  summary = { en = "What was recorded in the day up to the tally hour, for the report upwards.",
    ["zh-CN"] = "每日定时统计上报（默认 15:00）" },
  doc = "From the tally hour of the day before to that of `day`: gifts less what was voided and paid back " ..
    "meanwhile. `complete` is false until the hour has come.",
  run = function(call, fund, day)
    common.fund(call, fund)
    day = day or call.today
    local till = calendar.instant(day, call:setting("tally_minute"), call.zone_min)
    local since = till - DAY_MIN * 60000
    local routes = call.db:rows([[SELECT g.route, count(*) FILTER (WHERE j.kind = 'receive') AS count,
      sum(j.credit_fen) - sum(j.debit_fen) AS sum_fen FROM fund_journal j JOIN fund_gift g ON g.id = j.gift
      JOIN muster_unit m ON m.code = g.unit WHERE j.fund = ? AND j.account = 'income' AND j.at >= ? AND j.at < ?
      AND m.path >= ? AND m.path < ? GROUP BY g.route ORDER BY g.route]],
      fund, since, till, call.scope, call.scope_end)
    local count, sum, total = 0, 0, 0
    for _, r in ipairs(routes) do count, sum = count + r.count, sum + r.sum_fen end
    for _, r in ipairs(totals(call, fund, "route", till - 1)) do total = total + r.net_fen end
    return { fund = fund, day = day, since = since, till = till, complete = call.now >= till, count = count,
      sum_fen = sum, routes = routes, total_fen = total }
  end,
}

local function sum_of(rows)
  local sum = 0
  for _, row in ipairs(rows) do sum = sum + row.net_fen end
  return sum
end

--- Series with a hole: as many numbers as the highest one, per year.
local function holes(call, fund, sql)
  local list = {}
  for _, row in ipairs(call.db:rows(sql, fund)) do
    if row.n ~= row.top then list[#list + 1] = row.year end
  end
  return list
end

commands["fund.check"] = {
  mode = "read", timeout_ms = 10000, args = { "fund:text(20)" },
  returns = "{fund:text, debit_fen:int, credit_fen:int, income_fen:int, gifts_fen:int, branches_fen:int, " ..
    "days_fen:int, batches_fen:int, open_fen:int, held_fen:int, ok:bool, problems:[text]}",
  summary = { en = "Does the ledger agree with the gifts, the batches and the numbers?", ["zh-CN"] = "账账核对" },
  doc = "Debits = credits; income = gifts = branch totals = day totals = batches + open gifts; what is held = open " ..
    "gifts + batches not sent on; no holes in gift and receipt numbers.",
  run = function(call, code)
    common.own_fund(call, code)
    local db = call.db
    local r = db:row([[SELECT coalesce(sum(debit_fen), 0) AS debit_fen, coalesce(sum(credit_fen), 0) AS credit_fen,
      coalesce(sum(CASE account WHEN 'income' THEN credit_fen - debit_fen END), 0) AS income_fen,
      coalesce(sum(CASE account WHEN 'held' THEN debit_fen - credit_fen END), 0) AS held_fen
      FROM fund_journal WHERE fund = ?]], code)
    local g = db:row([[SELECT coalesce(sum(CASE WHEN state IN ('void', 'pledged') THEN 0
      ELSE amount_fen - refunded_fen END), 0) AS gifts_fen,
      coalesce(sum(CASE state WHEN 'received' THEN amount_fen END), 0) AS open_fen
      FROM fund_gift WHERE fund = ?]], code)
    local b = db:row([[SELECT coalesce(sum(sum_fen - refunded_fen), 0) AS batches_fen,
      coalesce(sum(CASE state WHEN 'closed' THEN sum_fen - refunded_fen END), 0) AS waiting_fen
      FROM fund_batch WHERE fund = ?]], code)
    r.fund, r.gifts_fen, r.open_fen, r.batches_fen = code, g.gifts_fen, g.open_fen, b.batches_fen
    local last = 9007199254740991 -- every recording
    r.branches_fen = sum_of(db:rows(TOTALS.branch, code, last, "9999-12-31", "/", "0"))
    r.days_fen = sum_of(db:rows(TOTALS.day, code, last, "9999-12-31", "/", "0"))
    local problems = {}
    local function expect(ok, en, zh) if not ok then problems[#problems + 1] = call.lang == "en" and en or zh end end
    expect(r.debit_fen == r.credit_fen, "debits and credits differ", "借贷不平")
    expect(r.income_fen == r.gifts_fen, "the journal and the gifts differ", "分录与捐款不符")
    expect(r.branches_fen == r.gifts_fen, "the branch totals and the gifts differ", "支部合计与捐款不符")
    expect(r.days_fen == r.gifts_fen, "the day totals and the gifts differ", "按日合计与捐款不符")
    expect(r.batches_fen + r.open_fen == r.gifts_fen, "batches with open gifts and all gifts differ",
      "批次加未入批捐款与捐款总额不符")
    expect(r.held_fen == r.open_fen + b.waiting_fen, "the money held and what should be held differ",
      "在库款与应存款不符")
    for _, year in ipairs(holes(call, code,
      "SELECT year, count(*) AS n, max(seq) AS top FROM fund_gift WHERE fund = ? GROUP BY year")) do
      expect(false, "gift numbers of " .. year .. " have holes", year .. " 年捐款编号有缺号")
    end
    for _, year in ipairs(holes(call, code,
      "SELECT year, count(*) AS n, max(seq) AS top FROM fund_receipt WHERE fund = ? GROUP BY year")) do
      expect(false, "receipt numbers of " .. year .. " have holes", year .. " 年收据编号有缺号")
    end
    r.ok, r.problems = #problems == 0, problems
    return r
  end,
}

return { commands = commands }
