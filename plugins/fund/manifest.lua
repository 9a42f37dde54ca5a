return {
  name = "fund", version = "1.0.0", api = 1, requires = { "org" },
  asks = { commands = { "org.party.check" } },
  summary = {
    en = "Special dues, staff and social gifts: a ledger from gift to receipt.",
    ["zh-CN"] = "特殊党费、职工捐款与社会捐赠：从收款到收据的账簿",
  },
}
