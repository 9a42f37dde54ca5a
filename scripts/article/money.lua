--- The money of the article: special dues of the 90, gifts of the 32, and the noise that must change nothing.
local data = require "data"
local days = require "days"
local office = require "office"
local sender = require "sender"

local job = sender.job
local money = {}

local FIRST = "2020-02-10"

--- Every gift of special dues: member, branch, yuan, day; one of them in two pay lines, one member's in two gifts.
local function dues()
  local list = {}
  for column, b in ipairs(data.branches) do
    local k = b.first
    for _, row in ipairs(data.dues) do
      for _ = 1, row.count[column] do
        local g = { code = string.format("M%03d", k), branch = b.code, fund = "DUES", yuan = row.yuan,
          day = days.add(FIRST, 5 * (k - 1) % 37), method = k % 2 == 1 and "wechat" or "transfer", group = b.code }
        list[#list + 1] = g
        if g.code == "M035" then
          g.lines = { { method = "cash", amount_fen = 60000 }, { method = "wechat", amount_fen = 40000 } }
        elseif g.code == "M082" then
          g.yuan = 300
          list[#list + 1] = { code = g.code, branch = b.code, fund = "DUES", yuan = 200, day = days.add(g.day, 1),
            method = g.method, group = b.code, part = 2 }
        end
        k = k + 1
      end
    end
  end
  return list
end

local function staff()
  local list = {}
  for j, n in ipairs(office.staff()) do
    list[j] = { code = n.code, fund = "STAFF", yuan = n.yuan, day = days.add(FIRST, 7 * (j - 1) % 37), group = n.unit,
      method = j % 2 == 1 and "wechat" or "transfer" }
  end
  return list
end

local function key_of(g) return g.fund .. "/" .. g.code .. (g.part and "/" .. g.part or "") end

local function give(g, more)
  return job("give/" .. key_of(g), days.at(g.day, g.clock or "10:00"), "fund.give", { fund = g.fund, donor = g.code,
    amount_fen = g.yuan * 100, on = g.day, method = not g.lines and g.method or nil, lines = g.lines, branch = g.branch,
    confirm = g.confirm }, more or { lane = g.group })
end

--- The open batches that gifts fall into: one per fund, group, day and route, with the count and sum a person types.
local function batches(gifts)
  local by_key, list = {}, {}
  for _, g in ipairs(gifts) do
    local route = g.fund == "DUES" and g.yuan >= 1000 and "centre" or "upper"
    local key = table.concat({ g.fund, g.group, g.day, route }, "/")
    local b = by_key[key]
    if not b then
      b = { key = key, day = g.day, group = g.group, route = route, fund = g.fund, count = 0, sum_fen = 0 }
      by_key[key], list[#list + 1] = b, b
    end
    b.count, b.sum_fen = b.count + 1, b.sum_fen + g.yuan * 100
  end
  table.sort(list, function(a, b)
    if a.day ~= b.day then return a.day < b.day end
    return a.key < b.key
  end)
  return list
end

local function close(b, more)
  return job("close/" .. b.key, days.at(b.day, "18:00"), "fund.batch.close",
    { batch = b.key, count = b.count, sum_fen = b.sum_fen }, more or { lane = b.group })
end

local function open_funds(s)
  local at = days.at("2020-02-09", "10:00")
  local function open(user, code, kind, name, unit, more)
    local args = { code = code, kind = kind, name = name, unit = unit, opens = FIRST, closes = "2020-03-31" }
    for k, v in pairs(more or {}) do args[k] = v end
    s:one(user, job("fund/" .. code, at, "fund.open", args))
  end
  open("yl-treasurer", "DUES", "special_dues", "特殊党费", "YL", { large_fen = 100000 })
  open("yl-treasurer", "STAFF", "staff", "非党职工捐款", "YL")
  open("yl-treasurer", "SOCIAL", "social", "社会捐款", "YL")
  open("yl-treasurer", "INKIND", "inkind", "捐赠物资", "YL")
  open("cb-654002-fund", "DUES-654002", "special_dues", "伊宁市局特殊党费", "CB-654002")
  s:one("yl-treasurer", job("trap/quota", at, "fund.open", { code = "QUOTA", kind = "special_dues", name = "x",
    unit = "YL",
    opens = FIRST, closes = "2020-03-31", min_amount = 5000 }, { expect = "POLICY fund.voluntary" }))
end

--- A slip of the pen: ¥5,000 for ¥500, voided the same day. The void number stays listed.
local function slip(s, gifts)
  for _, g in ipairs(gifts) do
    if g.code == "M020" then
      local wrong = s:one("yl-fund", job("slip/give", days.at(g.day, "09:30"), "fund.give", { fund = "DUES",
        donor = g.code, amount_fen = 500000, on = g.day, method = g.method, branch = g.branch }))
      s:one("yl-fund", job("slip/void", days.at(g.day, "09:40"), "fund.void", { gift = wrong.no,
        reason = "金额录错" }))
    end
  end
end

--- What is refused, whenever it is asked.
local function traps(s, by_code)
  local function refused(key, at, args, expect)
    args.method = args.method or "cash"
    s:one("yl-fund", job("trap/" .. key, at, "fund.give", args, { expect = expect }))
  end
  local at = days.at("2020-03-16", "11:00")
  refused("member", at, { fund = "DUES", donor = "N001", amount_fen = 10000 }, "POLICY fund.member_only")
  refused("nonmember", at, { fund = "STAFF", donor = "M001", amount_fen = 10000 }, "POLICY fund.nonmember_only")
  refused("early", at, { fund = "DUES", donor = "M001", amount_fen = 10000, on = "2020-02-09" }, "CLOSED fund.dates")
  refused("late", days.at("2020-04-01", "11:00"), { fund = "DUES", donor = "M001", amount_fen = 10000,
    on = "2020-04-01" }, "CLOSED fund.dates")
  refused("payroll", at, { fund = "DUES", donor = "M001", amount_fen = 10000, method = "payroll" },
    "POLICY fund.voluntary")
  refused("nothing", at, { fund = "DUES", donor = "M001", amount_fen = 0 }, "ARG")
  refused("split", at, { fund = "DUES", donor = "M001", amount_fen = "10.5" }, "ARG")
  local same = give(by_code.M001)
  same[2].amount_fen = same[2].amount_fen + 1
  same.expect = "DUP"
  s:one("yl-fund", same)
  s:one("cb-654002-fund", job("trap/foreign", at, "fund.give", { fund = "DUES", donor = "M001", amount_fen = 10000 },
    { expect = "SCOPE" }))
end

--- Gifts of all groups at once, each group's batches after its gifts.
local function give_and_close(s, gifts)
  local jobs, sorted = {}, batches(gifts)
  local by_day = {}
  for _, g in ipairs(gifts) do
    by_day[g.day] = by_day[g.day] or {}
    table.insert(by_day[g.day], g)
  end
  local closing, done = {}, {}
  for i, b in ipairs(sorted) do
    if not done[b.day] then
      done[b.day] = true
      for _, g in ipairs(by_day[b.day]) do
        jobs[#jobs + 1] = give(g)
        g.job = jobs[#jobs]
        if g.twice then jobs[#jobs + 1] = give(g) end
        if g.same then jobs[#jobs + 1] = g.same end
      end
    end
    if i == 1 then -- a count that does not match what was recorded
      local short = close(b)
      short[2].count = b.count - 1
      short[2].idem = short[2].idem .. "/short"
      short.expect = "CONFLICT fund.control_total|NOTFOUND|SCOPE"
      jobs[#jobs + 1] = short
    end
    jobs[#jobs + 1] = close(b)
    closing[#closing + 1] = { batch = b, job = jobs[#jobs] }
  end
  s:each("yl-fund", jobs, 4)
  return closing
end

--- What a treasurer does after the last batch: each fund and route is sent on and confirmed, large gifts are receipted.
local function send_on(s, closing, gifts)
  local groups, order = {}, {}
  for _, c in ipairs(closing) do
    local key = c.batch.fund .. "/" .. c.batch.route
    if not groups[key] then
      groups[key] = { fund = c.batch.fund, route = c.batch.route, batches = {} }
      order[#order + 1] = key
    end
    table.insert(groups[key].batches, c.job.reply.batch)
  end
  for _, key in ipairs(order) do
    local g = groups[key]
    for part = 1, (#g.batches + 49) // 50 do
      local name = key .. "/" .. part
      local some = table.move(g.batches, part * 50 - 49, math.min(part * 50, #g.batches), 1, {})
      local sent = s:one("yl-treasurer", job("remit/" .. name, days.at("2020-03-18", "09:30"), "fund.remit",
        { batches = some, route = g.route, ref = "JS-" .. name }))
      s:one("yl-treasurer", job("confirm/" .. name, days.at("2020-03-18", "11:00"), "fund.confirm",
        { remittance = sent.no, ref = "QR-" .. name }))
    end
  end
  local receipts = {}
  for _, g in ipairs(gifts) do
    if g.fund == "DUES" and g.yuan >= 1000 then
      receipts[#receipts + 1] = job("receipt/" .. g.code, days.at("2020-03-18", "15:00"), "fund.receipt.issue",
        { gift = g.job.reply.no, ref = "ZY-" .. g.code })
    end
  end
  s:each("yl-treasurer", receipts)
end

--- M073 paid ¥300 a second time; it is paid back whole after the batch was closed.
local function refund(s, second)
  local at = days.at("2020-03-17", "19:00")
  s:one("yl-treasurer", job("refund/above", at, "fund.refund", { gift = second.job.reply.no, amount_fen = 30001,
    reason = "重复缴纳" }, { expect = "LIMIT|STATE" }))
  s:one("yl-fund", job("refund/void", at, "fund.void", { gift = second.job.reply.no, reason = "重复缴纳" },
    { expect = "STATE" }))
  s:one("yl-treasurer", job("refund/whole", at, "fund.refund", { gift = second.job.reply.no, amount_fen = 30000,
    reason = "重复缴纳，全额退还" }))
end

--- 伊宁市's own fund, a company, masks, a pledge that never came: other books, other figures.
local function noise(s)
  local jobs = { job("branch/B-654002", days.at("2020-02-09", "09:00"), "org.branch.add",
    { code = "B-654002", name = "伊宁市局党支部", unit = "CB-654002", on = "2019-01-01" }) }
  local yuan = { 500, 500, 500, 400, 400, 400, 400, 300, 300, 200, 200, 200 }
  local gifts = {}
  for k, amount in ipairs(yuan) do
    local code = string.format("P-654002-%02d", k)
    jobs[#jobs + 1] = job("person/" .. code, days.at("2020-02-09", "09:10"), "org.person.add",
      { code = code, name = code, unit = "CB-654002" })
    jobs[#jobs + 1] = job("join/" .. code, days.at("2020-02-09", "09:20"), "org.branch.join",
      { person = code, branch = "B-654002", on = "2019-01-01" })
    local day = days.add(FIRST, k)
    gifts[k] = job("give/" .. code, days.at(day, "10:00"), "fund.give", { fund = "DUES-654002", donor = code,
      amount_fen = amount * 100, on = day, method = "cash" })
  end
  for _, j in ipairs(jobs) do s:one("cb-654002-fund", j) end
  s:each("cb-654002-fund", gifts)
  local day = "2020-02-20"
  s:one("yl-fund", job("company", days.at(day, "11:00"), "fund.give", { fund = "SOCIAL", donor_name = "示例企业",
    amount_fen = 2000000, on = day, method = "transfer", unit = "YL" }))
  s:one("yl-fund", job("masks", days.at(day, "12:00"), "fund.inkind.give", { fund = "INKIND", item = "口罩",
    qty = 200,
    valued_fen = 60000, donor_name = "示例企业", unit = "YL", on = day }))
  s:one("yl-fund", job("pledge", days.at(day, "14:00"), "fund.pledge", { fund = "DUES", donor = "M077",
    amount_fen = 80000, on = day, branch = "B4" }))
end

--- The new member of 03-19: to be seen with a later as-of only.
local function later(s)
  local at = days.at("2020-03-19", "09:00")
  s:one("yl-org", job("person/M091", at, "org.person.add", { code = "M091", name = "M091", unit = "YL" }))
  s:one("yl-org", job("join/M091", at, "org.branch.join", { person = "M091", branch = "B1", on = "2020-03-19" }))
  s:one("yl-fund", job("give/M091", days.at("2020-03-19", "10:00"), "fund.give", { fund = "DUES", donor = "M091",
    amount_fen = 100000, on = "2020-03-19", method = "wechat", branch = "B1" }))
end

function money.play(s)
  open_funds(s)
  local gifts, by_code = dues(), {}
  for _, g in ipairs(gifts) do
    by_code[g.code] = by_code[g.code] or g
    g.twice = g.code == "M001" or g.code == "M002" or g.code == "M003"
  end
  slip(s, gifts)
  local again = by_code.M073
  local second = { code = "M073", branch = again.branch, fund = "DUES", yuan = again.yuan, day = again.day,
    method = again.method, group = again.group, part = "again", clock = "10:05", confirm = true }
  again.same = give(second)
  again.same[2].idem, again.same[2].confirm = again.same[2].idem .. "/asked", nil
  again.same.expect = "CONFLICT fund.same_gift"
  for i, g in ipairs(gifts) do
    if g == again then
      table.insert(gifts, i + 1, second)
      break
    end
  end
  local closing = give_and_close(s, gifts)
  for _, c in ipairs(give_and_close(s, staff())) do closing[#closing + 1] = c end
  noise(s)
  traps(s, by_code)
  refund(s, second)
  send_on(s, closing, gifts)
  later(s)
end

return money
