--- Batches and remittances: the day's gifts of one branch (or unit) and route, counted by a person, sent on.
--
-- An open batch is no row: it is the view of received gifts under one key "FUND/GROUP/DAY/ROUTE". Closing it
-- compares what a person counted with what was recorded, gives it a number and freezes both totals; a gift that
-- comes later for the same key simply waits in the next batch.
local calendar = require "muster.calendar"
local common = require "fund.common"
local machines = require "fund.machines"
local series = require "muster.series"

local commands = {}

local DAY_MS = 86400000
local BATCH = "{batch:text, fund:text, group:text, day:date, route:text, count:int, sum_fen:fen, state:text}"
local REMITTANCE = "{no:text, fund:text, route:text, sum_fen:fen, ref:text, state:text, overdue:bool, " ..
  "batches:[text], rev:int}"

--- The parts of an open batch's key.
local function parse_key(call, key)
  local fund, grp, day, route = key:match("^([A-Za-z0-9-]+)/([A-Za-z0-9-]+)/(%d%d%d%d%-%d%d%-%d%d)/(%l+)$")
  if not fund then
    call:fail("ARG", { rule = "fund.batch_key", arg = "batch" },
      "an open batch is named FUND/GROUP/DAY/ROUTE, such as DUES/B1/2020-02-10/upper")
  end
  return fund, grp, day, route
end

--- What is recorded under a key. All its gifts must be of units in the caller's scope.
local function recorded(call, key, fund, grp, day, route)
  local rows = call.db:rows([[SELECT g.unit, m.path, count(*) AS n, sum(g.amount_fen) AS fen, max(g.at) AS at
    FROM fund_gift g JOIN muster_unit m ON m.code = g.unit
    WHERE g.fund = ? AND g.grp = ? AND g.on_day = ? AND g.route = ? AND g.state = 'received'
    GROUP BY g.unit, m.path ORDER BY g.unit]], fund, grp, day, route)
  local count, sum = 0, 0
  for _, row in ipairs(rows) do
    if not common.sees(call, row.path) then common.unknown(call, "batch", key) end
    common.check_time(call, row.at, key)
    count, sum = count + row.n, sum + row.fen
  end
  if count == 0 then common.unknown(call, "batch", key) end
  return count, sum, rows[1].unit
end

commands["fund.batch.close"] = {
  mode = "write", args = { "batch:text(80)", "count:int(0..)", "sum_fen:fen" }, returns = BATCH,
  summary = { en = "Close the open batch with the count and sum a person has counted.",
    ["zh-CN"] = "关闭批次（须与人工清点的笔数、金额一致）" },
  run = function(call, key, count, sum_fen)
    local fund, grp, day, route = parse_key(call, key)
    common.fund(call, fund)
    local n, sum, unit = recorded(call, key, fund, grp, day, route)
    if n ~= count or sum ~= sum_fen then
      call:fail("CONFLICT", { rule = "fund.control_total", arg = n ~= count and "count" or "sum_fen" },
        "batch %s holds %d gifts of %d fen, you counted %d of %d fen; it stays open", key, n, sum, count, sum_fen)
    end
    local no = series.take(call, "batch", fund .. "-B", calendar.year(day))
    call.db:run([[INSERT INTO fund_batch (no, fund, grp, unit, day, route, count, sum_fen, refunded_fen, state, user,
      at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 1)]],
      no, fund, grp, unit, day, route, n, sum, machines.batch.initial, call.user, call.now)
    call.db:run([[UPDATE fund_gift SET state = 'batched', batch = ?, rev = rev + 1
      WHERE fund = ? AND grp = ? AND on_day = ? AND route = ? AND state = 'received']], no, fund, grp, day, route)
    return { batch = no, fund = fund, group = grp, day = day, route = route, count = n, sum_fen = sum,
      state = machines.batch.initial }
  end,
}

