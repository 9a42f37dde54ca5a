-- luacheck plugins api scripts: no globals, no unused names, lines of at most 120 characters.
std = "lua54"
max_line_length = 120
files["plugins"] = { read_globals = { "muster" } }
files["api/lib"] = { read_globals = { "muster" } }
files["scripts"] = { read_globals = { "muster" } }
files["tests/lua"] = { std = "lua54" }
files["api/types.lua"] = { ignore = { "212", "221", "241" } }
files["plugins/*/locale"] = { max_line_length = false }
