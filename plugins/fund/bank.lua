--- Reconciling with the bank: lines of a statement are matched with pay lines, each of them once.
local calendar = require "muster.calendar"
local common = require "fund.common"

local commands = {}

local MOST_ROWS = 500
local ROW = "{ref:text, amount_fen:int, on:date, gift:text}"

local function check_row(call, row)
  local ok = type(row) == "table" and math.type(row.amount_fen) == "integer" and row.amount_fen > 0
  local ref, on = ok and row.ref or nil, ok and row.on or nil
  if ref == muster.null then ref = nil end
  if on == muster.null then on = nil end
  ok = ok and (ref == nil or type(ref) == "string" and #ref <= 100) and (on == nil or calendar.valid(on))
  if not ok or not (ref or on) then
    call:fail("ARG", { rule = "fund.bank_rows", arg = "rows" },
      'rows is a list of at most %d such as [{"ref":"…","amount_fen":50000,"on":"2020-02-10"}], with ref or on',
      MOST_ROWS)
  end
  return { ref = ref, amount_fen = row.amount_fen, on = on }
end

local LINES = [[SELECT l.id, g.no FROM fund_payline l JOIN fund_gift g ON g.id = l.gift
  LEFT JOIN fund_bankrow b ON b.payline = l.id
  WHERE b.payline IS NULL AND g.fund = ? AND l.amount_fen = ? AND l.method <> 'cash' AND g.state <> 'void' ]]

--- The pay line of a bank row: by its reference, else by amount and day when only one fits.
local function find(call, fund, row)
  if row.ref then
    return call.db:row(LINES .. "AND l.ref = ? ORDER BY l.id LIMIT 1", fund, row.amount_fen, row.ref)
  end
  local fits = call.db:rows(LINES .. "AND g.on_day = ? AND l.ref IS NULL LIMIT 2", fund, row.amount_fen, row.on)
  return #fits == 1 and fits[1] or nil
end

commands["fund.reconcile"] = {
  mode = "write", args = { "fund:text(20)", "rows:json" },
  returns = "{matched:[" .. ROW .. "], unmatched:[" .. ROW .. "], unbanked:int}", timeout_ms = 5000,
  summary = { en = "Match lines of a bank statement with pay lines.", ["zh-CN"] = "银行流水对账" },
  doc = "A row with a reference matches the pay line of that reference and amount; one without matches the only " ..
    "pay line of that amount and day. `unbanked`: pay lines other than cash still without a bank row.",
  run = function(call, fund, rows)
    common.own_fund(call, fund)
    if type(rows) ~= "table" or #rows < 1 or #rows > MOST_ROWS then rows = { {} } end
    local out = { matched = {}, unmatched = {} }
    for _, raw in ipairs(rows) do
      local row = check_row(call, raw)
      local line = find(call, fund, row)
      if line then
        call.db:run("INSERT INTO fund_bankrow (payline, fund, ref, amount_fen, on_day, at) VALUES (?, ?, ?, ?, ?, ?)",
          line.id, fund, row.ref, row.amount_fen, row.on, call.now)
        row.gift = line.no
      end
      table.insert(line and out.matched or out.unmatched, row)
    end
    out.unbanked = call.db:value([[SELECT count(*) FROM fund_gift g JOIN fund_payline l ON l.gift = g.id
      LEFT JOIN fund_bankrow b ON b.payline = l.id
      WHERE g.fund = ? AND g.state <> 'void' AND l.method <> 'cash' AND b.payline IS NULL]], fund)
    return out
  end,
}

return { commands = commands }
