--- The board, and the figures: pure functions of what was recorded up to an instant.
local figure = require "muster.figure"

local commands, figures = {}, {}

--- Cases of a subtree with the state they had at an instant.
local CASES = "SELECT c.id, c.household, c.kind, c.unit, e.to_state AS state FROM fiveones_case c"
  .. " JOIN muster_unit m ON m.code = c.unit JOIN fiveones_case_event e ON e.case_id = c.id"
  .. " WHERE m.path >= ? AND m.path < ? AND (c.campaign = ? OR ? IS NULL) AND (c.kind = ? OR ? IS NULL)"
  .. " AND e.seq = (SELECT max(x.seq) FROM fiveones_case_event x WHERE x.case_id = c.id AND x.at <= ?)"
local ITEMS = "SELECT c.unit, e.kind, e.to_state AS state FROM fiveones_case c"
  .. " JOIN muster_unit m ON m.code = c.unit JOIN fiveones_item_event e ON e.case_id = c.id"
  .. " WHERE m.path >= ? AND m.path < ? AND (c.campaign = ? OR ? IS NULL) AND (c.kind = ? OR ? IS NULL)"
  .. " AND e.seq = (SELECT max(x.seq) FROM fiveones_item_event x WHERE x.case_id = e.case_id AND x.kind = e.kind"
  .. " AND x.at <= ?)"
local PROBLEMS = "SELECT p.category, e.to_state AS state FROM fiveones_problem p"
  .. " JOIN fiveones_case c ON c.id = p.case_id JOIN muster_unit m ON m.code = c.unit"
  .. " JOIN fiveones_problem_event e ON e.problem = p.id"
  .. " WHERE m.path >= ? AND m.path < ? AND (c.campaign = ? OR ? IS NULL) AND (c.kind = ? OR ? IS NULL)"
  .. " AND e.seq = (SELECT max(x.seq) FROM fiveones_problem_event x WHERE x.problem = p.id AND x.at <= ?)"

local function rows(call, sql, q)
  return call.db:rows(sql, q.scope, q.scope_end, q.campaign, q.campaign, q.kind, q.kind, q.as_of)
end

local function count(list, fits)
  local n = 0
  for _, r in ipairs(list) do
    if fits(r) then n = n + 1 end
  end
  return n
end

--- So many of so many. What is not done yet does not make the figure incomplete: all is known that there is.
local function share(num, den, basis)
  return { value = num, numerator = num, denominator = den, basis = basis }
end

local CAMPAIGN, KIND = "campaign:text(20)?", "kind:enum(military|civil)?"

local function is_completed(r) return r.state == "completed" or r.state == "closed" end
local function is_done(r) return r.state == "done" or r.state == "waived" end

figures["fiveones.items_per_case"] = {
  unit = "count", args = { "campaign:text(20)" },
  summary = { en = "Kinds of items a new case of the campaign gets.", ["zh-CN"] = "每户项目数" },
  compute = function(call, q)
    return figure.value(call.db:value("SELECT count(*) FROM fiveones_version_item WHERE campaign = ? AND ver ="
      .. " (SELECT max(v.ver) FROM fiveones_version v WHERE v.campaign = ? AND v.at <= ?)", q.campaign, q.campaign,
      q.as_of), "the version in force then")
  end,
}

