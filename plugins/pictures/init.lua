--- Pictures: the map of an area, a figure unit by unit, a figure over time. What they show comes from the commands and
--- figures of other plugins, with the caller's own rights; cnkit draws it.
local calendar = require "muster.calendar"
local kit = require "cnkit"

local MAX_UNITS, MAX_STEPS = 60, 120
local STATE = { ok = "ok", findings = "warn", overdue = "bad", unseen = "none", closed = "off" }

local function legend(call) return call.lang == "zh-CN" and "zh" or "en" end

local function unit_name(call, unit) return call:invoke("org.unit.get", { unit = unit }).name end

--- What stands beside a site: its name; where others have the same, its unit's name, too; where that is not enough, its
--- code.
local function site_labels(call, sites)
  local names, pairs_of, labels = {}, {}, {}
  local function key(s) return s.name .. "\n" .. s.unit end
  for _, s in ipairs(sites) do
    names[s.name] = (names[s.name] or 0) + 1
    pairs_of[key(s)] = (pairs_of[key(s)] or 0) + 1
  end
  for i, s in ipairs(sites) do
    if pairs_of[key(s)] > 1 then
      labels[i] = ("%s %s"):format(s.name, s.site)
    else
      labels[i] = names[s.name] > 1 and ("%s %s"):format(s.name, unit_name(call, s.unit)) or s.name
    end
  end
  return labels
end

local commands = {}

