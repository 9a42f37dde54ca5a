--- Pictures are SVG whatever the rows hold, the same for the same rows, and say what they were given.
local admin = muster.connect { name = "pictures" }

local function draw(kind, rows, options)
  return admin:call("cnkit.svg." .. kind, { rows = muster.json.encode(rows), lang = "en",
    options = options and muster.json.encode(options) or nil })
end

local function count(text, words)
  local n, at = 0, 1
  while true do
    at = text:find(words, at, true)
    if not at then return n end
    n, at = n + 1, at + 1
  end
end

--- One element around all, every tag closed, no bare & or <, nothing that runs or loads.
local function well_formed(svg)
  local open, depth = {}, 0
  local bare = svg:gsub("<[^<>]*>", ""):gsub("&%a+;", "")
  assert(not bare:find("[<>&]"), "a bare sign: " .. bare:sub(1, 200))
  for close, name, rest in svg:gmatch("<(/?)([%a]+)([^<>]*)>") do
    if close == "/" then
      assert(table.remove(open) == name, "</" .. name .. "> closes another element")
    elseif rest:sub(-1) ~= "/" then
      assert(#open > 0 or depth == 0, "two roots")
      open[#open + 1], depth = name, depth + 1
    end
    assert(name ~= "script" and name ~= "image" and name ~= "a", name)
  end
  assert(#open == 0, "not closed: " .. table.concat(open, " "))
end

local bars = { { label = "霍城县", value = 6965000 }, { label = "<script>&\"'", value = -30000 },
  { label = "没有数", value = muster.null }, { label = ("很长的名称"):rep(20), value = 0 } }
local bar = draw("bar", bars, { title = "捐款 <元> & 合计", unit = "fen", width = 400 })
well_formed(bar)
assert(bar == draw("bar", bars, { title = "捐款 <元> & 合计", unit = "fen", width = 400 }), "the same rows, the same bytes")
assert(bar:find("69,650.00", 1, true) and bar:find("-300.00", 1, true), "values in the unit")
assert(bar:find("捐款 &lt;元&gt; &amp; 合计", 1, true) and bar:find("…", 1, true), "title and a cut label")
assert(count(bar, "fill=\"#0072b2\"") == 2 and count(bar, "fill=\"#d55e00\"") == 1, "one bar each, but for the missing one")
local odd = draw("bar", { { label = "甲\u{FFFE}乙\u{FFFF}丙\u{1}丁", value = 1 } })
assert(odd:find(">甲乙丙丁<", 1, true), "characters that XML does not have")
well_formed(draw("bar", {}))
well_formed(draw("bar", { { label = "a", value = 1000000000000000 }, { label = "b", value = -1000000000000000 } }))

-- The longest label has the room that was made for it.
for characters = 1, 12 do
  assert(not draw("bar", { { label = ("宁"):rep(characters), value = 1 } }):find("…", 1, true),
    "a label of " .. characters .. " characters is cut")
end

local points = {}
for day = 1, 29 do
  for _, s in ipairs { "一组", "二组" } do
    points[#points + 1] = { label = ("2020-02-%02d"):format(day), series = s, value = day ~= 12 and day * 100 or muster.null }
  end
end
local line = draw("line", points, { title = "检查", unit = "bp" })
well_formed(line)
assert(count(line, "<circle") == 2 * 28 and count(line, "<path") == 2, "a dot for each value, a path for each series")
assert(select(2, line:gsub("M%d", "")) == 4, "each line has one gap")
assert(line:find("一组", 1, true) and line:find("20 %", 1, true), "series and unit")
well_formed(draw("line", {}))
well_formed(draw("line", { { label = "only", value = 0 } }))

-- Nothing of a label lies outside of the picture, and numbers below an axis do not run into each other. A Han character
-- is as wide as the text is high, others about half of that.
local function width_of(text, size)
  local n = 0
  for _, c in utf8.codes(text) do n = n + (c < 0x80 and 1 or 2) end
  return n * size * 0.5
end
local first = "2020年第一季度开始时"
local quarters = draw("line", { { label = first, value = 1 }, { label = "b", value = 3 } }, { width = 600 })
assert(quarters:match('<text x="([%d.]+)"[^>]+>' .. first .. "<") - width_of(first, 11) / 2 >= 0, "the first label is cut")
local endless = draw("line", { { label = ("很长的标签"):rep(20), value = 1 }, { label = "b", value = 3 } }, { width = 1000 })
local at, shown = endless:match('<text x="([%d.]+)"[^>]+><title>[^<]+</title>([^<]+)…</text>')
assert(at - width_of(shown .. "很", 11) / 2 >= 0, "the first label, shortened, is cut")
local large = draw("bar", { { label = "伊宁", value = 900000000000000 } }, { unit = "fen", width = 400 })
local before = -100
for x, text in large:gmatch('<text x="([%d.]+)" y="%d+.0" font%-size="11" text%-anchor="middle">([^<]+)') do
  assert(x - width_of(text, 11) / 2 > before, "numbers run into each other")
  before = x + width_of(text, 11) / 2
end

local places = { { label = "甲", state = "ok", lat = 44010000, lon = 80900000, note = "负责人" }, { label = "乙", state = "bad" },
  { label = "丙 & <丁>", state = "off", lat = 44010000, lon = 80900000 } }
local map = draw("areamap", places, { title = "一片区" })
well_formed(map)
assert(map:find("正常 1", 1, true) and map:find("超期 1", 1, true) and map:find("未检查 0", 1, true), "the legend counts")
assert(map:find("负责人", 1, true) and map:find("丙 &amp; &lt;丁&gt;", 1, true), "the list")
local crowd = {}
for i = 1, 300 do crowd[i] = { label = "点" .. i, state = "warn", lat = 0, lon = 0 } end
for _, width in ipairs { 320, 1000 } do
  local crowded = draw("areamap", crowd, { width = width })
  well_formed(crowded)
  local spots, marks = {}, 0
  for x, y in crowded:gmatch('<path d="M([%d.]+) ([%d.]+)l8 14') do
    if tonumber(x) < width * 0.58 and tonumber(y) > 60 then
      for _, s in ipairs(spots) do
        assert((s[1] - x) ^ 2 + (s[2] - y) ^ 2 > 16, "two places on one spot")
      end
      marks = marks + 1
      spots[marks] = { tonumber(x), tonumber(y) }
    end
  end
  assert(marks == 300, "300 places at one spot: drawn apart are " .. marks)
end

-- The worst of a crowd lies where it is, and nothing is drawn over it; without coordinates the list has all the width.
crowd[250].state = "bad"
local worst = draw("areamap", crowd)
local mid = worst:find('<rect x="233.0" y="277.0" width="14" height="14" fill="#d55e00"', 1, true)
assert(mid and mid > worst:find('l8 14h%-16z" fill="#e69f00"/>\n<text [^>]+>300<', 1), "the overdue one is in the middle, on top")
local long = ("很长的点位名称"):rep(4)
local list = draw("areamap", { { label = long, state = "ok" } })
assert(list:find(long, 1, true) and not list:find("…", 1, true) and not list:find("#f6f8fa", 1, true), "no empty map")
assert(admin:call("cnkit.svg.areamap", { rows = "[]", legend = "en" }):find("in order 0", 1, true), "an English legend")

local function refused(words, kind, rows, options)
  local _, err = admin:try("cnkit.svg." .. kind, { rows = rows, options = options, lang = "en" })
  assert(err and err.rule == "cnkit.picture" and err.text:find(words, 1, true), kind .. ": " .. tostring(err))
end
refused("row 1: a row is a map", "bar", "[1]")
refused("row 2: it has a key", "bar", '[{"label":"a"},{"label":"a","vaule":1}]')
refused("row 1: value is a whole number", "bar", '[{"label":"a","value":"1"}]')
refused("row 1: numbers lie", "line", '[{"label":"a","value":1000000000000001}]')
refused("row 2: this series has a value", "line", '[{"label":"a","value":1},{"label":"a","value":2}]')
refused("row 1: state is", "areamap", '[{"label":"a","state":"green"}]')
refused("row 1: lat and lon", "areamap", '[{"label":"a","lat":1}]')
refused("row 1: lat and lon", "areamap", '[{"label":"a","lat":"1","lon":"2"}]')
refused("row 1: label, state, series and note are texts", "areamap", '[{"label":"a","note":5}]')
refused("row 1: label, state, series and note are texts", "line", '[{"label":"a","series":5}]')
well_formed(draw("bar", {}, muster.json.decode("[]")))
refused("options is a map", "bar", "[]", '["title"]')
refused("options is a map", "bar", "[]", '{"widht":3}')
refused("at most 500", "bar", "{}")

-- A share of nothing is a gap in a picture of figures, not 0 %; a count of nothing is 0.
admin:call("org.unit.add", { code = "YL", name = "伊犁州", kind = "prefecture" })
admin:call("org.unit.add", { code = "CB", name = "伊宁市", kind = "county", parent = "YL" })
local rate = admin:call("pictures.figure", { name = "inspect.coverage", unit = "YL" })
assert(rate:find(">–</text>", 1, true) and not rate:find("0.00 %", 1, true), "a share of nothing")
assert(rate:find("<title>检查覆盖率（万分比） · 伊犁州</title>", 1, true), "a title for people")
local line_of = admin:call("pictures.trend", { name = "inspect.coverage", unit = "YL", from = "2020-01-01", to = "2020-01-31" })
well_formed(line_of)
assert(count(line_of, "<circle") == 0, "a line of shares of nothing")
assert(admin:call("pictures.figure", { name = "inspect.done", unit = "YL" }):find(">0</text>", 1, true), "a count of nothing")

-- Sites of one name are told apart by their units, in one unit by their codes.
admin:call("org.unit.add", { code = "ZB", name = "奎屯市", kind = "county", parent = "YL" })
admin:call("inspect.area.define", { code = "A1", name = "一片区", units = "CB,ZB", from = "2020-01-01" })
for code, site in pairs { S1 = { "CB", "大厅" }, S2 = { "ZB", "大厅" }, S3 = { "CB", "楼" }, S4 = { "CB", "楼" }, S5 = { "CB", "院" } } do
  admin:call("inspect.site.add", { code = code, unit = site[1], name = site[2], from = "2020-01-01" })
end
local sites = admin:call("pictures.map", { area = "A1" })
for _, label in ipairs { "大厅 伊宁市", "大厅 奎屯市", "楼 S3", "楼 S4", "院" } do
  assert(sites:find(">" .. label .. "</text>", 1, true), label)
end
