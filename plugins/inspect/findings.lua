--- Findings: raised by an answer that is not ok, struck off only when another person has verified the cure (销号).
--
--     open -> assigned -> rectifying -> submitted -> verified -> closed
--     submitted -> rejected -> rectifying     open -> waived     closed -> reopened -> assigned | rectifying
--
-- The row says what holds now; every step also adds an event, which answers questions about the past.
local machine = require "muster.machine"
local calendar = require "muster.calendar"
local scope = require "muster.scope"
local span = require "inspect.span"

local findings = {}
local commands = {}

local LIFE = machine.define {
  initial = "open",
  states = { "open", "assigned", "rectifying", "submitted", "verified", "rejected", "closed", "reopened", "waived" },
  transitions = {
    { name = "assign", from = { "open", "assigned", "reopened" }, to = "assigned" },
    { name = "rectify", from = { "assigned", "rejected", "reopened" }, to = "rectifying" },
    { name = "submit", from = { "rectifying" }, to = "submitted" },
    { name = "verify", from = { "submitted" }, to = "verified", four_eyes = { "owner", "submitter" } },
    { name = "reject", from = { "submitted" }, to = "rejected", four_eyes = { "owner", "submitter" },
      requires = { "reason" } },
    { name = "close", from = { "verified" }, to = "closed",
      requires = { { field = "after_evidence", rule = "inspect.evidence", code = "STATE",
        when = { severity = { "major", "critical" } } } } },
    { name = "reopen", from = { "closed" }, to = "reopened", requires = { "reason" } },
    { name = "waive", from = { "open" }, to = "waived", requires = { "reason" }, four_eyes = { "owner" } },
  },
}

local DONE = { closed = true, waived = true }
local ROW = "{id:int, no:text, site:text, unit:text, item:text, group:text, severity:text, text:text, owner:text,"
  .. " due:date, state:text, level:int, overdue_days:int, struck_off:bool, opened_at:instant, closed_at:instant,"
  .. " immediate_action:text, rev:int}"
local FULL = "{id:int, no:text, inspection:int, site:text, unit:text, item:text, group:text, severity:text, text:text,"
  .. " immediate_action:text, owner:text, due:date, state:text, level:int, level_role:text, level_person:text,"
  .. " overdue_days:int, struck_off:bool, opened_at:instant, closed_at:instant, rev:int, allowed:[text],"
  .. " evidence:[{id:int, kind:text, file_hash:text, taken_at:instant, note:text, at:instant, by:text}],"
  .. " events:[{event:text, from:text, to:text, at:instant, by:text, owner:text, due:date, note:text}]}"

local function log_event(call, row, event, to, note)
  local seq = 1 + (call.db:value("SELECT max(seq) FROM inspect_finding_event WHERE finding = ?", row.id) or 0)
  call.db:run("INSERT INTO inspect_finding_event (finding, seq, event, from_state, to_state, at, by_user, owner, due,"
    .. " note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row.id, seq, event, row.state, to, call.now, call.user,
      row.owner,
    row.due, note)
end

--- Enter a finding for answer `a`; `at` = { no, inspection, site, unit }.
function findings.raise(call, at, a)
  local id = call.db:value("INSERT INTO inspect_finding (no, inspection, site, unit, item, grp, severity, text,"
    .. " immediate_action, state, opened_at, last_at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, 1)"
    .. " RETURNING id", at.no, at.inspection, at.site, at.unit, a.item, a.group, a.severity, a.text, a.immediate_action,
    call.now, call.now)
  log_event(call, { id = id }, "raise", "open", a.note)
  call:emit("finding.raised", { finding = at.no, unit = at.unit, severity = a.severity })
end

--- How late the row is today, and the level that answers for it: 1 the owner, 2 the area's leader, 3 the group's head.
local function lateness(call, row)
  local late = 0
  if row.due and not DONE[row.state] and row.due < call.today then late = calendar.diff(row.due, call.today) end
  local level = 1
  if late >= call:setting("level2_days") then level = 2 end
  if late >= call:setting("level3_days") then level = 3 end
  return level, late
