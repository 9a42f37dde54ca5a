return {
  name = "notes", version = "1.0.0", api = 1, requires = {},
  summary = { en = "Short notes, the smallest plugin with a table.", ["zh-CN"] = "便签：带数据表的最小插件" },
}
