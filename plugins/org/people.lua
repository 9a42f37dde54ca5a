--- People and their Party membership. One branch per member at a time; leaving ends a span, nothing is deleted.
local common = require "org.common"
local scope = require "muster.scope"
local text = require "org.text"

local commands = {}

local STATUS = "staff|retired|resident|family|volunteer|external"
local PERSON = "{code:text, name:text, unit:text, status:text, pinyin:text, phone_masked:text, rev:int}"
local MASKED_DIGITS = 4
local MEMBER = "{person:text, branch:text, from:date, to:date}"

local function check_phone(call, phone)
  if phone and not (phone:match("^[%d%*%+ -]+$") and select(2, phone:gsub("%*", "")) >= MASKED_DIGITS) then
    call:fail("ARG", { rule = "org.phone_masked", arg = "phone_masked" },
      "phone_masked must have at least four digits replaced by *, such as 138****0000")
  end
end

local function check_pinyin(call, pinyin)
  pinyin = (pinyin or ""):lower()
  if not pinyin:match("^[a-z ]*$") then
    call:fail("ARG", { rule = "org.pinyin", arg = "pinyin" }, "pinyin holds initials: letters only")
  end
  return pinyin
end

local function index_person(call, code, name, pinyin)
  text.index(call, "person", code, name)
  if pinyin ~= "" then text.index(call, "person", code, pinyin) end
end

commands["org.person.add"] = {
  mode = "write", returns = PERSON,
  args = { "code:text(20)", "name:text(100)", "unit:unit", "status:enum(" .. STATUS .. ")=staff", "pinyin:text(50)?",
    "phone_masked:text(20)?" },
  summary = { en = "Add a person to a unit.", ["zh-CN"] = "登记人员" },
  doc = "No identity card numbers and no whole telephone numbers are stored.",
  run = function(call, code, name, unit, status, pinyin, phone)
    text.code(call, "code", code)
    name, pinyin = text.name(call, "name", name), check_pinyin(call, pinyin)
    check_phone(call, phone)
    if call.db:value("SELECT 1 FROM org_person WHERE code = ?", code) then
      call:fail("CONFLICT", { rule = "org.code_taken", arg = "code" }, "the code %s is taken", code)
    end
    call.db:run([[INSERT INTO org_person (code, name, name_norm, unit, status, pinyin, phone_masked, at, rev)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)]], code, name, text.key(name), unit, status, pinyin, phone, call.now)
    index_person(call, code, name, pinyin)
    return common.person(call, code)
  end,
}

commands["org.person.update"] = {
  mode = "write", returns = PERSON,
  args = { "person:text(20)", "name:text(100)?", "unit:unit?", "status:enum(" .. STATUS .. ")?", "pinyin:text(50)?",
    "phone_masked:text(20)?", "rev:int(1..)?" },
  summary = { en = "Change a person's data.", ["zh-CN"] = "修改人员资料" },
  run = function(call, code, name, unit, status, pinyin, phone, rev)
    local person = common.person(call, code)
    common.check_rev(call, person, rev)
    check_phone(call, phone)
    name = name and text.name(call, "name", name) or person.name
    pinyin = pinyin and check_pinyin(call, pinyin) or person.pinyin
    call.db:run([[UPDATE org_person SET name = ?, name_norm = ?, unit = coalesce(?, unit), status = coalesce(?, status),
      pinyin = ?, phone_masked = coalesce(?, phone_masked), rev = rev + 1 WHERE code = ?]],
      name, text.key(name), unit, status, pinyin, phone, code)
    index_person(call, code, name, pinyin)
    return common.person(call, code)
  end,
}

commands["org.person.get"] = {
  mode = "read", args = { "person:text(20)", "as_of:date?" },
  returns = PERSON:sub(1, -2) .. ", branch:text, branch_from:date}",
  summary = { en = "One person, with the Party branch on a day.", ["zh-CN"] = "查看人员及其所在党支部" },
  run = function(call, code, as_of)
    local person, day = common.person(call, code), common.day(call, as_of)
    local span = call.db:row([[SELECT branch, from_day FROM org_party_span
      WHERE person = ? AND from_day <= ? AND (to_day IS NULL OR to_day > ?)]], code, day, day)
    if span then person.branch, person.branch_from = span.branch, span.from_day end
    return person
  end,
}

commands["org.person.find"] = {
  mode = "read", args = { "q:text(50)", "unit:unit?", "status:enum(" .. STATUS .. ")?", "limit:int(1..200)=20" },
  returns = "[{code:text, name:text, unit:text, status:text}]",
  summary = { en = "Find people by any part of the name, or by initials.",
    ["zh-CN"] = "按姓名任意部分或拼音首字母查找人员" },
  run = function(call, q, unit, status, limit)
    local from, to = scope.subtree(call, unit)
    local key = text.query(call, q)
    return text.search(call, "person", key, [[SELECT p.code, p.name, p.unit, p.status
      FROM c JOIN org_person p ON p.code = c.ref JOIN muster_unit m ON m.code = p.unit
      WHERE m.path >= ? AND m.path < ? AND p.status = coalesce(?, p.status)
      AND (replace(p.name_norm, ?, '') <> p.name_norm OR substr(p.pinyin, 1, length(?)) = ?)
      ORDER BY p.code LIMIT ?]], from, to, status, key, key, key, limit)
  end,
}

