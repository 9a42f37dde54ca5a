--- The board, and the figures: pure functions of what was recorded up to an instant.
local figure = require "muster.figure"
local scope = require "muster.scope"

local commands, figures = {}, {}

-- Cases, items and problems of a subtree, each joined with the last event `e` it had at an instant. Counted in SQL:
-- a prefecture has more items than a command may fetch rows. Parameters as `parameters` gives them.
local CASES = " FROM fiveones_case c"
  .. " JOIN muster_unit m ON m.code = c.unit JOIN fiveones_case_event e ON e.case_id = c.id"
  .. " WHERE m.path >= ? AND m.path < ? AND (c.campaign = ? OR ? IS NULL) AND (c.kind = ? OR ? IS NULL)"
  .. " AND e.seq = (SELECT max(x.seq) FROM fiveones_case_event x WHERE x.case_id = c.id AND x.at <= ?)"
local ITEMS = " FROM fiveones_case c"
  .. " JOIN muster_unit m ON m.code = c.unit JOIN fiveones_item_event e ON e.case_id = c.id"
  .. " WHERE m.path >= ? AND m.path < ? AND (c.campaign = ? OR ? IS NULL) AND (c.kind = ? OR ? IS NULL)"
  .. " AND e.seq = (SELECT max(x.seq) FROM fiveones_item_event x WHERE x.case_id = e.case_id AND x.kind = e.kind"
  .. " AND x.at <= ?)"
local PROBLEMS = " FROM fiveones_problem p"
  .. " JOIN fiveones_case c ON c.id = p.case_id JOIN muster_unit m ON m.code = c.unit"
  .. " JOIN fiveones_problem_event e ON e.problem = p.id"
  .. " WHERE m.path >= ? AND m.path < ? AND (c.campaign = ? OR ? IS NULL) AND (c.kind = ? OR ? IS NULL)"
  .. " AND e.seq = (SELECT max(x.seq) FROM fiveones_problem_event x WHERE x.problem = p.id AND x.at <= ?)"

local COMPLETED = "count(*) FILTER (WHERE e.to_state = 'completed' OR e.to_state = 'closed') AS done"
local DONE = "count(*) FILTER (WHERE e.to_state = 'done' OR e.to_state = 'waived') AS done"
local SOLVED = "count(*) FILTER (WHERE e.to_state = 'solved') AS done"

local function parameters(q)
  return q.scope, q.scope_end, q.campaign, q.campaign, q.kind, q.kind, q.as_of
end

--- One row: how many there are (n) and how many of them are done.
local function tally(call, done, from, q)
  return call.db:row("SELECT count(*) AS n, " .. done .. from, parameters(q))
end

--- So many of so many. What is not done yet does not make the figure incomplete: all is known that there is.
local function share(num, den, basis)
  return { value = num, numerator = num, denominator = den, basis = basis }
end

local CAMPAIGN, KIND = "campaign:text(20)?", "kind:enum(military|civil)?"

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
  compute = function(call, q) return figure.value(tally(call, COMPLETED, CASES, q).n, "cases in any state") end,
}

figures["fiveones.households"] = {
  unit = "count", args = { CAMPAIGN, KIND },
  summary = { en = "Different households with a case.", ["zh-CN"] = "覆盖家庭数" },
  compute = function(call, q)
    local n = call.db:value("SELECT count(DISTINCT c.household)" .. CASES, parameters(q))
    return figure.value(n, "different households")
  end,
}

figures["fiveones.completed"] = {
  unit = "count", args = { CAMPAIGN, KIND },
  summary = { en = "Cases completed, of all cases.", ["zh-CN"] = "已办结户数" },
  compute = function(call, q)
    local cases = tally(call, COMPLETED, CASES, q)
    return share(cases.done, cases.n, "completed or closed, of all cases")
  end,
}

figures["fiveones.items_done"] = {
  unit = "count", args = { CAMPAIGN, KIND, "item:text(20)?" },
  summary = { en = "Items done or waived, of all items; by kind of item if asked.", ["zh-CN"] = "已办项目数" },
  compute = function(call, q)
    local n = call.db:row("SELECT count(*) AS n, " .. DONE .. ITEMS .. " AND e.kind = coalesce(?, e.kind)",
      q.scope, q.scope_end, q.campaign, q.campaign, q.kind, q.kind, q.as_of, q.item)
    return share(n.done, n.n, "items of all cases")
  end,
}

figures["fiveones.problems"] = {
  unit = "count", args = { CAMPAIGN, KIND, "state:enum(registered|handling|solved|unsolvable|transferred)?" },
  summary = { en = "Problems registered, by state if asked.", ["zh-CN"] = "登记的现实问题数" },
  compute = function(call, q)
    local n = call.db:value("SELECT count(*)" .. PROBLEMS .. " AND e.to_state = coalesce(?, e.to_state)",
      q.scope, q.scope_end, q.campaign, q.campaign, q.kind, q.kind, q.as_of, q.state)
    return figure.value(n, "in the state they had then")
  end,
}

figures["fiveones.problems_solved"] = {
  unit = "count", args = { CAMPAIGN, KIND },
  summary = { en = "Problems solved, of all registered.", ["zh-CN"] = "已解决的现实问题数" },
  compute = function(call, q)
    local problems = tally(call, SOLVED, PROBLEMS, q)
    return share(problems.done, problems.n, "of all problems registered")
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

commands["fiveones.board"] = {
  mode = "read", args = { "scope:unit?", CAMPAIGN },
  returns = "[{unit:text, cases:int, completed:int, done:int, total:int, items:" .. KINDS .. "}]",
  summary = { en = "Done of total by unit and item.", ["zh-CN"] = "进度看板：按单位与项目" },
  run = function(call, unit, campaign)
    local q = { campaign = campaign, as_of = call.now }
    q.scope, q.scope_end = scope.subtree(call, unit)
    local by_unit = {}
    local out = call.db:rows("SELECT c.unit, count(*) AS cases, " .. COMPLETED .. CASES
      .. " GROUP BY c.unit ORDER BY c.unit", parameters(q))
    for _, row in ipairs(out) do
      row.completed, row.done, row.total, row.items = row.done, 0, 0, {}
      by_unit[row.unit] = row
    end
    for _, r in ipairs(call.db:rows("SELECT c.unit, e.kind, count(*) AS total, " .. DONE .. ITEMS
        .. " GROUP BY c.unit, e.kind ORDER BY c.unit, e.kind", parameters(q))) do
      local row = by_unit[r.unit]
      row.items[#row.items + 1] = { kind = r.kind, done = r.done, total = r.total }
      row.done, row.total = row.done + r.done, row.total + r.total
    end
    return out
  end,
}

return { commands = commands, figures = figures }
