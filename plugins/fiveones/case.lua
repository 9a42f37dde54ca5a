--- What every command on a case shares: finding it, its state machine, its journal, and when it is complete.
--
--     open -> active -> completed -> closed        active <-> suspended
--
-- The first thing done for a household makes its case active; the last required item done or waived completes it.
local machine = require "muster.machine"
local calendar = require "muster.calendar"
local scope = require "muster.scope"

local case = {}

case.LIFE = machine.define {
  initial = "open", states = { "open", "active", "suspended", "completed", "closed" },
  transitions = {
    { name = "start", from = { "open" }, to = "active" },
    { name = "suspend", from = { "active" }, to = "suspended", requires = { "reason" } },
    { name = "resume", from = { "suspended" }, to = "active" },
    { name = "complete", from = { "active" }, to = "completed" },
    { name = "close", from = { "completed" }, to = "closed" },
  },
}

--- Same answer for "not yours" and "not there" when the caller is scoped.
function case.own(call, unit, what, code)
  scope.own(call, "fiveones", unit, what, code)
end

function case.row(call, no)
  local row = call.db:row("SELECT * FROM fiveones_case WHERE no = ?", no)
  case.own(call, row and row.unit, "case", no)
  return row
end

--- A case may not be written to before its latest event, nor in the future of nothing: its journal stays in order.
function case.in_order(call, row)
  if call.now < row.last_at then
    call:fail("CONFLICT", { rule = "fiveones.time_order", arg = "case", state = row.state },
      "case %s already has an event later than the time given", row.no)
  end
end

local function log_event(call, row, event, to, note)
  local seq = 1 + (call.db:value("SELECT max(seq) FROM fiveones_case_event WHERE case_id = ?", row.id) or 0)
  call.db:run("INSERT INTO fiveones_case_event (case_id, seq, event, to_state, day, at, by_user, note)"
    .. " VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row.id, seq, event, to, call.today, call.now, call.user, note)
end

--- The first event of a new case.
function case.opened(call, row) log_event(call, row, "open", "open") end

--- Take a step of the case's own machine.
function case.step(call, row, name, note)
  case.in_order(call, row)
  local to = case.LIFE:check(call, row, name, { reason = note })
  log_event(call, row, name, to, note)
  row.state, row.last_at, row.rev = to, call.now, row.rev + 1
  call.db:run("UPDATE fiveones_case SET state = ?, last_at = ?, rev = ? WHERE id = ?", to, call.now, row.rev, row.id)
end

--- The case, ready to be worked on: in scope, not suspended, completed or closed, and active from now on.
function case.work(call, no)
  local row = case.row(call, no)
  if row.state ~= "open" and row.state ~= "active" then
    local possible = table.concat(case.LIFE:allowed(row.state), ", ")
    call:fail("STATE", { rule = "fiveones.not_active", arg = "case", state = row.state, allowed = possible },
      "case %s is %s and cannot be worked on; possible for the case: %s", no, row.state, possible)
  end
  case.in_order(call, row)
  if row.state == "open" then case.step(call, row, "start") end
  return row
end

--- Complete the case when no required item is left. Call after every change of an item.
function case.settle(call, row)
  call.db:run("UPDATE fiveones_case SET last_at = ? WHERE id = ?", call.now, row.id)
  row.last_at = call.now
  local left = call.db:value("SELECT count(*) FROM fiveones_item WHERE case_id = ? AND required = 1"
    .. " AND state <> 'done' AND state <> 'waived'", row.id)
  if left == 0 and row.state == "active" then
    case.step(call, row, "complete")
    call:emit("case.completed", { case = row.no, unit = row.unit, household = row.household })
  end
end

--- Days a case has been suspended until `day`; a deadline moves back by as many.
local function suspended_days(call, row, day)
  local sum, since = 0, nil
  for _, e in ipairs(call.db:rows("SELECT event, day FROM fiveones_case_event WHERE case_id = ? ORDER BY seq",
    row.id)) do
    if e.event == "suspend" then since = e.day end
    if e.event == "resume" and since then sum, since = sum + calendar.diff(since, e.day), nil end
  end
  return sum + (since and since < day and calendar.diff(since, day) or 0)
end

--- Items in order, each with its due day and whether it is overdue today. Deadlines are computed, never stored.
function case.items(call, row)
  local pause, out = suspended_days(call, row, call.today), {}
  for i, item in ipairs(call.db:rows([[SELECT i.kind, i.label, i.required, i.sla_days, i.state, i.mode, i.scheduled_on,
      i.done_on, i.evidence, i.reason, i.approver, (SELECT e.by_user FROM fiveones_item_event e
      WHERE e.case_id = i.case_id AND e.kind = i.kind AND e.seq > 1 ORDER BY e.seq DESC LIMIT 1) AS "by"
      FROM fiveones_item i WHERE i.case_id = ? ORDER BY i.ord]], row.id)) do
    item.due = calendar.add(row.opened_on, item.sla_days + pause)
    item.overdue = item.state ~= "done" and item.state ~= "waived" and item.due < call.today
    item.sla_days = nil
    out[i] = item
  end
  return out
end

return case
