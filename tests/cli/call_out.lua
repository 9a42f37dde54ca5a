--- call_out.lua FILE WANTED: the first sheet of an XLSX file, as JSON, is WANTED.
local admin = muster.connect { name = "call-out" }
local sheets = admin:call("cnkit.xlsx.parse", { bytes = muster.read_file(muster.args[1]) }).sheets
local got = muster.json.encode(sheets[1].rows)
assert(#sheets == 1 and got == muster.args[2], "got " .. got .. ", wanted " .. muster.args[2])
