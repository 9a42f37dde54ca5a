--- Areas and their leaders, sites, rounds, inspections and the ledger of findings.
--
-- areas: who answers for which units.  sites: where, and who inspects.  rounds: checklists and when a visit is due.
-- sync: inspections from the field.  findings: from raised to struck off.  overview: coverage, gaps, map.
-- field: contact visits, task forces.  figures: numbers for any instant.
local commands = {}

for _, part in ipairs { require "inspect.areas", require "inspect.sites", require "inspect.rounds",
  require "inspect.sync", require "inspect.findings", require "inspect.overview", require "inspect.field" } do
  for name, command in pairs(part.commands) do commands[name] = command end
end

return {
  commands = commands,
  figures = require "inspect.figures",
  machines = { finding = require("inspect.findings").machine },
  settings = {
    level2_days = { type = "int(1..365)", default = 1,
      summary = { en = "Days overdue from which the area's leader answers.",
        ["zh-CN"] = "逾期几天起由片区领导督办" } },
    level3_days = { type = "int(1..365)", default = 7,
      summary = { en = "Days overdue from which the group's head answers.",
        ["zh-CN"] = "逾期几天起由组长督办" } },
    led_kinds = { type = "text(200)", default = "county,subordinate",
      summary = { en = "Kinds of unit that must have a leader, separated by commas.",
        ["zh-CN"] = "须有包片领导的单位类别，用逗号分隔" } },
  },
  roles = {
    ["inspect.planner"] = {
      grants = { "inspect.area.*", "inspect.site.*", "inspect.checklist.*", "inspect.round.*", "inspect.taskforce.*",
        "inspect.visit.*", "read:inspect.*", "read:org.*" },
      summary = { en = "Plans areas, sites, checklists and rounds.",
        ["zh-CN"] = "划定片区、点位，安排检查" } },
    ["inspect.inspector"] = {
      grants = { "inspect.sync", "inspect.evidence.add", "read:inspect.*", "read:org.*" },
      summary = { en = "Inspects sites and sends what was found.", ["zh-CN"] = "检查点位并上报" } },
    ["inspect.owner"] = {
      grants = { "inspect.finding.rectify", "inspect.finding.submit", "inspect.evidence.add", "read:inspect.*" },
      summary = { en = "Rectifies findings.", ["zh-CN"] = "整改问题" } },
    ["inspect.verifier"] = {
      grants = { "inspect.review", "inspect.finding.*", "inspect.evidence.add", "read:inspect.*", "read:org.*" },
      summary = { en = "Assigns, verifies and strikes off findings.", ["zh-CN"] = "交办、核验与销号" } },
    ["inspect.reader"] = {
      grants = { "read:inspect.*" }, summary = { en = "Reads inspections.", ["zh-CN"] = "查看检查情况" } },
  },
}
