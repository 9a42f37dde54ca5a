return {
  -- names and codes
  ["%s must be 1 to 20 letters, digits or hyphens"] = "%s 须为 1 至 20 个字母、数字或连字符",
  ["%s must not be blank"] = "%s 不能为空白",
  ["%s holds a number as long as an identity card's; those are not stored"] = "%s 中含有身份证号长度的数字，本系统不保存证件号码",
  ["the code %s is taken"] = "代码 %s 已被占用",
  ["%s is before %s, when this began"] = "%s 早于起始日 %s",
  -- units
  ["unit %s is not open on %s"] = "机构 %s 在 %s 未在设",
  ["a partner stands outside every unit"] = "协作单位不隶属任何机构",
  ["a superior can only stand under a superior"] = "上级单位只能隶属于上级单位",
  ["a unit of kind %s has no units below it"] = "%s 类机构之下不设机构",
  ["a branch needs the unit it belongs to"] = "党支部须指明所属机构",
  ["a unit without parent needs a scope over everything"] = "新增无隶属的机构须有全局权限",
  ["unit %s is closed; org.unit.reopen opens it again"] = "机构 %s 已关闭，可用 org.unit.reopen 恢复",
  ["unit %s is open"] = "机构 %s 在设",
  ["unit %s still has open units, to be moved or closed first: %s"] = "机构 %s 之下仍有在设机构，须先划转或关闭：%s",
  ["branch %s has %d members on %s; org.branch.leave comes first"] = "支部 %s 尚有 %d 名党员（%s），请先办理 org.branch.leave",
  ["a division code has six digits"] = "行政区划代码为六位数字",
  ["%s lies under %s itself"] = "%s 本身隶属于 %s",
  -- people
  ["phone_masked must have at least four digits replaced by *, such as 138****0000"] = "phone_masked 须以 * 遮住至少四位数字，如 138****0000",
  ["pinyin holds initials: letters only"] = "pinyin 为首字母，只能是字母",
  ["%s is not a Party branch"] = "%s 不是党支部",
  ["%s is in branch %s since %s; one branch at a time, so org.branch.leave comes first"] = "%s 已是支部 %s 的党员（自 %s 起），同一时间只能属于一个支部，请先办理 org.branch.leave",
  ["%s is in no branch"] = "%s 不在任何党支部",
  -- posts and groups
  ["this post ended on %s"] = "该职务已于 %s 免去",
  ["unit %s has no leading group; org.group.form makes one"] = "机构 %s 没有领导小组，可用 org.group.form 成立",
  ["unit %s has a leading group since %s; org.group.change changes it"] = "机构 %s 自 %s 起已有领导小组，可用 org.group.change 调整",
  -- events and calendars
  ["event %s was closed on %s"] = "事件 %s 已于 %s 结束",
  ["week lists weekdays such as 1,2,3,4,5 (1 is Monday)"] = "week 为星期序号，如 1,2,3,4,5（1 为星期一）",
  ["hours are stretches of minutes in order, such as [[600,840],[930,1170]]"] = "hours 为依次排列的分钟段，如 [[600,840],[930,1170]]",
  ["calendar %s is followed by units outside your scope; define one of your own"] = "日历 %s 也为您权限范围外的机构所用，请另设本单位的日历",
  ["the calendar has not that many working hours in ten years"] = "该日历十年内没有这么多工作时间",
}
