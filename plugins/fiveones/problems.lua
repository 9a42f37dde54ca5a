--- The problem loop: what a household needs, who sees to it, how it ended.
--
--     registered -> handling -> solved | unsolvable | transferred
--
-- The case's problem item is done when every problem is settled and there was at least one, or when the household was
-- asked and raised none.
local machine = require "muster.machine"
local scope = require "muster.scope"
local case = require "fiveones.case"
local items = require "fiveones.items"

local commands = {}

local LIFE = machine.define {
  initial = "registered", states = { "registered", "handling", "solved", "unsolvable", "transferred" },
  transitions = {
    { name = "assign", from = { "registered", "handling" }, to = "handling" },
    { name = "solve", from = { "handling" }, to = "solved" },
    { name = "unsolvable", from = { "handling" }, to = "unsolvable", requires = { "reason" } },
    { name = "transfer", from = { "registered", "handling" }, to = "transferred", requires = { "appeal" } },
  },
}
local PROBLEM = "{no:text, case:text, category:text, text:text, owner:text, due:date, state:text, satisfied:text,"
  .. " result:text, appeal:text, overdue:bool, rev:int, case_state:text}"
local OPEN = { registered = true, handling = true }

local function describe(call, p, c)
  return { no = p.no, case = c.no, category = p.category, text = p.text, owner = p.owner, due = p.due, state = p.state,
    satisfied = p.satisfied, result = p.result, appeal = p.appeal, rev = p.rev, case_state = c.state,
    overdue = p.due ~= nil and p.due < call.today and OPEN[p.state] == true }
end

local function log_event(call, p, event, to, note)
  local seq = 1 + (call.db:value("SELECT max(seq) FROM fiveones_problem_event WHERE problem = ?", p.id) or 0)
  call.db:run("INSERT INTO fiveones_problem_event (problem, seq, event, to_state, at, by_user, note)"
    .. " VALUES (?, ?, ?, ?, ?, ?, ?)", p.id, seq, event, to, call.now, call.user, note)
end

--- Settle the problem item when the last problem has been.
local function settle(call, c)
  local open = call.db:value("SELECT count(*) FROM fiveones_problem WHERE case_id = ?"
    .. " AND (state = 'registered' OR state = 'handling')", c.id)
  if open == 0 then items.problem_done(call, c) else case.settle(call, c) end
end

commands["fiveones.problem.add"] = {
  mode = "write",
  args = { "case:text(60)", "category:enum(medical|child|school|job|care|daily|other)", "text:text(600)",
    "owner:text(20)?", "due:date?" },
  returns = PROBLEM,
  summary = { en = "Register a problem of a household.", ["zh-CN"] = "登记家庭现实问题" },
  run = function(call, no, category, text, owner, due)
    local c = case.work(call, no)
    items.row(call, c, "problem")
    if owner then call:invoke("org.person.get", { person = owner }) end
    local n = 1 + call.db:value("SELECT count(*) FROM fiveones_problem WHERE case_id = ?", c.id)
    local p = { no = no .. "/" .. n, category = category, text = text, owner = owner, due = due, state = "registered",
      rev = 1 }
    p.id = call.db:value("INSERT INTO fiveones_problem (no, case_id, category, text, owner, due, state, at, rev)"
      .. " VALUES (?, ?, ?, ?, ?, ?, 'registered', ?, 1) RETURNING id", p.no, c.id, category, text, owner, due,
        call.now)
    log_event(call, p, "add", "registered")
    items.problem_open(call, c)
    return describe(call, p, c)
  end,
}

--- Take one step of a problem; `set`: columns that change with it, `note`: for the journal.
local function step(call, no, name, rev, set, note)
  local p = call.db:row("SELECT p.*, c.no AS case_no, c.unit AS case_unit FROM fiveones_problem p"
    .. " JOIN fiveones_case c ON c.id = p.case_id WHERE p.no = ?", no)
  case.own(call, p and p.case_unit, "problem", no)
  scope.check_rev(call, p, rev)
  local c = case.work(call, p.case_no)
  local to = LIFE:check(call, p, name, { reason = note, appeal = set.appeal })
  for k, v in pairs(set) do p[k] = v end
  p.state, p.rev = to, p.rev + 1
  log_event(call, p, name, to, note)
  call.db:run("UPDATE fiveones_problem SET state = ?, owner = ?, due = ?, satisfied = ?, result = ?, appeal = ?,"
    .. " rev = ? WHERE id = ?", to, p.owner, p.due, p.satisfied, p.result, p.appeal, p.rev, p.id)
  settle(call, c)
  return describe(call, p, c)
