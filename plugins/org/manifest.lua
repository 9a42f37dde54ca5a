return {
  name = "org", version = "1.0.0", api = 1, requires = {}, units = true,
  summary = {
    en = "Units and their history, people, Party branches, posts, leading groups, events, calendars.",
    ["zh-CN"] = "机构沿革、人员、党支部、职务、领导小组、事件、工作日历",
  },
}
