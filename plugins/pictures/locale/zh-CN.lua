return {
  ["the area has %d sites; a map has at most 300"] = "该片区有 %d 个点位；作战图至多 300 个",
  ["%s is no number, so it can't be drawn"] = "%s 不是数值，无法绘图",
  ["there are more than %d units below %s"] = "下级单位超过 %d 个：%s",
  ["a line has at most %d days; take larger steps"] = "折线图至多 %d 个日期；请加大步长",
}
