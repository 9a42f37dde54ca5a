--- Which units have what every unit should have; and org's figures.
local common = require "org.common"
local scope = require "muster.scope"
local figure = require "muster.figure"

local commands, figures = {}, {}

local MOST_KINDS = 10 -- there are no more

--- Kinds of units that must have a group (or branch, or chief): the setting, as bound parameters.
local function expected_kinds(call)
  local kinds = {}
  for kind in call:setting("group_kinds"):gmatch("[a-z]+") do kinds[#kinds + 1] = kind end
  for i = #kinds + 1, MOST_KINDS do kinds[i] = kinds[1] or "" end
  return kinds
end

-- The units that stood below a path's unit on a day, as known at an instant; like the scope tree it does not reach from
-- superiors and partners into what is below them. Parameters: path, path, as_of, day, as_of, day.
local BELOW = [[WITH RECURSIVE sub (code) AS (SELECT m.code FROM muster_unit m WHERE m.path = ? OR ? = '/'
  UNION SELECT s.unit FROM sub JOIN org_unit p ON p.code = sub.code JOIN org_unit_span s ON s.parent = sub.code
  WHERE p.kind <> 'superior' AND p.kind <> 'partner' AND s.at <= ? AND s.from_day <= ?
  AND (s.to_day IS NULL OR s.ended_at > ? OR s.to_day > ?)) ]]

-- A span, post or group counts as of an instant when it was recorded by then, and its end only if that was, too.
local HAS = {
  leadgroup = [[SELECT 1 FROM org_group g WHERE g.unit = u.code AND g.at <= ? AND g.formed_on <= ?
    AND (g.dissolved_on IS NULL OR g.ended_at > ? OR g.dissolved_on > ?)]],
  branch = [[SELECT 1 FROM org_unit_span g JOIN org_unit b ON b.code = g.unit AND b.kind = 'branch'
    WHERE g.parent = u.code AND g.at <= ? AND g.from_day <= ?
    AND (g.to_day IS NULL OR g.ended_at > ? OR g.to_day > ?)]],
  post = [[SELECT 1 FROM org_post g WHERE g.unit = u.code AND g.role = 'chief' AND g.at <= ? AND g.from_day <= ?
    AND (g.to_day IS NULL OR g.ended_at > ? OR g.to_day > ?)]],
}

local COVERAGE = {}
for kind, has in pairs(HAS) do
  COVERAGE[kind] = BELOW .. [[SELECT u.code AS unit, u.name, CASE WHEN EXISTS (]] .. has .. [[) THEN 1 ELSE 0 END AS has
    FROM sub JOIN org_unit u ON u.code = sub.code JOIN org_unit_span s ON s.unit = u.code
    WHERE u.kind IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AND s.at <= ? AND s.from_day <= ?
    AND (s.to_day IS NULL OR s.ended_at > ? OR s.to_day > ?) ORDER BY u.code]]
end

--- Rows of the units that should have one, with `has`.
local function coverage(call, kind, path, as_of, day)
  local k = expected_kinds(call)
  return call.db:rows(COVERAGE[kind], path, path, as_of, day, as_of, day, as_of, day, as_of, day, k[1], k[2], k[3],
    k[4], k[5], k[6], k[7], k[8], k[9], k[10], as_of, day, as_of, day)
end

local function count_having(rows)
  local have = 0
  for _, row in ipairs(rows) do have = have + row.has end
  return have
end

commands["org.coverage"] = {
  mode = "read", args = { "kind:enum(leadgroup|branch|post)=leadgroup", "scope:unit?", "as_of:date?" },
  returns = "{kind:text, have:int, expected:int, bp:int, missing:[{unit:text, name:text}]}",
  summary = { en = "Which units have a leading group, a branch or a chief, and which lack one.",
    ["zh-CN"] = "领导小组、党支部或负责人覆盖情况及缺口" },
  run = function(call, kind, unit, as_of)
    local rows = coverage(call, kind, scope.subtree(call, unit), call.now, common.day(call, as_of))
    local missing, have = {}, count_having(rows)
    for _, row in ipairs(rows) do
      if row.has == 0 then missing[#missing + 1] = { unit = row.unit, name = row.name } end
    end
    return { kind = kind, have = have, expected = #rows, bp = figure.bp(have, #rows), missing = missing }
  end,
}

--- Count with a statement that reads from `sub`; the rest are its own parameters.
local function count_below(call, q, sql, ...)
  local path, all, as_of, day = q.scope, q.scope, q.as_of, figure.day(call, q)
  return figure.value(call.db:value(BELOW .. sql, path, all, as_of, day, as_of, day, ...))
end

local function count_units(call, q, kind)
  local day = figure.day(call, q)
  return count_below(call, q, [[SELECT count(*) FROM sub JOIN org_unit u ON u.code = sub.code
    JOIN org_unit_span s ON s.unit = u.code WHERE u.kind = coalesce(?, u.kind)
    AND s.at <= ? AND s.from_day <= ? AND (s.to_day IS NULL OR s.ended_at > ? OR s.to_day > ?)]],
    kind, q.as_of, day, q.as_of, day)
end

figures["org.county_units"] = {
  unit = "count", summary = { en = "County and city bureaus in the scope.", ["zh-CN"] = "州直县（市）局数" },
  compute = function(call, q) return count_units(call, q, "county") end,
}

figures["org.units"] = {
  unit = "count", args = { "kind:text(20)?" },
  summary = { en = "Open units in the scope, of one kind or all.", ["zh-CN"] = "在设机构数（可按类别）" },
  compute = function(call, q) return count_units(call, q, q.kind) end,
}

figures["org.leadgroup.coverage"] = {
  unit = "bp",
  summary = { en = "Units with a leading group, of those that should have one.", ["zh-CN"] = "领导小组覆盖率" },
  compute = function(call, q)
    local rows = coverage(call, "leadgroup", q.scope, q.as_of, figure.day(call, q))
    return figure.ratio(count_having(rows), #rows, call:setting("group_kinds"))
  end,
}

figures["org.leadgroup.count"] = {
  unit = "count", summary = { en = "Leading groups in the scope.", ["zh-CN"] = "领导小组数" },
  compute = function(call, q)
    local day = figure.day(call, q)
    return count_below(call, q, [[SELECT count(*) FROM sub JOIN org_group g ON g.unit = sub.code
      WHERE g.at <= ? AND g.formed_on <= ? AND (g.dissolved_on IS NULL OR g.ended_at > ? OR g.dissolved_on > ?)]],
      q.as_of, day, q.as_of, day)
  end,
}

figures["org.leadgroup.head"] = {
  unit = "text",
  summary = { en = "Name and title of the head of the unit's own leading group.", ["zh-CN"] = "领导小组组长姓名与职务" },
  compute = function(call, q)
    local day, unit = figure.day(call, q), q.unit or q.scope:match("([^/]+)/$") or ""
    local head = call.db:row([[SELECT p.name, x.title FROM org_group g JOIN org_group_person x ON x.grp = g.id
      JOIN org_person p ON p.code = x.person WHERE g.unit = ? AND x.head = 1 AND x.at <= ? AND x.from_day <= ?
      AND (x.to_day IS NULL OR x.ended_at > ? OR x.to_day > ?) ORDER BY x.id DESC LIMIT 1]],
      unit, q.as_of, day, q.as_of, day)
    if not head then return { value = "", complete = false, basis = unit } end
    return figure.value(head.title and head.name .. ", " .. head.title or head.name, unit)
  end,
}

figures["org.members"] = {
  unit = "persons", args = { "branch:text(20)?" },
  summary = { en = "Party members of the branches in the scope.", ["zh-CN"] = "党员人数（可按支部）" },
  compute = function(call, q)
    local day = figure.day(call, q)
    return count_below(call, q, [[SELECT count(DISTINCT s.person) FROM sub JOIN org_party_span s ON s.branch = sub.code
      WHERE s.branch = coalesce(?, s.branch) AND s.at <= ? AND s.from_day <= ?
      AND (s.to_day IS NULL OR s.ended_at > ? OR s.to_day > ?)]], q.branch, q.as_of, day, q.as_of, day)
  end,
}

return { commands = commands, figures = figures }
