--- Units: the tree and its history.
--
-- org_unit holds what a unit is now; org_unit_span holds under which parent it was open, from when to when.
-- Two trees follow: org's own (a bureau's parent is its superior in the ministry line) and the scope tree of
-- the host, in which superiors and partners are roots of their own, so that a right over the bureau never
-- reaches up, and nobody's subtree holds a partner.
local common = require "org.common"
local text = require "org.text"

local commands = {}

local KINDS = "superior|prefecture|county|office|subordinate|center|station|branch|facility|partner"
local OUTSIDE = { superior = true, partner = true }
local BARREN = { partner = true, branch = true }
local MOST_LEVELS = 100

local function scope_parent(kind, parent)
  if OUTSIDE[kind] or not parent or OUTSIDE[parent.kind] then return nil end
  return parent.code
end

--- A parent must be open on every day from `day` on, or its children would outlive it.
local function need_lasting(call, code, day)
  local open_to = day
  for _, span in ipairs(call.db:rows([[SELECT from_day, to_day FROM org_unit_span
    WHERE unit = ? AND (to_day IS NULL OR to_day > ?) ORDER BY from_day, id]], code, day)) do
    if span.from_day > open_to then break end
    open_to = span.to_day
    if not open_to then return end
  end
  call:fail("CLOSED", { rule = "org.unit_closed", arg = "parent" }, "unit %s is not open on %s", code, open_to)
end

--- Which parent may a unit of this kind have, and may this caller hang it there?
local function check_parent(call, kind, parent, day)
  if kind == "partner" and parent then
    call:fail("POLICY", { rule = "org.partner_outside", arg = "parent" }, "a partner stands outside every unit")
  end
  if kind == "superior" and parent and parent.kind ~= "superior" then
    call:fail("POLICY", { rule = "org.superior_above", arg = "parent" }, "a superior can only stand under a superior")
  end
  if parent and BARREN[parent.kind] then
    call:fail("POLICY", { rule = "org.no_children", arg = "parent" },
      "a unit of kind %s has no units below it", parent.kind)
  end
  if kind == "branch" and not parent then
    call:fail("ARG", { rule = "org.branch_unit", arg = "parent" }, "a branch needs the unit it belongs to")
  end
  if not scope_parent(kind, parent) and call.scope ~= "/" then
    call:fail("SCOPE", { rule = "org.scope", arg = "parent" }, "a unit without parent needs a scope over everything")
  end
  if parent then need_lasting(call, parent.code, day) end
end

--- Refuse when `code` would come to stand under itself: now, or in the tree of `day`, which may be in the past.
local function check_cycle(call, code, parent_code, day)
  local function climb(next_above)
    local above, steps = parent_code, 0
    while above and steps < MOST_LEVELS do
      if above == code then
        call:fail("CONFLICT", { rule = "org.cycle", arg = "parent" }, "%s lies under %s itself", parent_code, code)
      end
      above, steps = next_above(above), steps + 1
    end
  end
  climb(function(above) return call.db:value("SELECT parent FROM org_unit WHERE code = ?", above) end)
  climb(function(above)
    local span = common.span(call, above, day)
    return span and span.parent
  end)
end

local function add_span(call, code, parent, day)
  call.db:run("INSERT INTO org_unit_span (unit, parent, from_day, at) VALUES (?, ?, ?, ?)",
    code, parent, day, call.now)
end

local function end_span(call, span, day, reason)
  call.db:run("UPDATE org_unit_span SET to_day = ?, ended_at = ?, reason = ? WHERE id = ?",
    day, call.now, reason, span.id)
end

--- A branch is closed when its last member has left it.
local function check_members(call, branch, day)
  local members = call.db:value([[SELECT count(*) FROM org_party_span
    WHERE branch = ? AND (to_day IS NULL OR to_day > ?)]], branch, day)
  if members > 0 then
    call:fail("STATE", { rule = "org.branch_members", state = "open", allowed = "org.branch.leave" },
      "branch %s has %d members on %s; org.branch.leave comes first", branch, members, day)
  end
end

--- The present span of an open unit, which must not have begun after `day`.
local function open_span(call, unit, day)
  local span = call.db:row([[SELECT id, parent, from_day FROM org_unit_span
    WHERE unit = ? AND to_day IS NULL]], unit.code)
  if not span then
    call:fail("STATE", { rule = "org.unit_closed", state = unit.state, allowed = "org.unit.reopen" },
      "unit %s is closed; org.unit.reopen opens it again", unit.code)
  end
  common.check_end(call, span, day)
  return span
end

local function changed(call, code, what)
  call:emit("unit.changed", { unit = code, change = what })
  return common.unit(call, code)
