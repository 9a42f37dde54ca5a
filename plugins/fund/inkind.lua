--- Gifts in kind: goods with a stated value. They are listed and counted, and never mixed with money.
local calendar = require "muster.calendar"
local common = require "fund.common"
local machines = require "fund.machines"
local series = require "muster.series"
local text = require "muster.text"

local commands = {}

local INKIND = "{no:text, fund:text, item:text, qty:int, valued_fen:fen, donor:text, donor_name:text, unit:text, " ..
  "on:date, state:text, reason:text, rev:int}"
local SELECT = [[SELECT i.id, i.no, i.fund, i.item, i.qty, i.valued_fen, i.donor, i.donor_name, i.unit, i.on_day,
  i.state, i.reason, i.rev, m.path FROM fund_inkind i JOIN muster_unit m ON m.code = i.unit ]]
local TAKES_GOODS = { inkind = true, social = true }

local function finish(row)
  row.on, row.on_day, row.path, row.id = row.on_day, nil, nil, nil
  return row
end

local function need_inkind(call, no)
  local row = call.db:row(SELECT .. "WHERE i.no = ?", no)
  if not row or not common.sees(call, row.path) then common.unknown(call, "gift", no) end
  return row
end

local function check_fund(call, code, on)
  local fund = common.fund(call, code)
  if not TAKES_GOODS[fund.kind] then
    call:fail("POLICY", { rule = "fund.money_only", arg = "fund" }, "fund %s is of kind %s and takes money only", code,
      fund.kind)
  end
  common.check_day(call, fund, on)
  return fund
end

commands["fund.inkind.give"] = {
  mode = "write", returns = INKIND,
  args = { "fund:text(20)", "item:text(60)", "qty:int(1..1000000000)", "valued_fen:fen(0.." .. common.MOST_FEN .. ")",
    "donor:text(20)?", "donor_name:text(100)?", "unit:unit?", "on:date?" },
  summary = { en = "Record goods given, with their value.", ["zh-CN"] = "登记捐赠物资" },
  run = function(call, code, item, qty, valued, donor, name, unit, on)
    on = on or call.today
    local fund = check_fund(call, code, on)
    if donor then name = call:invoke("org.party.check", { person = donor, on = on }).name end
    local place = unit or fund.unit
    local path = unit and call:unit_path(unit) or fund.path
    if path:sub(1, #fund.path) ~= fund.path then
      call:fail("POLICY", { rule = "fund.outside", arg = "unit" },
        "unit %s does not belong to unit %s, which keeps fund %s", place, fund.unit, code)
    end
    if not common.sees(call, path) then common.unknown(call, "unit", place) end
    local no = series.take(call, "inkind", code .. "-K", calendar.year(on))
    call.db:run([[INSERT INTO fund_inkind (no, fund, item, qty, valued_fen, donor, donor_name, unit, path, on_day,
      state, at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)]],
      no, code, text.normal(call, item), qty, valued, donor, name and text.normal(call, name), place, path, on,
      machines.inkind.initial, call.now)
    return finish(need_inkind(call, no))
  end,
}

commands["fund.inkind.void"] = {
  mode = "write", args = { "gift:text(40)", "reason:text(200)", "rev:int(1..)?" }, returns = INKIND,
  summary = { en = "Void goods entered wrongly; the number stays listed.", ["zh-CN"] = "作废物资捐赠（误录）" },
  run = function(call, no, reason, rev)
    local row = need_inkind(call, no)
    common.check_rev(call, row, rev)
    local state = machines.inkind:check(call, row, "void", { reason = reason })
    call.db:run("UPDATE fund_inkind SET state = ?, reason = ?, voided_at = ?, rev = rev + 1 WHERE no = ?",
      state, reason, call.now, no)
    return finish(need_inkind(call, no))
  end,
}

commands["fund.inkind.list"] = {
  mode = "read", args = { "fund:text(20)", "item:text(60)?", "after:text(40)?", "limit:int(1..500)=200" },
  returns = "[" .. INKIND .. "]",
  summary = { en = "Goods given to a fund; pass the last number as `after` to read on.",
    ["zh-CN"] = "捐赠物资列表，可分页" },
  run = function(call, fund, item, after, limit)
    common.fund(call, fund)
    local last = after and need_inkind(call, after).id or 0
    local rows = call.db:rows(SELECT .. [[WHERE i.fund = ? AND i.item = coalesce(?, i.item) AND m.path >= ?
      AND m.path < ? AND i.id > ? ORDER BY i.id LIMIT ?]], fund, item, call.scope, call.scope_end, last, limit)
    for _, row in ipairs(rows) do finish(row) end
    return rows
  end,
}

return { commands = commands }
