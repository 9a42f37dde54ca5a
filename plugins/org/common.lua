--- What the parts of org share: reading units and people the caller may see, revisions, days.
local calendar = require "muster.calendar"
local scope = require "muster.scope"

local common = {}

--- As muster.scope has it; the rules are this plugin's.
function common.unknown(call, arg, code)
  scope.unknown(call, "org", arg, code)
end

common.sees, common.check_rev = scope.sees, scope.check_rev

--- One unit with its path. The host has checked that the code exists and is in scope.
function common.unit(call, code)
  return call.db:row([[SELECT u.code, u.name, u.kind, u.parent, u.level, u.division, u.zone_min, u.calendar, u.state,
    m.path, u.rev FROM org_unit u JOIN muster_unit m ON m.code = u.code WHERE u.code = ?]], code)
    or common.unknown(call, "unit", code)
end

common.UNIT = "{code:text, name:text, kind:text, parent:text, level:int, division:text, zone_min:int, " ..
  "calendar:text, state:text, path:text, rev:int}"

--- The span of a unit that holds on `day`, or nil: closed then.
function common.span(call, code, day)
  return call.db:row([[SELECT id, parent, from_day, to_day FROM org_unit_span
    WHERE unit = ? AND from_day <= ? AND (to_day IS NULL OR to_day > ?)]], code, day, day)
end

--- Refuse unless the unit is open on `day`.
function common.need_open(call, arg, code, day)
  if not common.span(call, code, day) then
    call:fail("CLOSED", { rule = "org.unit_closed", arg = arg }, "unit %s is not open on %s", code, day)
  end
end

--- One person the caller may see.
function common.person(call, code, arg)
  local row = call.db:row([[SELECT p.code, p.name, p.unit, p.status, p.pinyin, p.phone_masked, p.rev, m.path
    FROM org_person p JOIN muster_unit m ON m.code = p.unit WHERE p.code = ?]], code)
  if not row or not common.sees(call, row.path) then common.unknown(call, arg or "person", code) end
  row.path = nil
  return row
end

--- The civil day of an as-of instant, or the day given, or today.
function common.day(call, given)
  if math.type(given) == "integer" then return calendar.day_of(given, call.zone_min) end
  return given or call.today
end

--- End a span whose start is `row.from_day`: it must not end before it began.
function common.check_end(call, row, day)
  if day < row.from_day then
    call:fail("ARG", { rule = "org.before_start", arg = "on" }, "%s is before %s, when this began", day, row.from_day)
  end
end

--- Merge tables of commands or figures into `into`.
function common.merge(into, from)
  for name, value in pairs(from) do
    assert(into[name] == nil, "declared twice: " .. name)
    into[name] = value
  end
  return into
end

return common