end

local function check_data(call, division, cal)
  if division and not division:match("^%d%d%d%d%d%d$") then
    call:fail("ARG", { rule = "org.division", arg = "division" }, "a division code has six digits")
  end
  if cal and not call.db:value("SELECT 1 FROM org_calendar WHERE code = ?", cal) then
    call:fail("NOTFOUND", { rule = "org.unknown", arg = "calendar" }, "there is no %s %s", "calendar", cal)
  end
end

--- Add a unit and open it on a day. Also used by org.branch.add.
local function add(call, u)
  text.code(call, "code", u.code)
  local name, day = text.name(call, "name", u.name), u.on or call.today
  if call.db:value("SELECT 1 FROM org_unit WHERE code = ?", u.code) then
    call:fail("CONFLICT", { rule = "org.code_taken", arg = "code" }, "the code %s is taken", u.code)
  end
  local parent = u.parent and common.unit(call, u.parent)
  check_parent(call, u.kind, parent, day)
  check_data(call, u.division, u.calendar)
  call.db:run([[INSERT INTO org_unit (code, name, name_norm, kind, level, parent, division, zone_min, calendar, state,
    at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, 1)]],
    u.code, name, text.key(name), u.kind, u.level or (parent and parent.level + 1 or 1), u.parent, u.division,
    u.zone_min or call.zone_min, u.calendar, call.now)
  add_span(call, u.code, u.parent, day)
  text.index(call, "unit", u.code, name)
  call:unit_set(u.code, scope_parent(u.kind, parent))
  return changed(call, u.code, "added")
end

commands["org.unit.add"] = {
  mode = "write", returns = common.UNIT,
  args = { "code:text(20)", "name:text(100)", "kind:enum(" .. KINDS .. ")", "parent:unit?", "on:date?",
    "division:text(6)?", "level:int(0..20)?", "zone_min:int(-720..840)?", "calendar:text(20)?" },
  summary = { en = "Add a unit and open it.", ["zh-CN"] = "新增机构" },
  doc = "Without `parent` (superiors, partners, the bureau at the top) the caller's scope must be everything.",
  run = function(call, code, name, kind, parent, on, division, level, zone_min, cal)
    return add(call, { code = code, name = name, kind = kind, parent = parent, on = on, division = division,
      level = level, zone_min = zone_min, calendar = cal })
  end,
}

commands["org.branch.add"] = {
  mode = "write", args = { "code:text(20)", "name:text(100)", "unit:unit", "on:date?" }, returns = common.UNIT,
  summary = { en = "Add a Party branch to a unit.", ["zh-CN"] = "在机构下新建党支部" },
  run = function(call, code, name, unit, on)
    return add(call, { code = code, name = name, kind = "branch", parent = unit, on = on })
  end,
}

--- A former name stays an alias, so that old papers are still found and old trees can show it.
local function rename(call, unit, name)
  name = text.name(call, "name", name)
  if name == unit.name then return name end
  call.db:run("INSERT INTO org_alias (unit, name, name_norm, to_day, at) VALUES (?, ?, ?, ?, ?)",
    unit.code, unit.name, text.key(unit.name), call.today, call.now)
  text.index(call, "unit", unit.code, name)
  return name
end

commands["org.unit.update"] = {
  mode = "write", returns = common.UNIT,
  args = { "unit:unit", "name:text(100)?", "division:text(6)?", "zone_min:int(-720..840)?", "calendar:text(20)?",
    "rev:int(1..)?" },
  summary = { en = "Rename a unit or change its data; the old name stays as an alias.",
    ["zh-CN"] = "修改机构名称或资料，旧名留作别名" },
  run = function(call, code, name, division, zone_min, cal, rev)
    local unit = common.unit(call, code)
    common.check_rev(call, unit, rev)
    check_data(call, division, cal)
    if name then name = rename(call, unit, name) end
    call.db:run([[UPDATE org_unit SET name = coalesce(?, name), name_norm = coalesce(?, name_norm),
      division = coalesce(?, division), zone_min = coalesce(?, zone_min), calendar = coalesce(?, calendar),
      rev = rev + 1 WHERE code = ?]], name, name and text.key(name), division, zone_min, cal, code)
    return changed(call, code, "updated")
  end,
}

