--- Greets each guest once. Try it: muster plugin test DIR
local words = require "@NAME@.words"

return { commands = {
  ["@NAME@.greet"] = {
    mode = "write", args = { "name:text(40)" }, returns = "{id:int, greeting:text}",
    summary = { en = "Greet NAME, once.", ["zh-CN"] = "问候来宾，每人一次" },
    run = function(call, name)
      if call.db:value("SELECT 1 FROM @NAME@_guest WHERE name = ?", name) then
        call:fail("STATE", { rule = "@NAME@.once", arg = "name" }, "%s was greeted before", name)
      end
      local id = call.db:value("INSERT INTO @NAME@_guest (name, at) VALUES (?, ?) RETURNING id", name, call.now)
      return { id = id, greeting = words.greeting(name) }
    end,
  },
  ["@NAME@.health"] = {
    mode = "read", returns = "{guests:int}", summary = { en = "Is all well?", ["zh-CN"] = "是否一切正常" },
    run = function(call) return { guests = call.db:value("SELECT count(*) FROM @NAME@_guest") } end },
}, roles = {
  ["@NAME@.host"] = { grants = { "@NAME@.*" }, summary = { en = "May greet guests.", ["zh-CN"] = "可问候来宾" } },
} }
