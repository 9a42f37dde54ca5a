-- luacheck plugins api scripts tests: no globals but `muster`, no unused names, lines of at most 120 characters.
std = "lua54"
max_line_length = 120
read_globals = { "muster" }
files["api/types.lua"] = { globals = { "muster" }, ignore = { "211", "212", "241", "312", "431", "432" } }
files["plugins/*/locale"] = { max_line_length = false }
files["tests"] = { max_line_length = 160 }