commands["pictures.map"] = {
  mode = "read", args = { "area:text(20)", "width:int(320..2400)=1000" }, returns = "text", timeout_ms = 5000,
  summary = { en = "The map of an area: its sites, how each stands, who answers for it.",
    ["zh-CN"] = "片区作战图：点位、状态、责任人" },
  doc = "What inspect.map says, as SVG.",
  run = function(call, area, width)
    local map = call:invoke("inspect.map", { area = area })
    if #map.sites > 300 then
      call:fail("LIMIT", { rule = "pictures.size", arg = "area" }, "the area has %d sites; a map has at most 300",
        #map.sites)
    end
    local rows, labels = {}, site_labels(call, map.sites)
    for i, s in ipairs(map.sites) do
      rows[i] = { label = labels[i], state = STATE[s.state], note = s.inspector, lat = s.lat, lon = s.lon }
    end
    local title = ("%s %s"):format(map.name, map.day)
    if map.leader then title = title .. " · " .. map.leader end
    return kit.svg.areamap(rows, { title = title, width = width }, legend(call))
  end,
}

local OWN = { scope = true, from = true, to = true, as_of = true }

--- The question to a figure: `q`, and with it the figure's own arguments; it refuses those that it does not know.
local function question(call, params, q)
  if type(params or q) ~= "table" or (params and params[1] ~= nil) then
    call:fail("ARG", { rule = "pictures.params", arg = "params" },
      "params is a map of the figure's own arguments, such as {\"fund\":\"DUES\"}")
  end
  for key, value in pairs(params or {}) do
    if OWN[key] then
      call:fail("ARG", { rule = "pictures.params", arg = "params" },
        "params holds %s, which is an argument of the command itself", key)
    end
    q[key] = value
  end
  return q
end

--- A figure's answer, its value a number or muster.null: what has no value, or is a share of nothing, is a gap and no
--- zero. What is no number is refused.
local function ask(call, name, q)
  local answer = call:figure(name, q)
  if answer.value == nil or (answer.unit == "bp" and answer.denominator == 0) then
    answer.value = muster.null
  elseif math.type(answer.value) ~= "integer" then
    call:fail("STATE", { rule = "pictures.number", arg = "name" }, "%s is no number, so it can't be drawn", name)
  end
  return answer
end

--- How cnkit writes a figure's values: money and rates are its own, all else is counted.
local function unit_of(value) return (value.unit == "fen" or value.unit == "bp") and value.unit or "count" end

--- What the figure is called, and whose it is, for people.
local function title_of(call, name, unit)
  for _, f in ipairs(call:invoke("figure.list", {})) do
    if f.name == name then name = f.summary break end
  end
  return ("%s · %s"):format(name, unit_name(call, unit))
end

local function mark(label, value) return value.complete == false and label .. " *" or label end

commands["pictures.figure"] = {
  mode = "read", timeout_ms = 10000, returns = "text",
  args = { "name:text(80)", "unit:unit", "from:date?", "to:date?", "as_of:instant?", "width:int(320..2400)=800",
    "params:json(4000)?" },
  summary = { en = "A figure for each unit right below a unit, as bars.", ["zh-CN"] = "按下级单位绘制指标条形图" },
  doc = "Up to 60 units. A star stands where the figure says that something expected is missing, a dash where it has"
    .. " no value or is a share of nothing. `params`: the figure's own arguments, as of figure.get.",
  run = function(call, name, unit, from, to, as_of, width, params)
    local below = call.db:rows("SELECT code FROM muster_unit WHERE parent = ? ORDER BY code LIMIT ?", unit,
      MAX_UNITS + 1)
    if #below > MAX_UNITS then
      call:fail("LIMIT", { rule = "pictures.size", arg = "unit" }, "there are more than %d units below %s", MAX_UNITS,
        unit)
    end
    if #below == 0 then below[1] = { code = unit } end
    local rows, shown = {}, "count"
    for i, u in ipairs(below) do
      local value = ask(call, name, question(call, params, { scope = u.code, from = from, to = to, as_of = as_of }))
      rows[i] = { label = mark(unit_name(call, u.code), value), value = value.value }
      shown = unit_of(value)
    end
    return kit.svg.bar(rows, { title = title_of(call, name, unit), unit = shown, width = width })
  end,
}

local STEP = { day = 1, week = 7 }

--- The next day of a series; months end where the first one began.
local function step(day, every)
  if STEP[every] then return calendar.add(day, STEP[every]) end
  local year, month, rest = day:match("^(%d+)-(%d+)-(%d+)$")
  month = month % 12 + 1
  local first = ("%04d-%02d-01"):format(month == 1 and year + 1 or year, month)
  local last = calendar.diff(first, calendar.add(first, 31))
  while calendar.add(first, last - 1):sub(1, 7) ~= first:sub(1, 7) do last = last - 1 end
  return calendar.add(first, math.min(math.tointeger(rest), last) - 1)
end

commands["pictures.trend"] = {
  mode = "read", timeout_ms = 10000, returns = "text",
  args = { "name:text(80)", "unit:unit", "from:date", "to:date", "every:enum(day|week|month)=week",
    "width:int(320..2400)=800", "params:json(4000)?" },
  summary = { en = "A figure as it stood at the end of one day after the other, as a line.",
    ["zh-CN"] = "指标随时间变化折线图" },
  doc = "Up to 120 days, counted from `from`. Each point is the figure for the time until that day, as of its end;"
    .. " without a value, or with a share of nothing, it is a gap. `params`: the figure's own arguments,"
    .. " as of figure.get.",
  run = function(call, name, unit, from, to, every, width, params)
    if from > to then
      call:fail("ARG", { rule = "pictures.days", arg = "from" }, "from %s is later than to %s", from, to)
    end
    local rows, shown, day = {}, "count", from
    while day <= to do
      if #rows == MAX_STEPS then
        call:fail("LIMIT", { rule = "pictures.size", arg = "to" }, "a line has at most %d days; take larger steps",
          MAX_STEPS)
      end
      local ends = calendar.start_ms(calendar.add(day, 1), call.zone_min) - 1
      local value = ask(call, name,
        question(call, params, { scope = unit, to = day, as_of = math.min(ends, call.now) }))
      rows[#rows + 1] = { label = mark(day, value), value = value.value }
      shown, day = unit_of(value), step(day, every)
    end
    return kit.svg.line(rows, { title = title_of(call, name, unit), unit = shown, width = width })
  end,
}

return {
  commands = commands,
  roles = {
    ["pictures.viewer"] = { grants = { "pictures.*" },
      summary = { en = "May draw what else it may see.", ["zh-CN"] = "可绘制其有权查看的内容" } },
  },
}
