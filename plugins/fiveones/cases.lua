--- Opening, watching and closing the case of a household.
local series = require "muster.series"
local calendar = require "muster.calendar"
local scope = require "muster.scope"
local campaigns = require "fiveones.campaigns"
local case = require "fiveones.case"

local commands = {}

local CASE = "{no:text, campaign:text, ver:int, household:text, kind:text, unit:text, liaison:text, state:text,"
  .. " opened_on:date, rev:int}"
local STATUS = "{no:text, campaign:text, ver:int, household:text, kind:text, front_person_ref:text, unit:text,"
  .. " liaison:text, state:text, opened_on:date, rev:int, card_current:bool, visits:int, items:[{kind:text, label:text,"
  .. " required:bool, state:text, mode:text, scheduled_on:date, done_on:date, due:date, overdue:bool, evidence:text,"
  .. " by:text, reason:text, approver:text}], problems:{registered:int, solved:int, open:int}, lines:[text]}"

local function describe(row)
  return { no = row.no, campaign = row.campaign, ver = row.ver, household = row.household, kind = row.kind,
    unit = row.unit, liaison = row.liaison, state = row.state, opened_on = row.opened_on, rev = row.rev }
end

--- The liaison must be staff, at work, and of the unit responsible or below it.
local function check_liaison(call, unit, person)
  local p = call:invoke("org.person.get", { person = person })
  local at, home = call:unit_path(unit), p.unit and call:unit_path(p.unit)
  if p.status ~= "staff" or not home or home:sub(1, #at) ~= at then
    call:fail("POLICY", { rule = "fiveones.liaison", arg = "liaison" },
      "%s cannot be the liaison: status %s at %s; active staff of %s is needed", person, p.status, p.unit or "-", unit)
  end
end

local function check_person_ref(call, kind, ref)
  if ref and kind == "military" and not ref:match("^[A-Z][A-Z0-9-]*$") then
    call:fail("POLICY", { rule = "fiveones.reference_only", arg = "front_person_ref" },
      "a military case holds a reference code (capitals, digits, '-'), no details")
  end
end

commands["fiveones.case.open"] = {
  mode = "write",
  args = { "campaign:text(20)", "household:text(20)", "kind:enum(military|civil)", "unit:unit", "liaison:text(20)",
    "front_person_ref:text(40)?" },
  returns = CASE,
  summary = { en = "Open the case of a household, with its liaison.",
    ["zh-CN"] = "为家庭建立个案并指定联系人" },
  doc = "One open case per household and campaign. The items are those of the campaign's version of today, for good.",
  run = function(call, campaign, household, kind, unit, liaison, ref)
    local c = campaigns.row(call, campaign)
    local other = call.db:row("SELECT no, unit, state FROM fiveones_case WHERE campaign = ? AND household = ?"
      .. " AND state <> 'closed'", campaign, household)
    if other then
      local no = call:in_scope(other.unit) and other.no or "-"
      call:fail("CONFLICT", { rule = "fiveones.one_case", arg = "household", state = other.state },
        "household %s has an open case in this campaign already: %s", household, no)
    end
    check_liaison(call, unit, liaison)
    check_person_ref(call, kind, ref)
    local row = { no = series.take(call, "case", campaign .. "-" .. unit, calendar.year(call.today)),
      campaign = campaign,
      ver = c.ver, household = household, kind = kind, unit = unit, liaison = liaison, state = "open",
      opened_on = call.today, rev = 1 }
    row.id = call.db:value("INSERT INTO fiveones_case (no, campaign, ver, household, kind, front_person_ref, unit,"
      .. " liaison, state, opened_on, at, last_at, rev) "
      .. " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, 1) RETURNING id", row.no, campaign, c.ver, household, kind,
      ref, unit, liaison, call.today, call.now, call.now)
    case.opened(call, row)
    call.db:run("INSERT INTO fiveones_liaison (case_id, person, from_day, at) VALUES (?, ?, ?, ?)", row.id, liaison,
      call.today, call.now)
    for n, i in ipairs(campaigns.items(call, campaign, c.ver)) do
      call.db:run("INSERT INTO fiveones_item (case_id, kind, ord, label, required, sla_days, state)"
        .. " VALUES (?, ?, ?, ?, ?, ?, 'pending')", row.id, i.kind, n, i.label, i.required, i.sla_days)
    end
    call.db:run("INSERT INTO fiveones_item_event (case_id, kind, seq, event, to_state, at, by_user)"
      .. " SELECT case_id, kind, 1, 'open', 'pending', ?, ? FROM fiveones_item WHERE case_id = ?", call.now, call.user,
      row.id)
    return describe(row)
  end,
}

--- The checklist as lines for a person: "☑ 一次走访慰问 onsite 2020-02-14".
local function lines_of(items, problems)
  local out = {}
  for i, item in ipairs(items) do
    local mark = (item.state == "done" or item.state == "waived") and "☑" or (item.overdue and "☒" or "☐")
    local parts = { mark, item.label, item.mode, item.done_on or item.scheduled_on }
    local text = {}
    for k = 1, 4 do text[#text + 1] = parts[k] end
    if item.kind == "problem" then text[#text + 1] = problems.solved .. "/" .. problems.registered end
    out[i] = table.concat(text, " ")
  end
  return out
end

commands["fiveones.case.status"] = {
  mode = "read", args = { "case:text(60)" }, returns = STATUS,
  summary = { en = "The checklist of a case: each item, its state and due day, and the problems.",
    ["zh-CN"] = "个案清单：各项办理情况、期限与现实问题" },
  run = function(call, no)
    local row = case.row(call, no)
    local out = describe(row)
    out.front_person_ref = row.front_person_ref
    out.items = case.items(call, row)
    out.problems = call.db:row("SELECT count(*) AS registered, count(*) FILTER (WHERE state = 'solved') AS solved,"
      .. " count(*) FILTER (WHERE state = 'registered' OR state = 'handling') AS \"open\" FROM fiveones_problem"
      .. " WHERE case_id = ?", row.id)
    out.visits = call.db:value("SELECT count(*) FROM fiveones_visit WHERE case_id = ?", row.id)
    out.card_current = row.liaison == call.db:value("SELECT liaison FROM fiveones_card WHERE case_id = ?"
      .. " ORDER BY id DESC LIMIT 1", row.id)
    out.lines = lines_of(out.items, out.problems)
    return out
  end,
}

commands["fiveones.case.list"] = {
  mode = "read",
  args = { "unit:unit?", "campaign:text(20)?", "state:enum(open|active|suspended|completed|closed)?",
    "kind:enum(military|civil)?", "after:text(0..60)?", "limit:int(1..500)=100", "liaison:text(20)?" },
  returns = "[" .. CASE .. "]",
  summary = { en = "List cases in order of their numbers, after the given one.",
    ["zh-CN"] = "按编号列出个案，可分页" },
  run = function(call, unit, campaign, state, kind, after, limit, liaison)
    local path, path_end = scope.subtree(call, unit)
    local out = {}
    for i, row in ipairs(call.db:rows("SELECT c.* FROM fiveones_case c JOIN muster_unit m ON m.code = c.unit"
        .. " WHERE m.path >= ? AND m.path < ? AND (c.campaign = ? OR ? IS NULL) AND (c.state = ? OR ? IS NULL)"
        .. " AND (c.kind = ? OR ? IS NULL) AND c.liaison = coalesce(?, c.liaison) AND c.no > ? ORDER BY c.no LIMIT ?",
        path, path_end, campaign, campaign, state, state, kind, kind, liaison, after or "", limit)) do
      out[i] = describe(row)
    end
    return out
  end,
}

--- suspend, resume and close share everything but the name.
local function step_command(name, args, summary)
  commands["fiveones.case." .. name] = {
    mode = "write", args = args, returns = CASE, summary = summary,
    run = function(call, no, note, rev)
      local row = case.row(call, no)
      scope.check_rev(call, row, rev)
      case.step(call, row, name, note)
      return describe(row)
    end,
  }
end

step_command("suspend", { "case:text(60)", "reason:text(600)", "rev:int?" },
  { en = "Suspend an active case; its deadlines wait.", ["zh-CN"] = "暂停个案，期限顺延" })
step_command("resume", { "case:text(60)", "note:text(600)?", "rev:int?" },
  { en = "Resume a suspended case.", ["zh-CN"] = "恢复办理个案" })
step_command("close", { "case:text(60)", "note:text(600)?", "rev:int?" },
  { en = "Close a completed case.", ["zh-CN"] = "个案办结归档" })

commands["fiveones.liaison.change"] = {
  mode = "write", args = { "case:text(60)", "liaison:text(20)", "reason:text(200)?", "rev:int?" }, returns = CASE,
  summary = { en = "Give a case to another liaison from today on.", ["zh-CN"] = "更换个案联系人" },
  run = function(call, no, liaison, reason, rev)
    local row = case.row(call, no)
    scope.check_rev(call, row, rev)
    if row.state == "closed" then
      call:fail("STATE", { rule = "wrong_state", state = row.state }, "case %s is closed", no)
    end
    if row.liaison == liaison then
      call:fail("CONFLICT", { rule = "fiveones.same_liaison", arg = "liaison" }, "%s is the liaison already", liaison)
    end
    case.in_order(call, row)
    check_liaison(call, row.unit, liaison)
    call.db:run("UPDATE fiveones_liaison SET to_day = ?, ended_at = ?, reason = ? WHERE case_id = ? AND to_day IS NULL",
      call.today, call.now, reason, row.id)
    call.db:run("INSERT INTO fiveones_liaison (case_id, person, from_day, at) VALUES (?, ?, ?, ?)", row.id, liaison,
      call.today, call.now)
    call.db:run("UPDATE fiveones_case SET liaison = ?, last_at = ?, rev = rev + 1 WHERE id = ?", liaison, call.now,
      row.id)
    row.liaison, row.rev = liaison, row.rev + 1
    return describe(row)
  end,
}

return { commands = commands }
