--- Areas, their units, and the one leader who answers for them on each day (包片).
local scope = require "muster.scope"
local span = require "inspect.span"

local commands = {}

local AREA = "{code:text, name:text, units:[text], sites:[text], leader:text, charge_from:date, rev:int}"
local CHARGE = "{id:int, area:text, leader:text, from:date, to:date}"

--- Rows of the area, or a refusal. `whole`: every unit of the area must be in scope (for writing).
local function area_row(call, code, whole)
  local row = call.db:row("SELECT * FROM inspect_area WHERE code = ?", code)
  local units = row and call.db:rows(
    "SELECT s.unit FROM inspect_area_unit s WHERE s.area = ? AND " .. span.holds("s") .. " ORDER BY s.unit",
    code, span.on(call.today, call.now)) or {}
  local inside = 0
  for _, u in ipairs(units) do
    if call:in_scope(u.unit) then inside = inside + 1 end
  end
  if not row or (call.scope ~= "/" and (inside == 0 or (whole and inside < #units))) then
    span.own(call, nil, "area", code)
  end
  return row, units
end

local function describe(call, row)
  local units, sites = {}, {}
  for i, u in ipairs(call.db:rows("SELECT s.unit FROM inspect_area_unit s JOIN muster_unit m ON m.code = s.unit"
      .. " WHERE s.area = ? AND m.path >= ? AND m.path < ? AND " .. span.holds("s") .. " ORDER BY s.unit",
      row.code, call.scope, call.scope_end, span.on(call.today, call.now))) do
    units[i] = u.unit
    for _, site in ipairs(call.db:rows("SELECT t.code FROM inspect_site t JOIN inspect_site_span s ON s.site = t.code"
        .. " WHERE t.unit = ? AND " .. span.holds("s") .. " ORDER BY t.code", u.unit, span.on(call.today, call.now))) do
      sites[#sites + 1] = site.code
    end
  end
  local charge = span.current(call, "inspect_charge", "area", row.code, call.today) or {}
  return { code = row.code, name = row.name, units = units, sites = sites, leader = charge.leader,
    charge_from = charge.from_day, rev = row.rev }
end

--- A unit joins an area from a day on; `to`: for a time that has passed already.
local function join(call, area, unit, from, to)
  local other = span.overlap(call, "inspect_area_unit", "unit", unit, from, to)
  if other then
    local charge = span.current(call, "inspect_charge", "area", other.area, from)
    call:fail("CONFLICT", { rule = "inspect.one_area", arg = "units", state = other.area },
      "unit %s is in area %s (%s), whose leader is %s", unit, other.area, span.words(other),
      charge and charge.leader or "-")
  end
  call.db:run("INSERT INTO inspect_area_unit (area, unit, from_day, to_day, at, ended_at) VALUES (?, ?, ?, ?, ?, ?)",
    area, unit, from, to, call.now, to and call.now)
end

--- Spans of the area's units that hold on or after `from`: { [unit] = { span, … } } in the order of days.
local function spans_from(call, area, from)
  local by_unit = {}
  for _, s in ipairs(call.db:rows("SELECT id, unit, from_day, to_day FROM inspect_area_unit WHERE area = ?"
      .. " AND (to_day IS NULL OR to_day > ? AND to_day > from_day) ORDER BY unit, from_day", area, from)) do
    by_unit[s.unit] = by_unit[s.unit] or {}
    table.insert(by_unit[s.unit], s)
  end
  return by_unit
end

--- Bring the units of an area to the given list from day `from` on: who is not in it leaves, who is belongs to it on
-- every day from then on.
local function set_units(call, area, units, from)
  local present, wanted = spans_from(call, area, from), {}
  for _, u in ipairs(units) do wanted[u] = true end
  for unit, spans in pairs(present) do
    for _, s in ipairs(wanted[unit] and {} or spans) do
      call.db:run("UPDATE inspect_area_unit SET to_day = CASE WHEN from_day > ? THEN from_day ELSE ? END, ended_at = ?"
        .. " WHERE id = ?", from, from, call.now, s.id)
    end
  end
  for _, unit in ipairs(units) do
    local day = wanted[unit] and from -- a unit named twice joins once
    wanted[unit] = nil
    for _, s in ipairs(day and present[unit] or {}) do
      if s.from_day > day then join(call, area, unit, day, s.from_day) end
      day = s.to_day
    end
    if day then join(call, area, unit, day) end
  end
end

commands["inspect.area.define"] = {
  mode = "write", args = { "code:text(20)", "name:text(100)", "units:unit[](1..200)", "from:date?", "rev:int?" },
  returns = AREA,
  summary = { en = "Define an area, or change its name and units from a day on.",
    ["zh-CN"] = "划定片区，或自某日起调整其名称与单位" },
  doc = "A unit belongs to one area on each day; the sites of an area are the open sites of its units.",
  run = function(call, code, name, units, from, rev)
    span.code(call, "code", code)
    local row = call.db:row("SELECT * FROM inspect_area WHERE code = ?", code)
    if row then
      area_row(call, code, true)
      scope.check_rev(call, row, rev)
      call.db:run("UPDATE inspect_area SET name = ?, rev = rev + 1 WHERE code = ?", name, code)
    else
      call.db:run("INSERT INTO inspect_area (code, name, at, by_user, rev) VALUES (?, ?, ?, ?, 1)",
        code, name, call.now, call.user)
    end
    set_units(call, code, units, from or call.today)
    return describe(call, call.db:row("SELECT * FROM inspect_area WHERE code = ?", code))
  end,
}

commands["inspect.area.get"] = {
  mode = "read", args = { "area:text(20)" }, returns = AREA,
  summary = { en = "Show an area: its units, sites and leader today.",
    ["zh-CN"] = "查看片区：单位、点位与今日责任领导" },
  run = function(call, area)
    return describe(call, (area_row(call, area, false)))
  end,
}

commands["inspect.area.list"] = {
  mode = "read", args = {}, returns = "[" .. AREA .. "]",
  summary = { en = "List the areas that have a unit in your scope.", ["zh-CN"] = "列出职权范围内的片区" },
  run = function(call)
    local out = {}
    for _, row in ipairs(call.db:rows("SELECT * FROM inspect_area ORDER BY code LIMIT 500")) do
      local a = describe(call, row)
      if call.scope == "/" or #a.units > 0 then out[#out + 1] = a end
    end
    return out
  end,
}

local function charge_out(s)
  return { id = s.id, area = s.area, leader = s.leader, from = s.from_day, to = s.to_day }
end

commands["inspect.area.charge"] = {
  mode = "write", args = { "area:text(20)", "leader:text(20)", "from:date?", "to:date?" }, returns = CHARGE,
  summary = { en = "Put a leader in charge of an area from a day on.",
    ["zh-CN"] = "确定片区责任领导（包片）" },
  doc = "`to` is the first day the charge no longer holds. One leader per area and day: end the present charge first"
    .. " with inspect.area.discharge. Errors: CONFLICT inspect.one_leader names the present charge.",
  run = function(call, area, leader, from, to)
    area_row(call, area, true)
    from = from or call.today
    span.check(call, from, to)
    span.person(call, leader)
    local other = span.overlap(call, "inspect_charge", "area", area, from, to)
    if other then
      call:fail("CONFLICT", { rule = "inspect.one_leader", arg = "leader", state = other.leader,
        allowed = "inspect.area.discharge" }, "area %s is in the charge of %s (%s); end that charge first", area,
        other.leader, span.words(other))
    end
    local id = call.db:value("INSERT INTO inspect_charge (area, leader, from_day, to_day, at, ended_at, by_user)"
      .. " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id", area, leader, from, to, call.now, to and call.now, call.user)
    return { id = id, area = area, leader = leader, from = from, to = to }
  end,
}

commands["inspect.area.discharge"] = {
  mode = "write", args = { "area:text(20)", "on:date?", "reason:text(200)?" }, returns = CHARGE,
  summary = { en = "End the charge over an area; ON is the first day without it.",
    ["zh-CN"] = "结束片区责任领导的任务，自某日起不再负责" },
  run = function(call, area, on, reason)
    area_row(call, area, true)
    local s = span.finish(call, "inspect_charge", "area", area, on or call.today, reason)
    if not s then
      call:fail("STATE", { rule = "inspect.no_charge", arg = "area" }, "area %s has no open charge", area)
    end
    return charge_out(s)
  end,
}

commands["inspect.area.charges"] = {
  mode = "read", args = { "area:text(20)" }, returns = "[" .. CHARGE .. "]",
  summary = { en = "All charges over an area, oldest first.", ["zh-CN"] = "片区历任责任领导" },
  run = function(call, area)
    area_row(call, area, false)
    local out = {}
    for i, s in ipairs(call.db:rows("SELECT * FROM inspect_charge WHERE area = ? ORDER BY from_day, id", area)) do
      out[i] = charge_out(s)
    end
    return out
  end,
}

return { commands = commands, row = area_row }