end

local function leader_of(call, unit)
  local day, now = call.today, call.now
  return call.db:value("SELECT c.leader FROM inspect_charge c JOIN inspect_area_unit s ON s.area = c.area"
    .. " WHERE s.unit = ? AND " .. span.holds("c") .. " AND " .. span.holds("s") .. " LIMIT 1", unit,
    now, day, day, now, now, day, day, now)
end

--- The head of the leading group nearest above the unit, or nil.
local function head_above(call, unit)
  for code in call:unit_path(unit):reverse():gmatch("[^/]+") do
    code = code:reverse()
    if code ~= unit then
      local ok, group = pcall(call.invoke, call, "org.group.get", { unit = code })
      if ok then return group.head end
    end
  end
  return nil
end

local function level_person(call, row, level)
  if level == 1 then return "owner", row.owner end
  if level == 2 then return "area_leader", leader_of(call, row.unit) end
  return "group_head", head_above(call, row.unit)
end

--- How many findings of a site are not done with, and the highest level among them.
function findings.at_site(call, site)
  local n, highest = 0, 1
  for _, row in ipairs(call.db:rows("SELECT state, due FROM inspect_finding WHERE site = ?"
      .. " AND state <> 'closed' AND state <> 'waived'", site)) do
    local level = lateness(call, row)
    n = n + 1
    if level > highest then highest = level end
  end
  return n, highest
end

local function brief(call, row)
  local level, late = lateness(call, row)
  return { id = row.id, no = row.no, site = row.site, unit = row.unit, item = row.item, group = row.grp,
    severity = row.severity, text = row.text, owner = row.owner, due = row.due, state = row.state, level = level,
    overdue_days = late, struck_off = row.state == "closed", opened_at = row.opened_at, closed_at = row.closed_at,
    immediate_action = row.immediate_action, rev = row.rev }
end

local function finding_row(call, no)
  local row = call.db:row("SELECT * FROM inspect_finding WHERE no = ?", no)
  span.own(call, row and row.unit, "finding", no)
  return row
end

local function describe(call, row)
  local out = brief(call, row)
  out.inspection = row.inspection
  out.level_role, out.level_person = level_person(call, row, out.level)
  out.allowed = LIFE:allowed(row.state)
  out.evidence = call.db:rows("SELECT id, kind, file_hash, taken_at, note, at, by_user AS \"by\" FROM inspect_evidence"
    .. " WHERE finding = ? ORDER BY id", row.id)
  out.events = call.db:rows("SELECT event, from_state AS \"from\", to_state AS \"to\", at,"
    .. " by_user AS \"by\", owner, due, note FROM inspect_finding_event WHERE finding = ? ORDER BY seq", row.id)
  return out
end

--- Take one step. `fields`: what the caller brings (reason, …); `change`: new owner, due, submitter of the row.
local function step(call, no, name, rev, fields, change)
  local row = finding_row(call, no)
  scope.check_rev(call, row, rev)
  local to = LIFE:check(call, row, name, fields)
  if call.now < row.last_at then
    call:fail("CONFLICT", { rule = "inspect.time_order", arg = "finding", state = row.state },
      "finding %s already has an event later than the time given", no)
  end
  for k, v in pairs(change or {}) do row[k] = v end
  log_event(call, row, name, to, fields.reason)
  call.db:run("UPDATE inspect_finding SET state = ?, owner = ?, due = ?, submitter = ?, last_at = ?, closed_at = ?,"
    .. " reopened_at = ?, rev = rev + 1 WHERE id = ?", to, row.owner, row.due, row.submitter, call.now,
    to == "closed" and call.now or nil, to == "reopened" and call.now or row.reopened_at, row.id)
  call:emit("finding." .. to, { finding = no, unit = row.unit })
  return describe(call, finding_row(call, no))
end

