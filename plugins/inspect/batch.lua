--- What one item of an offline batch may look like, before anything is written for it.
--
-- Every check happens here and answers with a reason instead of raising, because a bad item is refused alone and its
-- neighbours stand. Reasons carry both languages: they travel inside a reply, where the host translates nothing.
local calendar = require "muster.calendar"
local span = require "inspect.span"

local batch = {}

local REASONS = {
  ["inspect.item"] = { "ARG", "the item is not an object with the fields of an inspection",
    "该条不是完整的检查记录" },
  ["inspect.item_id"] = { "ARG", "id: 8 to 64 letters, digits and '-' made by the device",
    "id：应为终端生成的 8 至 64 位字母、数字或“-”" },
  ["inspect.item_time"] = { "ARG", "at: RFC 3339 with offset or milliseconds, not later than now",
    "at：应为带时区的时间或毫秒数，且不晚于当前时间" },
  ["inspect.item_site"] = { "NOTFOUND", "no such site in your scope", "职权范围内没有该点位" },
  ["inspect.site_closed"] = { "CLOSED", "the site was closed on that day", "该日点位未开放" },
  ["inspect.item_round"] = { "NOTFOUND", "no such round of the site's area on that day",
    "该日点位所在片区没有此轮次" },
  ["inspect.item_checklist"] = { "NOTFOUND", "no such version of the round's checklist",
    "没有该轮次检查表的此版本" },
  ["inspect.item_answers"] = { "ARG", "answers: each item of the checklist exactly once, ok true or false",
    "answers：检查表每一项须且只须回答一次，ok 为 true 或 false" },
  ["inspect.item_text"] = { "ARG",
    "note, text and immediate_action are texts of at most 600 bytes, value is an integer",
    "note、text、immediate_action 须为不超过 600 字节的文本，value 须为整数" },
  ["inspect.item_dup"] = { "DUP", "another inspection was sent under this id",
    "此 id 已用于另一条检查记录" },
}

--- The refusal of one item, as it stands in the reply.
function batch.reason(call, index, id, rule)
  local r = REASONS[rule]
  return { index = index, id = id, code = r[1], rule = rule, text = call.lang == "en" and r[2] or r[3] }
end

--- Text that is the same for the same value, whatever order its keys came in.
local function canonical(v)
  if v == muster.null then return "null" end
  if type(v) ~= "table" then return type(v) .. ":" .. tostring(v) end
  local keys = {}
  for k in pairs(v) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  local out = {}
  for i, k in ipairs(keys) do
    local e = v[k]
    if e == nil then e = v[math.tointeger(tonumber(k))] end
    out[i] = #k .. ":" .. k .. "=" .. canonical(e)
  end
  return "{" .. table.concat(out, ";") .. "}"
end

--- Hash of an item as sent, to tell a repeat from a change.
function batch.hash(call, item) return call:hash(canonical(item)) end

--- RFC 3339 with offset, or milliseconds, to milliseconds; nil when it is neither.
function batch.instant(v)
  if math.type(v) == "integer" then return v end
  if type(v) ~= "string" then return nil end
  local day, h, m, s, zone = v:match("^(%d%d%d%d%-%d%d%-%d%d)[T ](%d%d):(%d%d):?(%d?%d?)%.?%d*([Zz+-].*)$")
  if not day or not calendar.valid(day) then return nil end
  local sign, zh, zm = zone:match("^([+-])(%d%d):(%d%d)$")
  if not sign and zone ~= "Z" and zone ~= "z" then return nil end
  local offset = sign and (tonumber(zh) * 60 + tonumber(zm)) * (sign == "-" and -1 or 1) or 0
  h, m, s = math.tointeger(tonumber(h)), math.tointeger(tonumber(m)), math.tointeger(tonumber(s) or 0)
  if h > 23 or m > 59 or s > 60 then return nil end
  return calendar.start_ms(day, 0) + ((h * 60 + m - math.tointeger(offset)) * 60 + s) * 1000
