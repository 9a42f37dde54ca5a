--- What a C plugin leaves to Lua: a figure and a setting, and a command that uses its own pure commands.
local S = { en = "For tests.", ["zh-CN"] = "测试用" }

return {
  commands = {
    ["every.lua"] = { mode = "read", args = { "text:text" }, returns = "text", summary = S,
      run = function(_, text) return require("every").twice(text) end },
  },
  figures = {
    ["every.rows"] = { unit = "rows", args = {}, summary = S,
      compute = function(call) return { value = call.db:value("SELECT count(*) FROM every_row") } end },
  },
  settings = { word = { type = "text(20)", default = "默认", summary = S } },
}
