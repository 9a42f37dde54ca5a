--- The items of a case: scheduled, done or waived; cards; letters.
local machine = require "muster.machine"
local case = require "fiveones.case"

local items = {}
local commands = {}

local LIFE = machine.define {
  initial = "pending", states = { "pending", "scheduled", "done", "waived" },
  transitions = {
    { name = "schedule", from = { "pending", "scheduled" }, to = "scheduled" },
    { name = "done", from = { "pending", "scheduled" }, to = "done" },
    { name = "waive", from = { "pending", "scheduled" }, to = "waived", requires = { "reason" },
      four_eyes = { "liaison" } },
    { name = "reopen", from = { "done", "waived" }, to = "pending" },
  },
}
local ITEM = "{case:text, kind:text, state:text, mode:text, scheduled_on:date, done_on:date, counted:bool,"
  .. " case_state:text}"
local MODES = "mode:enum(onsite|phone|video|post|sms|wechat)"
local VISITS = { onsite = true, phone = true, video = true }

local function item_row(call, row, kind)
  local item = call.db:row("SELECT * FROM fiveones_item WHERE case_id = ? AND kind = ?", row.id, kind)
  if not item then
    call:fail("NOTFOUND", { rule = "fiveones.no_item", arg = "kind" }, "case %s has no item %s", row.no, kind)
  end
  item.liaison = row.liaison
  return item
end
items.row = item_row

