return {
  ["the area has %d sites; a map has at most 300"] = "该片区有 %d 个点位；作战图至多 300 个",
  ["params is a map of the figure's own arguments, such as {\"fund\":\"DUES\"}"] =
    "params 应为该指标自己的参数，例如 {\"fund\":\"DUES\"}",
  ["params holds %s, which is an argument of the command itself"] = "params 中不能有 %s：它是本命令自己的参数",
  ["from %s is later than to %s"] = "起始日期 %s 晚于截止日期 %s",
  ["%s is no number, so it can't be drawn"] = "%s 不是数值，无法绘图",
  ["there are more than %d units below %s"] = "下级单位超过 %d 个：%s",
  ["a line has at most %d days; take larger steps"] = "折线图至多 %d 个日期；请加大步长",
}
