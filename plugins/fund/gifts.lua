--- Gifts: given or pledged, received, voided, refunded.
--
-- `fund.give` is what clerks do all day, so it is kept short: one query for the fund, one inside org for the
-- donor, one for a gift like it, the number, then the rows. Everything else reads the journal.
local calendar = require "muster.calendar"
local common = require "fund.common"
local donors = require "fund.donors"
local machines = require "fund.machines"
local money = require "muster.money"
local series = require "muster.series"

local commands = {}

local post, need_gift, some = common.post, common.gift, common.some
local METHOD_ENUM = "enum(cash|wechat|transfer|cheque|payroll)"
local MOST_LINES = 20
local AMOUNT = "amount_fen:fen(1.." .. common.MOST_FEN .. ")"

local GIFT = "{no:text, state:text, fund:text, donor:text, branch:text, unit:text, amount_fen:fen, on:date, " ..
  "route:text, large:bool, batch:text}"

--- The key of the open batch a received gift waits in.
local function open_batch(fund, grp, on, route)
  return fund .. "/" .. grp .. "/" .. on .. "/" .. route
end

local function shown(gift)
  local batch = gift.batch
  if gift.state == "received" then batch = open_batch(gift.fund, gift.grp, gift.on_day, gift.route) end
  return { no = gift.no, state = gift.state, fund = gift.fund, donor = gift.donor, branch = some(gift.branch),
    unit = gift.unit, amount_fen = gift.amount_fen, on = gift.on_day, route = gift.route, large = gift.large,
    batch = batch }
end

local function check_method(call, fund, method)
  if method == "payroll" then
    call:fail("POLICY", { rule = "fund.voluntary", arg = "method" },
      "giving is voluntary: a fund of kind %s takes no payroll deduction", fund.kind)
  end
  if not ("," .. fund.methods .. ","):find("," .. method .. ",", 1, true) then
    call:fail("POLICY", { rule = "fund.method", arg = "method" }, "fund %s takes %s, not %s", fund.code, fund.methods,
      method)
  end
end

--- One pay line as it came in JSON; refuses anything else, and more than the whole gift.
local function check_line(call, fund, line, amount)
  local fen = type(line) == "table" and line.amount_fen
  if math.type(fen) ~= "integer" or fen < 1 or fen > amount or type(line.method) ~= "string" then
    call:fail("ARG", { rule = "fund.lines", arg = "lines" },
      'lines is a list such as [{"method":"cash","amount_fen":60000,"ref":"…"}]')
  end
  local ref = line.ref
  if ref ~= nil and ref ~= muster.null and (type(ref) ~= "string" or #ref > 100) then
    call:fail("ARG", { rule = "fund.lines", arg = "lines" }, "a pay line's ref is a text of at most 100 bytes")
  end
  check_method(call, fund, line.method)
  return { method = line.method, amount_fen = fen, ref = type(ref) == "string" and ref or nil }
end

--- The pay lines of a gift: those given, else one of the whole amount. They must add up to it.
local function check_lines(call, fund, amount, lines, method, ref)
  if lines == nil then
    check_method(call, fund, method)
    return { { method = method, amount_fen = amount, ref = ref } }
  end
  if type(lines) ~= "table" or #lines < 1 or #lines > MOST_LINES then
    call:fail("ARG", { rule = "fund.lines", arg = "lines" },
      'lines is a list such as [{"method":"cash","amount_fen":60000,"ref":"…"}]')
  end
  local checked, sum = {}, 0
  for i, line in ipairs(lines) do
    checked[i] = check_line(call, fund, line, amount)
    sum = sum + checked[i].amount_fen
  end
  if sum ~= amount then
    call:fail("ARG", { rule = "fund.lines_sum", arg = "lines" },
      "the pay lines add up to %d fen, the gift is %d fen", sum, amount)
  end
  return checked
end

--- The same donor, amount and day again is more often a slip than a second gift. What other offices recorded does
-- not count: a company may give alike in two counties.
local function check_repeat(call, fund, donor, amount, on)
  local like = call.db:row([[SELECT g.no, g.state FROM fund_gift g JOIN muster_unit m ON m.code = g.unit
    WHERE g.fund = ? AND g.donor_key = ? AND g.on_day = ? AND g.amount_fen = ? AND g.state <> 'void'
    AND m.path >= ? AND m.path < ? LIMIT 1]], fund, donor.key, on, amount, call.scope, call.scope_end)
  if not like then return end
  if like.state == "pledged" then
    call:fail("CONFLICT", { rule = "fund.same_gift", arg = "confirm", allowed = "fund.receive, confirm=1" },
      "pledge %s is of the same donor, amount and day: fund.receive takes its money; for another gift send confirm=1",
      like.no)
  end
  call:fail("CONFLICT", { rule = "fund.same_gift", arg = "confirm", allowed = "confirm=1" },
    "gift %s is of the same donor, amount and day; if this is another, send confirm=1", like.no)
end

--- The note on the donor that goes upwards with a large gift.
local function note_on(donor)
  local place = donor.branch ~= "" and (donor.branch_name or donor.branch)
  return (donor.name or "匿名") .. (place and "，" .. place or "")
end

--- Rows of one gift: the gift itself. Returns it with id and number.
local function insert(call, fund, donor, amount, on, state, note)
  local large = amount >= fund.large_fen
  local year = calendar.year(on)
  local no, seq = series.take(call, "gift", fund.code, year)
  local gift = { no = no, fund = fund.code, donor = donor.code, branch = donor.branch, unit = donor.unit,
    grp = donor.branch ~= "" and donor.branch or donor.unit, amount_fen = amount, on_day = on, large = large,
    route = large and fund.route_large or fund.route_rest, state = state }
  if large and not note then note = note_on(donor) end
  gift.id = call.db:value([[INSERT INTO fund_gift (no, year, seq, fund, donor, donor_key, donor_name, donor_class,
    anonymous, branch, unit, path, grp, amount_fen, refunded_fen, on_day, pledged_on, route, large, note, state, user,
    at, rev)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, 1) RETURNING id]],
    no, year, seq, fund.code, donor.code, donor.key or "A:" .. no, donor.name, donor.class, donor.anonymous,
    gift.branch, gift.unit, donor.path, gift.grp, amount, on, state == "pledged" and on or nil, gift.route, large,
    note, state, call.user, call.now)
  return gift
