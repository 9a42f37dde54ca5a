--- Receipts: gapless numbers, void ones stay listed, a preview that changes nothing.
local calendar = require "muster.calendar"
local common = require "fund.common"
local machines = require "fund.machines"
local money = require "muster.money"
local series = require "muster.series"

local commands = {}

local RECEIPT = "{no:text, gift:text, donor_name:text, amount_fen:fen, words:text, ref:text, state:text, " ..
  "copy_of:text, copies:int, reason:text, at:instant, rev:int}"
local SELECT = [[SELECT r.no, g.no AS gift, g.donor_name, r.amount_fen, r.ref, r.state, r.copy_of, r.copies, r.reason,
  r.at, r.rev, r.gift AS gift_id, r.year, r.seq, m.path FROM fund_receipt r JOIN fund_gift g ON g.id = r.gift
  JOIN muster_unit m ON m.code = g.unit ]]

local function finish(row)
  row.words = money.words(row.amount_fen)
  row.gift_id, row.year, row.seq, row.path = nil, nil, nil, nil
  return row
end

local function need_receipt(call, no)
  local row = call.db:row(SELECT .. "WHERE r.no = ?", no)
  if not row or not common.sees(call, row.path) then common.unknown(call, "receipt", no) end
  return row
end

local function set_gift(call, gift_id, state, receipt)
  call.db:run("UPDATE fund_gift SET state = ?, receipt = ?, rev = rev + 1 WHERE id = ?", state, receipt, gift_id)
end

--- The void receipt that a new one takes the place of: its number, or nil.
local function replaced(call, gift)
  local old = call.db:row([[SELECT no, state FROM fund_receipt WHERE gift = ? AND state = 'void'
    ORDER BY seq DESC LIMIT 1]], gift.id)
  if not old then return nil end
  call.db:run("UPDATE fund_receipt SET state = ?, rev = rev + 1 WHERE no = ?",
    machines.receipt:check(call, old, "reissue"), old.no)
  return old.no
end

--- Only money that has arrived is receipted; what went to the centre is receipted by the centre.
local function check_issue(call, gift, ref)
  local confirmed = call.db:value([[SELECT r.confirmed_at FROM fund_batch b
    JOIN fund_remittance r ON r.no = b.remittance WHERE b.no = ?]], gift.batch)
  if not confirmed then
    call:fail("STATE", { rule = "fund.not_confirmed", state = gift.state, allowed = "fund.confirm" },
      "gift %s was sent on but its arrival is not confirmed; fund.confirm comes first", gift.no)
  end
  common.check_time(call, confirmed, gift.no)
  if gift.route == "centre" and not ref then
    call:fail("POLICY", { rule = "fund.centre_receipt", arg = "ref" },
      "gift %s went to the centre, which issues the receipt: give its number as ref", gift.no)
  end
end

commands["fund.receipt.issue"] = {
  mode = "write", args = { "gift:text(40)", "ref:text(60)?", "rev:int(1..)?" }, returns = RECEIPT,
  summary = { en = "Issue the receipt of a gift whose arrival is confirmed.", ["zh-CN"] = "开具收据" },
  doc = "`ref`: the number on the paper; needed for gifts that went to the centre, which issues that receipt itself.",
  run = function(call, no, ref, rev)
    local gift = common.gift(call, no)
    common.check_rev(call, gift, rev)
    local state = machines.gift:check(call, gift, "receipt")
    check_issue(call, gift, ref)
    local year = calendar.year(call.today)
    local receipt, seq = series.take(call, "receipt", gift.fund .. "-R", year)
    call.db:run([[INSERT INTO fund_receipt (no, year, seq, fund, gift, amount_fen, ref, copy_of, copies, state, user,
      at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 1)]], receipt, year, seq, gift.fund, gift.id,
      gift.amount_fen - gift.refunded_fen, ref, replaced(call, gift), machines.receipt.initial, call.user, call.now)
    set_gift(call, gift.id, state, receipt)
    return finish(need_receipt(call, receipt))
  end,
}

commands["fund.receipt.void"] = {
  mode = "write", args = { "receipt:text(40)", "reason:text(200)", "rev:int(1..)?" }, returns = RECEIPT,
  summary = { en = "Void a receipt; its number stays listed and the gift may be receipted anew.",
    ["zh-CN"] = "作废收据（编号保留，可重开）" },
  run = function(call, no, reason, rev)
    local row = need_receipt(call, no)
    common.check_rev(call, row, rev)
    common.check_time(call, row.at, no)
    local state = machines.receipt:check(call, row, "void", { reason = reason })
    local gift = common.gift(call, row.gift)
    set_gift(call, gift.id, machines.gift:check(call, gift, "receipt_void"), nil)
    call.db:run("UPDATE fund_receipt SET state = ?, reason = ?, rev = rev + 1 WHERE no = ?", state, reason, no)
    return finish(need_receipt(call, no))
  end,
}

commands["fund.receipt.copy"] = {
  mode = "write", args = { "receipt:text(40)", "rev:int(1..)?" }, returns = RECEIPT,
  summary = { en = "Make one more copy of a receipt; copies are counted.", ["zh-CN"] = "补打收据副本（计数）" },
  run = function(call, no, rev)
    local row = need_receipt(call, no)
    common.check_rev(call, row, rev)
    machines.receipt:check(call, row, "copy")
    call.db:run("UPDATE fund_receipt SET copies = copies + 1, rev = rev + 1 WHERE no = ?", no)
    return finish(need_receipt(call, no))
  end,
}

commands["fund.receipt.preview"] = {
  mode = "read", args = { "fund:text(20)", "limit:int(1..500)=100" },
  returns = "[{gift:text, donor_name:text, amount_fen:fen, words:text, route:text}]",
  summary = { en = "Gifts whose receipts could be issued now; changes nothing.", ["zh-CN"] = "待开收据预览（不产生任何变动）" },
  run = function(call, fund, limit)
    common.fund(call, fund)
    local rows = call.db:rows([[SELECT g.no AS gift, g.donor_name, g.amount_fen - g.refunded_fen AS amount_fen, g.route
      FROM fund_batch b JOIN fund_gift g ON g.batch = b.no JOIN muster_unit m ON m.code = g.unit
      WHERE b.fund = ? AND b.state = 'confirmed' AND g.state = 'remitted' AND m.path >= ? AND m.path < ?
      ORDER BY g.id LIMIT ?]], fund, call.scope, call.scope_end, limit)
    for _, row in ipairs(rows) do row.words = money.words(row.amount_fen) end
    return rows
  end,
}

commands["fund.receipt.list"] = {
  mode = "read",
  args = { "fund:text(20)", "state:enum(issued|void|reissued)?", "after:text(40)?", "limit:int(1..500)=200" },
  returns = "[" .. RECEIPT .. "]",
  summary = { en = "Receipts of a fund in number order, void ones too; pass the last number as `after` to read on.",
    ["zh-CN"] = "收据列表（含作废）" },
  run = function(call, fund, state, after, limit)
    common.fund(call, fund)
    local last = after and need_receipt(call, after) or { year = 0, seq = 0 }
    local rows = call.db:rows(SELECT .. [[WHERE r.fund = ? AND r.state = coalesce(?, r.state)
      AND (r.year, r.seq) > (?, ?) AND m.path >= ? AND m.path < ? ORDER BY r.year, r.seq LIMIT ?]],
      fund, state, last.year, last.seq, call.scope, call.scope_end, limit)
    for _, row in ipairs(rows) do finish(row) end
    return rows
  end,
}

return { commands = commands }
