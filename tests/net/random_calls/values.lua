--- Values for arguments, made from their declarations: valid ones, foreign ones, and ones at or beyond the edge.
local house = require "random_calls.house"

local values = {}

--- A declaration as COMMAND DOCS shows it, "name:type(bounds)[](bounds)?", as a table.
function values.parse(spec)
  local name, rest = spec:match("^([%w_]+)!?:(.*)$")
  local kind, bounds, tail = rest:match("^(%a+)(%b())(.*)$")
  if not kind then kind, tail = rest:match("^(%a+)(.*)$") end
  local array, sizes, after = tail:match("^(%[%])(%b())(.*)$")
  if not array then array, after = tail:match("^(%[%])(.*)$") end
  local low, high = (bounds or ""):match("^%((%-?%d*)%.%.(%-?%d*)%)$")
  if not low and bounds and kind ~= "enum" then high = bounds:match("%d+") end
  return { name = name, kind = kind, low = math.tointeger(low), high = math.tointeger(high), array = array ~= nil,
    most = sizes and math.tointeger(sizes:match("%.%.(%d+)")) or 100, optional = (after or tail):find("^[?=]") ~= nil,
    choices = kind == "enum" and bounds:sub(2, -2) or nil }
end

--- Which existing things an argument names: by its own name, unless its command says otherwise.
local NAMES = {
  unit = "unit", units = "unit", branch = "branch", parent = "unit", root = "unit", scope = "unit", person = "person",
  donor = "person", leader = "person", inspector = "person", liaison = "person", owner = "person", head = "person",
  members = "person", fund = "fund", funds = "fund", gift = "gift", batches = "batch", remittance = "remittance",
  receipt = "receipt", publication = "publication", case = "case", cases = "case", problem = "problem",
  campaign = "campaign", area = "area", site = "site", checklist = "checklist", inspection = "inspection",
  finding = "finding", taskforce = "taskforce", post = "post", calendar = "calendar", user = "user", role = "role",
  command = "command", plugin = "plugin",
}
local ITEM = { kind = "item" }
local SPECIAL = {
  ["fund.batch.close"] = { batch = "open_batch" }, ["fund.batch.get"] = { batch = "batch" },
  ["fund.inkind.void"] = { gift = "goods" }, ["org.event.get"] = { code = "event" },
  ["org.event.close"] = { code = "event" }, ["org.calendar.except"] = { code = "calendar" },
  ["inspect.checklist.get"] = { code = "checklist" }, ["notes.delete"] = { id = "note" },
  ["fiveones.item.done"] = ITEM, ["fiveones.item.schedule"] = ITEM, ["fiveones.item.waive"] = ITEM,
  ["fund.receive"] = { gift = "pledged" }, ["fund.void"] = { gift = "received" }, ["fund.refund"] = { gift = "batched" },
  ["fund.receipt.issue"] = { gift = "remitted" }, ["fund.remit"] = { batches = "closed_batch" },
  ["role.define"] = { name = "role" }, ["figure.get"] = { name = "figure" },
}

--- The kind of existing thing that the argument of the command names, or nil. In `part` a thing is preferred that is in
--- the state the command asks for.
function values.thing(command, arg, part)
  local special = SPECIAL[command]
  if special and special[arg.name] then return special[arg.name] end
  local ready = "finding." .. (command:match("^inspect%.finding%.(%a+)$") or "")
  if arg.name == "finding" and #(house.pool[part][ready] or {}) > 0 then return ready end
  if command:find("^user%.") and arg.name == "name" and command ~= "user.add" then return "user" end
  return NAMES[arg.name] or arg.kind == "unit" and "unit" or nil
end

--- Commands that make things everybody sees: nothing in them may carry the mark of a part.
local GLOBAL = { "^org%.calendar%.", "^fiveones%.campaign%.", "^inspect%.checklist%.", "^notes%.", "^role%.", "^user%.",
  "^setting%." }

local function mark(command, part)
  for _, pattern in ipairs(GLOBAL) do
    if command:find(pattern) then return "X" end
  end
  return "Q" .. part
end

local METHODS = { "cash", "wechat", "transfer", "cheque", "payroll" }

--- A part for a thing inside a structure: now and then one that the user does not see.
local function part_inside(ctx)
  return ctx.user.part and ctx.rng:chance(8) and house.other(ctx.rng, ctx.part) or ctx.part