end

--- The money of a gift has come: its pay lines and the posting.
local function take_money(call, gift, lines)
  for _, line in ipairs(lines) do
    call.db:run("INSERT INTO fund_payline (gift, method, amount_fen, ref) VALUES (?, ?, ?, ?)",
      gift.id, line.method, line.amount_fen, line.ref)
  end
  post(call, gift.fund, "receive", gift.id, "held", "income", gift.amount_fen, gift.on_day, gift.no)
  call:emit("gift.received", { no = gift.no, fund = gift.fund, unit = gift.unit, amount_fen = gift.amount_fen,
    large = gift.large })
end

--- What giving and pledging check alike. Returns fund, donor and day.
local function check_gift(call, code, amount, on, who, confirm)
  local fund = common.fund(call, code)
  on = on or call.today
  common.check_day(call, fund, on)
  if amount < fund.min_fen then
    call:fail("LIMIT", { rule = "fund.minimum", arg = "amount_fen" }, "fund %s takes gifts of %s yuan or more", code,
      money.yuan(fund.min_fen))
  end
  local donor = donors.check(call, fund, on, who)
  if donor.key and not confirm then check_repeat(call, code, donor, amount, on) end
  return fund, donor, on
end

commands["fund.give"] = {
  mode = "write", returns = GIFT,
  args = { "fund:text(20)", AMOUNT, "donor:text(20)?", "on:date?", "lines:json(8000)?",
    "method:" .. METHOD_ENUM .. "=cash", "ref:text(100)?", "branch:unit?", "unit:unit?", "note:text(200)?",
    "donor_name:text(100)?", "anonymous:bool=0", "confirm:bool=0" },
  summary = { en = "Record a gift that has come in.", ["zh-CN"] = "登记一笔捐款（特殊党费）" },
  doc = "Without `lines` the whole amount came by `method`. Special dues take members of a branch only, a staff " ..
    "fund non-members only; a social fund takes anybody: `donor` (a person's code), or `donor_name`, or " ..
    "anonymous=1. The reply's `batch` names the open batch to close at the end of the day.",
  run = function(call, code, amount, donor, on, lines, method, ref, branch, unit, note, name, anonymous, confirm)
    local who = { code = donor, name = name, branch = branch, unit = unit, anonymous = anonymous }
    local fund, giver, day = check_gift(call, code, amount, on, who, confirm)
    local checked = check_lines(call, fund, amount, lines, method, ref)
    local gift = insert(call, fund, giver, amount, day, "received", note)
    take_money(call, gift, checked)
    return shown(gift)
  end,
}

