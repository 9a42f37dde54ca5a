return {
  -- scope, spans, codes
  ["%s: letters, digits and '-', at most 20 of them"] = "%s：只能用字母、数字和“-”，最多 20 位",
  ["the span ends on %s, not after its first day %s"] = "止日 %s 不晚于起日 %s",
  ["from %s to %s is not a period of 1 to %d days"] = "%s 至 %s 不是 1 至 %d 天的区间",
  -- areas, sites
  ["unit %s is in area %s (%s), whose leader is %s"] = "单位 %s 已在片区 %s（%s），责任领导为 %s",
  ["area %s is in the charge of %s (%s); end that charge first"] = "片区 %s 现由 %s 负责（%s），请先结束该任务",
  ["area %s has no open charge"] = "片区 %s 没有在任的责任领导",
  ["there is a site %s already"] = "已有点位 %s",
  ["site %s is open already (%s)"] = "点位 %s 已开放（%s）",
  ["site %s is closed already"] = "点位 %s 已关闭",
  ["site %s is in the charge of %s (%s); end that charge first"] = "点位 %s 现由 %s 负责（%s），请先结束该任务",
  ["site %s has no open charge"] = "点位 %s 没有在任的责任人",
  -- checklists, rounds
  ["a checklist has 1 to 200 items"] = "检查表应有 1 至 200 项",
  ["item %d: %s must be a text of 1 to %d bytes"] = "第 %d 项：%s 须为 1 至 %d 字节的文本",
  ["item %d: group is temp, disinfect, protect, reception or other; severity minor, major or critical"] =
    "第 %d 项：group 须为 temp、disinfect、protect、reception、other 之一，severity 须为 minor、major、critical 之一",
  ["item %d: the code %s is there twice"] = "第 %d 项：编码 %s 重复",
  ["no checklist %s"] = "没有检查表 %s",
  ["no checklist %s in that version"] = "没有检查表 %s 的该版本",
  ["the rounds end on %s, before they begin on %s"] = "轮次止日 %s 早于起日 %s",
  ["these would be %d rounds; plan at most %d at once"] = "将有 %d 个轮次；一次至多安排 %d 个",
  ["round %d covers %s from %s to %s with this checklist already"] = "轮次 %d 已用此检查表覆盖 %s 的 %s 至 %s",
  -- inspections
  ["a batch is an array of 1 to %d inspections"] = "批次须为 1 至 %d 条检查记录的数组",
  ["inspection %d is %s, not submitted"] = "检查记录 %d 状态为 %s，不是待审阅",
  -- findings
  ["finding %s already has an event later than the time given"] = "问题 %s 已有晚于所给时间的记录",
  ["finding %s is %s; evidence belongs to an open one"] = "问题 %s 状态为 %s，只能为未办结的问题登记佐证",
  ["file_hash is a SHA-256 in 64 hex digits"] = "file_hash 须为 64 位十六进制 SHA-256 摘要",
  -- field work
  ["a visit on %s has not happened yet"] = "%s 的走访尚未发生",
  ["%s is named twice among the members"] = "成员中 %s 重复",
  ["task force %d is dissolved already"] = "工作专班 %d 已撤销",
}
