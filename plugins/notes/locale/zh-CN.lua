return {
  ["no note %d"] = "没有编号为 %d 的便签",
}
