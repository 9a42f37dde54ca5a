return {
  name = "cnkit", version = "1.0.0", api = 1, requires = {}, native = true,
  summary = {
    en = "Chinese text, tabular files and charts, in C.",
    ["zh-CN"] = "中文文本、表格文件与图表（C 语言插件）",
  },
}
