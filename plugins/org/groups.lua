--- Posts, and leading groups with the history of their heads.
local common = require "org.common"
local machine = require "muster.machine"
local text = require "org.text"

local commands = {}

local ROLES = "chief|deputy|leader|contact|officer|other"
local POST = "{id:int, person:text, unit:text, title:text, role:text, from:date, to:date}"
local GROUP = "{unit:text, head:text, head_name:text, title:text, members:[text], formed_on:date, " ..
  "dissolved_on:date, basis:text, state:text, rev:int}"

local group_machine = machine.define {
  initial = "formed", states = { "formed", "changed", "dissolved" },
  transitions = {
    { name = "change", from = { "formed", "changed" }, to = "changed" },
    { name = "dissolve", from = { "formed", "changed" }, to = "dissolved" },
  },
}

--- Rename the columns of a span to the words of the protocol.
local function spanned(row)
  row.from, row.to, row.from_day, row.to_day = row.from_day, row.to_day, nil, nil
  return row
end

commands["org.post.add"] = {
  mode = "write", returns = POST,
  args = { "person:text(20)", "unit:unit", "title:text(100)", "role:enum(" .. ROLES .. ")=other", "on:date?" },
  summary = { en = "Give a person a post.", ["zh-CN"] = "任职登记" },
  run = function(call, person, unit, title, role, on)
    local day = on or call.today
    common.person(call, person)
    common.need_open(call, "unit", unit, day)
    title = text.name(call, "title", title)
    local id = call.db:value([[INSERT INTO org_post (person, unit, title, role, from_day, at)
      VALUES (?, ?, ?, ?, ?, ?) RETURNING id]], person, unit, title, role, day, call.now)
    return { id = id, person = person, unit = unit, title = title, role = role, from = day }
  end,
}

commands["org.post.end"] = {
  mode = "write", args = { "post:int(1..)", "on:date?" }, returns = POST,
  summary = { en = "End a post; `on` is the first day without it.", ["zh-CN"] = "免职登记（on 为免职后首日）" },
  run = function(call, id, on)
    local day = on or call.today
    local post = call.db:row([[SELECT o.id, o.person, o.unit, o.title, o.role, o.from_day, o.to_day, m.path
      FROM org_post o JOIN muster_unit m ON m.code = o.unit WHERE o.id = ?]], id)
    if not post or not common.sees(call, post.path) then common.unknown(call, "post", tostring(id)) end
    if post.to_day then
      call:fail("STATE", { rule = "org.post_ended", state = "ended" }, "this post ended on %s", post.to_day)
    end
    common.check_end(call, post, day)
    call.db:run("UPDATE org_post SET to_day = ?, ended_at = ? WHERE id = ?", day, call.now, id)
    post.to_day, post.path = day, nil
    return spanned(post)
  end,
}

commands["org.post.list"] = {
  mode = "read", args = { "unit:unit?", "person:text(20)?", "as_of:date?" },
  returns = "[" .. POST:sub(1, -2) .. ", name:text}]",
  summary = { en = "Posts held on a day, by unit or person.", ["zh-CN"] = "某日任职名单" },
  run = function(call, unit, person, as_of)
    local day = common.day(call, as_of)
    local rows = call.db:rows([[SELECT o.id, o.person, o.unit, o.title, o.role, o.from_day, o.to_day, p.name
      FROM org_post o JOIN org_person p ON p.code = o.person JOIN muster_unit m ON m.code = o.unit
      WHERE o.from_day <= ? AND (o.to_day IS NULL OR o.to_day > ?) AND o.unit = coalesce(?, o.unit)
      AND o.person = coalesce(?, o.person) AND m.path >= ? AND m.path < ? ORDER BY o.unit, o.id LIMIT 1000]],
      day, day, unit, person, call.scope, call.scope_end)
    for _, row in ipairs(rows) do spanned(row) end
    return rows
  end,
}