commands["fund.pledge"] = {
  mode = "write", returns = GIFT,
  args = { "fund:text(20)", AMOUNT, "donor:text(20)?", "on:date?", "branch:unit?",
    "unit:unit?", "note:text(200)?", "donor_name:text(100)?", "confirm:bool=0" },
  summary = { en = "Record a promise to give; it counts nowhere until it is received.", ["zh-CN"] = "登记认捐（未到账）" },
  run = function(call, code, amount, donor, on, branch, unit, note, name, confirm)
    local who = { code = donor, name = name, branch = branch, unit = unit, anonymous = false }
    local fund, giver, day = check_gift(call, code, amount, on, who, confirm)
    return shown(insert(call, fund, giver, amount, day, "pledged", note))
  end,
}

commands["fund.receive"] = {
  mode = "write", returns = GIFT,
  args = { "gift:text(40)", "lines:json(8000)?", "method:" .. METHOD_ENUM .. "=cash", "ref:text(100)?", "on:date?",
    "rev:int(1..)?" },
  summary = { en = "The money of a pledge has come.", ["zh-CN"] = "认捐到账" },
  run = function(call, no, lines, method, ref, on, rev)
    local gift = need_gift(call, no)
    common.check_rev(call, gift, rev)
    common.check_time(call, gift.at, no)
    gift.state = machines.gift:check(call, gift, "receive")
    local fund = common.fund(call, gift.fund)
    gift.on_day = on or call.today
    common.check_day(call, fund, gift.on_day)
    if gift.donor then donors.check(call, fund, gift.on_day, { code = gift.donor, branch = some(gift.branch) }) end
    local checked = check_lines(call, fund, gift.amount_fen, lines, method, ref)
    call.db:run("UPDATE fund_gift SET state = ?, on_day = ?, rev = rev + 1 WHERE id = ?",
      gift.state, gift.on_day, gift.id)
    take_money(call, gift, checked)
    return shown(gift)
  end,
}

commands["fund.void"] = {
  mode = "write", args = { "gift:text(40)", "reason:text(200)", "rev:int(1..)?" },
  returns = "{no:text, state:text, net_fen:fen}",
  summary = { en = "Void a gift entered wrongly; its number stays listed.", ["zh-CN"] = "作废（误录），编号保留" },
  doc = "Possible until the batch is closed; after that fund.refund.",
  run = function(call, no, reason, rev)
    local gift = need_gift(call, no)
    common.check_rev(call, gift, rev)
    common.check_time(call, gift.at, no)
    local state = machines.gift:check(call, gift, "void", { reason = reason })
    call.db:run("UPDATE fund_gift SET state = ?, reason = ?, rev = rev + 1 WHERE id = ?", state, reason, gift.id)
    if gift.state == "received" then
      post(call, gift.fund, "void", gift.id, "income", "held", gift.amount_fen, gift.on_day, no)
    end
    return { no = no, state = state, net_fen = 0 }
  end,
}

commands["fund.refund"] = {
  mode = "write",
  args = { "gift:text(40)", "amount_fen:fen(1..)", "reason:text(200)", "on:date?", "method:" .. METHOD_ENUM .. "?",
    "rev:int(1..)?" },
  returns = "{no:text, state:text, net_fen:fen, refunded_fen:fen}",
  summary = { en = "Pay a gift back, whole or in part, after its batch was closed.", ["zh-CN"] = "退款（批次关闭之后）" },
  run = function(call, no, amount, reason, on, method, rev)
    local gift, day = need_gift(call, no), on or call.today
    common.check_rev(call, gift, rev)
    common.check_time(call, gift.at, no)
    if gift.state == "receipted" then
      call:fail("STATE", { rule = "fund.receipted", state = gift.state, allowed = "fund.receipt.void" },
        "receipt %s must be voided (fund.receipt.void) before gift %s is paid back", gift.receipt, no)
    end
    local whole = machines.gift:check(call, gift, "refund", { reason = reason })
    local net = gift.amount_fen - gift.refunded_fen
    if amount > net then
      call:fail("LIMIT", { rule = "fund.refund_net", arg = "amount_fen" },
        "%s yuan are left of gift %s, so %s yuan cannot be paid back", money.yuan(net), no, money.yuan(amount))
    end
    if day < gift.on_day or day > call.today then
      call:fail("ARG", { rule = "fund.refund_day", arg = "on" }, "a refund is dated from %s to %s, not %s", gift.on_day,
        call.today, day)
    end
    common.check_time(call, call.db:value("SELECT at FROM fund_batch WHERE no = ?", gift.batch), gift.batch)
    method = method or call.db:value("SELECT method FROM fund_payline WHERE gift = ? ORDER BY id LIMIT 1", gift.id)
    call.db:run([[INSERT INTO fund_refund (gift, amount_fen, reason, method, on_day, user, at)
      VALUES (?, ?, ?, ?, ?, ?, ?)]], gift.id, amount, reason, method, day, call.user, call.now)
    local state = amount == net and whole or gift.state
    call.db:run("UPDATE fund_gift SET state = ?, refunded_fen = refunded_fen + ?, rev = rev + 1 WHERE id = ?",
      state, amount, gift.id)
    call.db:run("UPDATE fund_batch SET refunded_fen = refunded_fen + ?, rev = rev + 1 WHERE no = ?", amount, gift.batch)
    post(call, gift.fund, "refund", gift.id, "income", gift.state == "batched" and "held" or "claim", amount, day, no)
    return { no = no, state = state, net_fen = net - amount, refunded_fen = gift.refunded_fen + amount }
  end,
}

