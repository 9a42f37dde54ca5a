--- Contact visits of leaders to their units, and the task forces they lead.
local scope = require "muster.scope"
local span = require "inspect.span"

local commands = {}

local VISIT = "{id:int, leader:text, unit:text, on:date, mode:text, feedback:text}"
local FORCE = "{taskforce:int, unit:text, name:text, leader:text, members:[text], formed_on:date, dissolved_on:date}"

commands["inspect.visit.log"] = {
  mode = "write",
  args = { "leader:text(20)", "unit:unit", "mode:enum(onsite|phone|video)=onsite", "on:date?", "feedback:text(1000)?" },
  returns = VISIT,
  summary = { en = "Log a leader's contact visit to a unit.", ["zh-CN"] = "登记领导联系走访及反馈" },
  run = function(call, leader, unit, mode, on, feedback)
    span.person(call, leader)
    on = on or call.today
    if on > call.today then
      call:fail("ARG", { rule = "inspect.future", arg = "on" }, "a visit on %s has not happened yet", on)
    end
    local id = call.db:value("INSERT INTO inspect_visit (leader, unit, day, mode, feedback, at, by_user)"
      .. " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id", leader, unit, on, mode, feedback, call.now, call.user)
    return { id = id, leader = leader, unit = unit, on = on, mode = mode, feedback = feedback }
  end,
}

commands["inspect.visit.list"] = {
  mode = "read", args = { "unit:unit?", "leader:text(20)?", "after:int(0..)=0", "limit:int(1..500)=100" },
  returns = "[" .. VISIT .. "]",
  summary = { en = "List contact visits in id order, after the given id.",
    ["zh-CN"] = "按编号列出联系走访，可分页" },
  run = function(call, unit, leader, after, limit)
    local path, path_end = scope.subtree(call, unit)
    return call.db:rows("SELECT v.id, v.leader, v.unit, v.day AS \"on\", v.mode, v.feedback FROM inspect_visit v"
      .. " JOIN muster_unit m ON m.code = v.unit WHERE m.path >= ? AND m.path < ? AND (v.leader = ? OR ? IS NULL)"
      .. " AND v.id > ? ORDER BY v.id LIMIT ?", path, path_end, leader, leader, after, limit)
  end,
}

local function describe(call, row)
  local members = {}
  for i, m in ipairs(call.db:rows("SELECT person FROM inspect_taskforce_member WHERE taskforce = ? ORDER BY person",
      row.id)) do
    members[i] = m.person
  end
  return { taskforce = row.id, unit = row.unit, name = row.name, leader = row.leader, members = members,
    formed_on = row.formed_on, dissolved_on = row.dissolved_on }
end

local function force_row(call, id)
  local row = call.db:row("SELECT * FROM inspect_taskforce WHERE id = ?", id)
  span.own(call, row and row.unit, "task force", tostring(id))
  return row
end

commands["inspect.taskforce.form"] = {
  mode = "write",
  args = { "unit:unit", "leader:text(20)", "members:text(20)[](1..200)", "name:text(100)", "on:date?" },
  returns = FORCE,
  summary = { en = "Form a task force of a unit under a leader.", ["zh-CN"] = "组建工作专班" },
  run = function(call, unit, leader, members, name, on)
    span.person(call, leader)
    local id = call.db:value("INSERT INTO inspect_taskforce (unit, name, leader, formed_on, at, by_user)"
      .. " VALUES (?, ?, ?, ?, ?, ?) RETURNING id", unit, name, leader, on or call.today, call.now, call.user)
    for _, person in ipairs(members) do
      span.person(call, person)
      if call.db:run("INSERT INTO inspect_taskforce_member (taskforce, person) VALUES (?, ?) ON CONFLICT DO NOTHING",
        id,
          person) == 0 then
        call:fail("ARG", { rule = "inspect.member_twice", arg = "members" }, "%s is named twice among the members",
          person)
      end
    end
    return describe(call, force_row(call, id))
  end,
}

commands["inspect.taskforce.dissolve"] = {
  mode = "write", args = { "taskforce:int(1..)", "on:date?" }, returns = FORCE,
  summary = { en = "Dissolve a task force; ON is the first day without it.", ["zh-CN"] = "撤销工作专班" },
  run = function(call, id, on)
    local row = force_row(call, id)
    if row.dissolved_on then
      call:fail("STATE", { rule = "wrong_state", state = "dissolved" }, "task force %d is dissolved already", id)
    end
    on = on or call.today
    if on < row.formed_on then span.check(call, row.formed_on, on) end
    call.db:run("UPDATE inspect_taskforce SET dissolved_on = ?, ended_at = ? WHERE id = ?", on, call.now, id)
    return describe(call, force_row(call, id))
  end,
}

commands["inspect.taskforce.list"] = {
  mode = "read", args = { "unit:unit?" }, returns = "[" .. FORCE .. "]",
  summary = { en = "List the task forces of a subtree.", ["zh-CN"] = "列出工作专班" },
  run = function(call, unit)
    local out = {}
    for i, row in ipairs(call.db:rows("SELECT t.* FROM inspect_taskforce t JOIN muster_unit m ON m.code = t.unit"
        .. " WHERE m.path >= ? AND m.path < ? ORDER BY t.id LIMIT 500",
        scope.subtree(call, unit))) do
      out[i] = describe(call, row)
    end
    return out
  end,
}

return { commands = commands }
