--- Working calendars. A unit follows its own calendar, else that of the nearest unit above it, else the
-- default week and hours of the settings (in Xinjiang office hours run about two hours later than in Beijing).
local calendar = require "muster.calendar"
local common = require "org.common"
local text = require "org.text"

local commands = {}

local CALENDAR = "{code:text, name:text, week:text, hours:json, rev:int}"
local MOST_STRETCHES = 6

--- "1,2,3" -> { true, true, true }; weekday numbers, Monday first.
local function parse_week(call, week)
  local days = {}
  for word in (week .. ","):gmatch("([^,]*),") do
    local n = math.tointeger(tonumber(word))
    if not n or n < 1 or n > 7 then
      call:fail("ARG", { rule = "org.week", arg = "week" }, "week lists weekdays such as 1,2,3,4,5 (1 is Monday)")
    end
    days[n] = true
  end
  return days
end

--- Hours as [[600,840],[930,1170]]: minutes after midnight, in order, not overlapping.
local function check_hours(call, hours)
  local ok, last = type(hours) == "table" and #hours <= MOST_STRETCHES, 0
  for _, h in ipairs(ok and hours or {}) do
    local from, to
    if type(h) == "table" then from, to = h[1], h[2] end
    local numbers = math.type(from) == "integer" and math.type(to) == "integer"
    if not (numbers and from >= last and to > from and to <= 1440) then
      ok = false
      break
    end
    last = to
  end
  if not ok then
    call:fail("ARG", { rule = "org.hours", arg = "hours" },
      "hours are stretches of minutes in order, such as [[600,840],[930,1170]]")
  end
  return hours
end

