--- Household cases of a campaign of N items (the five ones), with a problem loop.
--
-- campaigns: the items as versioned data.  case: what commands on a case share.  cases: open, watch, close.
-- items: schedule, done, waive, cards, letters.  problems: the problem loop.  figures: the board and the numbers.
local commands = {}

local numbers = require "fiveones.figures"
for _, part in ipairs { require "fiveones.campaigns", require "fiveones.cases", require "fiveones.items",
  require "fiveones.problems", numbers } do
  for name, command in pairs(part.commands) do commands[name] = command end
end

return {
  commands = commands,
  figures = numbers.figures,
  machines = { case = require("fiveones.case").LIFE, item = require("fiveones.items").machine,
    problem = require("fiveones.problems").machine },
  roles = {
    ["fiveones.planner"] = {
      grants = { "fiveones.*", "read:org.*" },
      summary = { en = "Defines campaigns, opens and closes cases.", ["zh-CN"] = "组织活动，建档与办结" } },
    ["fiveones.liaison"] = {
      grants = { "fiveones.item.schedule", "fiveones.item.done", "fiveones.card", "fiveones.problem.*",
        "read:fiveones.*", "read:org.*" },
      summary = { en = "Works on the cases of households.", ["zh-CN"] = "联系人：办理个案各项" } },
    ["fiveones.reader"] = {
      grants = { "read:fiveones.*" }, summary = { en = "Reads cases and the board.",
        ["zh-CN"] = "查看个案与进度" } },
  },
}
