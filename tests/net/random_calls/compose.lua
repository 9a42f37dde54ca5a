--- One random call: mostly valid, now and then with a foreign thing, a value at the edge, or arguments missing, unknown or
--- twice.
local house = require "random_calls.house"
local values = require "random_calls.values"

local compose = {}

--- What a script must not do to itself: take rights from the users that play, or move a part of the tree into another.
local UNTOUCHED = { QN = true, QS = true, QT = true, YL = true, ["QN-1"] = true, ["QN-2"] = true, ["QS-2"] = true }
local function spared(command, name, value)
  if command:find("^org%.unit%.") and name == "unit" then return UNTOUCHED[value] and not command:find("get") end
  return command:find("^role%.") and (value == "everything" or value == "reading" or value == "administrator")
    or command:find("^user%.") and name == "name" and (value == "admin" or value:find("^Q"))
end

--- Percent with which an optional argument is sent, where it is not 30.
local OFTEN = { rev = 5, donor = 75, branch = 5, unit = 15, note = 10, from = 15, to = 15 }

local function chosen(ctx, arg, mood)
  if mood.foreign == arg then
    local value = values.foreign(ctx, arg)
    if value then return value end
  end
  return mood.edge == arg and values.edge(ctx, arg) or values.valid(ctx, arg)
end

--- A batch closes with what was counted and travels by its own route: the pool knows both.
local function batch_facts(ctx, words)
  local own = house.pool[ctx.part]
  for _, b in ipairs(ctx.command == "fund.batch.close" and own.open_batch or {}) do
    if words[1] == "batch=" .. b.key then words[2], words[3] = "count=" .. b.count, "sum_fen=" .. b.sum_fen end
  end
  for _, b in ipairs(ctx.command == "fund.remit" and own.closed_batch or {}) do
    if words[1] == ('batches=["%s"]'):format(b.key) then words[2] = "route=" .. b.route end
  end
end

local SETTINGS = { "0", "1", "-1", "9007199254740991", "x", ",", "1,2,3", "8,9", "10:00-14:00", "14:00-10:00", "99:99-00:00",
  "10:00", "prefecture", "prefecture,county,office,branch,station,center,partner,facility", "true", "Asia/Shanghai" }

--- A setting that exists, with a value that it may or may not take.
local function setting(ctx, words)
  local found = ctx.command == "setting.set" and ctx.rng:pick(house.pool.all.settings)
  if not found then return end
  words[1], words[2] = "plugin=" .. found.plugin, "name=" .. found.name
  words[3] = ctx.rng:chance(70) and "value=" .. ctx.rng:pick(SETTINGS) or nil
end

local function reserved(ctx, words, write)
  local rng = ctx.rng
  if rng:chance(40) then
    words[#words + 1] = "lang=" .. rng:pick { "zh-CN", "en" }
  elseif rng:chance(2) then
    words[#words + 1] = "lang=" .. rng:pick { "fr", "", "zh" }
  end
  if rng:chance(4) then
    words[#words + 1] = "timeout_ms=" .. rng:pick { "1", "50", "100000", "0", "-1", "9223372036854775808", "x" }
  end
  if not write then return end
  if rng:chance(ctx.wild and 60 or 97) then words[#words + 1] = "at=" .. ctx.instant() end
  if rng:chance(25) then
    words[#words + 1] = "idem=" .. ctx.user.name .. "/" .. rng:upto(ctx.keys)
  end
end

local function disturb(ctx, words)
  local rng, kind = ctx.rng, ctx.rng:upto(5)
  if kind == 1 and #words > 0 then table.remove(words, rng:upto(#words)) end
  if kind == 2 then words[#words + 1] = rng:pick { "nothing=1", "=", "=x", "x", "idem=", "at=", ("k"):rep(300) .. "=1" } end
  if kind == 3 and #words > 0 then words[#words + 1] = rng:pick(words) end
  if kind == 4 then
    for i, w in ipairs(words) do words[i] = w:gsub("^[%w_]+=", "", 1) end
  end
  if kind == 5 then
    for i = 1, rng:pick { 1, 60 } do words[#words + 1] = "more" .. i .. "=" .. i end
  end
end

--- The words of a call of `command` = { name, write, args }. `ctx`: { rng, user, part, day(), instant(), keys, wild }.
function compose.call(ctx, command)
  local rng, args = ctx.rng, command.args
  ctx.command = command.name
  ctx.amount = rng:pick { 100, 5000, 100000, 250000 }
  local mood, dice = {}, rng:upto(100)
  if dice <= 25 then mood.edge = rng:pick(args) end
  if dice > 85 and ctx.user.part then mood.foreign = rng:pick(args) end
  local words = {}
  for _, arg in ipairs(args) do
    if not arg.optional or mood.edge == arg or mood.foreign == arg or rng:chance(OFTEN[arg.name] or 30) then
      local value = chosen(ctx, arg, mood)
      if spared(command.name, arg.name, value) then value = "QX-spared" end
      if arg.name == "amount_fen" and mood.edge ~= arg then value = tostring(ctx.amount) end
      words[#words + 1] = arg.name .. "=" .. value
    end
  end
  if rng:chance(85) then batch_facts(ctx, words) end
  if dice > 25 then setting(ctx, words) end
  reserved(ctx, words, command.write)
  if dice > 25 and dice <= 32 then disturb(ctx, words) end
  table.insert(words, 1, command.name)
  return words
end

return compose
