return {
  name = "echo", version = "1.0.0", api = 1, requires = {},
  summary = { en = "Liveness check.", ["zh-CN"] = "连通检查" },
}
