--- The five ones: 17 households, 15 of them complete; F016 and F017 still wait for problems to be solved.
local data = require "data"
local days = require "days"
local office = require "office"
local sender = require "sender"

local job = sender.job
local cases = {}

--- Household n: military are the families of the five experts, the others civil medics.
local function household(n)
  local h = { code = string.format("F%03d", n), kind = n <= 5 and "military" or "civil",
    opened = days.add("2020-02-03", n) }
  h.ref = n <= 5 and data.experts[n] or nil
  if n <= 9 then
    h.unit, h.liaison, h.user = data.office.code, "L-" .. (n - 1) % 4 + 1, "u-yl-syb"
  else
    h.unit = office.county(data.counties[n - 9])
    h.liaison, h.user = office.person(h.unit), office.clerk(h.unit)
  end
  h.mode = n <= 5 and "onsite" or n <= 13 and "phone" or "video"
  h.problems = ({ [16] = 2, [17] = 4 })[n] or 1
  h.solved = ({ [16] = 1, [17] = 2 })[n] or 1
  return h
end

local CATEGORIES = { "daily", "child", "medical", "care" }

--- Everything done for one household after its case was opened, in order.
local function work(h)
  local list = {}
  local function on(n, clock) return days.at(days.add(h.opened, n), clock) end
  local function add(key, at, command, args, expect)
    list[#list + 1] = job("case/" .. h.code .. "/" .. key, at, command, args, { expect = expect })
  end
  add("plan", on(1, "10:00"), "fiveones.item.schedule",
    { case = h.no, kind = "visit", on = days.add(h.opened, 2), mode = h.mode })
  add("visit", on(2, "10:00"), "fiveones.item.done", { case = h.no, kind = "visit", mode = h.mode })
  add("card", on(2, "10:30"), "fiveones.card", { case = h.no })
  for k = 1, h.problems do
    add("problem/" .. k, on(2, "11:00"), "fiveones.problem.add",
      { case = h.no, category = CATEGORIES[k], text = "示例问题 " .. k })
  end
  add("letter", on(3, "10:00"), "fiveones.item.done", { case = h.no, kind = "letter", mode = "post" })
  for k = 1, h.problems do
    add("assign/" .. k, on(4, "10:00"), "fiveones.problem.assign",
      { problem = h.no .. "/" .. k, owner = h.liaison, due = days.add(h.opened, 14) })
  end
  add("package", on(5, "10:00"), "fiveones.item.done", { case = h.no, kind = "package", mode = "onsite" })
  for k = 1, h.solved do
    add("solve/" .. k, on(8, "10:00"), "fiveones.problem.solve",
      { problem = h.no .. "/" .. k, result = "已解决", satisfied = "yes" })
  end
  if h.solved < h.problems then
    add("trap", on(9, "10:00"), "fiveones.item.done", { case = h.no, kind = "problem", mode = "phone" },
      "STATE fiveones.problem_loop|STATE fiveones.not_active")
  end
  return list
end

function cases.play(s)
  s:one("yl-syb", job("campaign", days.at("2020-02-03", "09:00"), "fiveones.campaign.define",
    { code = "FIVE", name = "“五个一”", unit = "YL" }))
  local list, opening, plan, by_user = {}, {}, {}, {}
  for n = 1, 17 do
    local h = household(n)
    list[n] = h
    opening[n] = job("case/" .. h.code, days.at(h.opened, "09:30"), "fiveones.case.open", { campaign = "FIVE",
      household = h.code, kind = h.kind, unit = h.unit, liaison = h.liaison, front_person_ref = h.ref })
  end
  s:each("yl-syb", opening)
  s:one("yl-syb", job("trap/household", days.at("2020-03-01", "10:00"), "fiveones.case.open", { campaign = "FIVE",
    household = "F001", kind = "civil", unit = "YL", liaison = "L-1" }, { expect = "CONFLICT fiveones.one_case" }))
  s:one("yl-syb", job("trap/liaison", days.at("2020-03-01", "10:00"), "fiveones.case.open", { campaign = "FIVE",
    household = "F099", kind = "civil", unit = "YL-JXS", liaison = "M063" }, { expect = "POLICY fiveones.liaison" }))
  for n, h in ipairs(list) do
    h.no = opening[n].reply.no
    if not by_user[h.user] then
      by_user[h.user] = {}
      plan[#plan + 1] = { h.user, by_user[h.user] }
    end
    table.move(work(h), 1, 100, #by_user[h.user] + 1, by_user[h.user])
  end
  s:together(plan)
end

return cases
