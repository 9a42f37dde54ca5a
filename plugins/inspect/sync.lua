--- Inspections as they come in from the field, one offline batch at a time.
--
-- A device may send a batch again, whole or in part, as often as it likes: the id it made is unique here, so a known
-- item is only counted as repeated. An item that breaks a rule is refused with the reason; the others stand.
-- (`replayed` would be the obvious word, but that is the host's mark on a whole reply sent again for its idem key.)
local series = require "muster.series"
local calendar = require "muster.calendar"
local batch = require "inspect.batch"
local findings = require "inspect.findings"
local scope = require "muster.scope"
local span = require "inspect.span"

local commands = {}

local MAX_ITEMS = 200
local INSPECTION = "{id:int, client_id:text, site:text, unit:text, round:int, period:int, done_at:instant,"
  .. " inspector:text, device:text, checklist:text, ver:int, state:text, submitted_at:instant, reviewed_at:instant,"
  .. " reviewed_by:text, review_note:text, findings:[text],"
  .. " answers:[{item:text, group:text, severity:text, text:text, ok:bool, value:int, note:text}]}"

local function store_answers(call, id, item, found)
  local numbers = {}
  for _, a in ipairs(found.answers) do
    call.db:run("INSERT INTO inspect_answer (inspection, item, ok, value, note) VALUES (?, ?, ?, ?, ?)", id, a.item,
      a.ok, a.value, a.note)
    if not a.ok then
      local no = series.take(call, "finding", found.unit, calendar.year(call.today))
      findings.raise(call, { no = no, inspection = id, site = item.site, unit = found.unit }, a)
      numbers[#numbers + 1] = no
    end
  end
  return numbers
end

--- A draft that comes again, changed or submitted, takes the place of the draft before it.
local function update(call, id, item, found, hash)
  local submitted = found.state == "submitted"
  call.db:run("UPDATE inspect_inspection SET hash = ?, site = ?, unit = ?, round = ?, period = ?, day = ?, done_at = ?,"
    .. " checklist = ?, ver = ?, state = ?, draft = ?, submitted_at = ?, submitted_by = ? WHERE id = ?", hash,
      item.site,
    found.unit, item.round, found.period, found.day, found.done_at, item.checklist, item.ver, found.state,
    not submitted and muster.json.encode(item) or nil, submitted and call.now or nil, submitted and call.user or nil,
      id)
end

local function insert(call, device, item, found, hash)
  return call.db:value("INSERT INTO inspect_inspection (client_id, hash, site, unit, round, period, day, done_at,"
    .. " inspector, device, checklist, ver, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'draft') RETURNING id",
    item.id, hash, item.site, found.unit, item.round, found.period, found.day, found.done_at, call.person or call.user,
    device, item.checklist, item.ver)
end

--- Take one item. Returns "accepted" and its finding numbers, "repeated", or nil and the rule it breaks.
local function take(call, device, item)
  local hash = batch.hash(call, item)
  local known = type(item) == "table" and type(item.id) == "string"
    and call.db:row("SELECT id, hash, state, unit FROM inspect_inspection WHERE client_id = ?", item.id)
  if known and known.hash == hash then return "repeated" end
  if known and (known.state ~= "draft" or not call:in_scope(known.unit)) then return nil, "inspect.item_dup" end
  local found, rule = batch.check(call, item)
  if not found then return nil, rule end
  local id = known and known.id or insert(call, device, item, found, hash)
  update(call, id, item, found, hash)
  return "accepted", found.answers and store_answers(call, id, item, found) or {}
end

--- The first `most` characters of a text.
local function first(text, most)
  return text:sub(1, (utf8.offset(text, most + 1) or #text + 1) - 1)
end

commands["inspect.sync"] = {
  mode = "write", args = { "batch:json(400000)", "device:text(60)?" },
  returns = "{accepted:int, repeated:int, refused:[{index:int, id:text, code:text, rule:text, text:text}],"
    .. " findings:[text]}",
  timeout_ms = 2000,
  summary = { en = "Take in a batch of inspections made offline; each item stands or falls alone.",
    ["zh-CN"] = "接收离线检查批次，逐条入库，互不影响" },
  doc = "`batch`: up to 200 of {id, site, round, at, checklist, ver, state?, answers: [{item, ok, value?, note?, text?,"
    .. " immediate_action?}]}. `id` is made by the device and never used twice; state draft keeps the item for later."
    .. " An answer that is not ok raises a finding.",
  run = function(call, items, device)
    if type(items) ~= "table" or #items == 0 or #items > MAX_ITEMS then
      call:fail("ARG", { rule = "inspect.batch", arg = "batch" }, "a batch is an array of 1 to %d inspections",
        MAX_ITEMS)
    end
    local out = { accepted = 0, repeated = 0, refused = {}, findings = {} }
    for i, item in ipairs(items) do
      local result, more = take(call, device, item)
      if result then
        out[result] = out[result] + 1
        for _, no in ipairs(more or {}) do out.findings[#out.findings + 1] = no end
      else
        local id = type(item) == "table" and type(item.id) == "string" and first(item.id, 64) or nil
        out.refused[#out.refused + 1] = batch.reason(call, i, id, more)
      end
    end
    return out
  end,
}

local function inspection_row(call, id)
  local row = call.db:row("SELECT * FROM inspect_inspection WHERE id = ?", id)
  span.own(call, row and row.unit, "inspection", tostring(id))
  return row
end

local function describe(call, row)
  local out = {}
  for _, k in ipairs { "id", "client_id", "site", "unit", "round", "period", "done_at", "inspector", "device",
    "checklist", "ver", "state", "submitted_at", "reviewed_at", "reviewed_by", "review_note" } do out[k] = row[k] end
  out.answers = call.db:rows("SELECT a.item, c.grp AS \"group\", c.severity, c.text, a.ok, a.value, a.note"
    .. " FROM inspect_answer a JOIN inspect_checklist_item c ON c.item = a.item"
    .. " WHERE a.inspection = ? AND c.checklist = ? AND c.ver = ? ORDER BY c.ord", row.id, row.checklist, row.ver)
  out.findings = {}
  for i, f in ipairs(call.db:rows("SELECT no FROM inspect_finding WHERE inspection = ? ORDER BY id", row.id)) do
    out.findings[i] = f.no
  end
  return out
end

commands["inspect.inspection.get"] = {
  mode = "read", args = { "inspection:int(1..)" }, returns = INSPECTION,
  summary = { en = "Show an inspection with its answers, worded as in the version they were given to.",
    ["zh-CN"] = "查看检查记录及各项答案（按作答时的版本）" },
  run = function(call, id) return describe(call, inspection_row(call, id)) end,
}

commands["inspect.inspection.list"] = {
  mode = "read",
  args = { "unit:unit?", "site:text(20)?", "state:enum(draft|submitted|reviewed)?", "from:date?", "to:date?",
    "after:int(0..)=0", "limit:int(1..500)=100" },
  returns = "[{id:int, client_id:text, site:text, unit:text, round:int, period:int, day:date,"
    .. " inspector:text, state:text}]",
  summary = { en = "List inspections in id order, after the given id.",
    ["zh-CN"] = "按编号列出检查记录，可分页" },
  run = function(call, unit, site, state, from, to, after, limit)
    local path, path_end = scope.subtree(call, unit)
    return call.db:rows("SELECT i.id, i.client_id, i.site, i.unit, i.round, i.period, i.day, i.inspector, i.state"
      .. " FROM inspect_inspection i JOIN muster_unit m ON m.code = i.unit WHERE m.path >= ? AND m.path < ?"
      .. " AND (i.site = ? OR ? IS NULL) AND (i.state = ? OR ? IS NULL) AND i.day >= ? AND i.day <= ? AND i.id > ?"
      .. " ORDER BY i.id LIMIT ?", path, path_end, site, site, state, state, from or "0000-01-01", to or span.FOREVER,
      after, limit)
  end,
}

commands["inspect.review"] = {
  mode = "write", args = { "inspection:int(1..)", "note:text(600)?" }, returns = INSPECTION,
  summary = { en = "Review a submitted inspection; not by its own inspector.",
    ["zh-CN"] = "审阅已提交的检查记录（检查人不得自审）" },
  run = function(call, id, note)
    local row = inspection_row(call, id)
    if row.state ~= "submitted" then
      call:fail("STATE", { rule = "wrong_state", state = row.state }, "inspection %d is %s, not submitted", id,
        row.state)
    end
    if row.inspector == call.person or row.inspector == call.user or row.submitted_by == call.user then
      call:fail("NOPERM", { rule = "four_eyes", arg = "inspection", state = row.state },
        "%s needs a second person: %s is the %s of this record", "review", row.inspector, "inspector")
    end
    call.db:run("UPDATE inspect_inspection SET state = 'reviewed', reviewed_at = ?, reviewed_by = ?, review_note = ?"
      .. " WHERE id = ?", call.now, call.user, note, id)
    return describe(call, inspection_row(call, id))
  end,
}

return { commands = commands }
