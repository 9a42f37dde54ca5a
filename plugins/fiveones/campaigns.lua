--- Campaigns: which items every household is to get. Data, not code: five ones by default, any number allowed.
local commands = {}

--- The five ones of the 2020 campaign: a visit, a contact card, a letter, a package, a problem solved.
local FIVE = {
  { kind = "visit", label = "一次走访慰问", required = true, sla_days = 14 },
  { kind = "card", label = "一张联系卡", required = true, sla_days = 14 },
  { kind = "letter", label = "一封慰问信", required = true, sla_days = 21 },
  { kind = "package", label = "一个拥军包", required = true, sla_days = 21 },
  { kind = "problem", label = "解决一批现实问题", required = true, sla_days = 30 },
}

local CAMPAIGN = "{code:text, name:text, unit:text, ver:int, items:[{kind:text, label:text, required:bool,"
  .. " sla_days:int}]}"

local function bad_item(call, n)
  call:fail("ARG", { rule = "fiveones.items", arg = "items" },
    "item %d: kind is a word of letters, label a text, required true or false, sla_days 1 to 366", n)
end

--- One item as given, with its defaults; refuses what is not one.
local function check_item(call, item, n)
  if type(item) ~= "table" or type(item.kind) ~= "string" or not item.kind:match("^[a-z][a-z_]*$") or #item.kind > 20
      or type(item.label) ~= "string" or item.label == "" or #item.label > 120 then
    bad_item(call, n)
  end
  local required, sla = item.required, item.sla_days
  if required == nil then required = true end
  if sla == nil then sla = 14 end
  if type(required) ~= "boolean" or math.type(sla) ~= "integer" or sla < 1 or sla > 366 then bad_item(call, n) end
  return { kind = item.kind, label = item.label, required = required, sla_days = sla }
end

local function check_items(call, items)
  if type(items) ~= "table" or #items == 0 or #items > 20 then
    call:fail("ARG", { rule = "fiveones.items", arg = "items" }, "a campaign has 1 to 20 items")
  end
  local out, seen = {}, {}
  for n, item in ipairs(items) do
    out[n] = check_item(call, item, n)
    if seen[item.kind] then
      call:fail("ARG", { rule = "fiveones.items", arg = "items" }, "item %d: the kind %s is there twice", n, item.kind)
    end
    seen[item.kind] = true
  end
  return out
end

local function items_of(call, code, ver)
  return call.db:rows("SELECT kind, label, required, sla_days FROM fiveones_version_item WHERE campaign = ? AND ver = ?"
    .. " ORDER BY ord", code, ver)
end

--- The campaign's row, or a refusal. Campaigns are plans, so every reader may see them.
local function campaign_row(call, code)
  local row = call.db:row("SELECT * FROM fiveones_campaign WHERE code = ?", code)
  if not row then
    call:fail("NOTFOUND", { rule = "fiveones.unknown", arg = "campaign" }, "no campaign %s", code)
  end
  return row
end

local function describe(call, row, ver)
  ver = ver or row.ver
  local v = call.db:row("SELECT name FROM fiveones_version WHERE campaign = ? AND ver = ?", row.code, ver)
  if not v then
    call:fail("NOTFOUND", { rule = "fiveones.unknown", arg = "ver" }, "campaign %s has no version %d", row.code, ver)
  end
  return { code = row.code, name = v.name, unit = row.unit, ver = ver, items = items_of(call, row.code, ver) }
end

commands["fiveones.campaign.define"] = {
  mode = "write", args = { "code:text(20)", "name:text(100)", "unit:unit", "items:json?" }, returns = CAMPAIGN,
  summary = { en = "Define a campaign or a new version of it; running cases keep the version they have.",
    ["zh-CN"] = "定义活动或发布新版本，办理中的个案不受影响" },
  doc = "`items`: [{kind, label, required?, sla_days?}], the five ones when left out."
    .. " An item of kind problem is done by settling the household's problems.",
  run = function(call, code, name, unit, items)
    if not code:match("^[A-Za-z0-9-]+$") then
      call:fail("ARG", { rule = "fiveones.code", arg = "code" }, "%s: letters, digits and '-', at most 20 of them",
        "code")
    end
    items = check_items(call, items or FIVE)
    local row = call.db:row("SELECT * FROM fiveones_campaign WHERE code = ?", code)
    if row and (row.unit ~= unit or not call:in_scope(row.unit)) then
      call:fail("CONFLICT", { rule = "fiveones.campaign_unit", arg = "unit", state = row.unit },
        "campaign %s belongs to unit %s", code, row.unit)
    end
    local ver = row and row.ver + 1 or 1
    if row then
      call.db:run("UPDATE fiveones_campaign SET ver = ? WHERE code = ?", ver, code)
    else
      call.db:run("INSERT INTO fiveones_campaign (code, unit, ver, at) VALUES (?, ?, ?, ?)", code, unit, ver, call.now)
    end
    call.db:run("INSERT INTO fiveones_version (campaign, ver, name, at, by_user) VALUES (?, ?, ?, ?, ?)", code, ver,
      name,
      call.now, call.user)
    for n, i in ipairs(items) do
      call.db:run("INSERT INTO fiveones_version_item (campaign, ver, ord, kind, label, required, sla_days)"
        .. " VALUES (?, ?, ?, ?, ?, ?, ?)", code, ver, n, i.kind, i.label, i.required, i.sla_days)
    end
    return { code = code, name = name, unit = unit, ver = ver, items = items }
  end,
}

commands["fiveones.campaign.get"] = {
  mode = "read", args = { "campaign:text(20)", "ver:int(1..)?" }, returns = CAMPAIGN,
  summary = { en = "Show a campaign, the latest version unless VER is given.", ["zh-CN"] = "查看活动及其项目" },
  run = function(call, code, ver) return describe(call, campaign_row(call, code), ver) end,
}

commands["fiveones.campaign.list"] = {
  mode = "read", args = {}, returns = "[" .. CAMPAIGN .. "]",
  summary = { en = "List the campaigns.", ["zh-CN"] = "列出活动" },
  run = function(call)
    local out = {}
    for i, row in ipairs(call.db:rows("SELECT * FROM fiveones_campaign ORDER BY code LIMIT 200")) do
      out[i] = describe(call, row)
    end
    return out
  end,
}

return { commands = commands, row = campaign_row, items = items_of }
