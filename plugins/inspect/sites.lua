--- Sites: where they are, when they are open, and the one inspector of each day (责任到人).
local scope = require "muster.scope"
local span = require "inspect.span"

local commands = {}

local SITE = "{code:text, unit:text, kind:text, name:text, lat:int, lon:int, open:bool,"
  .. " inspector:text, inspector_from:date}"
local HELD = "{id:int, site:text, inspector:text, from:date, to:date}"

local function site_row(call, code)
  local row = call.db:row("SELECT * FROM inspect_site WHERE code = ?", code)
  span.own(call, row and row.unit, "site", code)
  return row
end

local function describe(call, row)
  local open = span.current(call, "inspect_site_span", "site", row.code, call.today)
  local held = span.current(call, "inspect_inspector", "site", row.code, call.today) or {}
  return { code = row.code, unit = row.unit, kind = row.kind, name = row.name, lat = row.lat, lon = row.lon,
    open = open ~= nil, inspector = held.inspector, inspector_from = held.from_day }
end

local function open_site(call, code, from)
  local other = span.overlap(call, "inspect_site_span", "site", code, from, nil)
  if other then
    call:fail("STATE", { rule = "inspect.site_open", arg = "site", state = "open", allowed = "inspect.site.close" },
      "site %s is open already (%s)", code, span.words(other))
  end
  call.db:run("INSERT INTO inspect_site_span (site, from_day, at) VALUES (?, ?, ?)", code, from, call.now)
end

commands["inspect.site.add"] = {
  mode = "write",
  args = { "code:text(20)", "unit:unit", "name:text(100)",
    "kind:enum(office|reception|station|memorial|supply|residence|other)=other", "lat:int(-90000000..90000000)?",
    "lon:int(-180000000..180000000)?", "from:date?" },
  returns = SITE,
  summary = { en = "Add a site of a unit, open from a day on.", ["zh-CN"] = "登记单位的检查点位" },
  doc = "`lat` and `lon` are millionths of a degree.",
  run = function(call, code, unit, name, kind, lat, lon, from)
    span.code(call, "code", code)
    if call.db:row("SELECT code FROM inspect_site WHERE code = ?", code) then
      call:fail("CONFLICT", { rule = "inspect.site_exists", arg = "code" }, "there is a site %s already", code)
    end
    call.db:run("INSERT INTO inspect_site (code, unit, kind, name, lat, lon, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
      code, unit, kind, name, lat, lon, call.now)
    open_site(call, code, from or call.today)
    return describe(call, site_row(call, code))
  end,
}

commands["inspect.site.close"] = {
  mode = "write", args = { "site:text(20)", "on:date?", "reason:text(200)?" }, returns = SITE,
  summary = { en = "Close a site; ON is its first closed day.", ["zh-CN"] = "关闭点位，自某日起不再检查" },
  run = function(call, site, on, reason)
    local row = site_row(call, site)
    if not span.finish(call, "inspect_site_span", "site", site, on or call.today, reason) then
      call:fail("STATE", { rule = "inspect.site_closed", arg = "site", state = "closed",
        allowed = "inspect.site.reopen" }, "site %s is closed already", site)
    end
    return describe(call, row)
  end,
}

commands["inspect.site.reopen"] = {
  mode = "write", args = { "site:text(20)", "on:date?" }, returns = SITE,
  summary = { en = "Open a closed site again from a day on.", ["zh-CN"] = "重新开放点位" },
  run = function(call, site, on)
    local row = site_row(call, site)
    open_site(call, site, on or call.today)
    return describe(call, row)
  end,
}

commands["inspect.site.get"] = {
  mode = "read", args = { "site:text(20)" }, returns = SITE,
  summary = { en = "Show a site and its inspector today.", ["zh-CN"] = "查看点位与今日责任人" },
  run = function(call, site) return describe(call, site_row(call, site)) end,
}

commands["inspect.site.list"] = {
  mode = "read", args = { "unit:unit?", "after:text(0..20)?", "limit:int(1..500)=100" }, returns = "[" .. SITE .. "]",
  summary = { en = "List sites in code order, after the given code.", ["zh-CN"] = "按编码列出点位，可分页" },
  run = function(call, unit, after, limit)
    local from, to = scope.subtree(call, unit)
    local out = {}
    for i, row in ipairs(call.db:rows("SELECT t.* FROM inspect_site t JOIN muster_unit m ON m.code = t.unit"
        .. " WHERE m.path >= ? AND m.path < ? AND t.code > ? ORDER BY t.code LIMIT ?", from, to, after or "", limit)) do
      out[i] = describe(call, row)
    end
    return out
  end,
}

commands["inspect.site.inspector"] = {
  mode = "write", args = { "site:text(20)", "inspector:text(20)", "from:date?", "to:date?" }, returns = HELD,
  summary = { en = "Name the inspector of a site from a day on.", ["zh-CN"] = "确定点位检查责任人" },
  doc = "`to` is the first day the charge no longer holds. One inspector per site and day: end the present charge"
    .. " first with inspect.site.release. Errors: CONFLICT inspect.one_inspector names the present charge.",
  run = function(call, site, inspector, from, to)
    site_row(call, site)
    from = from or call.today
    span.check(call, from, to)
    span.person(call, inspector)
    local other = span.overlap(call, "inspect_inspector", "site", site, from, to)
    if other then
      call:fail("CONFLICT", { rule = "inspect.one_inspector", arg = "inspector", state = other.inspector,
        allowed = "inspect.site.release" }, "site %s is in the charge of %s (%s); end that charge first", site,
        other.inspector, span.words(other))
    end
    local id = call.db:value("INSERT INTO inspect_inspector (site, inspector, from_day, to_day, at, ended_at, by_user)"
      .. " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id", site, inspector, from, to, call.now, to and call.now, call.user)
    return { id = id, site = site, inspector = inspector, from = from, to = to }
  end,
}

commands["inspect.site.release"] = {
  mode = "write", args = { "site:text(20)", "on:date?", "reason:text(200)?" }, returns = HELD,
  summary = { en = "End the inspector's charge; ON is the first day without it.",
    ["zh-CN"] = "结束点位责任人的任务，自某日起不再负责" },
  run = function(call, site, on, reason)
    site_row(call, site)
    local s = span.finish(call, "inspect_inspector", "site", site, on or call.today, reason)
    if not s then
      call:fail("STATE", { rule = "inspect.no_charge", arg = "site" }, "site %s has no open charge", site)
    end
    return { id = s.id, site = site, inspector = s.inspector, from = s.from_day, to = s.to_day }
  end,
}

return { commands = commands, row = site_row }