end

local function sync_item(ctx)
  local rng, part = ctx.rng, part_inside(ctx)
  local site, round = "Q" .. part .. "-P" .. rng:upto(2), house.rounds[part]
  if rng:chance(30) then site, round = house.some(rng, part, "site"), house.some(rng, part, "round") end
  return { id = ("Q%s-dev-%d"):format(ctx.part, rng:upto(300)), site = site, round = round,
    at = ctx.day() .. "T09:00:00+08:00", checklist = "EPI", ver = 1,
    state = rng:chance(20) and "draft" or "submitted",
    answers = { { item = "T1", ok = rng:chance(50), text = "Q" .. ctx.part .. "体温" }, { item = "R1", ok = true } } }
end

--- Structures of the right shape, by command and argument.
local SHAPES = {
  lines = function(ctx)
    return { { method = ctx.rng:pick(METHODS), amount_fen = ctx.amount or 100, ref = "Q" .. ctx.part } }
  end,
  rows = function(ctx) return { { amount_fen = ctx.rng:upto(50) * 100, on = ctx.day(), ref = "Q" .. ctx.part } } end,
  batch = function(ctx)
    local list = {}
    for i = 1, ctx.rng:upto(3) do list[i] = sync_item(ctx) end
    return list
  end,
  hours = function() return { { 600, 840 }, { 930, 1170 } } end,
  items = function(ctx)
    if ctx.command:find("^inspect") then
      return { { code = "T1", group = "temp", severity = "major", text = "体温" } }
    end
    return { { kind = "visit", label = "走访" }, { kind = "problem", label = "问题", required = ctx.rng:chance(50) } }
  end,
  params = function(ctx)
    local fund = house.some(ctx.rng, part_inside(ctx), "fund")
    return ctx.rng:pick { muster.json.object {}, { fund = fund }, { funds = { fund } }, { campaign = "WY" },
      { fund = fund, route = "upper" }, { area = house.some(ctx.rng, ctx.part, "area") } }
  end,
}

--- Something wrong in a structure: one of its nodes is replaced.
local NODES = { muster.null, true, -1, 0, 2 ^ 53, 1e300, "", "x", ("长"):rep(700), muster.json.object {}, {}, { {} },
  { 1, 2, 3 }, math.maxinteger, math.mininteger, "2020-02-30" }

local function spoil(rng, node, depth)
  if type(node) ~= "table" or next(node) == nil or depth > 3 or rng:chance(25) then return rng:pick(NODES) end
  local keys = {}
  for k in pairs(node) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  local key = rng:pick(keys)
  node[key] = spoil(rng, node[key], depth + 1)
  return node
end

local function json(ctx, arg, wrong)
  local shape = SHAPES[arg.name] and SHAPES[arg.name](ctx) or { 1 }
  if wrong then shape = spoil(ctx.rng, shape, 0) end
  return muster.json.encode(shape)
end

local function number(ctx, arg)
  local low, high = arg.low or (arg.kind == "fen" and 0 or -100), arg.high or 100000
  if high - low > 100000 then high = low + 100000 end
  if low < 0 and high > 0 then low = 0 end
  return ctx.rng:between(low, high)
end

local function words(ctx, arg)
  local rng, m = ctx.rng, mark(ctx.command, ctx.part)
  if arg.name == "code" then return ("%s-%d"):format(m, rng:upto(9999)) end
  if arg.name == "file_hash" or arg.name == "fingerprint" then
    return (("%016x"):format(rng:upto(1 << 30))):rep(4)
  end
  if arg.name == "phone_masked" then return "138****0000" end
  if arg.name == "q" then return rng:pick { "Q", "示例", "古丽", "·", "单位", "glmr" } end
  if arg.name == "pinyin" then return "glmr" end
  if arg.name == "methods" and ctx.command:find("^user") then return "token" end
  if arg.name == "language" then return "en" end
  if arg.name == "grants" then return rng:pick { "notes.*", "read:fund.*", "echo.say", "backdate" } end
  local text = m .. rng:pick { "古丽米热•艾力", "示例", " text", "📮", "-" } .. rng:upto(99)
  if #text > (arg.high or 4000) then return m end
  return text
end

--- Days that are not about now: a fund is open for long, what is due or planned ends later.
local DAYS = { opens = "2020-01-01", closes = "2029-12-31", due = "2020-12-20", to = "2020-12-10" }