figures["fiveones.cases"] = {
  unit = "count", args = { CAMPAIGN, KIND },
  summary = { en = "Cases opened.", ["zh-CN"] = "建档户数" },
  compute = function(call, q) return figure.value(#rows(call, CASES, q), "cases in any state") end,
}

figures["fiveones.households"] = {
  unit = "count", args = { CAMPAIGN, KIND },
  summary = { en = "Different households with a case.", ["zh-CN"] = "覆盖家庭数" },
  compute = function(call, q)
    local seen, n = {}, 0
    for _, r in ipairs(rows(call, CASES, q)) do
      if not seen[r.household] then seen[r.household], n = true, n + 1 end
    end
    return figure.value(n, "different households")
  end,
}

figures["fiveones.completed"] = {
  unit = "count", args = { CAMPAIGN, KIND },
  summary = { en = "Cases completed, of all cases.", ["zh-CN"] = "已办结户数" },
  compute = function(call, q)
    local list = rows(call, CASES, q)
    return share(count(list, is_completed), #list, "completed or closed, of all cases")
  end,
}

figures["fiveones.items_done"] = {
  unit = "count", args = { CAMPAIGN, KIND, "item:text(20)?" },
  summary = { en = "Items done or waived, of all items; by kind of item if asked.", ["zh-CN"] = "已办项目数" },
  compute = function(call, q)
    local list = {}
    for _, r in ipairs(rows(call, ITEMS, q)) do
      if not q.item or r.kind == q.item then list[#list + 1] = r end
    end
    return share(count(list, is_done), #list, "items of all cases")
  end,
}

figures["fiveones.problems"] = {
  unit = "count", args = { CAMPAIGN, KIND, "state:enum(registered|handling|solved|unsolvable|transferred)?" },
  summary = { en = "Problems registered, by state if asked.", ["zh-CN"] = "登记的现实问题数" },
  compute = function(call, q)
    local n = count(rows(call, PROBLEMS, q), function(r) return not q.state or r.state == q.state end)
    return figure.value(n, "in the state they had then")
  end,
}

figures["fiveones.problems_solved"] = {
  unit = "count", args = { CAMPAIGN, KIND },
  summary = { en = "Problems solved, of all registered.", ["zh-CN"] = "已解决的现实问题数" },
  compute = function(call, q)
    local list = rows(call, PROBLEMS, q)
    return share(count(list, function(r) return r.state == "solved" end), #list, "of all problems registered")
  end,
}

figures["fiveones.visits"] = {
  unit = "count", args = { CAMPAIGN, KIND, "mode:enum(onsite|phone|video)?" },
  summary = { en = "Visits to households, one per household and day.",
    ["zh-CN"] = "走访户次（每户每日计一次）" },
  compute = function(call, q)
    local from, to = figure.span(q)
    return figure.value(call.db:value("SELECT count(*) FROM fiveones_visit v JOIN fiveones_case c ON c.id = v.case_id"
      .. " JOIN muster_unit m ON m.code = c.unit WHERE m.path >= ? AND m.path < ? AND (c.campaign = ? OR ? IS NULL)"
      .. " AND (c.kind = ? OR ? IS NULL) AND (v.mode = ? OR ? IS NULL) AND v.day >= ? AND v.day <= ? AND v.at <= ?",
      q.scope, q.scope_end, q.campaign, q.campaign, q.kind, q.kind, q.mode, q.mode, from, to, q.as_of),
      "one per household and day")
  end,
}

local KINDS = "[{kind:text, done:int, total:int}]"

--- Count one item into the row of its unit.
local function add(row, r)
  local k = row.by_kind[r.kind]
  if not k then
    k = { kind = r.kind, done = 0, total = 0 }
    row.by_kind[r.kind] = k
    row.items[#row.items + 1] = k
  end
  k.total, row.total = k.total + 1, row.total + 1
  if is_done(r) then k.done, row.done = k.done + 1, row.done + 1 end
end

commands["fiveones.board"] = {
  mode = "read", args = { "scope:unit?", CAMPAIGN },
  returns = "[{unit:text, cases:int, completed:int, done:int, total:int, items:" .. KINDS .. "}]",
  summary = { en = "Done of total by unit and item.", ["zh-CN"] = "进度看板：按单位与项目" },
  run = function(call, scope, campaign)
    local path = scope and call:unit_path(scope) or call.scope
    local q = { scope = path, scope_end = scope and path:sub(1, -2) .. "0" or call.scope_end, campaign = campaign,
      as_of = call.now }
    local by_unit, out = {}, {}
    for _, c in ipairs(rows(call, CASES, q)) do
      local row = by_unit[c.unit]
      if not row then
        row = { unit = c.unit, cases = 0, completed = 0, done = 0, total = 0, items = {}, by_kind = {} }
        by_unit[c.unit], out[#out + 1] = row, row
      end
      row.cases = row.cases + 1
      if is_completed(c) then row.completed = row.completed + 1 end
    end
    for _, r in ipairs(rows(call, ITEMS, q)) do add(by_unit[r.unit], r) end
    table.sort(out, function(a, b) return a.unit < b.unit end)
    for _, row in ipairs(out) do
      table.sort(row.items, function(a, b) return a.kind < b.kind end)
      row.by_kind = nil
    end
    return out
  end,
}

return { commands = commands, figures = figures }
