--- Liveness check: sends back what it was sent.
return {
  commands = {
    ["echo.say"] = {
      mode = "read", args = { "text:text?" }, returns = "text",
      summary = { en = "Reply with TEXT, or PONG.", ["zh-CN"] = "原样返回文字；不给文字则返回 PONG" },
      run = function(_, text) return text or "PONG" end,
    },
  },
  roles = {
    ["echo.user"] = {
      grants = { "echo.say" }, summary = { en = "May check that the server answers.", ["zh-CN"] = "可做连通检查" },
    },
  },
}