local DETAILS = { "donor_name", "donor_class", "anonymous", "pledged_on", "note", "reason", "receipt", "rev" }

commands["fund.gift.get"] = {
  mode = "read", args = { "gift:text(40)" },
  returns = "{no:text, state:text, fund:text, donor:text, donor_name:text, donor_class:text, anonymous:bool, " ..
    "branch:text, unit:text, amount_fen:fen, net_fen:fen, on:date, pledged_on:date, route:text, large:bool, " ..
    "note:text, reason:text, batch:text, receipt:text, rev:int, lines:[{method:text, amount_fen:fen, ref:text}], " ..
    "refunds:[{amount_fen:fen, on:date, method:text, reason:text}]}",
  summary = { en = "One gift with its pay lines and refunds.", ["zh-CN"] = "查看一笔捐款" },
  run = function(call, no)
    local gift = need_gift(call, no)
    local out = shown(gift)
    for _, name in ipairs(DETAILS) do out[name] = gift[name] end
    out.net_fen = (gift.state == "void" or gift.state == "pledged") and 0 or gift.amount_fen - gift.refunded_fen
    out.lines = call.db:rows("SELECT method, amount_fen, ref FROM fund_payline WHERE gift = ? ORDER BY id", gift.id)
    out.refunds = call.db:rows([[SELECT amount_fen, on_day, method, reason FROM fund_refund
      WHERE gift = ? ORDER BY id]], gift.id)
    for _, refund in ipairs(out.refunds) do refund.on, refund.on_day = refund.on_day, nil end
    return out
  end,
}

commands["fund.gift.list"] = {
  mode = "read",
  args = { "fund:text(20)", "state:enum(pledged|received|batched|remitted|receipted|refunded|void)?", "branch:unit?",
    "unit:unit?", "on:date?", "after:int(0..)=0", "limit:int(1..500)=100" },
  returns = "[{id:int, no:text, state:text, donor:text, donor_name:text, branch:text, unit:text, amount_fen:fen, " ..
    "net_fen:fen, on:date, route:text}]",
  summary = { en = "Gifts of a fund in the caller's units, void ones too; pass the last id as `after` to read on.",
    ["zh-CN"] = "捐款明细（含作废），可分页" },
  run = function(call, code, state, branch, unit, on, after, limit)
    common.fund(call, code)
    local rows = call.db:rows([[SELECT g.id, g.no, g.state, g.donor, g.donor_name, nullif(g.branch, '') AS branch,
      g.unit, g.amount_fen, CASE WHEN g.state IN ('void', 'pledged') THEN 0
      ELSE g.amount_fen - g.refunded_fen END AS net_fen, g.on_day, g.route
      FROM fund_gift g JOIN muster_unit m ON m.code = g.unit
      WHERE g.fund = ? AND g.id > ? AND g.state = coalesce(?, g.state) AND g.branch = coalesce(?, g.branch)
      AND g.unit = coalesce(?, g.unit) AND g.on_day = coalesce(?, g.on_day) AND m.path >= ? AND m.path < ?
      ORDER BY g.id LIMIT ?]], code, after, state, branch, unit, on, call.scope, call.scope_end, limit)
    for _, row in ipairs(rows) do row.on, row.on_day = row.on_day, nil end
    return rows
  end,
}

return { commands = commands }
