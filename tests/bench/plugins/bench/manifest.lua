return {
  name = "bench",
  version = "1.0.0",
  api = 1,
  summary = { en = "The benchmark's tables.", ["zh-CN"] = "基准测试用表" },
  requires = {},
}
