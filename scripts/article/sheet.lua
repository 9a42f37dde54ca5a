--- The answer sheet: what the article printed [A] and what the scenario sets [S], for any instant, asked one by one.
local data = require "data"

local sheet = {}

local AS_OF = data.event.as_of

local function yuan(fen)
  local text = string.format("%d", fen // 100):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return string.format("¥%s.%02d", text, fen % 100)
end

local rows

--- One line: figure, parameters, what is expected. want: value, and den, complete where the sheet says "n of m".
local function line(source, words, name, params, want, more)
  more = more or {}
  rows[#rows + 1] = { source = source, words = words, name = name, params = params, want = want,
    scope = more.scope or "YL", as_of = more.as_of or AS_OF, text = more.text }
end

local function org()
  line("A", "州直县(市) 11", "org.county_units", nil, { value = 11 })
  line("A", "均成立领导小组 16/16", "org.leadgroup.coverage", nil, { value = 10000, num = 16, den = 16 })
  line("A", "马健, 党组副书记、副局长", "org.leadgroup.head", nil,
    { value = "马健, 党组副书记、副局长" })
end

local function dues()
  local p = { fund = "DUES" }
  line("A", "4 个党支部", "fund.branches", p, { value = 4 })
  line("A", "90 名党员", "fund.donors", p, { value = 90 })
  line("A", "69650 元", "fund.net", p, { value = 6965000 })
  line("A", "千元以上 21 人", "fund.large", p, { value = 21 })
  line("S", "21", "fund.large_donors", p, { value = 21 })
  line("S", "¥37,000", "fund.large_fen", p, { value = 3700000 })
  local net, donors = { 3154900, 755000, 2200100, 855000 }, { 34, 14, 28, 14 }
  local large = { 11, 2, 6, 2 }
  for i, b in ipairs(data.branches) do
    local q = { fund = "DUES", branch = b.code }
    line("S", yuan(net[i]), "fund.net", q, { value = net[i] })
    line("S", tostring(donors[i]), "fund.donors", q, { value = donors[i] })
    line("S", tostring(large[i]), "fund.large", q, { value = large[i] })
  end
  line("S", "91", "fund.gifts", p, { value = 91 })
  line("S", "92", "fund.lines", p, { value = 92 })
  line("S", "1", "fund.voids", p, { value = 1 })
  line("S", "1", "fund.refunds", p, { value = 1 })
  line("S", "¥37,000", "fund.route_fen", { fund = "DUES", route = "centre" }, { value = 3700000 })
  line("S", "¥32,650", "fund.route_fen", { fund = "DUES", route = "upper" }, { value = 3265000 })
end

local function others()
  local p = { fund = "STAFF" }
  line("A", "32 名非党职工", "fund.donors", p, { value = 32 })
  line("A", "5850 元", "fund.net", p, { value = 585000 })
  local own = { 125000, 230000, 105000, 125000 }
  for i, unit in ipairs(data.staff_units) do
    line("S", yuan(own[i]), "fund.net", { fund = "STAFF", own = true }, { value = own[i] },
      { scope = unit })
  end
  local both = { funds = { "DUES", "STAFF" } }
  line("S", "122", "fund.total_donors", both, { value = 122 })
  line("S", "¥75,500", "fund.total", both, { value = 7550000 })
  line("S", "12", "fund.donors", { fund = "DUES-654002" }, { value = 12 }, { scope = "CB-654002" })
  line("S", "¥4,300", "fund.net", { fund = "DUES-654002" }, { value = 430000 }, { scope = "CB-654002" })
  line("S", "¥20,000", "fund.net", { fund = "SOCIAL" }, { value = 2000000 })
  line("S", "200", "fund.inkind_qty", { fund = "INKIND" }, { value = 200 })
end

local function inspections()
  line("A", "包片到领导 15/15", "inspect.units_with_leader", nil, { value = 15, num = 15, den = 15 })
  line("S", "责任到人 45/45", "inspect.sites_with_inspector", nil, { value = 45, num = 45, den = 45 })
  line("S", "315", "inspect.done", nil, { value = 315 })
  line("S", "315/315", "inspect.coverage", nil, { value = 10000, num = 315, den = 315 })
  line("S", "22/24", "inspect.findings_closed", nil, { value = 22, num = 22, den = 24 })
  for _, g in ipairs { { "temp", 8 }, { "disinfect", 7 }, { "protect", 6 }, { "reception", 3 } } do
    line("S", tostring(g[2]), "inspect.findings", { group = g[1] }, { value = g[2] })
  end
  line("S", "1", "inspect.reopened", nil, { value = 1 })
  line("S", "0", "inspect.findings_overdue", nil, { value = 0 })
end

local function households()
  line("A", "五个一: 5", "fiveones.items_per_case", { campaign = "FIVE" }, { value = 5 })
  line("S", "17", "fiveones.cases", { campaign = "FIVE" }, { value = 17 })
  line("S", "5", "fiveones.cases", { kind = "military" }, { value = 5 })
  line("S", "12", "fiveones.cases", { kind = "civil" }, { value = 12 })
  line("S", "15", "fiveones.completed", nil, { value = 15, num = 15, den = 17 })
  line("S", "83/85", "fiveones.items_done", nil, { value = 83, num = 83, den = 85 })
  line("S", "18/21", "fiveones.problems_solved", nil, { value = 18, num = 18, den = 21 })
  for _, m in ipairs { { "onsite", 5 }, { "phone", 8 }, { "video", 4 } } do
    line("S", tostring(m[2]), "fiveones.visits", { mode = m[1] }, { value = m[2] })
  end
end

--- The same figures at other instants, from the same data.
local function other_instants()
  local before, after = { as_of = "2020-02-09T23:59:00+08:00" }, { as_of = "2020-03-19T23:59:00+08:00" }
  local early, p = { as_of = "2020-02-15T23:59:00+08:00" }, { fund = "DUES" }
  line("S", "0", "fund.donors", p, { value = 0 }, before)
  line("S", "¥0", "fund.net", p, { value = 0 }, before)
  line("S", "91", "fund.donors", p, { value = 91 }, after)
  line("S", "¥70,650", "fund.net", p, { value = 7065000 }, after)
  line("S", "22", "fund.large", p, { value = 22 }, after)
  line("S", "90/90", "inspect.coverage", nil, { value = 10000, num = 90, den = 90 }, early)
  line("S", "135", "inspect.done", nil, { value = 135 }, early)
  line("S", "0", "fiveones.completed", nil, { value = 0, num = 0, den = 0 }, { as_of = "2020-02-03T12:00:00+08:00" })
end

--- All lines, in the order of the article.
function sheet.lines()
  rows = {}
  org()
  dues()
  others()
  inspections()
  households()
  other_instants()
  return rows
end

local function shown(reply)
  local text = reply.unit == "fen" and yuan(reply.value) or tostring(reply.value)
  if reply.unit == "bp" then text = string.format("%d.%02d %%", reply.value // 100, reply.value % 100) end
  return text
end

--- "22/24", or nothing for a figure that is no share; marked when something is missing.
local function coverage(reply)
  local text = reply.denominator and string.format("%d/%d", reply.numerator, reply.denominator) or ""
  return reply.complete and text or text .. " …"
end

--- Exactly what was expected, and complete: at these instants no leader, visit or unit is missing.
local function agrees(want, reply)
  return reply.value == want.value and (not want.den or (reply.numerator == want.num and reply.denominator == want.den))
    and reply.complete
end

local function params_text(l)
  local keys, out = {}, {}
  for k in pairs(l.params or {}) do keys[#keys + 1] = k end
  table.sort(keys)
  for i, k in ipairs(keys) do
    local v = l.params[k]
    out[i] = type(v) == "table" and table.concat(v, "+") or v == true and k or tostring(v)
  end
  return table.concat(out, " ")
end

--- Ask for every line over the reader's connections. Fills reply, ok of each; returns the lines.
function sheet.ask(conns)
  local lines, jobs = sheet.lines(), {}
  for i, l in ipairs(lines) do
    jobs[i] = { "figure.get", { name = l.name, scope = l.scope, as_of = l.as_of, params = l.params } }
  end
  muster.each(conns, jobs, { on_reply = function(i, value, err)
    lines[i].reply = value
    lines[i].err = err
    lines[i].ok = value ~= nil and agrees(lines[i].want, value)
  end })
  return lines
end

--- Two statements that are no figure: the alias of 双拥办 on a day, and cities among the counties.
function sheet.tree(conn)
  local out = {}
  local function alias_on(day)
    for _, u in ipairs(conn:call("org.unit.tree", { root = "YL", as_of = day })) do
      if u.code == data.office.code then return table.concat(u.aliases or {}, " ") end
    end
  end
  local cities, counties = 0, 0
  for _, u in ipairs(conn:call("org.unit.tree", { root = "YL", as_of = "2020-03-18" })) do
    local city = u.name:find("市退役军人事务局", 1, true)
    if u.kind == "county" and city then cities = cities + 1 end
    if u.kind == "county" and not city then counties = counties + 1 end
  end
  local function add(source, what, words, got, want)
    out[#out + 1] = { source = source, what = what, words = words, got = got, ok = got == want }
  end
  add("A", "3 cities, 8 counties", "3 + 8", cities .. " + " .. counties, "3 + 8")
  add("S", "双拥办 on 2020-01-25", "no alias", alias_on("2020-01-25") == "" and "no alias" or "?", "no alias")
  add("A", "双拥办 on 2020-01-26", "支前办", alias_on("2020-01-26"), "支前办")
  return out
end

--- Print the table. Returns how many lines agree, how many do not, and how many of those are [A].
function sheet.print(lines, tree)
  local table_rows, good, bad, bad_a = {}, 0, 0, 0
  local function add(ok, source, cells)
    if ok then good = good + 1 else bad = bad + 1 end
    if not ok and source == "A" then bad_a = bad_a + 1 end
    table.insert(cells, 7, "[" .. source .. "]")
    table.insert(cells, 8, ok and "✓" or "✗")
    table_rows[#table_rows + 1] = cells
  end
  for _, l in ipairs(lines) do
    local when = l.as_of ~= AS_OF and " @" .. l.as_of:sub(6, 16) or ""
    local got = l.reply and shown(l.reply) or (l.err and l.err.code .. " " .. (l.err.text or "")) or "?"
    add(l.ok, l.source, { l.name .. when, params_text(l), l.scope, l.words, got, l.reply and coverage(l.reply) or "",
      l.reply and l.reply.basis or "" })
  end
  for _, t in ipairs(tree) do add(t.ok, t.source, { "org.unit.tree", t.what, "YL", t.words, t.got or "?", "", "" }) end
  muster.print_table({ "figure", "of", "scope", "article / scenario", "Muster", "coverage", "source", "",
    "basis" }, table_rows)
  return good, bad, bad_a
end

return sheet
