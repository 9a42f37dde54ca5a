--- Published lists of gifts: frozen when drafted, published by a second person, corrected by errata only.
local calendar = require "muster.calendar"
local common = require "fund.common"
local machines = require "fund.machines"
local series = require "muster.series"

local commands = {}

local PAGE_ROWS = 500
local MOST_ROWS = 20000
local PUBLICATION = "{no:text, fund:text, as_of:instant, count:int, sum_fen:fen, hash:text, state:text, " ..
  "drafter:text, approver:text, rev:int}"

-- What is left of each gift as of an instant. Parameters: fund, as_of, day, last id.
local LEFT = [[(SELECT j.gift, sum(j.credit_fen) - sum(j.debit_fen) AS net_fen FROM fund_journal j
  WHERE j.fund = ? AND j.account = 'income' AND j.at <= ? AND j.on_day <= ? AND j.gift > ?
  GROUP BY j.gift HAVING sum(j.credit_fen) - sum(j.debit_fen) > 0) x ]]
-- One page of what is to be published. One more parameter: page size.
local ROWS = "SELECT g.id, g.no, g.donor_name, g.anonymous, g.unit, g.on_day, x.net_fen FROM " .. LEFT ..
  "JOIN fund_gift g ON g.id = x.gift ORDER BY g.id LIMIT ?"

--- The name as the fund's rule shows it: whole, first character only, or none for an anonymous gift.
local function shown_name(fund, row)
  if row.anonymous == 1 or not row.donor_name then return "匿名" end
  if fund.publicise == "names" then return row.donor_name end
  return row.donor_name:match(utf8.charpattern) .. "**"
end

--- Copy the list into its own rows. Returns count, sum and a hash chained over the pages.
local function freeze(call, fund, no, as_of)
  local count, sum, hash, last = 0, 0, "", 0
  local day = calendar.day_of(as_of, call.zone_min)
  if call.db:value("SELECT count(*) FROM " .. LEFT, fund.code, as_of, day, 0) > MOST_ROWS then
    call:fail("LIMIT", { rule = "fund.publish_size", arg = "fund" },
      "a published list holds at most %d gifts", MOST_ROWS)
  end
  repeat
    local page = call.db:rows(ROWS, fund.code, as_of, day, last, PAGE_ROWS)
    local lines = { hash }
    for i, row in ipairs(page) do
      local name = shown_name(fund, row)
      count, sum, last = count + 1, sum + row.net_fen, row.id
      call.db:run([[INSERT INTO fund_publication_row (publication, pos, gift, name, unit, amount_fen, on_day)
        VALUES (?, ?, ?, ?, ?, ?, ?)]], no, count, row.no, name, row.unit, row.net_fen, row.on_day)
      lines[i + 1] = table.concat({ row.no, name, row.unit, row.net_fen, row.on_day }, "\t")
    end
    if #page > 0 then hash = call:hash(table.concat(lines, "\n")) end
  until #page < PAGE_ROWS
  return count, sum, hash
end

local function need_publication(call, no)
  local row = call.db:row([[SELECT p.no, p.fund, p.as_of, p.count, p.sum_fen, p.hash, p.state, p.drafter, p.approver,
    p.rev, m.path FROM fund_publication p JOIN fund_fund f ON f.code = p.fund JOIN muster_unit m ON m.code = f.unit
    WHERE p.no = ?]], no)
  if not row or not common.sees(call, row.path) then common.unknown(call, "publication", no) end
  row.path = nil
  return row
end

commands["fund.publish"] = {
  mode = "write", args = { "fund:text(20)", "as_of:instant?" }, returns = PUBLICATION, timeout_ms = 5000,
  summary = { en = "Freeze a fund's list of gifts as a draft for publication.", ["zh-CN"] = "生成公示名单草稿（冻结）" },
  doc = "Names are shown as the fund's `publicise` says. Another person publishes it with fund.publish.approve.",
  run = function(call, code, as_of)
    local fund = common.own_fund(call, code)
    as_of = as_of or call.now
    if fund.publicise == "none" then
      call:fail("POLICY", { rule = "fund.not_public", arg = "fund" },
        "fund %s was opened as one that is not published", code)
    end
    if as_of > call.now then
      call:fail("ARG", { rule = "fund.future", arg = "as_of" }, "%s has not come yet; today is %s",
        calendar.iso(as_of, call.zone_min), call.today)
    end
    local no = series.take(call, "publication", code .. "-P", calendar.year(call.today))
    call.db:run([[INSERT INTO fund_publication (no, fund, as_of, count, sum_fen, hash, state, drafter, at, rev)
      VALUES (?, ?, ?, 0, 0, '', ?, ?, ?, 1)]], no, code, as_of, machines.publication.initial, call.user, call.now)
    local count, sum, hash = freeze(call, fund, no, as_of)
    call.db:run("UPDATE fund_publication SET count = ?, sum_fen = ?, hash = ? WHERE no = ?", count, sum, hash, no)
    return need_publication(call, no)
  end,
}

