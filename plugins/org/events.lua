--- Events: what everything else may be filtered by (an epidemic, a campaign), open from one day to another.
local common = require "org.common"
local text = require "org.text"

local commands = {}

local EVENT = "{code:text, name:text, unit:text, opened:date, closed:date, state:text, rev:int}"

--- One event. `own`: of a unit in the caller's scope; else of a unit above it, too, whose event it works in.
local function event(call, code, own)
  local row = call.db:row([[SELECT e.code, e.name, e.unit, e.opened, e.closed, e.state, e.rev, m.path
    FROM org_event e JOIN muster_unit m ON m.code = e.unit WHERE e.code = ?]], code)
  local above = row and not own and call.scope:sub(1, #row.path) == row.path
  if not row or not (above or common.sees(call, row.path)) then common.unknown(call, "event", code) end
  row.path = nil
  return row
end

commands["org.event.open"] = {
  mode = "write", args = { "code:text(20)", "name:text(100)", "unit:unit", "on:date?" }, returns = EVENT,
  summary = { en = "Open an event for a unit and all below it.", ["zh-CN"] = "启动事件" },
  run = function(call, code, name, unit, on)
    text.code(call, "code", code)
    if call.db:value("SELECT 1 FROM org_event WHERE code = ?", code) then
      call:fail("CONFLICT", { rule = "org.code_taken", arg = "code" }, "the code %s is taken", code)
    end
    call.db:run("INSERT INTO org_event (code, name, unit, opened, state, at, rev) VALUES (?, ?, ?, ?, 'open', ?, 1)",
      code, text.name(call, "name", name), unit, on or call.today, call.now)
    return event(call, code)
  end,
}

commands["org.event.close"] = {
  mode = "write", args = { "code:text(20)", "on:date?", "rev:int(1..)?" }, returns = EVENT,
  summary = { en = "Close an event; `on` is the first day after it.", ["zh-CN"] = "结束事件（on 为结束后首日）" },
  run = function(call, code, on, rev)
    local row, day = event(call, code, true), on or call.today
    common.check_rev(call, row, rev)
    if row.closed then
      call:fail("STATE", { rule = "org.event_closed", state = "closed" }, "event %s was closed on %s", code, row.closed)
    end
    common.check_end(call, { from_day = row.opened }, day)
    call.db:run("UPDATE org_event SET closed = ?, state = 'closed', rev = rev + 1 WHERE code = ?", day, code)
    return event(call, code)
  end,
}

commands["org.event.get"] = {
  mode = "read", args = { "code:text(20)" }, returns = EVENT,
  summary = { en = "One event.", ["zh-CN"] = "查看事件" },
  run = function(call, code) return event(call, code) end,
}

commands["org.event.list"] = {
  mode = "read", args = { "state:enum(open|closed)?" }, returns = "[" .. EVENT .. "]",
  summary = { en = "The events of the caller's units and of the units above.",
    ["zh-CN"] = "事件列表（本机构、下属及上级）" },
  run = function(call, state)
    return call.db:rows([[SELECT e.code, e.name, e.unit, e.opened, e.closed, e.state, e.rev FROM org_event e
      JOIN muster_unit m ON m.code = e.unit WHERE e.state = coalesce(?, e.state)
      AND (m.path >= ? AND m.path < ? OR substr(?, 1, length(m.path)) = m.path)
      ORDER BY e.opened, e.code LIMIT 500]], state, call.scope, call.scope_end, call.scope)
  end,
}

return { commands = commands }