--- The group of a unit that stood on `day`: row, or nil.
local function group_on(call, unit, day)
  return call.db:row([[SELECT id, unit, formed_on, dissolved_on, basis, state, rev FROM org_group
    WHERE unit = ? AND formed_on <= ? AND (dissolved_on IS NULL OR dissolved_on > ?)]], unit, day, day)
end

--- The group of a unit that stands now; refuses when there is none.
local function active_group(call, unit)
  return call.db:row([[SELECT id, unit, formed_on, dissolved_on, basis, state, rev FROM org_group
    WHERE unit = ? AND dissolved_on IS NULL]], unit)
    or call:fail("NOTFOUND", { rule = "org.no_group", arg = "unit", allowed = "org.group.form" },
      "unit %s has no leading group; org.group.form makes one", unit)
end

local function people_on(call, group, head, day)
  return call.db:rows([[SELECT x.id, x.person, p.name, x.title, x.from_day, x.to_day FROM org_group_person x
    JOIN org_person p ON p.code = x.person WHERE x.grp = ? AND x.head = ? AND x.from_day <= ?
    AND (x.to_day IS NULL OR x.to_day > ?) ORDER BY x.id]], group, head, day, day)
end

local function shown(call, group, day)
  local head = people_on(call, group.id, 1, day)[1] or {}
  local members = {}
  for i, m in ipairs(people_on(call, group.id, 0, day)) do members[i] = m.person end
  return { unit = group.unit, head = head.person, head_name = head.name, title = head.title, members = members,
    formed_on = group.formed_on, dissolved_on = group.dissolved_on, basis = group.basis, state = group.state,
    rev = group.rev }
end

--- The title a head bears: as given, else the newest post in that unit on that day.
local function title_of(call, person, unit, day)
  return call.db:value([[SELECT title FROM org_post WHERE person = ? AND unit = ? AND from_day <= ?
    AND (to_day IS NULL OR to_day > ?) ORDER BY from_day DESC, id DESC LIMIT 1]], person, unit, day, day)
end

local function add_person(call, group, person, head, title, day)
  call.db:run([[INSERT INTO org_group_person (grp, person, head, title, from_day, at) VALUES (?, ?, ?, ?, ?, ?)]],
    group, person, head, title, day, call.now)
end

local function end_people(call, group, head, day)
  call.db:run([[UPDATE org_group_person SET to_day = ?, ended_at = ? WHERE grp = ? AND head = ? AND to_day IS NULL]],
    day, call.now, group, head)
end

--- What ends on `day` must not have begun after it: people of a group change in the order of days.
local function check_order(call, group, head, day)
  local latest = call.db:value([[SELECT max(from_day) FROM org_group_person
    WHERE grp = ? AND head = coalesce(?, head) AND to_day IS NULL]], group.id, head)
  common.check_end(call, { from_day = latest or group.formed_on }, day)
end

local function set_head(call, group, unit, person, title, day)
  common.person(call, person, "head")
  title = title and text.name(call, "title", title) or title_of(call, person, unit, day)
  add_person(call, group, person, 1, title, day)
end

local function set_members(call, group, members, day)
  local seen = {}
  for _, person in ipairs(members) do
    if not seen[person] then
      seen[person] = true
      common.person(call, person, "members")
      add_person(call, group, person, 0, nil, day)
    end
  end
end

commands["org.group.form"] = {
  mode = "write", returns = GROUP,
  args = { "unit:unit", "head:text(20)", "members:text(20)[](0..50)?", "on:date?", "basis:text(200)?",
    "title:text(100)?" },
  summary = { en = "Form the leading group of a unit.", ["zh-CN"] = "成立领导小组" },
  doc = "`title`: the head's title as it is to be printed; left out, the head's post in that unit.",
  run = function(call, unit, head, members, on, basis, title)
    local day = on or call.today
    common.need_open(call, "unit", unit, day)
    local last = call.db:row([[SELECT formed_on, dissolved_on FROM org_group WHERE unit = ?
      AND (dissolved_on IS NULL OR dissolved_on > ?)]], unit, day)
    if last then
      call:fail("CONFLICT",
        { rule = "org.group_exists", arg = "unit", allowed = "org.group.change, org.group.dissolve" },
        "unit %s has a leading group since %s; org.group.change changes it", unit, last.formed_on)
    end
    local id = call.db:value([[INSERT INTO org_group (unit, formed_on, basis, state, at, rev) VALUES (?, ?, ?, ?, ?, 1)
      RETURNING id]], unit, day, basis, group_machine.initial, call.now)
    set_head(call, id, unit, head, title, day)
    set_members(call, id, members or {}, day)
    call:emit("group.formed", { unit = unit, head = head, on = day })
    return shown(call, active_group(call, unit), day)
  end,
}