--- A command that only moves a publication to its next state.
local function mover(transition, approver)
  return function(call, no, rev)
    local row = need_publication(call, no)
    common.check_rev(call, row, rev)
    local state = machines.publication:check(call, row, transition)
    call.db:run([[UPDATE fund_publication SET state = ?, approver = coalesce(?, approver),
      approved_at = coalesce(?, approved_at), rev = rev + 1 WHERE no = ?]],
      state, approver and call.user, approver and call.now, no)
    return need_publication(call, no)
  end
end

commands["fund.publish.approve"] = {
  mode = "write", args = { "publication:text(40)", "rev:int(1..)?" }, returns = PUBLICATION,
  summary = { en = "Publish a drafted list; not by the one who drafted it.", ["zh-CN"] = "审核公示名单（非起草人）" },
  run = mover("approve", true),
}

commands["fund.publish.withdraw"] = {
  mode = "write", args = { "publication:text(40)", "rev:int(1..)?" }, returns = PUBLICATION,
  summary = { en = "Withdraw a draft.", ["zh-CN"] = "撤回公示草稿" },
  run = mover("withdraw", false),
}

commands["fund.publish.get"] = {
  mode = "read", args = { "publication:text(40)", "after:int(0..)=0", "limit:int(1..500)=200" },
  returns = PUBLICATION:sub(1, -2) ..
    ", rows:[{pos:int, gift:text, name:text, unit:text, amount_fen:fen, on:date}], " ..
    "errata:[{n:int, text:text, at:instant}]}",
  summary = { en = "A list as it was frozen, with its errata.", ["zh-CN"] = "查看公示名单与更正" },
  run = function(call, no, after, limit)
    local row = need_publication(call, no)
    row.rows = call.db:rows([[SELECT pos, gift, name, unit, amount_fen, on_day FROM fund_publication_row
      WHERE publication = ? AND pos > ? ORDER BY pos LIMIT ?]], no, after, limit)
    for _, r in ipairs(row.rows) do r.on, r.on_day = r.on_day, nil end
    row.errata = call.db:rows("SELECT n, text, at FROM fund_erratum WHERE publication = ? ORDER BY n LIMIT 500", no)
    return row
  end,
}

commands["fund.publish.list"] = {
  mode = "read", args = { "fund:text(20)" }, returns = "[" .. PUBLICATION .. "]",
  summary = { en = "The lists of a fund.", ["zh-CN"] = "公示名单目录" },
  run = function(call, fund)
    common.own_fund(call, fund)
    return call.db:rows([[SELECT no, fund, as_of, count, sum_fen, hash, state, drafter, approver, rev
      FROM fund_publication WHERE fund = ? ORDER BY no LIMIT 500]], fund)
  end,
}

commands["fund.erratum"] = {
  mode = "write", args = { "publication:text(40)", "text:text(1000)" },
  returns = "{publication:text, n:int, text:text}",
  summary = { en = "Add a correction to a published list; the list itself stays as it was.",
    ["zh-CN"] = "为已公示名单登记更正" },
  run = function(call, no, text)
    machines.publication:check(call, need_publication(call, no), "erratum")
    local n = 1 + call.db:value("SELECT count(*) FROM fund_erratum WHERE publication = ?", no)
    call.db:run("INSERT INTO fund_erratum (publication, n, text, user, at) VALUES (?, ?, ?, ?, ?)",
      no, n, text, call.user, call.now)
    return { publication = no, n = n, text = text }
  end,
}

return { commands = commands }
