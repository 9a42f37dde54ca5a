--- The fund that the writers give to.
local admin = muster.connect {}
admin:call("org.unit.add", { code = "YL", name = "Bureau", kind = "prefecture", on = "2020-01-01" })
admin:call("fund.open", { code = "SOCIAL", name = "Gifts", kind = "social", unit = "YL", opens = "2020-01-01", closes = "2030-12-31" })