commands["inspect.finding.assign"] = {
  mode = "write", args = { "finding:text(60)", "owner:text(20)", "due:date", "note:text(600)?", "rev:int?" },
  returns = FULL,
  summary = { en = "Assign a finding to its owner, with a due day.",
    ["zh-CN"] = "交办问题：确定责任人与整改期限" },
  run = function(call, no, owner, due, note, rev)
    span.person(call, owner)
    return step(call, no, "assign", rev, { reason = note }, { owner = owner, due = due })
  end,
}

commands["inspect.finding.rectify"] = {
  mode = "write", args = { "finding:text(60)", "note:text(600)?", "rev:int?" }, returns = FULL,
  summary = { en = "Begin to rectify a finding.", ["zh-CN"] = "开始整改" },
  run = function(call, no, note, rev) return step(call, no, "rectify", rev, { reason = note }) end,
}

commands["inspect.finding.submit"] = {
  mode = "write", args = { "finding:text(60)", "note:text(600)?", "rev:int?" }, returns = FULL,
  summary = { en = "Submit the rectification for verification.", ["zh-CN"] = "提交整改结果，待核验" },
  run = function(call, no, note, rev)
    return step(call, no, "submit", rev, { reason = note }, { submitter = call.user })
  end,
}

commands["inspect.finding.verify"] = {
  mode = "write", args = { "finding:text(60)", "note:text(600)?", "rev:int?" }, returns = FULL,
  summary = { en = "Verify the rectification; not by the owner or the submitter.",
    ["zh-CN"] = "核验整改结果（责任人与提交人不得自核）" },
  run = function(call, no, note, rev) return step(call, no, "verify", rev, { reason = note }) end,
}

commands["inspect.finding.reject"] = {
  mode = "write", args = { "finding:text(60)", "reason:text(600)", "rev:int?" }, returns = FULL,
  summary = { en = "Reject the rectification, with a reason.", ["zh-CN"] = "退回整改，说明理由" },
  run = function(call, no, reason, rev) return step(call, no, "reject", rev, { reason = reason }) end,
}

commands["inspect.finding.close"] = {
  mode = "write", args = { "finding:text(60)", "note:text(600)?", "rev:int?" }, returns = FULL,
  summary = { en = "Strike a verified finding off the ledger.", ["zh-CN"] = "销号" },
  doc = "A major or critical finding needs evidence of kind `after` (inspect.evidence.add), newer than"
    .. " its last reopening.",
  run = function(call, no, note, rev)
    local row = finding_row(call, no)
    local after = call.db:value("SELECT count(*) FROM inspect_evidence WHERE finding = ? AND kind = 'after'"
      .. " AND at >= ?",
      row.id, row.reopened_at or 0)
    return step(call, no, "close", rev, { reason = note, after_evidence = after })
  end,
}

commands["inspect.finding.reopen"] = {
  mode = "write", args = { "finding:text(60)", "reason:text(600)", "rev:int?" }, returns = FULL,
  summary = { en = "Reopen a closed finding, with a reason.",
    ["zh-CN"] = "已销号问题重新打开，说明理由" },
  run = function(call, no, reason, rev) return step(call, no, "reopen", rev, { reason = reason }) end,
}

commands["inspect.finding.waive"] = {
  mode = "write", args = { "finding:text(60)", "reason:text(600)", "rev:int?" }, returns = FULL,
  summary = { en = "Waive an open finding, with a reason.", ["zh-CN"] = "免于整改，说明理由" },
  run = function(call, no, reason, rev) return step(call, no, "waive", rev, { reason = reason }) end,
}

commands["inspect.finding.get"] = {
  mode = "read", args = { "finding:text(60)" }, returns = FULL,
  summary = { en = "Show a finding with its evidence, events and who answers for it now.",
    ["zh-CN"] = "查看问题详情：佐证、经过与当前督办层级" },
  run = function(call, no) return describe(call, finding_row(call, no)) end,
}

