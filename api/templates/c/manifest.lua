return {
  name = "@NAME@", version = "1.0.0", api = 1, requires = {}, native = true, health = "@NAME@.health",
  summary = { en = "Greets guests.", ["zh-CN"] = "问候来宾" },
}