--- The branch a unit code stands for; refuses other kinds of units.
local function branch(call, code)
  local unit = common.unit(call, code)
  if unit.kind ~= "branch" then
    call:fail("ARG", { rule = "org.not_branch", arg = "branch" }, "%s is not a Party branch", code)
  end
  return unit
end

commands["org.branch.join"] = {
  mode = "write", args = { "person:text(20)", "branch:unit", "on:date?" }, returns = MEMBER,
  summary = { en = "Make a person a member of a branch from a day on.", ["zh-CN"] = "党员编入党支部" },
  run = function(call, code, branch_code, on)
    local day = on or call.today
    common.person(call, code)
    common.need_open(call, "branch", branch(call, branch_code).code, day)
    local other = call.db:row([[SELECT branch, from_day FROM org_party_span
      WHERE person = ? AND (to_day IS NULL OR to_day > ?) ORDER BY from_day LIMIT 1]], code, day)
    if other then
      call:fail("CONFLICT", { rule = "org.one_branch", arg = "branch", allowed = "org.branch.leave" },
        "%s is in branch %s since %s; one branch at a time, so org.branch.leave comes first",
        code, other.branch, other.from_day)
    end
    call.db:run("INSERT INTO org_party_span (person, branch, from_day, at) VALUES (?, ?, ?, ?)",
      code, branch_code, day, call.now)
    return { person = code, branch = branch_code, from = day }
  end,
}

commands["org.branch.leave"] = {
  mode = "write", args = { "person:text(20)", "on:date?", "reason:text(200)?" }, returns = MEMBER,
  summary = { en = "End a membership; `on` is the first day outside.", ["zh-CN"] = "党员转出党支部（on 为转出后首日）" },
  run = function(call, code, on, reason)
    local day = on or call.today
    common.person(call, code)
    local span = call.db:row([[SELECT id, branch, from_day FROM org_party_span
      WHERE person = ? AND to_day IS NULL]], code)
    if not span then
      call:fail("STATE", { rule = "org.no_branch", arg = "person", allowed = "org.branch.join" },
        "%s is in no branch", code)
    end
    common.check_end(call, span, day)
    call.db:run("UPDATE org_party_span SET to_day = ?, ended_at = ?, reason = ? WHERE id = ?",
      day, call.now, reason, span.id)
    return { person = code, branch = span.branch, from = span.from_day, to = day }
  end,
}

commands["org.branch.members"] = {
  mode = "read", args = { "branch:unit", "as_of:date?" },
  returns = "[{person:text, name:text, status:text, from:date, to:date}]",
  summary = { en = "The members of a branch on a day.", ["zh-CN"] = "党支部党员名单" },
  run = function(call, branch_code, as_of)
    local day = common.day(call, as_of)
    local rows = call.db:rows([[SELECT s.person, p.name, p.status, s.from_day, s.to_day FROM org_party_span s
      JOIN org_person p ON p.code = s.person
      WHERE s.branch = ? AND s.from_day <= ? AND (s.to_day IS NULL OR s.to_day > ?) ORDER BY s.person]],
      branch(call, branch_code).code, day, day)
    for _, row in ipairs(rows) do
      row.from, row.to, row.from_day, row.to_day = row.from_day, row.to_day, nil, nil
    end
    return rows
  end,
}

--- One query: this runs inside every gift. The branch's unit is that of the day, too.
local CHECK = [[SELECT p.code AS person, p.name, p.status, p.unit, pm.path AS unit_path, s.branch,
  b.name AS branch_name, coalesce(bs.parent, b.parent) AS branch_unit, bm.path AS branch_unit_path,
  CASE WHEN s.id IS NULL THEN 0 ELSE 1 END AS member
  FROM org_person p JOIN muster_unit pm ON pm.code = p.unit
  LEFT JOIN org_party_span s ON s.person = p.code AND s.from_day <= ? AND (s.to_day IS NULL OR s.to_day > ?)
  LEFT JOIN org_unit b ON b.code = s.branch
  LEFT JOIN org_unit_span bs ON bs.unit = s.branch AND bs.from_day <= ? AND (bs.to_day IS NULL OR bs.to_day > ?)
  LEFT JOIN muster_unit bm ON bm.code = coalesce(bs.parent, b.parent)
  WHERE p.code = ?]]

commands["org.party.check"] = {
  mode = "read", args = { "person:text(20)", "on:date?" },
  returns = "{person:text, name:text, status:text, unit:text, unit_path:text, member:bool, branch:text, " ..
    "branch_name:text, branch_unit:text, branch_unit_path:text}",
  summary = { en = "Was a person a Party member on a day, and in which branch?",
    ["zh-CN"] = "核对某人某日的党员身份与所在支部" },
  run = function(call, code, on)
    local day = on or call.today
    local row = call.db:row(CHECK, day, day, day, day, code)
    if not row or not (common.sees(call, row.unit_path) or common.sees(call, row.branch_unit_path)) then
      common.unknown(call, "person", code)
    end
    return row
  end,
}

return { commands = commands }
