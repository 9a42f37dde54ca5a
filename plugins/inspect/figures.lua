--- Figures of inspections. Each is a pure function of what was recorded up to q.as_of.
local calendar = require "muster.calendar"
local figure = require "muster.figure"
local coverage = require "inspect.coverage"

local figures = {}

--- So many of so many where each ought to be: what is missing makes the figure incomplete.
local function share(num, den, basis)
  return { value = num, numerator = num, denominator = den, complete = num == den, basis = basis }
end

figures["inspect.units_with_leader"] = {
  unit = "count", args = {},
  summary = { en = "Units with exactly one leader on the day, of all units that need one.",
    ["zh-CN"] = "有且只有一名包片领导的单位数" },
  compute = function(call, q)
    local day, have = figure.day(call, q), 0
    local units, leaders = coverage.units(call, q), coverage.leaders(call, q, day)
    local led = coverage.led_units(call, units, day)
    for _, u in ipairs(led) do
      if leaders[u] == 1 then have = have + 1 end
    end
    return share(have, #led, call:setting("led_kinds") .. " units open on " .. day)
  end,
}

figures["inspect.sites_with_inspector"] = {
  unit = "count", args = {},
  summary = { en = "Open sites with exactly one inspector on the day.",
    ["zh-CN"] = "有且只有一名责任人的点位数" },
  compute = function(call, q)
    local day, have = figure.day(call, q), 0
    local inspectors = coverage.inspectors(call, q, day)
    local sites = coverage.open_sites(call, q, day, coverage.units(call, q))
    for _, s in ipairs(sites) do
      if inspectors[s.code] == 1 then have = have + 1 end
    end
    return share(have, #sites, "sites open on " .. day)
  end,
}

figures["inspect.areas_with_leader"] = {
  unit = "count", args = {},
  summary = { en = "Areas with a leader on the day.", ["zh-CN"] = "有责任领导的片区数" },
  compute = function(call, q)
    local day = figure.day(call, q)
    local leaders, areas, have, all = coverage.leaders(call, q, day), {}, 0, 0
    for _,
      r in ipairs(call.db:rows("SELECT s.area, s.unit FROM inspect_area_unit s JOIN muster_unit m ON m.code = s.unit"
        .. " WHERE m.path >= ? AND m.path < ? AND s.at <= ? AND s.from_day <= ?"
        .. " AND (s.to_day IS NULL OR s.to_day > ? OR s.ended_at > ?)", q.scope, q.scope_end, q.as_of, day, day,
        q.as_of)) do
      if areas[r.area] == nil then all = all + 1 end
      if leaders[r.unit] and not areas[r.area] then have = have + 1 end
      areas[r.area] = areas[r.area] or leaders[r.unit] ~= nil
    end
    return share(have, all, "areas with a unit in scope on " .. day)
  end,
}

figures["inspect.done"] = {
  unit = "count", args = {},
  summary = { en = "Inspections submitted.", ["zh-CN"] = "已提交的检查次数" },
  compute = function(call, q)
    local from, to = figure.span(q)
    return figure.value(call.db:value("SELECT count(*) FROM inspect_inspection i JOIN muster_unit m ON m.code = i.unit"
      .. " WHERE m.path >= ? AND m.path < ? AND i.day >= ? AND i.day <= ? AND i.submitted_at <= ?", q.scope,
        q.scope_end,
      from, to, q.as_of), "by day of visit")
  end,
}

figures["inspect.coverage"] = {
  unit = "bp", args = { "area:text(20)?" },
  summary = { en = "Visits made of visits expected, over periods that have ended.",
    ["zh-CN"] = "检查覆盖率（万分比）" },
  compute = function(call, q)
    local from, to = figure.span(q)
    local last = figure.day(call, q)
    if to > last then to = last end
    local c = coverage.count(call, { scope = q.scope, scope_end = q.scope_end, unit = q.unit, as_of = q.as_of,
      area = q.area, from = from, to = to })
    return figure.ratio(c.visited, c.expected, c.sites .. " sites, periods ending by " .. to)
  end,
}

--- Findings counted by the state each had at the instant: its last event until then.
local AT = "SELECT count(*) AS n, count(*) FILTER (WHERE e.to_state = 'closed') AS closed,"
  .. " count(*) FILTER (WHERE e.to_state = coalesce(?, e.to_state)) AS hit,"
  .. " count(*) FILTER (WHERE e.due < ? AND e.to_state <> 'closed' AND e.to_state <> 'waived') AS overdue"
  .. " FROM inspect_finding f"
  .. " JOIN muster_unit m ON m.code = f.unit JOIN inspect_finding_event e ON e.finding = f.id"
  .. " WHERE m.path >= ? AND m.path < ? AND f.grp = coalesce(?, f.grp) AND f.severity = coalesce(?, f.severity)"
  .. " AND e.seq = (SELECT max(x.seq) FROM inspect_finding_event x WHERE x.finding = f.id AND x.at <= ?)"

local function count_findings(call, q)
  return call.db:row(AT, q.state, figure.day(call, q), q.scope, q.scope_end, q.group, q.severity, q.as_of)
end

local GROUP = "group:enum(temp|disinfect|protect|reception|other)?"
local SEVERITY = "severity:enum(minor|major|critical)?"

figures["inspect.findings"] = {
  unit = "count",
  args = { "state:enum(open|assigned|rectifying|submitted|verified|rejected|closed|reopened|waived)?", GROUP,
    SEVERITY },
  summary = { en = "Findings, by state, group or severity.",
    ["zh-CN"] = "问题数（可按状态、类别、程度）" },
  compute = function(call, q) return figure.value(count_findings(call, q).hit,
    "in the state they had then") end,
}

figures["inspect.findings_closed"] = {
  unit = "count", args = { GROUP, SEVERITY },
  summary = { en = "Findings struck off, of all findings.", ["zh-CN"] = "已销号问题数" },
  compute = function(call, q)
    local n = count_findings(call, q)
    return { value = n.closed, numerator = n.closed, denominator = n.n, basis = "of all raised by then" }
  end,
}

figures["inspect.findings_closed_bp"] = {
  unit = "bp", args = { GROUP, SEVERITY },
  summary = { en = "Share of findings struck off.", ["zh-CN"] = "问题销号率（万分比）" },
  compute = function(call, q)
    local n = count_findings(call, q)
    return { value = figure.bp(n.closed, n.n), numerator = n.closed, denominator = n.n,
      basis = "of all raised by then" }
  end,
}

figures["inspect.findings_overdue"] = {
  unit = "count", args = { GROUP, SEVERITY },
  summary = { en = "Findings not done with, past their due day.", ["zh-CN"] = "逾期未销号问题数" },
  compute = function(call, q) return figure.value(count_findings(call, q).overdue, "due before " .. figure.day(call,
    q)) end,
}

figures["inspect.reopened"] = {
  unit = "count", args = {},
  summary = { en = "Findings reopened at least once.", ["zh-CN"] = "曾重新打开的问题数" },
  compute = function(call, q)
    return figure.value(call.db:value("SELECT count(DISTINCT f.id) FROM inspect_finding f"
      .. " JOIN muster_unit m ON m.code = f.unit JOIN inspect_finding_event e ON e.finding = f.id"
      .. " WHERE m.path >= ? AND m.path < ? AND e.event = 'reopen' AND e.at <= ?", q.scope, q.scope_end, q.as_of),
      "reopened at least once")
  end,
}

figures["inspect.visits"] = {
  unit = "count", args = {},
  summary = { en = "Contact visits of leaders.", ["zh-CN"] = "领导联系走访次数" },
  compute = function(call, q)
    local from, to = figure.span(q)
    local last = calendar.day_of(q.as_of, call.zone_min)
    return figure.value(call.db:value("SELECT count(*) FROM inspect_visit v JOIN muster_unit m ON m.code = v.unit"
      .. " WHERE m.path >= ? AND m.path < ? AND v.day >= ? AND v.day <= ? AND v.at <= ?", q.scope, q.scope_end, from,
        to,
      q.as_of), "visits until " .. last)
  end,
}

return figures
