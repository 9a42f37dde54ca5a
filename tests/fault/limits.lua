--- See limits.sh.
local expected = {
  loop = { "TIMEOUT", "limit.time" },
  pcall_loop = { "TIMEOUT", "limit.time" },
  coroutine_loop = { "TIMEOUT", "limit.time" },
  close_loop = { "TIMEOUT", "limit.time" },
  memory = { "LIMIT", "limit.memory" },
  string = { "LIMIT", "limit.memory" },
  recurse = { "LIMIT" }, -- whichever is used up first, the stack or the memory it stands in
  recurse_pcall = { "TIMEOUT", "limit.time" },
  sql = { "TIMEOUT", "limit.time" },
  rollback = { "POLICY", "sql.batch" },
  fault = { "INTERNAL" },
  refuse = { "STATE" },
  wrong_shape = { "INTERNAL" },
  big_reply = { "TOOBIG" },
}
local names = {}
for name in pairs(expected) do names[#names + 1] = name end
table.sort(names)

local a, b = muster.connect {}, muster.connect {}
local inserted = 0

for _, name in ipairs(names) do
  -- One run: the bad command stands between good ones of its own connection, while another connection writes too.
  for _ = 1, 5 do a:send("attack.insert", {}) end
  a:send("attack." .. name, {})
  for _ = 1, 5 do a:send("attack.insert", {}) end
  a:flush()
  for _ = 1, 3 do b:send("attack.insert", {}) end
  b:flush()
  for i = 1, 11 do
    local _, err = a:recv()
    if i == 6 then
      local want = expected[name]
      assert(err, name .. " was not stopped")
      assert(err.code == want[1], ("%s: %s %s: %s"):format(name, err.code, err.rule, err.text))
      assert(want[2] == nil or err.rule == want[2], ("%s: rule %s, not %s"):format(name, err.rule, want[2]))
      assert(#err.text > 10 or name == "refuse", name .. " does not explain itself: " .. err.text)
    else
      assert(not err, err and ("%s: neighbour %d: %s %s"):format(name, i, err.code, err.text))
    end
  end
  for _ = 1, 3 do
    local _, err = b:recv()
    assert(not err, err and ("%s: other connection: %s"):format(name, err.text))
  end
  inserted = inserted + 13
  local count = a:call("attack.count")
  assert(count == inserted, ("%s: %d rows, not %d"):format(name, count, inserted))
  print("stopped: " .. name)
end

local _, err = a:try("attack.spin", {})
assert(err and err.code == "TIMEOUT", "a read that loops is stopped")
local audit = a:call("audit.verify")
assert(audit.ok and audit.rows == inserted, ("%s audit rows for %d accepted writes"):format(audit.rows, inserted))
