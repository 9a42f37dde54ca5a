--- Reading units: one, many by name, the tree as it stood on a day, and the way to contacts.
local common = require "org.common"
local scope = require "muster.scope"
local text = require "org.text"

local commands = {}

--- Names besides the own one that held on `day`: code -> array of names.
local function aliases_on(call, day, code)
  local rows = call.db:rows([[SELECT unit, name FROM org_alias
    WHERE (from_day IS NULL OR from_day <= ?) AND (to_day IS NULL OR to_day > ?) AND unit = coalesce(?, unit)
    ORDER BY unit, id]], day, day, code)
  local names = {}
  for _, row in ipairs(rows) do
    names[row.unit] = names[row.unit] or {}
    table.insert(names[row.unit], row.name)
  end
  return names
end

commands["org.unit.get"] = {
  mode = "read", args = { "unit:unit", "as_of:date?" },
  returns = common.UNIT:sub(1, -2) .. ", aliases:[text]}",
  summary = { en = "One unit as it stood on a day (default today).", ["zh-CN"] = "查看机构（可指定日期）" },
  run = function(call, code, as_of)
    local unit, day = common.unit(call, code), common.day(call, as_of)
    local span = common.span(call, code, day)
    unit.state = span and "open" or "closed"
    unit.parent = span and span.parent
    unit.aliases = aliases_on(call, day, code)[code] or {}
    return unit
  end,
}

--- Cheap check for other plugins: one query. `open` is about that day; nothing is refused but unknown units.
commands["org.unit.check"] = {
  mode = "read", args = { "unit:unit", "on:date?" },
  returns = "{unit:text, name:text, kind:text, parent:text, path:text, open:bool}",
  summary = { en = "Is a unit open on a day, and where does it stand?", ["zh-CN"] = "核对机构某日是否在设及其位置" },
  run = function(call, code, on)
    local day = on or call.today
    return call.db:row([[SELECT u.code AS unit, u.name, u.kind, s.parent, m.path,
      CASE WHEN s.id IS NULL THEN 0 ELSE 1 END AS open
      FROM org_unit u JOIN muster_unit m ON m.code = u.code
      LEFT JOIN org_unit_span s ON s.unit = u.code AND s.from_day <= ? AND (s.to_day IS NULL OR s.to_day > ?)
      WHERE u.code = ?]], day, day, code) or common.unknown(call, "unit", code)
  end,
}

commands["org.unit.history"] = {
  mode = "read", args = { "unit:unit" }, returns = "[{from:date, to:date, parent:text, reason:text}]",
  summary = { en = "When a unit was open and under which parent.", ["zh-CN"] = "机构沿革：起止日期与隶属" },
  run = function(call, code)
    local rows = call.db:rows([[SELECT from_day, to_day, parent, reason FROM org_unit_span
      WHERE unit = ? ORDER BY from_day, id]], code)
    for i, r in ipairs(rows) do rows[i] = { from = r.from_day, to = r.to_day, parent = r.parent, reason = r.reason } end
    return rows
  end,
}

--- Every span of a subtree at once, for plugins that must know on which days units were open.
commands["org.unit.spans"] = {
  mode = "read", args = { "root:unit?", "as_of:instant?" }, returns = "[{unit:text, kind:text, from:date, to:date}]",
  summary = { en = "When each unit of a subtree was open, as recorded by an instant.",
    ["zh-CN"] = "下属各机构的在设时段（可指定截至时刻）" },
  run = function(call, root, as_of)
    local from, to = scope.subtree(call, root)
    local known = as_of or call.now
    local rows = call.db:rows([[SELECT s.unit, u.kind, s.from_day, CASE WHEN s.ended_at <= ? THEN s.to_day END AS to_day
      FROM org_unit_span s JOIN org_unit u ON u.code = s.unit JOIN muster_unit m ON m.code = s.unit
      WHERE m.path >= ? AND m.path < ? AND s.at <= ? ORDER BY m.path, s.from_day, s.id]], known, from, to, known)
    for i, r in ipairs(rows) do rows[i] = { unit = r.unit, kind = r.kind, from = r.from_day, to = r.to_day } end
    return rows
  end,
}

commands["org.unit.find"] = {
  mode = "read", args = { "q:text(50)", "limit:int(1..200)=20" },
  returns = "[{code:text, name:text, kind:text, path:text}]",
  summary = { en = "Find units by any part of a name or alias.", ["zh-CN"] = "按名称或别名的任意部分查找机构" },
  run = function(call, q, limit)
    local key = text.query(call, q)
    return text.search(call, "unit", key, [[SELECT u.code, u.name, u.kind, m.path
      FROM c JOIN org_unit u ON u.code = c.ref JOIN muster_unit m ON m.code = u.code
      WHERE m.path >= ? AND m.path < ? AND (replace(u.name_norm, ?, '') <> u.name_norm OR EXISTS (
        SELECT 1 FROM org_alias a WHERE a.unit = u.code AND replace(a.name_norm, ?, '') <> a.name_norm))
      ORDER BY u.code LIMIT ?]], call.scope, call.scope_end, key, key, limit)
  end,
}

