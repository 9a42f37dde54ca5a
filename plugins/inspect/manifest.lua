return {
  name = "inspect", version = "1.0.0", api = 1, requires = { "org" },
  asks = { commands = { "org.group.get", "org.person.get", "org.unit.spans" } },
  summary = {
    en = "Areas and their leaders, sites, inspection rounds, findings and their struck-off ledger.",
    ["zh-CN"] = "包片督查：片区与责任领导、点位、轮次检查、问题整改与销号台账",
  },
}