commands["org.group.change"] = {
  mode = "write", returns = GROUP,
  args = { "unit:unit", "head:text(20)?", "title:text(100)?", "members:text(20)[](0..50)?", "basis:text(200)?",
    "on:date?", "rev:int(1..)?" },
  summary = { en = "Change a leading group's head, members or basis.", ["zh-CN"] = "调整领导小组组长、成员或依据" },
  run = function(call, unit, head, title, members, basis, on, rev)
    local group, day = active_group(call, unit), on or call.today
    common.check_rev(call, group, rev)
    local state = group_machine:check(call, group, "change", {})
    common.check_end(call, { from_day = group.formed_on }, day)
    if head or title then
      check_order(call, group, 1, day)
      local present = people_on(call, group.id, 1, day)[1] or {}
      end_people(call, group.id, 1, day)
      set_head(call, group.id, unit, head or present.person, title, day)
    end
    if members then
      check_order(call, group, 0, day)
      end_people(call, group.id, 0, day)
      set_members(call, group.id, members, day)
    end
    call.db:run("UPDATE org_group SET state = ?, basis = coalesce(?, basis), rev = rev + 1 WHERE id = ?",
      state, basis, group.id)
    return shown(call, active_group(call, unit), day)
  end,
}

commands["org.group.dissolve"] = {
  mode = "write", args = { "unit:unit", "on:date?", "reason:text(200)?", "rev:int(1..)?" }, returns = GROUP,
  summary = { en = "Dissolve a unit's leading group.", ["zh-CN"] = "撤销领导小组" },
  run = function(call, unit, on, reason, rev)
    local group, day = active_group(call, unit), on or call.today
    common.check_rev(call, group, rev)
    local state = group_machine:check(call, group, "dissolve", {})
    check_order(call, group, nil, day)
    local last = shown(call, group, day)
    end_people(call, group.id, 1, day)
    end_people(call, group.id, 0, day)
    call.db:run([[UPDATE org_group SET state = ?, dissolved_on = ?, reason = ?, ended_at = ?, rev = rev + 1
      WHERE id = ?]], state, day, reason, call.now, group.id)
    last.state, last.dissolved_on, last.rev = state, day, group.rev + 1
    return last
  end,
}

commands["org.group.get"] = {
  mode = "read", args = { "unit:unit", "as_of:date?" },
  returns = GROUP:sub(1, -2) .. ", heads:[{person:text, name:text, title:text, from:date, to:date}]}",
  summary = { en = "A unit's leading group on a day, with all its heads.", ["zh-CN"] = "查看领导小组及历任组长" },
  run = function(call, unit, as_of)
    local day = common.day(call, as_of)
    local group = group_on(call, unit, day)
    if not group then
      call:fail("NOTFOUND", { rule = "org.no_group", arg = "unit", allowed = "org.group.form" },
        "unit %s has no leading group; org.group.form makes one", unit)
    end
    local out = shown(call, group, day)
    out.heads = call.db:rows([[SELECT x.person, p.name, x.title, x.from_day, x.to_day FROM org_group_person x
      JOIN org_person p ON p.code = x.person WHERE x.grp = ? AND x.head = 1 ORDER BY x.id]], group.id)
    for _, head in ipairs(out.heads) do spanned(head) end
    return out
  end,
}

return { commands = commands, machines = { group = group_machine } }
