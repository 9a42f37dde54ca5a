return {
  name = "fiveones", version = "1.0.0", api = 1, requires = { "org" },
  asks = { commands = { "org.person.get", "org.unit.check" } },
  summary = {
    en = "Household cases of a campaign of N items, the five ones by default, with a problem loop.",
    ["zh-CN"] = "“五个一”活动：一户一案，走访、联系卡、慰问信、拥军包、解决现实问题",
  },
}