end

local function text_ok(v) return v == nil or v == muster.null or (type(v) == "string" and v ~= "" and #v <= 600) end

local function given(v)
  if v == muster.null then return nil end
  return v
end

--- Answers against the items of the checklist version. Returns a list in the checklist's order, or nil and the rule.
local function answers(call, item, list)
  local by_code, n = {}, 0
  if type(list) ~= "table" then return nil, "inspect.item_answers" end
  for _, a in ipairs(list) do
    if type(a) ~= "table" or type(a.item) ~= "string" or by_code[a.item] or type(a.ok) ~= "boolean" then
      return nil, "inspect.item_answers"
    end
    local value = given(a.value)
    if not (text_ok(a.note) and text_ok(a.text) and text_ok(a.immediate_action))
        or (value ~= nil and math.type(value) ~= "integer") then
      return nil, "inspect.item_text"
    end
    by_code[a.item], n = a, n + 1
  end
  local out = {}
  for i, c in ipairs(call.db:rows("SELECT item, grp, severity, text FROM inspect_checklist_item"
      .. " WHERE checklist = ? AND ver = ? ORDER BY ord", item.checklist, item.ver)) do
    local a = by_code[c.item]
    if not a then return nil, "inspect.item_answers" end
    out[i] = { item = c.item, group = c.grp, severity = c.severity, ok = a.ok, value = given(a.value),
      note = given(a.note),
      text = given(a.text) or c.text, immediate_action = given(a.immediate_action) }
  end
  if #out ~= n then return nil, "inspect.item_answers" end
  return out
end

local function shape_ok(item)
  return type(item.site) == "string" and math.type(item.round) == "integer" and type(item.checklist) == "string"
    and math.type(item.ver) == "integer" and (item.state == nil or item.state == "draft" or item.state == "submitted")
end

--- Where and when: site, round and period of the item. Fills `found`, or returns the rule it breaks.
local function place(call, item, found)
  local site = call.db:row("SELECT code, unit FROM inspect_site WHERE code = ?", item.site)
  if not site or not call:in_scope(site.unit) then return "inspect.item_site" end
  if not span.current(call, "inspect_site_span", "site", site.code, found.day) then return "inspect.site_closed" end
  local round = call.db:row("SELECT r.* FROM inspect_round r JOIN inspect_area_unit s ON s.area = r.area"
    .. " WHERE r.id = ? AND s.unit = ? AND r.from_day <= ? AND r.to_day >= ? AND " .. span.holds("s"),
    item.round, site.unit, found.day, found.day, span.on(found.day, call.now))
  if not round then return "inspect.item_round" end
  if round.checklist ~= item.checklist or not call.db:row(
      "SELECT ver FROM inspect_checklist WHERE code = ? AND ver = ?", item.checklist, item.ver) then
    return "inspect.item_checklist"
  end
  found.unit = site.unit
  found.period = calendar.diff(round.from_day, found.day) // round.every_days
  return nil
end

--- Check one item. Returns { unit, period, day, done_at, state, answers }, or nil and the rule it breaks.
function batch.check(call, item)
  if type(item) ~= "table" then return nil, "inspect.item" end
  if type(item.id) ~= "string" or #item.id < 8 or #item.id > 64 or not item.id:match("^[A-Za-z0-9-]+$") then
    return nil, "inspect.item_id"
  end
  if not shape_ok(item) then return nil, "inspect.item" end
  local done_at = batch.instant(item.at)
  if not done_at or done_at < 0 or done_at > call.now then return nil, "inspect.item_time" end
  local found = { done_at = done_at, day = calendar.day_of(done_at, call.zone_min), state = item.state or "submitted" }
  local rule = place(call, item, found)
  if rule then return nil, rule end
  if found.state == "submitted" then
    found.answers, rule = answers(call, item, item.answers)
    if rule then return nil, rule end
  end
  return found
end

return batch