--- Children of every unit open on `day` that the caller may see, and the units whose parent is not among them.
local function tree_on(call, day)
  local rows = call.db:rows([[SELECT u.code, u.name, u.kind, s.parent, u.level
    FROM org_unit_span s JOIN org_unit u ON u.code = s.unit JOIN muster_unit m ON m.code = u.code
    WHERE s.from_day <= ? AND (s.to_day IS NULL OR s.to_day > ?) AND m.path >= ? AND m.path < ?
    ORDER BY u.code]], day, day, call.scope, call.scope_end)
  local by_code, children, tops = {}, {}, {}
  for _, row in ipairs(rows) do by_code[row.code] = row end
  for _, row in ipairs(rows) do
    local siblings = by_code[row.parent or ""] and (children[row.parent] or {}) or tops
    siblings[#siblings + 1] = row
    if siblings ~= tops then children[row.parent] = siblings end
  end
  return by_code, children, tops
end

commands["org.unit.tree"] = {
  mode = "read", args = { "root:unit?", "as_of:date?", "depth:int(0..20)?" },
  returns = "[{code:text, name:text, kind:text, parent:text, level:int, depth:int, aliases:[text]}]",
  summary = { en = "The tree of units on a day, parents first.", ["zh-CN"] = "机构树（可指定日期与层数）" },
  doc = "Without `root` every unit in the caller's scope. A unit closed on that day is left out with all below it.",
  run = function(call, root, as_of, depth)
    local day = common.day(call, as_of)
    local by_code, children, tops = tree_on(call, day)
    local aliases, out = aliases_on(call, day), {}
    local function walk(row, level)
      row.depth, row.aliases = level, aliases[row.code] or {}
      out[#out + 1] = row
      if depth and level >= depth then return end
      for _, child in ipairs(children[row.code] or {}) do walk(child, level + 1) end
    end
    if root then tops = { by_code[root] } end
    for _, row in ipairs(tops) do walk(row, 0) end
    return out
  end,
}

--- Units on the way: up (parent, its parent, …), down (children) or side (children of the same parent).
local function route_units(call, code, dir, day)
  local span = common.span(call, code, day)
  if not span then return {} end
  if dir == "up" then
    local list, parent = {}, span.parent
    while parent and #list < 20 do
      list[#list + 1] = parent
      local above = common.span(call, parent, day)
      parent = above and above.parent
    end
    return list
  end
  local parent = dir == "down" and code or span.parent
  if not parent then return {} end
  local list = {}
  for _, row in ipairs(call.db:rows([[SELECT unit FROM org_unit_span WHERE parent = ? AND unit <> ? AND from_day <= ?
    AND (to_day IS NULL OR to_day > ?) ORDER BY unit]], parent, code, day, day)) do
    list[#list + 1] = row.unit
  end
  return list
end

--- Who is to be called at a unit: its contacts, its chiefs, the head of its leading group.
local function contacts(call, code, day)
  return call.db:rows([[SELECT p.code AS person, p.name AS person_name, x.title, x.role, p.phone_masked FROM (
      SELECT person, title, role, CASE role WHEN 'contact' THEN 1 ELSE 2 END AS rank FROM org_post
        WHERE unit = ? AND role IN ('contact', 'chief') AND from_day <= ? AND (to_day IS NULL OR to_day > ?)
      UNION ALL
      SELECT h.person, h.title, 'group_head', 3 FROM org_group g JOIN org_group_person h ON h.grp = g.id
        WHERE g.unit = ? AND h.head = 1 AND h.from_day <= ? AND (h.to_day IS NULL OR h.to_day > ?)
    ) x JOIN org_person p ON p.code = x.person ORDER BY x.rank, p.code]], code, day, day, code, day, day)
end

commands["org.route"] = {
  mode = "read", args = { "unit:unit", "dir:enum(up|down|side)=up", "as_of:date?" },
  returns = "[{unit:text, name:text, kind:text, steps:int, person:text, person_name:text, title:text, role:text, " ..
    "phone_masked:text}]",
  summary = { en = "Whom to call above, below or beside a unit.", ["zh-CN"] = "上下左右联络路线" },
  doc = "Escalation must be able to leave the caller's subtree, so contacts above and beside are shown: " ..
    "names, titles and masked numbers only. A unit without a contact stands there with an empty person.",
  run = function(call, code, dir, as_of)
    local day, out = common.day(call, as_of), {}
    for i, other in ipairs(route_units(call, code, dir, day)) do
      local unit, people = common.unit(call, other), contacts(call, other, day)
      if #people == 0 then people = { {} } end
      for _, p in ipairs(people) do
        p.unit, p.name, p.kind, p.steps = other, unit.name, unit.kind, dir == "up" and i or 1
        out[#out + 1] = p
      end
    end
    return out
  end,
}

return { commands = commands }
