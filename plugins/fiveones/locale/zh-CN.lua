return {
  -- scope, revisions, time
  ["case %s already has an event later than the time given"] = "个案 %s 已有晚于所给时间的记录",
  ["%s has not come yet"] = "%s 尚未到来",
  -- campaigns
  ["%s: letters, digits and '-', at most 20 of them"] = "%s：只能用字母、数字和“-”，最多 20 位",
  ["item %d: kind is a word of letters, label a text, required true or false, sla_days 1 to 366"] =
    "第 %d 项：kind 须为小写字母，label 须为文本，required 须为 true 或 false，sla_days 须为 1 至 366",
  ["a campaign has 1 to 20 items"] = "活动应有 1 至 20 个项目",
  ["item %d: the kind %s is there twice"] = "第 %d 项：类别 %s 重复",
  ["no campaign %s"] = "没有活动 %s",
  ["campaign %s has no version %d"] = "活动 %s 没有第 %d 版",
  ["campaign %s belongs to unit %s"] = "活动 %s 属于单位 %s",
  -- cases
  ["household %s has an open case in this campaign already: %s"] = "家庭 %s 在本活动中已有未归档的个案：%s",
  ["%s cannot be the liaison: status %s at %s; active staff of %s is needed"] =
    "%s 不能担任联系人：身份为 %s，所在单位 %s；须为 %s 的在职人员",
  ["a military case holds a reference code (capitals, digits, '-'), no details"] =
    "军属个案只登记代号（大写字母、数字、“-”），不登记具体信息",
  ["case %s is %s and cannot be worked on; possible for the case: %s"] = "个案 %s 状态为 %s，不能办理；个案可行操作：%s",
  ["case %s is closed"] = "个案 %s 已归档",
  ["%s is the liaison already"] = "%s 已是该个案联系人",
  -- items, cards, letters
  ["case %s has no item %s"] = "个案 %s 没有项目 %s",
  ["case %s has %d open problems; settle each of them first"] = "个案 %s 尚有 %d 个未了结的问题，请先逐一了结",
  ["a visit is onsite, phone or video, not %s"] = "走访方式须为 onsite、phone 或 video，不能是 %s",
  ["the problem item is done by settling every problem of case %s"] = "个案 %s 的现实问题全部了结后，该项自动办结",
  ["phones are kept masked only: 3 digits, 4 stars, 4 digits"] = "电话只登记脱敏形式：前 3 位、4 个星号、后 4 位",
  ["{%s} is not known; a letter has {household}, {liaison}, {unit}, {campaign}, {day}"] =
    "不认识 {%s}；信中可用 {household}、{liaison}、{unit}、{campaign}、{day}",
  -- problems
  ["case %s has %d problems registered"] = "个案 %s 已登记 %d 个问题",
}
