--- A small organisation, and the pool of things that really exist in it.
---
--- Two halves, north and south, know nothing of each other; a third part, the top, belongs to neither. Every code and
--- every name begins with the mark of its part (QN, QS, QT), so that a reply to somebody of the north in which QS stands,
--- and which he has not sent himself, is a leak.
local house = { PARTS = { "N", "S", "T" }, rounds = {} } -- rounds: of each part the one planned at the start

local DAY_ONE = "2020-01-01"
local NAMES = { "古丽米热·艾力", "阿依古丽·玉山", "王示例", "李示例" }
local KEPT = 60

local pool = { all = {}, N = {}, S = {}, T = {} } -- part → kind → list; `all`: things that everybody may use
house.pool = pool

--- Remember a thing of a part.
function house.add(part, kind, value)
  local list = pool[part][kind] or {}
  pool[part][kind] = list
  if #list >= KEPT then table.remove(list, 1) end
  list[#list + 1] = value
end

--- Some existing thing of a part, of everybody's now and then, or nil.
function house.some(rng, part, kind)
  local own, all = pool[part][kind] or {}, pool.all[kind] or {}
  if #all > 0 and (#own == 0 or rng:chance(25)) then return rng:pick(all) end
  return rng:pick(own)
end

function house.other(rng, part)
  local others = {}
  for _, p in ipairs(house.PARTS) do
    if p ~= part then others[#others + 1] = p end
  end
  return rng:pick(others)
end

local function people_of(c, part, unit)
  local mark = "Q" .. part
  for i, name in ipairs(NAMES) do
    local code = ("%s-%s%d"):format(mark, unit:sub(-1), i)
    c:call("org.person.add", { code = code, name = mark .. name .. i, unit = unit, at = house.start })
    house.add(part, "person", code)
    if i < 3 then
      c:call("org.branch.join", { person = code, branch = mark .. "-B", on = DAY_ONE, at = house.start })
    end
  end
end

local function part_of(c, part)
  local mark = "Q" .. part
  local function unit(code, kind, parent)
    c:call("org.unit.add", { code = code, name = mark .. "单位" .. code, kind = kind, parent = parent, on = DAY_ONE,
      at = house.start })
    house.add(part, "unit", code)
  end
  unit(mark, "county", "YL")
  unit(mark .. "-1", "office", mark)
  unit(mark .. "-2", "station", mark)
  c:call("org.branch.add", { code = mark .. "-B", name = mark .. "支部", unit = mark, on = DAY_ONE, at = house.start })
  house.add(part, "branch", mark .. "-B")
  people_of(c, part, mark .. "-1")
  people_of(c, part, mark .. "-2")
  for kind, code in pairs { special_dues = "-D", social = "-S", inkind = "-K" } do
    c:call("fund.open", { code = mark .. code, kind = kind, name = mark .. "捐款", unit = mark, opens = DAY_ONE,
      closes = "2029-12-31", at = house.start })
    house.add(part, "fund", mark .. code)
  end
  c:call("inspect.area.define", { code = mark .. "-A", name = mark .. "片区", units = { mark .. "-1", mark .. "-2" },
    from = DAY_ONE, at = house.start })
  house.add(part, "area", mark .. "-A")
  for i = 1, 2 do
    local code = mark .. "-P" .. i
    c:call("inspect.site.add", { code = code, unit = mark .. "-" .. i, name = mark .. "点位", from = DAY_ONE,
      at = house.start })
    house.add(part, "site", code)
  end
  local round = c:call("inspect.round.plan", { area = mark .. "-A", from = "2020-01-02", to = "2020-12-01",
    checklist = "EPI", at = house.start })
  house.add(part, "round", round.round)
  house.rounds[part] = round.round
end

local function user(c, name, lang, grants)
  c:call("user.add", { name = name, methods = "token", language = lang })
  for _, g in ipairs(grants) do c:call("role.grant", { user = name, role = g[1], unit = g[2] }) end
  return c:call("user.token", { name = name, label = "storm" }).token
end

--- What everybody may use: one fund, one campaign, one checklist, one calendar at the top; users and roles to be played
--- with, who are not those that play.
local function common(c)
  c:call("org.unit.add", { code = "YL", name = "州局", kind = "prefecture", on = DAY_ONE, at = house.start })
  c:call("fund.open", { code = "ALL", kind = "social", name = "共同", unit = "YL", opens = DAY_ONE,
    closes = "2029-12-31", at = house.start })
  c:call("fiveones.campaign.define", { code = "WY", name = "五个一", unit = "YL", at = house.start })
  c:call("inspect.checklist.publish", { code = "EPI", title = "检查表", at = house.start, items = {
    { code = "T1", group = "temp", severity = "major", text = "体温" },
    { code = "R1", group = "reception", severity = "minor", text = "通风" },
  } })
  c:call("org.calendar.define", { code = "CAL", name = "日历", at = house.start })
  for kind, code in pairs { fund = "ALL", campaign = "WY", checklist = "EPI", calendar = "CAL" } do
    house.add("all", kind, code)
  end
  for i = 1, 3 do
    c:call("user.add", { name = "decoy" .. i, methods = "token,password,cert" })
    c:call("role.define", { name = "spare" .. i, grants = { "notes.*", "read:fund.*" } })
    house.add("all", "user", "decoy" .. i)
    house.add("all", "role", "spare" .. i)
  end
end

--- Set everything up at `start` (an instant). Returns the users: { name, part, lang, token, proto (2 or nil), busy }.
function house.build(c, start)
  house.start = start
  common(c)
  for _, part in ipairs(house.PARTS) do part_of(c, part) end
  c:call("role.define", { name = "everything", grants = { "*", "backdate" } })
  c:call("role.define", { name = "reading", grants = { "read:*" } })
  local users = {
    { name = "QN-clerk", part = "N", busy = true, lang = "zh-CN", grants = { { "everything", "QN" } } },
    { name = "QS-clerk", part = "S", busy = true, lang = "en", grants = { { "everything", "QS" } } },
    { name = "QN-reader", part = "N", lang = "en", proto = 2, grants = { { "reading", "QN-1" } } },
    { name = "QN-two", part = "N", lang = "zh-CN", grants = { { "everything", "QN-1" }, { "everything", "QN-2" } } },
    { name = "QS-mixed", part = "S", lang = "zh-CN", grants = { { "reading", "QS" }, { "everything", "QS-2" } } },
  }
  for _, u in ipairs(users) do u.token = user(c, u.name, u.lang, u.grants) end
  return users
end

return house
