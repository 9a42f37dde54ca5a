--- org: units and their history, people, Party branches, posts, leading groups, events, calendars.
-- Every other plugin stands on it: it alone says which unit lies under which, who is a member of what, and when.
local common = require "org.common"
local groups = require "org.groups"

local commands, figures = {}, {}
for _, part in ipairs {
  require "org.units", require "org.tree", require "org.people", groups, require "org.events",
  require "org.calendars", require "org.coverage",
} do
  common.merge(commands, part.commands)
  common.merge(figures, part.figures or {})
end

return {
  commands = commands, figures = figures, machines = groups.machines,
  settings = {
    group_kinds = {
      type = "text(100)", default = "prefecture,county,subordinate",
      summary = { en = "Kinds of units that must have a leading group.", ["zh-CN"] = "应成立领导小组的机构类别" },
    },
    default_week = {
      type = "text(20)", default = "1,2,3,4,5",
      summary = { en = "Weekdays worked where no calendar says otherwise (1 is Monday).", ["zh-CN"] = "默认工作日" },
    },
    default_hours = {
      type = "text(60)", default = "10:00-14:00,15:30-19:30",
      summary = { en = "Hours worked where no calendar says otherwise.", ["zh-CN"] = "默认办公时间" },
    },
  },
  roles = {
    ["org.clerk"] = {
      grants = { "org.*" }, summary = { en = "Keeps units, people and groups.", ["zh-CN"] = "机构人员管理员" },
    },
    ["org.reader"] = {
      grants = { "read:org.*" }, summary = { en = "May read units, people and groups.", ["zh-CN"] = "机构人员查阅" },
    },
  },
}
