--- What a leader looks at: coverage and gaps, the map of an area (挂图作战).
local calendar = require "muster.calendar"
local figure = require "muster.figure"
local areas = require "inspect.areas"
local coverage = require "inspect.coverage"
local findings = require "inspect.findings"
local scope = require "muster.scope"
local span = require "inspect.span"

local commands = {}

local MAX_DAYS = 400

local function check_period(call, from, to)
  if to < from or calendar.diff(from, to) >= MAX_DAYS then
    call:fail("ARG", { rule = "inspect.span", arg = "to" }, "from %s to %s is not a period of 1 to %d days", from, to,
      MAX_DAYS)
  end
end

commands["inspect.coverage"] = {
  mode = "read", args = { "area:text(20)", "from:date", "to:date" },
  returns = "{area:text, sites:int, expected:int, visited:int, bp:int,"
    .. " gaps:[{site:text, unit:text, round:int, period:int, from:date, to:date}]}",
  summary = { en = "Expected and made visits of an area in the periods that end from FROM to TO, and the gaps.",
    ["zh-CN"] = "片区检查覆盖：应查、已查与缺口" },
  doc = "A visit is expected for each site that was open, in an open unit of the area, on the last day of a period.",
  run = function(call, area, from, to)
    areas.row(call, area, false)
    check_period(call, from, to)
    local c = coverage.count(call, { scope = call.scope, scope_end = call.scope_end, as_of = call.now, area = area,
      from = from, to = to })
    return { area = area, sites = c.sites, expected = c.expected, visited = c.visited,
      bp = figure.bp(c.visited, c.expected), gaps = c.gaps }
  end,
}

--- Add the days from..to to the last run of the same key when they follow it, else begin a new run.
local function extend(runs, last, key, unit, site, from, to)
  local r = last[key]
  if r and calendar.add(r.to, 1) == from then
    r.to = to
    return
  end
  last[key] = { unit = unit, site = site, from = from, to = to }
  runs[#runs + 1] = last[key]
end

--- The days from..to cut into stretches { from, to, days } in which nobody's charge and nothing's being open changes.
local function stretches(call, units, from, to)
  local starts = { [from] = true }
  for _, r in ipairs(call.db:rows("SELECT x.day FROM (SELECT from_day AS day FROM inspect_area_unit"
      .. " UNION SELECT to_day FROM inspect_area_unit UNION SELECT from_day FROM inspect_charge"
      .. " UNION SELECT to_day FROM inspect_charge UNION SELECT from_day FROM inspect_inspector"
      .. " UNION SELECT to_day FROM inspect_inspector UNION SELECT from_day FROM inspect_site_span"
      .. " UNION SELECT to_day FROM inspect_site_span) x WHERE x.day > ? AND x.day <= ?", from, to)) do
    starts[r.day] = true
  end
  for _, spans in pairs(units) do
    for _, s in ipairs(spans) do
      if s.from_day > from and s.from_day <= to then starts[s.from_day] = true end
      if s.to_day and s.to_day > from and s.to_day <= to then starts[s.to_day] = true end
    end
  end
  local days, out = {}, {}
  for day in pairs(starts) do days[#days + 1] = day end
  table.sort(days)
  for i, day in ipairs(days) do
    local last = days[i + 1] and calendar.add(days[i + 1], -1) or to
    out[i] = { from = day, to = last, days = calendar.diff(day, last) + 1 }
  end
  return out
end

commands["inspect.gaps"] = {
  mode = "read", args = { "from:date", "to:date", "unit:unit?" },
  returns = "{unit_days:int, site_days:int, ok:bool, no_leader:[{unit:text, site:text, from:date, to:date}],"
    .. " no_inspector:[{unit:text, site:text, from:date, to:date}]}",
  summary = { en = "Days on which an open unit had no leader or an open site no inspector (both ends included).",
    ["zh-CN"] = "查缺口：哪些单位无责任领导、哪些点位无责任人" },
  run = function(call, from, to, unit)
    check_period(call, from, to)
    local q = { unit = unit, as_of = call.now }
    q.scope, q.scope_end = scope.subtree(call, unit)
    local units = coverage.units(call, q)
    local out, last = { unit_days = 0, site_days = 0, no_leader = {}, no_inspector = {} }, {}
    for _, t in ipairs(stretches(call, units, from, to)) do
      local leaders, inspectors = coverage.leaders(call, q, t.from), coverage.inspectors(call, q, t.from)
      for _, u in ipairs(coverage.led_units(call, units, t.from)) do
        out.unit_days = out.unit_days + t.days
        if leaders[u] ~= 1 then extend(out.no_leader, last, "unit/" .. u, u, nil, t.from, t.to) end
      end
      for _, s in ipairs(coverage.open_sites(call, q, t.from, units)) do
        out.site_days = out.site_days + t.days
        if inspectors[s.code] ~= 1 then
          extend(out.no_inspector, last, "site/" .. s.code, s.unit, s.code, t.from, t.to)
        end
      end
    end
    out.ok = #out.no_leader == 0 and #out.no_inspector == 0
    return out
  end,
}

--- State of a site for the map: red when a finding is overdue, yellow with open findings, grey when closed.
local function colour(site)
  if not site.open then return "closed" end
  if site.level > 1 then return "overdue" end
  if site.findings > 0 then return "findings" end
  return site.last_day and "ok" or "unseen"
end

commands["inspect.map"] = {
  mode = "read", args = { "area:text(20)" },
  returns = "{area:text, name:text, day:date, leader:text, sites:[{site:text, unit:text, name:text, kind:text, lat:int,"
    .. " lon:int, inspector:text, last_day:date, findings:int, level:int, state:text}]}",
  summary = { en = "Every site of an area with its inspector, last visit, open findings and state, for drawing.",
    ["zh-CN"] = "片区作战图：点位状态一览" },
  run = function(call, area)
    local row, units = areas.row(call, area, false)
    local out = { area = area, name = row.name, day = call.today, sites = {} }
    local charge = span.current(call, "inspect_charge", "area", area, call.today)
    out.leader = charge and charge.leader
    for _, u in ipairs(units) do
      if call:in_scope(u.unit) then
        for _, t in ipairs(call.db:rows("SELECT * FROM inspect_site WHERE unit = ? ORDER BY code", u.unit)) do
          local held = span.current(call, "inspect_inspector", "site", t.code, call.today)
          local site = { site = t.code, unit = t.unit, name = t.name, kind = t.kind, lat = t.lat, lon = t.lon,
            inspector = held and held.inspector,
            open = span.current(call, "inspect_site_span", "site", t.code, call.today) ~= nil }
          site.last_day = call.db:value("SELECT max(day) FROM inspect_inspection WHERE site = ? AND state <> 'draft'",
            t.code)
          site.findings, site.level = findings.at_site(call, t.code)
          site.state = colour(site)
          site.open = nil
          out.sites[#out.sites + 1] = site
        end
      end
    end
    return out
  end,
}

return { commands = commands }
