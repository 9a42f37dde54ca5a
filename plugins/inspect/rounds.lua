--- Checklists in published versions, and the rounds that make every site of an area due once per period.
local calendar = require "muster.calendar"
local areas = require "inspect.areas"
local span = require "inspect.span"

local commands = {}

local GROUPS = { temp = true, disinfect = true, protect = true, reception = true, other = true }
local SEVERITIES = { minor = true, major = true, critical = true }
local MOST_PERIODS = 1000 -- every count of coverage walks over all of them
local CHECKLIST = "{code:text, ver:int, title:text, items:[{code:text, group:text, severity:text, text:text}]}"
local ROUND = "{round:int, area:text, checklist:text, from:date, to:date, every_days:int, periods:int}"

--- The text field `key` of a checklist item, or a refusal that names the item.
local function field(call, item, n, key, max)
  local v = type(item) == "table" and item[key]
  if type(v) ~= "string" or v == "" or #v > max then
    call:fail("ARG", { rule = "inspect.checklist", arg = "items" }, "item %d: %s must be a text of 1 to %d bytes", n,
      key,
      max)
  end
  return v
end

local function check_items(call, items)
  if type(items) ~= "table" or #items == 0 or #items > 200 then
    call:fail("ARG", { rule = "inspect.checklist", arg = "items" }, "a checklist has 1 to 200 items")
  end
  local seen, out = {}, {}
  for n, item in ipairs(items) do
    local code, group = field(call, item, n, "code", 20), field(call, item, n, "group", 20)
    local severity, text = field(call, item, n, "severity", 20), field(call, item, n, "text", 600)
    if not GROUPS[group] or not SEVERITIES[severity] then
      call:fail("ARG", { rule = "inspect.checklist", arg = "items" },
        "item %d: group is temp, disinfect, protect, reception or other; severity minor, major or critical", n)
    end
    if seen[code] then
      call:fail("ARG", { rule = "inspect.checklist", arg = "items" }, "item %d: the code %s is there twice", n, code)
    end
    seen[code] = true
    out[n] = { code = code, group = group, severity = severity, text = text }
  end
  return out
end

commands["inspect.checklist.publish"] = {
  mode = "write", args = { "code:text(20)", "title:text(100)", "items:json" }, returns = CHECKLIST,
  summary = { en = "Publish a new version of a checklist.", ["zh-CN"] = "发布检查表新版本" },
  doc = "`items`: [{code, group, severity, text}]. Published versions never change; answers name their version.",
  run = function(call, code, title, items)
    span.code(call, "code", code)
    items = check_items(call, items)
    local ver = 1 + (call.db:value("SELECT max(ver) FROM inspect_checklist WHERE code = ?", code) or 0)
    call.db:run("INSERT INTO inspect_checklist (code, ver, title, at, by_user) VALUES (?, ?, ?, ?, ?)", code, ver,
      title,
      call.now, call.user)
    for n, item in ipairs(items) do
      call.db:run("INSERT INTO inspect_checklist_item (checklist, ver, item, ord, grp, severity, text)"
        .. " VALUES (?, ?, ?, ?, ?, ?, ?)", code, ver, item.code, n, item.group, item.severity, item.text)
    end
    return { code = code, ver = ver, title = title, items = items }
  end,
}

commands["inspect.checklist.get"] = {
  mode = "read", args = { "code:text(20)", "ver:int(1..)?" }, returns = CHECKLIST,
  summary = { en = "Show a checklist, the latest version unless VER is given.",
    ["zh-CN"] = "查看检查表，默认最新版本" },
  run = function(call, code, ver)
    local row = call.db:row("SELECT * FROM inspect_checklist WHERE code = ? AND (ver = ? OR ? IS NULL)"
      .. " ORDER BY ver DESC LIMIT 1", code, ver, ver)
    if not row then
      call:fail("NOTFOUND", { rule = "inspect.unknown", arg = "code" }, "no checklist %s in that version", code)
    end
    local items = call.db:rows("SELECT item AS code, grp AS \"group\", severity, text FROM inspect_checklist_item"
      .. " WHERE checklist = ? AND ver = ? ORDER BY ord", code, row.ver)
    return { code = code, ver = row.ver, title = row.title, items = items }
  end,
}

local function periods(r)
  return calendar.diff(r.from_day, r.to_day) // r.every_days + 1
end

local function check_length(call, r)
  if r.to_day < r.from_day then
    call:fail("ARG", { rule = "inspect.span", arg = "to" }, "the rounds end on %s, before they begin on %s", r.to_day,
      r.from_day)
  end
  if periods(r) > MOST_PERIODS then
    call:fail("LIMIT", { rule = "inspect.periods", arg = "to" },
      "these would be %d rounds; plan at most %d at once", periods(r), MOST_PERIODS)
  end
end

local function round_out(r)
  return { round = r.id, area = r.area, checklist = r.checklist, from = r.from_day, to = r.to_day,
    every_days = r.every_days, periods = periods(r) }
end

commands["inspect.round.plan"] = {
  mode = "write",
  args = { "area:text(20)", "from:date", "to:date", "checklist:text(20)", "every_days:int(1..366)=7" },
  returns = ROUND,
  summary = { en = "Plan rounds: each site of the area once per EVERY_DAYS, from FROM to TO (both included).",
    ["zh-CN"] = "安排检查轮次：片区每个点位每若干天检查一次（首尾日均含）" },
  run = function(call, area, from, to, checklist, every_days)
    areas.row(call, area, true)
    check_length(call, { from_day = from, to_day = to, every_days = every_days })
    if not call.db:row("SELECT ver FROM inspect_checklist WHERE code = ? LIMIT 1", checklist) then
      call:fail("NOTFOUND", { rule = "inspect.unknown", arg = "checklist" }, "no checklist %s", checklist)
    end
    local other = call.db:row("SELECT * FROM inspect_round WHERE area = ? AND checklist = ? AND from_day <= ?"
      .. " AND to_day >= ?", area, checklist, to, from)
    if other then
      call:fail("CONFLICT", { rule = "inspect.round_overlap", arg = "from" },
        "round %d covers %s from %s to %s with this checklist already", other.id, area, other.from_day, other.to_day)
    end
    local id = call.db:value("INSERT INTO inspect_round (area, checklist, from_day, to_day, every_days, at, by_user)"
      .. " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id", area, checklist, from, to, every_days, call.now, call.user)
    return round_out { id = id, area = area, checklist = checklist, from_day = from, to_day = to,
      every_days = every_days }
  end,
}

commands["inspect.round.list"] = {
  mode = "read", args = { "area:text(20)" }, returns = "[" .. ROUND .. "]",
  summary = { en = "List the rounds of an area.", ["zh-CN"] = "列出片区的检查轮次" },
  run = function(call, area)
    areas.row(call, area, false)
    local out = {}
    for i, r in ipairs(call.db:rows("SELECT * FROM inspect_round WHERE area = ? ORDER BY from_day, id", area)) do
      out[i] = round_out(r)
    end
    return out
  end,
}

return { commands = commands, periods = periods }