--- Take a step of an item; `set`: columns that change with it.
local function step(call, row, item, name, set, note)
  local to = LIFE:check(call, item, name, { reason = note })
  for k, v in pairs(set) do item[k] = v end
  item.state = to
  local seq = 1 + (call.db:value("SELECT max(seq) FROM fiveones_item_event WHERE case_id = ? AND kind = ?", row.id,
    item.kind) or 0)
  call.db:run("INSERT INTO fiveones_item_event (case_id, kind, seq, event, to_state, mode, at, by_user, note)"
    .. " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row.id, item.kind, seq, name, to, item.mode, call.now, call.user, note)
  call.db:run("UPDATE fiveones_item SET state = ?, mode = ?, scheduled_on = ?, done_on = ?, evidence = ?, reason = ?,"
    .. " approver = ? WHERE case_id = ? AND kind = ?", to, item.mode, item.scheduled_on, item.done_on, item.evidence,
    item.reason, item.approver, row.id, item.kind)
  case.settle(call, row)
end

--- The problem item follows its problems: done when they are all settled, open again when a new one comes.
function items.problem_done(call, row, note)
  local item = item_row(call, row, "problem")
  if item.state ~= "done" and item.state ~= "waived" then
    step(call, row, item, "done", { done_on = call.today }, note)
  end
end

function items.problem_open(call, row)
  local item = item_row(call, row, "problem")
  if item.state == "done" or item.state == "waived" then
    item.done_on, item.reason, item.approver = nil, nil, nil
    step(call, row, item, "reopen", {})
  else
    case.settle(call, row)
  end
end

local function describe(row, item, counted)
  return { case = row.no, kind = item.kind, state = item.state, mode = item.mode, scheduled_on = item.scheduled_on,
    done_on = item.done_on, counted = counted ~= false, case_state = row.state }
end

commands["fiveones.item.schedule"] = {
  mode = "write", args = { "case:text(60)", "kind:text(20)", "on:date", MODES .. "?" }, returns = ITEM,
  summary = { en = "Schedule an item of a case for a day.", ["zh-CN"] = "安排个案某项的办理日期" },
  run = function(call, no, kind, on, mode)
    local row = case.work(call, no)
    local item = item_row(call, row, kind)
    step(call, row, item, "schedule", { scheduled_on = on, mode = mode })
    return describe(row, item)
  end,
}

--- One visit per household and day counts. Returns false for a second one.
local function count_visit(call, row, day, mode, evidence)
  return call.db:run("INSERT INTO fiveones_visit (case_id, day, mode, evidence, at, by_user) VALUES (?, ?, ?, ?, ?, ?)"
    .. " ON CONFLICT (case_id, day) DO NOTHING", row.id, day, mode, evidence, call.now, call.user) == 1
end

local function issue_card(call, row, phone)
  call.db:run("INSERT INTO fiveones_card (case_id, liaison, phone_masked, issued_on, at, by_user)"
    .. " VALUES (?, ?, ?, ?, ?, ?)", row.id, row.liaison, phone, call.today, call.now, call.user)
end

--- What comes with an item beside its own state. Returns whether it counts.
local function beside(call, row, item, day, mode, evidence)
  if item.kind == "visit" then
    if not VISITS[mode] then
      call:fail("ARG", { rule = "fiveones.mode", arg = "mode" }, "a visit is onsite, phone or video, not %s", mode)
    end
    return count_visit(call, row, day, mode, evidence)
  end
  if item.kind == "card" then issue_card(call, row) end
  if item.kind == "problem" then
    call:fail("STATE", { rule = "fiveones.problem_loop", arg = "kind", state = item.state,
      allowed = "fiveones.problem.solve, fiveones.problem.none" },
      "the problem item is done by settling every problem of case %s", row.no)
  end
  return true
end

commands["fiveones.item.done"] = {
  mode = "write", args = { "case:text(60)", "kind:text(20)", MODES, "on:date?", "evidence:text(200)?" }, returns = ITEM,
  summary = { en = "Record an item as done; a further visit on another day is added.",
    ["zh-CN"] = "登记某项已办；走访每户每日只计一次" },
  run = function(call, no, kind, mode, on, evidence)
    local row = case.work(call, no)
    local item = item_row(call, row, kind)
    on = on or call.today
    if on > call.today then
      call:fail("ARG", { rule = "fiveones.future", arg = "on" }, "%s has not come yet", on)
    end
    if kind ~= "visit" or item.state ~= "done" then
      LIFE:check(call, item, "done")
      local counted = beside(call, row, item, on, mode, evidence)
      step(call, row, item, "done", { mode = mode, done_on = on, evidence = evidence })
      return describe(row, item, counted)
    end
    return describe(row, item, beside(call, row, item, on, mode, evidence))
  end,
}

--- The problem item is not waived over the heads of those who still wait.
local function check_no_problems(call, row, item)
  local open = call.db:value("SELECT count(*) FROM fiveones_problem WHERE case_id = ?"
    .. " AND (state = 'registered' OR state = 'handling')", row.id)
  if open > 0 then
    call:fail("STATE", { rule = "fiveones.open_problems", arg = "kind", state = item.state,
      allowed = "fiveones.problem.solve, fiveones.problem.unsolvable, fiveones.problem.transfer" },
      "case %s has %d open problems; settle each of them first", row.no, open)
  end
end

commands["fiveones.item.waive"] = {
  mode = "write", args = { "case:text(60)", "kind:text(20)", "reason:text(600)" }, returns = ITEM,
  summary = { en = "Waive an item with a reason; not by the liaison of the case.",
    ["zh-CN"] = "免办某项，须说明理由，联系人本人不得批准" },
  run = function(call, no, kind, reason)
    local row = case.work(call, no)
    local item = item_row(call, row, kind)
    if kind == "problem" then check_no_problems(call, row, item) end
    step(call, row, item, "waive", { reason = reason, approver = call.person or call.user }, reason)
    return describe(row, item)
  end,
}

commands["fiveones.card"] = {
  mode = "write", args = { "case:text(60)", "phone_masked:text(20)?" },
  returns = "{case:text, liaison:text, phone_masked:text, issued_on:date, case_state:text}",
  summary = { en = "Issue a contact card with the liaison of today; the card item is done with it.",
    ["zh-CN"] = "发放联系卡（写明现任联系人）" },
  doc = "`phone_masked`: 3 digits, 4 stars, 4 digits. A card may be issued again when the liaison has changed.",
  run = function(call, no, phone)
    if phone and not phone:match("^%d%d%d%*%*%*%*%d%d%d%d$") then
      call:fail("POLICY", { rule = "fiveones.phone_masked", arg = "phone_masked" },
        "phones are kept masked only: 3 digits, 4 stars, 4 digits")
    end
    local row = case.row(call, no)
    if row.state ~= "completed" then row = case.work(call, no) end
    local item = item_row(call, row, "card")
    issue_card(call, row, phone)
    if row.state ~= "completed" and (item.state == "pending" or item.state == "scheduled") then
      step(call, row, item, "done", { mode = item.mode, done_on = call.today })
    end
    return { case = no, liaison = row.liaison, phone_masked = phone, issued_on = call.today, case_state = row.state }
  end,
}

--- Fill {household}, {liaison}, {unit}, {campaign} and {day}; anything else in braces is a mistake.
local function fill(call, template, values)
  return (template:gsub("{([^{}]*)}", function(name)
    if values[name] == nil then
      call:fail("ARG", { rule = "fiveones.template", arg = "template" },
        "{%s} is not known; a letter has {household}, {liaison}, {unit}, {campaign}, {day}", name)
    end
    return values[name]
  end))
end

commands["fiveones.letters.render"] = {
  mode = "read", args = { "template:text(4000)", "cases:text(60)[](1..100)" }, returns = "[{case:text, text:text}]",
  summary = { en = "Fill a letter for each of the cases.", ["zh-CN"] = "按模板生成慰问信" },
  doc = "Placeholders: {household} {liaison} {unit} {campaign} {day}.",
  run = function(call, template, cases)
    local out, people, units = {}, {}, {}
    for i, no in ipairs(cases) do
      local row = case.row(call, no)
      people[row.liaison] = people[row.liaison] or call:invoke("org.person.get", { person = row.liaison }).name
      units[row.unit] = units[row.unit] or call:invoke("org.unit.check", { unit = row.unit, on = call.today }).name
      out[i] = { case = no, text = fill(call, template, { household = row.household, liaison = people[row.liaison],
        unit = units[row.unit], day = call.today, campaign = call.db:value("SELECT name FROM fiveones_version"
        .. " WHERE campaign = ? AND ver = ?", row.campaign, row.ver) }) }
    end
    return out
  end,
}

items.commands = commands
items.machine = LIFE
return items
