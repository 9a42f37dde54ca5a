--- fund: special dues, staff and social gifts, from gift to receipt, on a double-entry journal.
-- Start with gifts.lua (what clerks do), then batches.lua (counting and sending on), receipts.lua, reports.lua.
local common = require "fund.common"

local commands = {}
for _, part in ipairs {
  require "fund.funds", require "fund.gifts", require "fund.batches", require "fund.receipts", require "fund.inkind",
  require "fund.reports", require "fund.publish", require "fund.bank",
} do
  common.merge(commands, part.commands)
end

return {
  commands = commands, figures = require "fund.figures", machines = require "fund.machines",
  settings = {
    large_fen = {
      type = "fen(1..)", default = 100000,
      summary = { en = "From this amount on a single gift is large, unless its fund says otherwise.",
        ["zh-CN"] = "大额起点（单笔，分）" },
    },
    tally_minute = {
      type = "int(0..1439)", default = 900,
      summary = { en = "Minute of the day at which the daily tally closes (900 is 15:00).",
        ["zh-CN"] = "每日统计截止时刻（分钟）" },
    },
    confirm_days = {
      type = "int(1..365)", default = 7,
      summary = { en = "Days after which an unconfirmed remittance is overdue.", ["zh-CN"] = "上缴确认期限（天）" },
    },
  },
  roles = {
    ["fund.clerk"] = {
      grants = { "fund.give", "fund.pledge", "fund.receive", "fund.void", "fund.inkind.give", "fund.inkind.void",
        "fund.batch.close", "read:fund.*" },
      summary = { en = "Records gifts and closes batches.", ["zh-CN"] = "捐款登记员" },
    },
    ["fund.treasurer"] = {
      grants = { "fund.open", "fund.close", "fund.refund", "fund.remit", "fund.confirm", "fund.receipt.issue",
        "fund.receipt.void", "fund.receipt.copy", "fund.reconcile", "fund.publish", "fund.publish.withdraw",
        "read:fund.*" },
      summary = { en = "Opens funds, sends money on, pays back, issues receipts.", ["zh-CN"] = "捐款财务" },
    },
    ["fund.reviewer"] = {
      grants = { "fund.publish.approve", "fund.erratum", "read:fund.*" },
      summary = { en = "Publishes lists another has drafted.", ["zh-CN"] = "捐款公示审核" },
    },
    ["fund.reader"] = {
      grants = { "read:fund.*" }, summary = { en = "May read funds and gifts.", ["zh-CN"] = "捐款查阅" },
    },
  },
}
