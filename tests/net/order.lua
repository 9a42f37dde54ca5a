--- Replies come in the order of the requests, whatever kinds are mixed, and a client reads what it has written.
local c = muster.connect {}
local count = c:call("notes.count")

-- Reads, writes, the connection's own commands, refusals and errors in one piece of input, several hand-offs long.
local expected = {}
for i = 1, 400 do
  c:queue { "PING", "p" .. i }
  expected[#expected + 1] = "p" .. i
  c:send("notes.add", { text = "note " .. i })
  expected[#expected + 1] = "write"
  c:send("notes.count")
  expected[#expected + 1] = count + i
  if i % 7 == 0 then
    c:queue { "no.such.command", "x" }
    expected[#expected + 1] = "ERR"
  end
  if i % 5 == 0 then
    c:queue { "notes.delete", "id=abc" }
    expected[#expected + 1] = "ARG"
    c:queue { "echo.say", "e" .. i }
    expected[#expected + 1] = "e" .. i
  end
end
c:flush()
for i, wanted in ipairs(expected) do
  local value, err = c:recv()
  if wanted == "ERR" or wanted == "ARG" then
    assert(err and err.code == wanted, "reply " .. i .. ": expected " .. wanted)
  else
    assert(not err, "reply " .. i .. ": " .. tostring(err and err.text))
    assert(wanted == "write" or value == wanted, string.format("reply %d: expected %s, got %s", i, wanted, value))
  end
end

-- One request in pieces of one byte.
local bytes = "*2\r\n$8\r\necho.say\r\n$5\r\nhello\r\n*1\r\n$4\r\nPING\r\n"
for i = 1, #bytes do c:raw(bytes:sub(i, i)) end
assert(c:recv() == "hello" and c:recv() == "PONG")

-- Half-closed: what was sent before is still answered, then the server closes.
for i = 1, 300 do c:send("echo.say", { text = "last " .. i }) end
c:half_close()
for i = 1, 300 do
  local value, err = c:recv()
  assert(value == "last " .. i, "after half-closing, reply " .. i .. ": " .. tostring(err and err.text or value))
end
local _, err = c:recv()
assert(err and err.connection, "the connection was not closed")
print("replies come in order")
