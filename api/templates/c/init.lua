--- What is said in Lua: roles, and commands for which C is not needed. The rest is in @NAME@.c.
return { commands = {
  ["@NAME@.health"] = {
    mode = "read", returns = "{guests:int}", summary = { en = "Is all well?", ["zh-CN"] = "是否一切正常" },
    run = function(call) return { guests = call.db:value("SELECT count(*) FROM @NAME@_guest") } end },
}, roles = {
  ["@NAME@.host"] = { grants = { "@NAME@.*" }, summary = { en = "May greet guests.", ["zh-CN"] = "可问候来宾" } },
} }