local function one(ctx, arg)
  local thing = values.thing(ctx.command, arg, ctx.part)
  local found = thing and house.some(ctx.rng, ctx.part, thing)
  if found then return tostring(type(found) == "table" and found.key or found) end
  if arg.kind == "int" or arg.kind == "fen" then return tostring(number(ctx, arg)) end
  if arg.kind == "bool" then return ctx.rng:pick { "0", "1", "true", "no" } end
  if arg.kind == "date" then return DAYS[arg.name] or ctx.day() end
  if arg.kind == "instant" then return ctx.instant() end
  if arg.kind == "enum" then
    local list = {}
    for choice in arg.choices:gmatch("[^|]+") do list[#list + 1] = choice end
    return ctx.rng:pick(list)
  end
  if arg.kind == "json" then return json(ctx, arg) end
  return words(ctx, arg)
end

--- A value that keeps the declaration. `ctx`: { rng, command, part, day(), instant() }.
function values.valid(ctx, arg)
  if not arg.array then return one(ctx, arg) end
  local list = {}
  for i = 1, ctx.rng:upto(arg.name == "batches" and 1 or 3) do list[i] = one(ctx, arg) end
  return muster.json.encode(list)
end

--- A thing that exists in a part the user does not see, or nil.
function values.foreign(ctx, arg)
  local part = house.other(ctx.rng, ctx.part)
  local thing = values.thing(ctx.command, arg, part)
  local list = thing and house.pool[part][thing]
  local found = list and ctx.rng:pick(list)
  return found and tostring(type(found) == "table" and found.key or found)
end

local EDGES = {
  any = { "", "0", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e3", "0x10", " 1", "null",
    ("x"):rep(10240), ("字"):rep(3000), "👨‍👩‍👧‍👦", "古丽米热·艾比布力", "a\0b", "\xff\xfe", "\xe5\x8f", "\xed\xa0\x80", "\r\n", "%s%d%n",
    "'; DROP TABLE org_unit; --", "%", "_", "*", "../../etc/passwd", "\u{202e}x", "\u{feff}", "e\u{301}", "QX-none", "ALL/",
    "////", "-", "," },
  date = { "0001-01-01", "9999-12-31", "2020-02-30", "0000-00-00", "2020-2-3", "10000-01-01", "2020-02-29" },
  instant = { "0", "-1", "9223372036854775807", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00",
    "2020-02-30T00:00:00+08:00", "2020-02-10T25:00:00+08:00", "2020-02-10", "2020-02-10T10:00:00" },
  fen = { "9007199254740991", "9007199254740992", "1", "0", "1.5" },
  json = { "[", "[]", "{}", "null", "0", '""', ("["):rep(10000), ("["):rep(30) .. ("]"):rep(30), '{"a":1,"a":2}', "1e999",
    '"\\ud800"', '"\\u0000"', "[" .. ("0,"):rep(8000) .. "0]", "[" .. ("{},"):rep(300) .. "{}]", '{"":[]}',
    ('{"a":'):rep(200) .. "1" .. ("}"):rep(200), "NaN", "[1,]" },
  list = { "[]", "[[]]", "[1]", "[null]", '[""]', "a,,b", ("a,"):rep(3000) .. "a", "[" .. ('"a",'):rep(500) .. '"a"]' },
}

--- A value at the edge of what the declaration allows, or beyond.
function values.edge(ctx, arg)
  if arg.kind == "json" and ctx.rng:chance(60) then return json(ctx, arg, true) end
  local list = arg.array and EDGES.list or EDGES[arg.kind]
  if not list or ctx.rng:chance(50) then list = EDGES.any end
  if arg.high and ctx.rng:chance(30) then
    if arg.kind == "int" or arg.kind == "fen" then return tostring(arg.high + ctx.rng:between(-1, 1)) end
    if arg.high <= 4000 then return ("长"):rep(arg.high + ctx.rng:between(-1, 1)) end
  end
  local value = ctx.rng:pick(list)
  -- What may become a code keeps the mark, or the administrator would meet it in two parts.
  if arg.name == "code" and value:find("^[%w-]+$") and #value <= 20 then
    return (mark(ctx.command, ctx.part) .. value):sub(1, 20)
  end
  return value
end

return values