end

commands["fiveones.problem.assign"] = {
  mode = "write", args = { "problem:text(60)", "owner:text(20)", "due:date", "note:text(600)?", "rev:int?" },
  returns = PROBLEM,
  summary = { en = "Give a problem to its owner, with a due day.",
    ["zh-CN"] = "交办现实问题：责任人与期限" },
  run = function(call, no, owner, due, note, rev)
    call:invoke("org.person.get", { person = owner })
    return step(call, no, "assign", rev, { owner = owner, due = due }, note)
  end,
}

commands["fiveones.problem.solve"] = {
  mode = "write",
  args = { "problem:text(60)", "result:text(600)", "satisfied:enum(yes|partly|no)=yes", "rev:int?" },
  returns = PROBLEM,
  summary = { en = "Record a problem as solved, and whether the household is content.",
    ["zh-CN"] = "登记问题已解决及家庭满意程度" },
  run = function(call, no, result, satisfied, rev)
    return step(call, no, "solve", rev, { result = result, satisfied = satisfied }, result)
  end,
}

commands["fiveones.problem.unsolvable"] = {
  mode = "write", args = { "problem:text(60)", "reason:text(600)", "rev:int?" }, returns = PROBLEM,
  summary = { en = "Record that a problem cannot be solved, and why.",
    ["zh-CN"] = "登记问题暂不能解决及原因" },
  run = function(call, no, reason, rev) return step(call, no, "unsolvable", rev, { result = reason }, reason) end,
}

commands["fiveones.problem.transfer"] = {
  mode = "write", args = { "problem:text(60)", "appeal:text(60)", "note:text(600)?", "rev:int?" }, returns = PROBLEM,
  summary = { en = "Transfer a problem to an appeal, by its number.", ["zh-CN"] = "将问题转为信访事项" },
  run = function(call, no, appeal, note, rev) return step(call, no, "transfer", rev, { appeal = appeal }, note) end,
}

commands["fiveones.problem.none"] = {
  mode = "write", args = { "case:text(60)", "note:text(600)?" }, returns = "{case:text, case_state:text}",
  summary = { en = "Record that the household was asked and raised no problem.",
    ["zh-CN"] = "登记：已询问，家庭未提出问题" },
  run = function(call, no, note)
    local c = case.work(call, no)
    local n = call.db:value("SELECT count(*) FROM fiveones_problem WHERE case_id = ?", c.id)
    if n > 0 then
      call:fail("STATE", { rule = "fiveones.has_problems", arg = "case", allowed = "fiveones.problem.solve" },
        "case %s has %d problems registered", no, n)
    end
    items.problem_done(call, c, note or call.lang == "en" and "none raised" or "未提出问题")
    return { case = no, case_state = c.state }
  end,
}

commands["fiveones.problem.list"] = {
  mode = "read",
  args = { "case:text(60)?", "unit:unit?", "state:enum(registered|handling|solved|unsolvable|transferred)?",
    "after:text(0..60)?", "limit:int(1..500)=100", "overdue:bool=0" },
  returns = "[" .. PROBLEM .. "]",
  summary = { en = "List problems in order of their numbers, after the given one.",
    ["zh-CN"] = "按编号列出现实问题，可分页" },
  doc = "`overdue`: only those not settled by their due day.",
  run = function(call, no, unit, state, after, limit, overdue)
    local path, path_end = scope.subtree(call, unit)
    local only, before = no and case.row(call, no).id, overdue and call.today or nil
    local out = {}
    for i, p in ipairs(call.db:rows("SELECT p.*, c.no AS case_no, c.state AS case_state FROM fiveones_problem p"
        .. " JOIN fiveones_case c ON c.id = p.case_id JOIN muster_unit m ON m.code = c.unit"
        .. " WHERE m.path >= ? AND m.path < ? AND (c.id = ? OR ? IS NULL) AND (p.state = ? OR ? IS NULL) AND p.no > ?"
        .. " AND (? IS NULL OR p.due < ? AND (p.state = 'registered' OR p.state = 'handling'))"
        .. " ORDER BY p.no LIMIT ?", path, path_end, only, only, state, state, after or "", before, before, limit)) do
      out[i] = describe(call, p, { no = p.case_no, state = p.case_state })
    end
    return out
  end,
}

return { commands = commands, machine = LIFE }
