--- Areas and leaders, 45 sites, seven weekly rounds with 24 findings; one week comes as a single offline batch.
local data = require "data"
local days = require "days"
local office = require "office"
local sender = require "sender"

local job = sender.job
local rounds = {}

local GROUND = days.at("2020-01-26", "10:00")
local OFFLINE_WEEK = 3

local function area_of()
  local by_unit = {}
  for _, a in ipairs(data.areas) do
    for _, u in ipairs(a.units) do by_unit[u] = a end
  end
  return by_unit
end

--- Three sites of each reporting unit, in order: { code, unit, area, person, index }.
local function all_sites()
  local list, areas = {}, area_of()
  for _, u in ipairs(office.reporting()) do
    for n = 1, 3 do
      list[#list + 1] = { code = "S-" .. u.code .. "-" .. n, unit = u.code, area = areas[u.code].code,
        person = office.person(u.code), name = "示例点 " .. n, index = #list }
    end
  end
  return list
end

--- Areas, charges, sites, inspectors, the checklist and the rounds. Returns round numbers by area.
local function ground(s, sites)
  local from, to = data.rounds.from, data.rounds.to
  local jobs, charges = {}, {}
  for _, a in ipairs(data.areas) do
    jobs[#jobs + 1] = job("area/" .. a.code, GROUND, "inspect.area.define",
      { code = a.code, name = a.name, units = a.units, from = "2020-01-26" }, { lane = a.code })
    jobs[#jobs + 1] = job("charge/" .. a.code, GROUND, "inspect.area.charge",
      { area = a.code, leader = a.leader, from = "2020-01-26" }, { lane = a.code })
  end
  for _, t in ipairs(sites) do
    jobs[#jobs + 1] = job("site/" .. t.code, GROUND, "inspect.site.add",
      { code = t.code, unit = t.unit, name = t.name, kind = "station", from = from }, { lane = t.code })
    jobs[#jobs + 1] = job("inspector/" .. t.code, GROUND, "inspect.site.inspector",
      { site = t.code, inspector = t.person, from = from }, { lane = t.code })
  end
  s:each("yl-inspect", jobs, 2)
  s:one("yl-inspect", job("checklist", GROUND, "inspect.checklist.publish",
    { code = "EPI", title = "疫情防控检查表", items = data.checklist }))
  for i, a in ipairs(data.areas) do
    charges[i] = job("round/" .. a.code, GROUND, "inspect.round.plan",
      { area = a.code, from = from, to = to, checklist = "EPI", every_days = 7 })
  end
  s:each("yl-inspect", charges)
  local by_area = {}
  for i, a in ipairs(data.areas) do by_area[a.code] = charges[i].reply.round end
  return by_area
end

--- The task force of the bureau and the leaders' contact visits, one per unit.
local function contacts(s)
  local members = {}
  for i = 1, 4 do members[i] = "L-" .. i end
  s:one("yl-inspect", job("taskforce", days.at("2020-01-27", "09:00"), "inspect.taskforce.form",
    { unit = "YL", leader = data.areas[1].leader, members = members, name = "疫情防控督查专班",
      on = "2020-01-27" }))
  local plan = {}
  for i, a in ipairs(data.areas) do
    local jobs = {}
    for k, u in ipairs(a.units) do
      local day = days.add("2020-02-03", k)
      jobs[k] = job("visit/" .. u, days.at(day, "16:00"), "inspect.visit.log",
        { leader = a.leader, unit = u, mode = "onsite", on = day })
    end
    plan[i] = { a.leader:lower(), jobs }
  end
  s:together(plan)
end

--- Which checklist item failed where: { ["week/site index"] = item }; one finding per inspection.
local function failures()
  local out = {}
  for k, item in ipairs(data.findings) do out[(k - 1) % data.rounds.weeks .. "/" .. k * 11 % 45] = item end
  return out
end

--- One inspection as a device sends it. `week` from 0.
local function inspection(site, week, round, failed)
  local day = days.add(data.rounds.from, 7 * week + site.index % 5)
  local item = { id = string.format("scenario-%d-%02d", week + 1, site.index), site = site.code, round = round,
    at = days.at(day, "10:30"), checklist = "EPI", ver = 1, answers = {} }
  for i, c in ipairs(data.checklist) do
    local a = { item = c.code, ok = c.code ~= failed }
    if not a.ok then a.text, a.immediate_action = "不符合：" .. c.text, "当场提醒，限期整改" end
    item.answers[i] = a
  end
  return item
end

--- The evening when a week's inspections arrive: Friday.
local function evening(week) return days.add(data.rounds.from, 7 * week + 4) end

local function note_findings(found, batch_units, reply, week)
  for i, no in ipairs(reply.findings) do
    found[#found + 1] = { no = no, unit = batch_units[i].unit, item = batch_units[i].item, week = week }
  end
end

--- Units and items of the failed answers of a batch, in the order the server numbers them.
local function failed_of(sites, week, failed)
  local list = {}
  for _, t in ipairs(sites) do
    local item = failed[week .. "/" .. t.index]
    if item then list[#list + 1] = { unit = t.unit, item = item } end
  end
  return list
end

local function check_sync(reply, accepted, repeated)
  if reply.accepted ~= accepted or reply.repeated ~= repeated or #reply.refused ~= 0 then
    error(string.format("a batch came back as %s, not %d accepted and %d repeated", muster.json.encode(reply), accepted,
      repeated), 0)
  end
end

--- Week 3 travels as one batch of 45 inspections and 5 repeats; its answer is lost, so it is sent again.
local function offline_week(s, sites, by_area, failed, found)
  local week, items = OFFLINE_WEEK - 1, {}
  for i, t in ipairs(sites) do items[i] = inspection(t, week, by_area[t.area], failed[week .. "/" .. t.index]) end
  for k = 1, 5 do table.insert(items, 8 * k, items[k]) end
  local at = days.at(days.add(evening(week), 1), "20:00")
  local first = s:one("yl-inspect", job("offline/1", at, "inspect.sync", { batch = items, device = "offline-3" }))
  check_sync(first, 45, 5)
  check_sync(s:one("yl-inspect", job("offline/2", at, "inspect.sync", { batch = items, device = "offline-3" })), 0, 50)
  note_findings(found, failed_of(sites, week, failed), first, week)
end

--- The other six weeks: every unit sends its three sites each Friday evening. Returns the findings raised.
local function inspect(s, sites, by_area)
  local failed, found, plan, by_unit = failures(), {}, {}, {}
  for _, t in ipairs(sites) do
    by_unit[t.unit] = by_unit[t.unit] or {}
    table.insert(by_unit[t.unit], t)
  end
  for i, u in ipairs(office.reporting()) do
    local jobs = {}
    for week = 0, data.rounds.weeks - 1 do
      if week ~= OFFLINE_WEEK - 1 then
        local items = {}
        for k, t in ipairs(by_unit[u.code]) do
          items[k] = inspection(t, week, by_area[t.area], failed[week .. "/" .. t.index])
        end
        jobs[#jobs + 1] = job("sync/" .. week .. "/" .. u.code, days.at(evening(week), "20:00"), "inspect.sync",
          { batch = items, device = "pad-" .. u.code })
        jobs[#jobs].week = week
      end
    end
    plan[i] = { office.clerk(u.code), jobs, u.code }
  end
  s:together(plan)
  for _, p in ipairs(plan) do
    for _, j in ipairs(p[2]) do
      check_sync(j.reply, 3, 0)
      note_findings(found, failed_of(by_unit[p[3]], j.week, failed), j.reply, j.week)
    end
  end
  offline_week(s, sites, by_area, failed, found)
  table.sort(found, function(a, b)
    if a.week ~= b.week then return a.week < b.week end
    return a.no < b.no
  end)
  return found
end

local MAJOR = { T1 = true, D1 = true, P1 = true, R1 = true }

--- One step for many findings: { user, job } pairs gathered by user, sent at the same time.
local function step(s, list)
  local by_user, plan = {}, {}
  for _, e in ipairs(list) do
    if not by_user[e[1]] then
      by_user[e[1]] = {}
      plan[#plan + 1] = { e[1], by_user[e[1]] }
    end
    table.insert(by_user[e[1]], e[2])
  end
  s:together(plan)
end

--- Days after the evening a finding came in, at 10:00.
local function on(f, n, clock)
  local raised = f.week == OFFLINE_WEEK - 1 and days.add(evening(f.week), 1) or evening(f.week)
  return days.at(days.add(raised, n), clock or "10:00")
end

local function move(f, verb, at, args, more)
  args.finding = f.no
  return job("finding/" .. verb .. "/" .. f.no .. (more and more.again or ""), at, "inspect.finding." .. verb, args,
    more)
end

local function evidence(f, at, again)
  local hash = string.format("%064x", f.week * 100 + #f.no + (again and 1 or 0))
  return job("evidence/" .. f.no .. (again or ""), at, "inspect.evidence.add",
    { finding = f.no, kind = "after", file_hash = hash, note = "整改后照片" })
end

--- From assigned to submitted: leaders assign, the units rectify. The last two stay there, due on 03-22.
local function rectify(s, found)
  local areas, assign, work = area_of(), {}, {}
  for i, f in ipairs(found) do
    f.open = i > #found - 2
    f.owner = office.clerk(f.unit)
    local due = f.open and "2020-03-22" or on(f, 7):sub(1, 10)
    assign[i] = { areas[f.unit].leader:lower(), move(f, "assign", on(f, 1), { owner = office.person(f.unit),
      due = due }) }
    work[#work + 1] = { f.owner, move(f, "rectify", on(f, 2), {}) }
    if not f.open then work[#work + 1] = { f.owner, move(f, "submit", on(f, 3), { note = "已整改" }) } end
  end
  step(s, assign)
  step(s, work)
end

--- Verified and struck off by another; a major one only with a photograph of afterwards.
local function strike_off(s, found)
  local verify, photos, close = {}, {}, {}
  for _, f in ipairs(found) do
    if not f.open then
      verify[#verify + 1] = { "yl-verifier", move(f, "verify", on(f, 4), {}) }
      if MAJOR[f.item] then photos[#photos + 1] = { f.owner, evidence(f, on(f, 4, "15:00")) } end
      close[#close + 1] = { "yl-verifier", move(f, "close", on(f, 5), {}) }
    end
  end
  step(s, verify)
  local major = photos[1][2][2].finding
  s:one("yl-verifier", job("trap/evidence", close[1][2][2].at, "inspect.finding.close", { finding = major },
    { expect = "STATE inspect.evidence|STATE wrong_state" }))
  step(s, photos)
  step(s, close)
end

--- The first one is found bad again, reopened, and closed a second time; a third closing is refused.
local function reopen(s, f)
  s:one("yl-verifier", move(f, "reopen", on(f, 6), { reason = "复查发现反弹" }))
  s:one(f.owner, move(f, "rectify", on(f, 7), {}, { again = "/2" }))
  s:one(f.owner, evidence(f, on(f, 8), "/2"))
  s:one(f.owner, move(f, "submit", on(f, 8, "11:00"), {}, { again = "/2" }))
  s:one("yl-verifier", move(f, "verify", on(f, 9), {}, { again = "/2" }))
  s:one("yl-verifier", move(f, "close", on(f, 10), {}, { again = "/2" }))
  s:one("yl-verifier", move(f, "close", on(f, 11), {}, { again = "/3", expect = "STATE wrong_state" }))
end

--- What is refused: a second leader, a second inspector, the owner as verifier.
local function traps(s, open)
  local at = days.at("2020-02-03", "10:00")
  s:one("yl-inspect", job("trap/leader", at, "inspect.area.charge", { area = "A1", leader = "LDR-2",
    from = "2020-02-03" }, { expect = "CONFLICT inspect.one_leader" }))
  s:one("yl-inspect", job("trap/area", at, "inspect.area.define", { code = "A9", name = "另一片区",
    units = "CB-654002",
    from = "2020-02-03" }, { expect = "CONFLICT inspect.one_area" }))
  s:one("yl-inspect", job("trap/inspector", at, "inspect.site.inspector", { site = "S-CB-654002-1", inspector = "V-1",
    from = "2020-02-03" }, { expect = "CONFLICT inspect.one_inspector" }))
  s:one("yl-verifier", move(open, "verify", days.at("2020-03-18", "16:00"), {}, { again = "/early", expect = "STATE" }))
  s:one(open.owner, move(open, "verify", days.at("2020-03-18", "16:00"), {}, { again = "/own", expect = "NOPERM" }))
end

function rounds.play(s)
  local sites = all_sites()
  local by_area = ground(s, sites)
  contacts(s)
  local found = inspect(s, sites, by_area)
  if #found ~= #data.findings then error("the inspections raised " .. #found .. " findings", 0) end
  rectify(s, found)
  strike_off(s, found)
  reopen(s, found[1])
  traps(s, found[#found])
end

return rounds
