--- Funds: what money is collected for, when, from whom, and where it goes.
--
-- The rules of voluntary giving are the shape of a fund itself: no fund of a voluntary kind can be given a
-- minimum, a quota or payroll deduction, so no clerk can apply one.
local common = require "fund.common"

local commands = {}

local KINDS = "special_dues|voluntary|staff|social|inkind"
local ROUTES = "centre|upper|own"
local VOLUNTARY = { special_dues = true, voluntary = true, staff = true }
local METHODS = { cash = true, wechat = true, transfer = true, cheque = true }
local ALL_METHODS = "cash,wechat,transfer,cheque"

local FUND = "{code:text, name:text, kind:text, unit:text, opens:date, closes:date, large_fen:fen, " ..
  "route_large:text, route_rest:text, publicise:text, methods:[text], min_amount:fen, quota:fen, state:text, rev:int}"

local function shown(fund)
  local methods = {}
  for method in fund.methods:gmatch("[a-z]+") do methods[#methods + 1] = method end
  local closes = fund.closes
  if closes == common.OPEN_END then closes = nil end
  return { code = fund.code, name = fund.name, kind = fund.kind, unit = fund.unit, opens = fund.opens, closes = closes,
    large_fen = fund.large_fen, route_large = fund.route_large, route_rest = fund.route_rest,
    publicise = fund.publicise, methods = methods, min_amount = fund.min_fen, quota = fund.quota_fen,
    state = fund.state, rev = fund.rev }
end

local function check_methods(call, kind, methods)
  local list, seen = {}, {}
  for _, method in ipairs(methods) do
    if method == "payroll" then
      call:fail("POLICY", { rule = "fund.voluntary", arg = "methods" },
        "giving is voluntary: a fund of kind %s takes no payroll deduction", kind)
    end
    if not METHODS[method] then
      call:fail("ARG", { rule = "fund.method", arg = "methods" }, "unknown method %s; known: %s", method, ALL_METHODS)
    end
    if not seen[method] then list[#list + 1] = method end
    seen[method] = true
  end
  return table.concat(list, ",")
end

--- No minimum and no quota where giving is voluntary.
local function check_voluntary(call, kind, arg, fen)
  if VOLUNTARY[kind] and fen and fen > 0 then
    call:fail("POLICY", { rule = "fund.voluntary", arg = arg },
      "giving is voluntary: a fund of kind %s can have no %s", kind, arg)
  end
end

commands["fund.open"] = {
  mode = "write", returns = FUND,
  args = { "code:text(20)", "kind:enum(" .. KINDS .. ")", "name:text(100)", "unit:unit", "opens:date", "closes:date?",
    "large_fen:fen(1..)?", "route_large:enum(" .. ROUTES .. ")?", "route_rest:enum(" .. ROUTES .. ")=upper",
    "publicise:enum(none|masked|names)=masked", "methods:text(20)[]?", "min_amount:fen?", "quota:fen?" },
  summary = { en = "Open a fund of a unit.", ["zh-CN"] = "开设捐款项目" },
  doc = "A single gift of large_fen or more follows route_large (for special dues the centre, unless said otherwise).",
  run = function(call, code, kind, name, unit, opens, closes, large, route_large, route_rest, publicise, methods,
      min, quota)
    if #code > 20 or not code:match("^[A-Za-z0-9-]+$") then
      call:fail("ARG", { rule = "fund.code", arg = "code" }, "%s must be 1 to 20 letters, digits or hyphens", "code")
    end
    check_voluntary(call, kind, "min_amount", min)
    check_voluntary(call, kind, "quota", quota)
    local accepted = methods and check_methods(call, kind, methods) or ALL_METHODS
    if closes and closes < opens then
      call:fail("ARG", { rule = "fund.dates", arg = "closes" }, "the fund would close on %s, before it opens on %s",
        closes, opens)
    end
    if call.db:value("SELECT 1 FROM fund_fund WHERE code = ?", code) then
      call:fail("CONFLICT", { rule = "fund.code_taken", arg = "code" }, "the code %s is taken", code)
    end
    call.db:run([[INSERT INTO fund_fund (code, kind, name, unit, opens, closes, large_fen, route_large, route_rest,
      publicise, methods, min_fen, quota_fen, state, at, rev)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, 1)]],
      code, kind, call:nfc(name), unit, opens, closes or common.OPEN_END, large or call:setting("large_fen"),
      route_large or (kind == "special_dues" and "centre" or route_rest), route_rest, publicise, accepted, min or 0,
      quota or 0, call.now)
    return shown(common.fund(call, code))
  end,
}

commands["fund.close"] = {
  mode = "write", args = { "fund:text(20)", "on:date?", "reason:text(200)?", "rev:int(1..)?" }, returns = FUND,
  summary = { en = "Close a fund: nothing more is recorded; `on` is its last day.",
    ["zh-CN"] = "关闭捐款项目（on 为最后一日）" },
  run = function(call, code, on, reason, rev)
    local fund = common.own_fund(call, code)
    common.check_rev(call, fund, rev)
    if fund.state == "closed" then
      call:fail("STATE", { rule = "fund.closed", state = "closed" }, "fund %s is closed already", code)
    end
    local last = on or call.today
    if on and (on < fund.opens or on > fund.closes) then
      call:fail("ARG", { rule = "fund.dates", arg = "on" },
        "fund %s was opened for %s to %s; its last day cannot be %s", code, fund.opens, common.last_day(fund), on)
    end
    if last > call.today then
      call:fail("ARG", { rule = "fund.future", arg = "on" }, "%s has not come yet; today is %s", last, call.today)
    end
    if last < fund.opens then last = fund.opens end
    if last > fund.closes then last = fund.closes end
    local later = call.db:value([[SELECT no FROM fund_gift WHERE fund = ? AND on_day > ? AND state <> 'void'
      AND state <> 'pledged' ORDER BY on_day DESC LIMIT 1]], code, last)
    if later then
      call:fail("CONFLICT", { rule = "fund.later_gift", arg = "on" }, "gift %s is dated after %s; close fund %s later",
        later, last, code)
    end
    call.db:run("UPDATE fund_fund SET state = 'closed', closes = ?, reason = ?, rev = rev + 1 WHERE code = ?",
      last, reason, code)
    return shown(common.fund(call, code))
  end,
}

commands["fund.get"] = {
  mode = "read", args = { "fund:text(20)" }, returns = FUND,
  summary = { en = "One fund.", ["zh-CN"] = "查看捐款项目" },
  run = function(call, code) return shown(common.fund(call, code)) end,
}

commands["fund.list"] = {
  mode = "read", args = { "unit:unit?", "state:enum(open|closed)?" }, returns = "[" .. FUND .. "]",
  summary = { en = "The funds of the caller's units and of the units above, or of one unit.",
    ["zh-CN"] = "捐款项目列表（本机构、下属及上级）" },
  run = function(call, unit, state)
    local rows = call.db:rows([[SELECT f.code, f.kind, f.name, f.unit, f.opens, f.closes, f.large_fen, f.route_large,
      f.route_rest, f.publicise, f.methods, f.min_fen, f.quota_fen, f.state, f.rev
      FROM fund_fund f JOIN muster_unit m ON m.code = f.unit
      WHERE (m.path >= ? AND m.path < ? OR substr(?, 1, length(m.path)) = m.path)
      AND f.unit = coalesce(?, f.unit) AND f.state = coalesce(?, f.state)
      ORDER BY f.opens, f.code LIMIT 500]], call.scope, call.scope_end, call.scope, unit, state)
    for i, row in ipairs(rows) do rows[i] = shown(row) end
    return rows
  end,
}

return { commands = commands }