--- Hours of the setting, "10:00-14:00,15:30-19:30".
local function default_hours(call)
  local hours = {}
  for h1, m1, h2, m2 in call:setting("default_hours"):gmatch("(%d+):(%d+)%-(%d+):(%d+)") do
    local function minutes(h, m) return math.tointeger(tonumber(h) * 60 + tonumber(m)) end
    hours[#hours + 1] = { minutes(h1, m1), minutes(h2, m2) }
  end
  return check_hours(call, hours)
end

local function stored(call, code)
  local row = call.db:row("SELECT code, name, week, hours, rev FROM org_calendar WHERE code = ?", code)
  if row then row.hours = muster.json.decode(row.hours) end
  return row
end

local function need(call, code)
  return stored(call, code)
    or call:fail("NOTFOUND", { rule = "org.unknown", arg = "calendar" }, "there is no %s %s", "calendar", code)
end

--- A calendar followed by units outside the caller's scope is not the caller's to change.
local function check_own(call, code)
  local outside = call.db:value([[SELECT count(*) FROM org_unit u JOIN muster_unit m ON m.code = u.code
    WHERE u.calendar = ? AND NOT (m.path >= ? AND m.path < ?)]], code, call.scope, call.scope_end)
  if outside > 0 then
    call:fail("SCOPE", { rule = "org.scope", arg = "code" },
      "calendar %s is followed by units outside your scope; define one of your own", code)
  end
end

commands["org.calendar.define"] = {
  mode = "write", returns = CALENDAR,
  args = { "code:text(20)", "name:text(100)", "week:text(20)=1,2,3,4,5", "hours:json(1000)?", "rev:int(1..)?" },
  summary = { en = "Define a working calendar, or change one.", ["zh-CN"] = "定义或修改工作日历" },
  run = function(call, code, name, week, hours, rev)
    text.code(call, "code", code)
    name = text.name(call, "name", name)
    parse_week(call, week)
    local json = muster.json.encode(check_hours(call, hours or default_hours(call)))
    local before = stored(call, code)
    if before then
      check_own(call, code)
      common.check_rev(call, before, rev)
      call.db:run("UPDATE org_calendar SET name = ?, week = ?, hours = ?, rev = rev + 1 WHERE code = ?",
        name, week, json, code)
    else
      call.db:run("INSERT INTO org_calendar (code, name, week, hours, at, rev) VALUES (?, ?, ?, ?, ?, 1)",
        code, name, week, json, call.now)
    end
    return need(call, code)
  end,
}

commands["org.calendar.except"] = {
  mode = "write", args = { "code:text(20)", "day:date", "working:bool", "hours:json(1000)?", "note:text(100)?" },
  returns = "{code:text, day:date, working:bool, hours:json, note:text}",
  summary = { en = "Make one day of a calendar a day off, or a working day.", ["zh-CN"] = "登记调休或节假日" },
  run = function(call, code, day, working, hours, note)
    need(call, code)
    check_own(call, code)
    if hours then check_hours(call, hours) end
    call.db:run("INSERT INTO org_calendar_day (calendar, day, working, hours, note, at) VALUES (?, ?, ?, ?, ?, ?)",
      code, day, working, hours and muster.json.encode(hours), note, call.now)
    return { code = code, day = day, working = working, hours = hours, note = note }
  end,
}

commands["org.calendar.list"] = {
  mode = "read", args = {}, returns = "[" .. CALENDAR .. "]",
  summary = { en = "All calendars.", ["zh-CN"] = "工作日历列表" },
  run = function(call)
    local rows = call.db:rows("SELECT code, name, week, hours, rev FROM org_calendar ORDER BY code LIMIT 500")
    for _, row in ipairs(rows) do row.hours = muster.json.decode(row.hours) end
    return rows
  end,
}

--- Profile (see muster.calendar) and calendar code of a unit; exceptions of the days from `first` on.
local function profile(call, unit_code, first)
  local unit = common.unit(call, unit_code)
  local zone, code, at = unit.zone_min, unit.calendar, unit
  while not code and at.parent do
    at = common.unit(call, at.parent)
    code = at.calendar
  end
  local cal = code and stored(call, code)
  if not cal then
    return { zone_min = zone, week = parse_week(call, call:setting("default_week")), hours = default_hours(call) }
  end
  local p = { zone_min = zone, week = parse_week(call, cal.week), hours = cal.hours, exceptions = {} }
  for _, d in ipairs(call.db:rows([[SELECT day, working, hours FROM org_calendar_day WHERE calendar = ? AND day >= ?
    ORDER BY id LIMIT 5000]], cal.code, first)) do
    local hours = d.hours and muster.json.decode(d.hours) or cal.hours
    p.exceptions[d.day] = d.working == 1 and hours or {}
  end
  return p, cal.code
end

commands["org.calendar.day"] = {
  mode = "read", args = { "unit:unit", "day:date" },
  returns = "{unit:text, calendar:text, day:date, working:bool, hours:[{from_min:int, to_min:int}]}",
  summary = { en = "A unit's working hours on a day.", ["zh-CN"] = "机构某日的办公时间" },
  run = function(call, unit, day)
    local p, code = profile(call, unit, day)
    local hours = {}
    for i, h in ipairs(calendar.hours(day, p)) do hours[i] = { from_min = h[1], to_min = h[2] } end
    return { unit = unit, calendar = code, day = day, working = #hours > 0, hours = hours }
  end,
}

commands["org.calendar.due"] = {
  mode = "read", args = { "unit:unit", "start:instant", "minutes:int(1..525600)" }, returns = "{due:instant}",
  summary = { en = "When so many working minutes of a unit will have passed.", ["zh-CN"] = "按机构工作时间推算到期时刻" },
  run = function(call, unit, start, minutes)
    local p = profile(call, unit, calendar.add(calendar.day_of(start, call.zone_min), -1))
    local due = calendar.add_minutes(start, minutes, p)
    if not due then
      call:fail("LIMIT", { rule = "org.no_hours", arg = "minutes" },
        "the calendar has not that many working hours in ten years")
    end
    return { due = due }
  end,
}

return { commands = commands }
