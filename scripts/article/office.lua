--- The house of the play: units, people, branches, leading groups; users with their roles and scopes.
local data = require "data"
local days = require "days"
local sender = require "sender"

local job = sender.job
local office = {}

local SETUP = days.at("2020-01-24", "10:00")

function office.county(c) return "CB-" .. c.division end

--- The 15 reporting units: 11 county bureaus, 4 subordinate units.
function office.reporting()
  local list = {}
  for _, c in ipairs(data.counties) do
    list[#list + 1] = { code = office.county(c), name = c.name .. "退役军人事务局", kind = "county",
      division = c.division }
  end
  for _, s in ipairs(data.subordinate) do
    list[#list + 1] = { code = s.code, name = s.name, kind = "subordinate" }
  end
  return list
end

--- User and person who work for a reporting unit.
function office.clerk(unit) return "u-" .. unit:lower() end
function office.person(unit) return "I-" .. unit end

local function add_unit(code, name, kind, parent, division)
  return job("unit/" .. code, SETUP, "org.unit.add", { code = code, name = name, kind = kind, parent = parent,
    division = division, on = "2019-01-01" })
end

local function add_person(code, unit, status, name)
  return job("person/" .. code, SETUP, "org.person.add", { code = code, name = name or code, unit = unit,
    status = status or "staff" })
end

--- Superiors, bureau and partners stand outside the bureau's tree or at its root: only the administrator may add them.
local function roots()
  local jobs = {}
  for _, s in ipairs(data.superiors) do
    jobs[#jobs + 1] = add_unit(s.code, s.name, "superior")
    if s.alias then
      jobs[#jobs + 1] = job("alias/" .. s.code, SETUP, "org.unit.alias", { unit = s.code, name = s.alias })
    end
  end
  jobs[#jobs + 1] = add_unit(data.bureau.code, data.bureau.name, "prefecture", data.bureau.parent, data.bureau.division)
  for _, p in ipairs(data.partners) do jobs[#jobs + 1] = add_unit(p.code, p.name, "partner") end
  for _, e in ipairs(data.experts) do jobs[#jobs + 1] = add_person(e, data.partners[1].code, "external") end
  return jobs
end

local ROLES = {
  { "article.backdate", { "backdate" } },
  { "article.figures", { "read:org.*", "read:fund.*", "read:inspect.*", "read:fiveones.*", "figure.get" } },
}

local function user(jobs, name, person, unit, roles)
  jobs[#jobs + 1] = job("user/" .. name, nil, "user.add", { name = name, person = person, methods = "token" })
  for _, role in ipairs(roles) do
    jobs[#jobs + 1] = job("grant/" .. name .. "/" .. role, nil, "role.grant", { user = name, role = role, unit = unit })
  end
  jobs[#jobs + 1] = job("grant/" .. name .. "/backdate", nil, "role.grant",
    { user = name, role = "article.backdate", unit = unit })
end

--- Users of the bureau: one office each. Money is counted by one and sent on by another.
local function bureau_users()
  local jobs = {}
  for _, r in ipairs(ROLES) do jobs[#jobs + 1] = job("role/" .. r[1], nil, "role.define", { name = r[1],
    grants = r[2] }) end
  user(jobs, "yl-org", nil, "YL", { "org.clerk" })
  user(jobs, "yl-fund", nil, "YL", { "fund.clerk" })
  user(jobs, "yl-treasurer", nil, "YL", { "fund.treasurer" })
  user(jobs, "yl-inspect", nil, "YL", { "inspect.planner", "inspect.inspector" })
  user(jobs, "yl-verifier", "V-1", "YL", { "inspect.verifier" })
  user(jobs, "yl-syb", nil, "YL", { "fiveones.planner" })
  user(jobs, "yl-reader", nil, "YL", { "article.figures" })
  for _, a in ipairs(data.areas) do
    user(jobs, a.leader:lower(), a.leader, "YL", { "inspect.planner", "inspect.verifier" })
  end
  return jobs
end

--- Users of the units: each sees its own subtree and nothing else.
local function unit_users()
  local jobs = {}
  for _, u in ipairs(office.reporting()) do
    user(jobs, office.clerk(u.code), office.person(u.code), u.code,
      { "org.clerk", "inspect.inspector", "inspect.owner", "fiveones.liaison" })
  end
  user(jobs, "u-yl-syb", "L-1", data.office.code, { "fiveones.liaison" })
  user(jobs, "cb-654002-fund", nil, "CB-654002", { "fund.clerk", "fund.treasurer", "org.clerk" })
  return jobs
end

--- The bureau's own tree: offices, counties, subordinate units, branches.
local function tree()
  local jobs = { add_unit(data.office.code, data.office.name, "office", "YL") }
  for _, u in ipairs(office.reporting()) do jobs[#jobs + 1] = add_unit(u.code, u.name, u.kind, "YL", u.division) end
  for _, b in ipairs(data.branches) do
    jobs[#jobs + 1] = job("branch/" .. b.code, SETUP, "org.branch.add",
      { code = b.code, name = b.name, unit = b.unit, on = "2019-01-01" })
  end
  jobs[#jobs + 1] = job("alias/" .. data.office.code, days.at(data.office.alias_from, "09:00"), "org.unit.alias",
    { unit = data.office.code, name = data.office.alias, from = data.office.alias_from })
  return jobs
end

--- People of the bureau: its head, leaders, members and staff. Codes stand for names except for the one in print.
local function people()
  local jobs = { add_person(data.head.code, "YL", "staff", data.head.name), add_person("V-1", "YL") }
  for n = 1, 4 do jobs[#jobs + 1] = add_person("L-" .. n, data.office.code) end
  for _, a in ipairs(data.areas) do jobs[#jobs + 1] = add_person(a.leader, "YL") end
  for _, b in ipairs(data.branches) do
    for k = b.first, b.last do
      local code = string.format("M%03d", k)
      local retired = k >= data.retired.first and k <= data.retired.last
      local add = add_person(code, b.unit, retired and "retired" or "staff")
      add.lane = code
      jobs[#jobs + 1] = add
      jobs[#jobs + 1] = job("join/" .. code, SETUP, "org.branch.join",
        { person = code, branch = b.code, on = "2019-01-01" }, { lane = code })
    end
  end
  for _, s in ipairs(office.staff()) do jobs[#jobs + 1] = add_person(s.code, s.unit) end
  return jobs
end

--- The 32 outside the Party with what each gave, unit by unit, the largest first.
function office.staff()
  local list = {}
  for column, unit in ipairs(data.staff_units) do
    for _, row in ipairs(data.staff) do
      for _ = 1, row.count[column] do
        list[#list + 1] = { code = string.format("N%03d", #list + 1), unit = unit, yuan = row.yuan }
      end
    end
  end
  return list
end

--- What each unit enters itself: its people, and for counties the service centre and stations below it.
local function own_tree(u)
  local jobs = { add_person(office.person(u.code), u.code), add_person("H-" .. u.code, u.code) }
  if u.kind == "county" then
    local centre, n = u.code .. "-C", 0
    jobs[#jobs + 1] = add_unit(centre, u.name .. "服务中心", "center", u.code)
    for t = 1, 2 do
      jobs[#jobs + 1] = add_unit(u.code .. "-T" .. t, "示例站 " .. t, "station", centre)
      n = t
    end
    for v = 1, 3 do
      jobs[#jobs + 1] = add_unit(u.code .. "-V" .. v, "示例站 " .. n + v, "station", u.code .. "-T"
        .. (v - 1) // 2 + 1)
    end
  end
  return jobs
end

--- Leading groups: the bureau and every county and unit ("均成立"), formed within three days.
local function groups()
  local units = { { code = "YL", head = data.head.code, title = data.head.title } }
  for _, u in ipairs(office.reporting()) do units[#units + 1] = { code = u.code, head = "H-" .. u.code } end
  local jobs = {}
  for i, u in ipairs(units) do
    local day = days.add(data.event.from, (i - 1) % 3)
    jobs[i] = job("group/" .. u.code, days.at(day, "11:00"), "org.group.form",
      { unit = u.code, head = u.head, title = u.title, on = day })
  end
  return jobs
end

--- Expected refusals: a second group, a second branch, another unit's rows.
local function traps(s)
  s:one("yl-org", job("trap/group", days.at("2020-02-01", "10:00"), "org.group.form",
    { unit = "YL", head = "V-1" }, { expect = "CONFLICT" }))
  s:one("yl-org", job("trap/branch", days.at("2020-02-01", "10:00"), "org.branch.join",
    { person = "M001", branch = "B2", on = "2020-02-01" }, { expect = "CONFLICT org.one_branch" }))
  s:one(office.clerk("CB-654021"), job("trap/scope", days.at("2020-02-01", "10:00"), "org.person.add",
    { code = "X-1", name = "X-1", unit = "CB-654002" }, { expect = "SCOPE" }))
end

function office.play(s)
  s:each("admin", roots())
  s:each("admin", bureau_users())
  s:each("yl-org", tree())
  s:each("yl-org", people(), 4)
  s:each("admin", unit_users())
  local plan = {}
  for i, u in ipairs(office.reporting()) do plan[i] = { office.clerk(u.code), own_tree(u) } end
  s:together(plan)
  s:each("yl-org", groups())
  s:one("yl-org", job("event", days.at(data.event.from, "10:00"), "org.event.open",
    { code = data.event.code, name = data.event.name, unit = "YL", on = data.event.from }))
  traps(s)
end

return office
