--- Figures of fund. Every one reads the journal: what was recorded up to the as-of instant and is dated up to its
-- day. A gift counts while something of it is left after voids and refunds.
local common = require "fund.common"
local figure = require "muster.figure"

local figures = {}

local MOST_FUNDS = 8

-- Parameters: as_of, day, eight funds, place, branch, unit, route, from, to.
local NET = [[WITH net AS (SELECT j.gift, sum(j.credit_fen) - sum(j.debit_fen) AS fen
  FROM fund_journal j WHERE j.account = 'income' AND j.at <= ? AND j.on_day <= ?
  AND j.fund IN (?, ?, ?, ?, ?, ?, ?, ?) GROUP BY j.gift HAVING sum(j.credit_fen) - sum(j.debit_fen) > 0),
  valid AS (SELECT g.id, g.donor_key, g.branch, g.large, n.fen FROM net n JOIN fund_gift g ON g.id = n.gift
  WHERE g.path LIKE ? AND g.branch = coalesce(?, g.branch) AND g.unit = coalesce(?, g.unit)
  AND g.route = coalesce(?, g.route) AND g.on_day >= ? AND g.on_day <= ?) ]]

local SUMMARY = NET .. [[SELECT coalesce(sum(v.fen), 0) AS net, count(*) AS gifts,
  count(DISTINCT v.donor_key) AS donors, count(DISTINCT nullif(v.branch, '')) AS branches,
  count(*) FILTER (WHERE v.large = 1) AS large, coalesce(sum(v.fen) FILTER (WHERE v.large = 1), 0) AS large_fen,
  count(DISTINCT CASE WHEN v.large = 1 THEN v.donor_key END) AS large_donors FROM valid v]]

local LINES = NET .. "SELECT count(*) AS lines FROM valid v JOIN fund_payline l ON l.gift = v.id"

-- Entries of one kind. Parameters: kind, as_of, day, eight funds, place, branch, unit, route, from, to.
local ENTRIES = [[SELECT count(*) AS n FROM fund_journal j JOIN fund_gift g ON g.id = j.gift
  WHERE j.kind = ? AND j.account = 'income' AND j.at <= ? AND j.on_day <= ?
  AND j.fund IN (?, ?, ?, ?, ?, ?, ?, ?) AND g.path LIKE ? AND g.branch = coalesce(?, g.branch)
  AND g.unit = coalesce(?, g.unit) AND g.route = coalesce(?, g.route) AND g.on_day >= ? AND g.on_day <= ?]]

--- The funds asked for as eight parameters. Each must exist, so that a slip in a code is no quiet zero.
local function fund_codes(call, q)
  local funds = q.funds or { q.fund }
  if #funds < 1 or #funds > MOST_FUNDS then
    call:fail("ARG", { rule = "fund.funds", arg = "funds" }, "name 1 to %d funds", MOST_FUNDS)
  end
  local codes = {}
  for i, code in ipairs(funds) do codes[i] = common.fund(call, code).code end
  for i = #codes + 1, MOST_FUNDS do codes[i] = codes[1] end
  return table.unpack(codes, 1, MOST_FUNDS)
end

--- Pattern of the paths that lie in the scope asked for, wherever the scope's own unit stood then.
local function place(q)
  local unit = q.scope:match("([^/]+)/$")
  return unit and "%/" .. unit .. "/%" or "%"
end

--- Parameters common to the statements above, in their order.
local function parameters(call, q)
  local own = q.own and (q.unit or q.scope:match("([^/]+)/$")) or nil
  local from, to = figure.span(q)
  local f1, f2, f3, f4, f5, f6, f7, f8 = fund_codes(call, q)
  return q.as_of, figure.day(call, q), f1, f2, f3, f4, f5, f6, f7, f8, place(q), q.branch, own, q.route,
    from, to
end

local ARGS = { "fund:text(20)", "branch:text(20)?", "own:bool=0" }

--- A figure that is one column of the summary.
local function summary(name, column, unit, args, en, zh)
  figures[name] = {
    unit = unit, args = args, summary = { en = en, ["zh-CN"] = zh },
    compute = function(call, q)
      return figure.value(call.db:row(SUMMARY, parameters(call, q))[column])
    end,
  }
end

summary("fund.net", "net", "fen", ARGS, "Money given less voids and refunds.", "捐款净额")
summary("fund.donors", "donors", "persons", ARGS, "Donors of whose gifts something is left.", "捐款人数")
summary("fund.gifts", "gifts", "count", ARGS, "Valid gifts.", "有效捐款笔数")
summary("fund.branches", "branches", "count", ARGS, "Branches whose members have given.", "有捐款的党支部数")
summary("fund.large", "large", "count", ARGS, "Single gifts of the fund's large amount or more.", "大额（千元以上）捐款笔数")
summary("fund.large_fen", "large_fen", "fen", ARGS, "Money of large gifts.", "大额捐款净额")
summary("fund.large_donors", "large_donors", "persons", ARGS, "People who gave a large gift.", "大额捐款人数")
summary("fund.route_fen", "net", "fen",
  { "fund:text(20)", "route:enum(centre|upper|own)", "branch:text(20)?", "own:bool=0" },
  "Money that follows one route.", "按去向统计的净额")
summary("fund.total", "net", "fen", { "funds:text(20)[](1..8)", "own:bool=0" },
  "Money of several funds together.", "多个项目合计净额")
summary("fund.total_donors", "donors", "persons", { "funds:text(20)[](1..8)", "own:bool=0" },
  "Donors of several funds together, each once.", "多个项目合计人数")

figures["fund.lines"] = {
  unit = "count", args = ARGS, summary = { en = "Pay lines of valid gifts.", ["zh-CN"] = "有效支付笔数" },
  compute = function(call, q) return figure.value(call.db:value(LINES, parameters(call, q))) end,
}

local function entries(name, kind, en, zh)
  figures[name] = {
    unit = "count", args = ARGS, summary = { en = en, ["zh-CN"] = zh },
    compute = function(call, q) return figure.value(call.db:value(ENTRIES, kind, parameters(call, q))) end,
  }
end

entries("fund.voids", "void", "Gifts voided after they were received.", "作废笔数")
entries("fund.refunds", "refund", "Refunds paid.", "退款笔数")

--- Goods: one column summed over what was recorded and not voided by the as-of instant.
local function goods(name, unit, sql, en, zh)
  figures[name] = {
    unit = unit, args = { "fund:text(20)", "item:text(60)?", "own:bool=0" }, summary = { en = en, ["zh-CN"] = zh },
    compute = function(call, q)
      common.fund(call, q.fund)
      local from, to = figure.span(q)
      local own = q.own and (q.unit or q.scope:match("([^/]+)/$")) or nil
      local day = figure.day(call, q)
      return figure.value(call.db:value(sql, q.fund, q.item, q.as_of, q.as_of, day, from, to,
        place(q), own))
    end,
  }
end

local GOODS = [[ FROM fund_inkind i WHERE i.fund = ?
  AND i.item = coalesce(?, i.item) AND i.at <= ? AND (i.voided_at IS NULL OR i.voided_at > ?) AND i.on_day <= ?
  AND i.on_day >= ? AND i.on_day <= ? AND i.path LIKE ? AND i.unit = coalesce(?, i.unit)]]

goods("fund.inkind_qty", "count", "SELECT coalesce(sum(i.qty), 0)" .. GOODS, "Pieces of goods given.", "捐赠物资数量")
goods("fund.inkind_fen", "fen", "SELECT coalesce(sum(i.valued_fen), 0)" .. GOODS, "Value of goods given.", "捐赠物资估值")

return figures