commands["org.unit.move"] = {
  mode = "write", args = { "unit:unit", "parent:unit", "on:date?", "reason:text(200)?", "rev:int(1..)?" },
  returns = common.UNIT,
  summary = { en = "Move a unit under another parent from a day on.", ["zh-CN"] = "自某日起调整机构隶属关系" },
  run = function(call, code, parent_code, on, reason, rev)
    local unit, parent, day = common.unit(call, code), common.unit(call, parent_code), on or call.today
    common.check_rev(call, unit, rev)
    check_cycle(call, code, parent_code, day)
    check_parent(call, unit.kind, parent, day)
    end_span(call, open_span(call, unit, day), day, reason)
    add_span(call, code, parent_code, day)
    call.db:run("UPDATE org_unit SET parent = ?, rev = rev + 1 WHERE code = ?", parent_code, code)
    call:unit_set(code, scope_parent(unit.kind, parent))
    return changed(call, code, "moved")
  end,
}

commands["org.unit.close"] = {
  mode = "write", args = { "unit:unit", "on:date?", "reason:text(200)?", "rev:int(1..)?" }, returns = common.UNIT,
  summary = { en = "Close a unit; `on` is its first closed day.", ["zh-CN"] = "撤销或关闭机构（on 为关闭首日）" },
  run = function(call, code, on, reason, rev)
    local unit, day = common.unit(call, code), on or call.today
    common.check_rev(call, unit, rev)
    local span = open_span(call, unit, day)
    local children = call.db:rows([[SELECT unit FROM org_unit_span
      WHERE parent = ? AND (to_day IS NULL OR to_day > ?) ORDER BY unit LIMIT 20]], code, day)
    if #children > 0 then
      local names = {}
      for i, child in ipairs(children) do names[i] = child.unit end
      call:fail("STATE", { rule = "org.open_children", state = "open", allowed = "org.unit.move, org.unit.close" },
        "unit %s still has open units, to be moved or closed first: %s", code, table.concat(names, ", "))
    end
    if unit.kind == "branch" then check_members(call, code, day) end
    end_span(call, span, day, reason)
    call.db:run("UPDATE org_unit SET state = 'closed', rev = rev + 1 WHERE code = ?", code)
    return changed(call, code, "closed")
  end,
}

commands["org.unit.reopen"] = {
  mode = "write", args = { "unit:unit", "on:date?", "parent:unit?", "rev:int(1..)?" }, returns = common.UNIT,
  summary = { en = "Open a closed unit again.", ["zh-CN"] = "恢复已关闭的机构" },
  run = function(call, code, on, parent_code, rev)
    local unit, day = common.unit(call, code), on or call.today
    common.check_rev(call, unit, rev)
    local last = call.db:row([[SELECT parent, to_day AS from_day FROM org_unit_span WHERE unit = ?
      ORDER BY id DESC LIMIT 1]], code)
    if unit.state == "open" then
      call:fail("STATE", { rule = "org.unit_open", state = "open", allowed = "org.unit.close" },
        "unit %s is open", code)
    end
    common.check_end(call, last, day)
    parent_code = parent_code or last.parent
    local parent = parent_code and common.unit(call, parent_code)
    check_cycle(call, code, parent_code, day)
    check_parent(call, unit.kind, parent, day)
    add_span(call, code, parent_code, day)
    call.db:run("UPDATE org_unit SET state = 'open', parent = ?, rev = rev + 1 WHERE code = ?", parent_code, code)
    call:unit_set(code, scope_parent(unit.kind, parent))
    return changed(call, code, "reopened")
  end,
}

commands["org.unit.alias"] = {
  mode = "write", args = { "unit:unit", "name:text(100)", "from:date?", "to:date?" },
  returns = "{unit:text, name:text, from:date, to:date}",
  summary = { en = "Give a unit a second name, for a while or for good.", ["zh-CN"] = "为机构登记别名（可限定起止日期）" },
  doc = "`to` is the first day without it. A second name that has no end yet is ended by giving it again with `to`.",
  run = function(call, code, name, from, to)
    name = text.name(call, "name", name)
    local present = call.db:row([[SELECT id, from_day FROM org_alias
      WHERE unit = ? AND name = ? AND to_day IS NULL]], code, name)
    from = from or present and present.from_day
    if from and to and to < from then
      call:fail("ARG", { rule = "org.before_start", arg = "to" }, "%s is before %s, when this began", to, from)
    end
    if present then
      call.db:run("UPDATE org_alias SET from_day = ?, to_day = ? WHERE id = ?", from, to, present.id)
    else
      call.db:run("INSERT INTO org_alias (unit, name, name_norm, from_day, to_day, at) VALUES (?, ?, ?, ?, ?, ?)",
        code, name, text.key(name), from, to, call.now)
      text.index(call, "unit", code, name)
    end
    changed(call, code, "alias")
    return { unit = code, name = name, from = from, to = to }
  end,
}

return { commands = commands }