commands["fund.batch.list"] = {
  mode = "read", args = { "fund:text(20)", "state:enum(open|closed|remitted|confirmed)?", "limit:int(1..500)=200",
    "from:date?", "to:date?" },
  returns = "[" .. BATCH .. "]",
  summary = { en = "Batches of a fund by day: open ones by key, closed ones by number.", ["zh-CN"] = "批次列表" },
  doc = "`from`, `to`: days, both included; a long list is read stretch by stretch.",
  run = function(call, fund, state, limit, from, to)
    common.fund(call, fund)
    from, to = from or "0000-01-01", to or "9999-12-31"
    local rows = {}
    if state ~= "open" then
      rows = call.db:rows([[SELECT b.no AS batch, b.fund, b.grp, b.day, b.route, b.count, b.sum_fen, b.state
        FROM fund_batch b JOIN muster_unit m ON m.code = b.unit
        WHERE b.fund = ? AND b.state = coalesce(?, b.state) AND m.path >= ? AND m.path < ?
        AND b.day >= ? AND b.day <= ? ORDER BY b.day, b.no LIMIT ?]],
        fund, state, call.scope, call.scope_end, from, to, limit)
    end
    if (state == nil or state == "open") and #rows < limit then
      -- coalesce keeps the search on the index of open gifts, however many others the days hold
      for _, open in ipairs(call.db:rows([[SELECT g.fund, g.grp, g.on_day AS day, g.route, count(*) AS count,
        sum(g.amount_fen) AS sum_fen FROM fund_gift g JOIN muster_unit m ON m.code = g.unit
        WHERE g.fund = ? AND g.state = 'received' AND m.path >= ? AND m.path < ?
        AND coalesce(g.on_day, '') >= ? AND coalesce(g.on_day, '') <= ?
        GROUP BY g.fund, g.grp, g.on_day, g.route ORDER BY g.on_day, g.grp, g.route LIMIT ?]],
        fund, call.scope, call.scope_end, from, to, limit - #rows)) do
        open.batch, open.state = table.concat({ open.fund, open.grp, open.day, open.route }, "/"), "open"
        rows[#rows + 1] = open
      end
    end
    for _, row in ipairs(rows) do row.group, row.grp = row.grp, nil end
    return rows
  end,
}

--- One closed batch whose unit is in the caller's scope.
local function need_batch(call, no)
  local batch = call.db:row([[SELECT b.no, b.fund, b.grp, b.unit, b.day, b.route, b.count, b.sum_fen, b.refunded_fen,
    b.remittance, b.state, b.at, b.rev, m.path
    FROM fund_batch b JOIN muster_unit m ON m.code = b.unit WHERE b.no = ?]], no)
  if not batch or not common.sees(call, batch.path) then common.unknown(call, "batch", no) end
  return batch
end

commands["fund.batch.get"] = {
  mode = "read", args = { "batch:text(80)" },
  returns = BATCH:sub(1, -2) .. ", refunded_fen:fen, remittance:text, rev:int, gifts:[text]}",
  summary = { en = "One closed batch with the numbers of its gifts.", ["zh-CN"] = "查看批次" },
  run = function(call, no)
    local b = need_batch(call, no)
    local gifts = {}
    for i, row in ipairs(call.db:rows("SELECT no FROM fund_gift WHERE batch = ? ORDER BY id LIMIT 5000", no)) do
      gifts[i] = row.no
    end
    return { batch = no, fund = b.fund, group = b.grp, day = b.day, route = b.route, count = b.count,
      sum_fen = b.sum_fen, state = b.state, refunded_fen = b.refunded_fen, remittance = b.remittance, rev = b.rev,
      gifts = gifts }
  end,
}

--- Is a remittance unconfirmed for longer than the setting allows? Computed when read.
local function overdue(call, row)
  return row.state == "remitted" and call.now - row.at > call:setting("confirm_days") * DAY_MS
end

local function show_remittance(call, no)
  local row = call.db:row("SELECT no, fund, route, sum_fen, ref, state, at, rev FROM fund_remittance WHERE no = ?", no)
  local batches = {}
  for i, b in ipairs(call.db:rows("SELECT no FROM fund_batch WHERE remittance = ? ORDER BY no", no)) do
    batches[i] = b.no
  end
  row.batches, row.overdue = batches, overdue(call, row)
  row.at = nil
  return row
end

--- Batches to be sent on together: closed, of one fund, of the route the money takes.
local function check_batches(call, numbers, route)
  local list, seen, sum = {}, {}, 0
  for _, no in ipairs(numbers) do
    local batch = need_batch(call, no)
    machines.batch:check(call, batch, "remit")
    common.check_time(call, batch.at, no)
    if seen[no] or batch.fund ~= (list[1] or batch).fund then
      call:fail("ARG", { rule = "fund.one_fund", arg = "batches" }, "batches must be of one fund, each named once")
    end
    if batch.route ~= route then
      call:fail("POLICY", { rule = "fund.route", arg = "route" },
        "batch %s goes to %s, not to %s", no, batch.route, route)
    end
    seen[no] = true
    list[#list + 1] = batch
    sum = sum + batch.sum_fen - batch.refunded_fen
  end
  return list, sum
end

commands["fund.remit"] = {
  mode = "write", args = { "batches:text(80)[](1..200)", "route:enum(centre|upper|own)", "ref:text(100)?" },
  returns = REMITTANCE,
  summary = { en = "Send the money of closed batches on.", ["zh-CN"] = "上缴（汇款）" },
  doc = "All batches of one fund and of this route; what was refunded since is not sent.",
  run = function(call, numbers, route, ref)
    local batches, sum = check_batches(call, numbers, route)
    local fund = batches[1].fund
    local no = series.take(call, "remittance", fund .. "-T", calendar.year(call.today))
    call.db:run([[INSERT INTO fund_remittance (no, fund, route, sum_fen, ref, state, user, at, rev)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)]],
      no, fund, route, sum, ref, machines.remittance.initial, call.user, call.now)
    for _, batch in ipairs(batches) do
      call.db:run("UPDATE fund_batch SET state = 'remitted', remittance = ?, rev = rev + 1 WHERE no = ?", no, batch.no)
      call.db:run("UPDATE fund_gift SET state = 'remitted', rev = rev + 1 WHERE batch = ? AND state = 'batched'",
        batch.no)
    end
    common.post(call, fund, "remit", nil, "transit", "held", sum, call.today, no)
    return show_remittance(call, no)
  end,
}

commands["fund.confirm"] = {
  mode = "write", args = { "remittance:text(40)", "ref:text(100)?", "rev:int(1..)?" }, returns = REMITTANCE,
  summary = { en = "The receiver has confirmed a remittance.", ["zh-CN"] = "确认上缴到账" },
  run = function(call, no, ref, rev)
    local row = call.db:row("SELECT no, fund, sum_fen, state, at, rev FROM fund_remittance WHERE no = ?", no)
    local outside = call.db:value([[SELECT count(*) FROM fund_batch b JOIN muster_unit m ON m.code = b.unit
      WHERE b.remittance = ? AND NOT (m.path >= ? AND m.path < ?)]], no, call.scope, call.scope_end)
    if not row or outside > 0 then common.unknown(call, "remittance", no) end
    common.check_rev(call, row, rev)
    local state = machines.remittance:check(call, row, "confirm")
    common.check_time(call, row.at, no)
    call.db:run([[UPDATE fund_remittance SET state = ?, ref = coalesce(?, ref), confirmed_at = ?, rev = rev + 1
      WHERE no = ?]], state, ref, call.now, no)
    call.db:run("UPDATE fund_batch SET state = 'confirmed', rev = rev + 1 WHERE remittance = ?", no)
    common.post(call, row.fund, "confirm", nil, "passed", "transit", row.sum_fen, call.today, no)
    return show_remittance(call, no)
  end,
}

commands["fund.remittance.list"] = {
  mode = "read", args = { "fund:text(20)", "state:enum(remitted|confirmed)?" }, returns = "[" .. REMITTANCE .. "]",
  summary = { en = "Remittances of a fund; overdue ones are marked.", ["zh-CN"] = "上缴记录（逾期未确认者有标记）" },
  run = function(call, fund, state)
    common.own_fund(call, fund)
    local rows = call.db:rows([[SELECT no FROM fund_remittance WHERE fund = ? AND state = coalesce(?, state)
      ORDER BY at, no LIMIT 500]], fund, state)
    for i, row in ipairs(rows) do rows[i] = show_remittance(call, row.no) end
    return rows
  end,
}

return { commands = commands }