--- Rows of the caller's scope (or of `unit`'s subtree) in id order.
local function select_rows(call, unit, f)
  local path, path_end = scope.subtree(call, unit)
  local out = {}
  for i, row in ipairs(call.db:rows("SELECT f.* FROM inspect_finding f JOIN muster_unit m ON m.code = f.unit"
      .. " WHERE m.path >= ? AND m.path < ? AND (f.state = ? OR ? IS NULL) AND (f.grp = ? OR ? IS NULL)"
      .. " AND (f.owner = ? OR ? IS NULL) AND (f.due < ? OR ? IS NULL)"
      .. " AND (? IS NULL OR (f.state <> 'closed' AND f.state <> 'waived')) AND f.id > ? ORDER BY f.id LIMIT ?",
      path, path_end, f.state, f.state, f.group, f.group, f.owner, f.owner, f.before, f.before, f.before, f.after,
      f.limit)) do
    out[i] = brief(call, row)
  end
  return out
end

local STATE = "state:enum(open|assigned|rectifying|submitted|verified|rejected|closed|reopened|waived)?"

commands["inspect.finding.list"] = {
  mode = "read",
  args = { "unit:unit?", STATE, "group:enum(temp|disinfect|protect|reception|other)?", "owner:text(20)?",
    "overdue:bool=0",
    "after:int(0..)=0", "limit:int(1..500)=100" },
  returns = "[" .. ROW .. "]",
  summary = { en = "List findings in id order, after the given id.", ["zh-CN"] = "按编号列出问题，可分页" },
  run = function(call, unit, state, group, owner, overdue, after, limit)
    return select_rows(call, unit, { state = state, group = group, owner = owner, before = overdue and call.today
      or nil,
      after = after, limit = limit })
  end,
}

commands["inspect.ledger"] = {
  mode = "read", args = { "scope:unit?", STATE, "after:int(0..)=0", "limit:int(1..500)=200" },
  returns = "{total:int, struck_off:int, rows:[" .. ROW .. "]}",
  summary = { en = "The ledger of findings: how many are struck off, and the rows.", ["zh-CN"] = "问题销号台账" },
  run = function(call, unit, state, after, limit)
    local count = call.db:row("SELECT count(*) AS total, count(*) FILTER (WHERE f.state = 'closed') AS struck_off"
      .. " FROM inspect_finding f JOIN muster_unit m ON m.code = f.unit WHERE m.path >= ? AND m.path < ?",
      scope.subtree(call, unit))
    return { total = count.total, struck_off = count.struck_off,
      rows = select_rows(call, unit, { state = state, after = after, limit = limit }) }
  end,
}

commands["inspect.evidence.add"] = {
  mode = "write",
  args = { "finding:text(60)", "kind:enum(before|after)", "file_hash:text(64..64)", "taken_at:instant?",
    "note:text(600)?" },
  returns = "{id:int, finding:text, kind:text, file_hash:text}",
  summary = { en = "Attach evidence (the SHA-256 of a file) to a finding.",
    ["zh-CN"] = "登记问题佐证材料（文件摘要）" },
  run = function(call, no, kind, file_hash, taken_at, note)
    local row = finding_row(call, no)
    file_hash = file_hash:lower()
    if not file_hash:match("^%x+$") then
      call:fail("ARG", { rule = "inspect.file_hash", arg = "file_hash" }, "file_hash is a SHA-256 in 64 hex digits")
    end
    if DONE[row.state] then
      call:fail("STATE", { rule = "wrong_state", state = row.state, allowed = "inspect.finding.reopen" },
        "finding %s is %s; evidence belongs to an open one", no, row.state)
    end
    local id = call.db:value("INSERT INTO inspect_evidence (finding, kind, file_hash, taken_at, note, at, by_user)"
      .. " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id", row.id, kind, file_hash, taken_at, note, call.now, call.user)
    return { id = id, finding = no, kind = kind, file_hash = file_hash }
  end,
}

findings.commands = commands
findings.machine = LIFE
return findings
