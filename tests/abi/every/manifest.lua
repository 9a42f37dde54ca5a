return {
  name = "every", version = "1.0.0", api = 1, requires = {}, native = true, health = "every.facts",
  summary = { en = "Uses every function of the C interface.", ["zh-CN"] = "用到 C 接口的每个函数" },
}
