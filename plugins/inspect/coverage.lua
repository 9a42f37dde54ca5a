--- Which visits were expected, and which of those were made.
--
-- An expected visit is a slot: one site in one period of a round, counted when on the period's last day the site was
-- open, its unit was open, and its unit was in the round's area. The visits made are counted from the same slots, so a
-- rate never passes 10000 bp, whatever was closed or reopened later.
local calendar = require "muster.calendar"
local span = require "inspect.span"

local coverage = {}

local MOST_GAPS = 500

--- The units of a subtree with their kind and spans as known at an instant: { [unit] = { { from, to, kind }, … } }.
function coverage.units(call, q)
  local open = {}
  for _, s in ipairs(call:invoke("org.unit.spans", { root = q.unit, as_of = q.as_of })) do
    local list = open[s.unit] or {}
    open[s.unit] = list
    list[#list + 1] = { from_day = s.from, to_day = s.to, kind = s.kind }
  end
  return open
end

--- Does one of the spans hold on `day`? Returns it.
function coverage.held(spans, day)
  for _, s in ipairs(spans or {}) do
    if s.from_day <= day and (not s.to_day or s.to_day > day) then return s end
  end
  return nil
end

--- The periods of a round whose last day lies in [from, to]: { n, first, last }.
local function periods(round, from, to)
  local out, n, first = {}, 0, round.from_day
  while first <= round.to_day do
    local last = calendar.add(first, round.every_days - 1)
    if last > round.to_day then last = round.to_day end
    if last >= from and last <= to then out[#out + 1] = { n = n, first = first, last = last } end
    if last == round.to_day then break end -- the day after the last of all days is that day again
    n, first = n + 1, calendar.add(last, 1)
  end
  return out
end

local SITES = "SELECT t.code, t.unit, a.area, s.from_day AS open_from,"
  .. " CASE WHEN s.ended_at <= ? THEN s.to_day END AS open_to, a.from_day AS area_from,"
  .. " CASE WHEN a.ended_at <= ? THEN a.to_day END AS area_to"
  .. " FROM inspect_site t JOIN inspect_site_span s ON s.site = t.code JOIN inspect_area_unit a ON a.unit = t.unit"
  .. " JOIN muster_unit m ON m.code = t.unit"
  .. " WHERE s.at <= ? AND a.at <= ? AND m.path >= ? AND m.path < ? AND (a.area = ? OR ? IS NULL) ORDER BY t.code"

local function sites_by_area(call, q)
  local out = {}
  for _, s in ipairs(call.db:rows(SITES, q.as_of, q.as_of, q.as_of, q.as_of, q.scope, q.scope_end, q.area, q.area)) do
    out[s.area] = out[s.area] or {}
    table.insert(out[s.area], s)
  end
  return out
end

local function in_span(day, from, to) return from <= day and (not to or to > day) end

--- Sites visited in one period of a round, as known at an instant.
local function visited(call, round, period, as_of)
  local out = {}
  for _, i in ipairs(call.db:rows("SELECT DISTINCT i.site FROM inspect_inspection i"
      .. " WHERE i.round = ? AND i.period = ? AND i.submitted_at <= ?", round, period, as_of)) do
    out[i.site] = true
  end
  return out
end

--- The slots of one period: counts them into `out`.
local function count_period(call, q, out, round, p, sites, units)
  local seen = visited(call, round.id, p.n, q.as_of)
  for _, s in ipairs(sites) do
    if in_span(p.last, s.open_from, s.open_to) and in_span(p.last, s.area_from, s.area_to)
        and coverage.held(units[s.unit], p.last) then
      out.expected = out.expected + 1
      if not out.different[s.code] then out.different[s.code], out.sites = true, out.sites + 1 end
      if seen[s.code] then
        out.visited = out.visited + 1
      elseif #out.gaps < MOST_GAPS then
        out.gaps[#out.gaps + 1] = { site = s.code, unit = s.unit, round = round.id, period = p.n + 1, from = p.first,
          to = p.last }
      end
    end
  end
end

--- Expected and made visits. q: scope, scope_end, unit, as_of, area?, from, to (days both included).
-- Returns { sites, expected, visited, gaps = { { site, unit, round, period, from, to } } }; the first 500 gaps.
function coverage.count(call, q)
  local units, sites = coverage.units(call, q), sites_by_area(call, q)
  local out = { sites = 0, expected = 0, visited = 0, gaps = {}, different = {} }
  local rounds = call.db:rows("SELECT * FROM inspect_round WHERE at <= ? AND (area = ? OR ? IS NULL)"
    .. " AND from_day <= ? AND to_day >= ? ORDER BY id", q.as_of, q.area, q.area, q.to, q.from)
  for _, round in ipairs(rounds) do
    if sites[round.area] then
      for _, p in ipairs(periods(round, q.from, q.to)) do
        count_period(call, q, out, round, p, sites[round.area], units)
      end
    end
  end
  out.different = nil
  return out
end

--- Sites open on a day as known at an instant: { code, unit } with the unit open too.
function coverage.open_sites(call, q, day, units)
  local out = {}
  for _,
    s in ipairs(call.db:rows("SELECT t.code, t.unit FROM inspect_site t JOIN inspect_site_span s ON s.site = t.code"
      .. " JOIN muster_unit m ON m.code = t.unit WHERE m.path >= ? AND m.path < ? AND " .. span.holds("s")
      .. " ORDER BY t.code", q.scope, q.scope_end, span.on(day, q.as_of))) do
    if coverage.held(units[s.unit], day) then out[#out + 1] = s end
  end
  return out
end

--- How many leaders each unit has on a day: { [unit] = count }.
function coverage.leaders(call, q, day)
  local out = {}
  for _, r in ipairs(call.db:rows("SELECT s.unit, count(*) AS n FROM inspect_area_unit s"
      .. " JOIN inspect_charge c ON c.area = s.area JOIN muster_unit m ON m.code = s.unit"
      .. " WHERE m.path >= ? AND m.path < ? AND " .. span.holds("s") .. " AND " .. span.holds("c")
        .. " GROUP BY s.unit",
      q.scope, q.scope_end, q.as_of, day, day, q.as_of, q.as_of, day, day, q.as_of)) do
    out[r.unit] = r.n
  end
  return out
end

--- How many inspectors each site has on a day: { [site] = count }.
function coverage.inspectors(call, q, day)
  local out = {}
  for _, r in ipairs(call.db:rows("SELECT s.site, count(*) AS n FROM inspect_inspector s"
      .. " JOIN inspect_site t ON t.code = s.site JOIN muster_unit m ON m.code = t.unit"
      .. " WHERE m.path >= ? AND m.path < ? AND " .. span.holds("s") .. " GROUP BY s.site", q.scope, q.scope_end,
      span.on(day, q.as_of))) do
    out[r.site] = r.n
  end
  return out
end

--- Units that must have a leader on a day: open, and of one of the kinds in the setting led_kinds.
function coverage.led_units(call, units, day)
  local kinds, out = {}, {}
  for k in call:setting("led_kinds"):gmatch("[^,]+") do kinds[k] = true end
  for unit, spans in pairs(units) do
    local s = coverage.held(spans, day)
    if s and kinds[s.kind] then out[#out + 1] = unit end
  end
  table.sort(out)
  return out
end

return coverage
