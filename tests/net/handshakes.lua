--- Connections that never finish the handshake, or do not even speak TLS, cost little and stop nobody.
local admin = muster.connect {}
local function rss() return tonumber(admin:words { "INFO", "memory" }:match("used_memory_rss:(%d+)")) end
local function stat(name) return tonumber(admin:words { "INFO", "tls", "stats", "clients" }:match("\n" .. name .. ":(%d+)")) end

-- Not TLS: closed at once, without an answer.
for _, bytes in ipairs { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "*1\r\n$4\r\nPING\r\n", ("\0"):rep(100) } do
  local t = muster.connect_tcp {}
  t:send_raw(bytes)
  local got, why = t:read_raw(3000)
  assert(got == nil and why == "closed", "something came back to bytes that are not TLS")
end
-- A TLS record of garbage: an alert or a close, nothing else.
local t = muster.connect_tcp {}
t:send_raw("\x16\x03\x01\x00\x10" .. ("\xff"):rep(16))
local got = t:read_raw(3000)
assert(got == nil or got:byte(1) == 21, "garbage in a TLS record was not answered by an alert")

-- A thousand that begin and never go on: silent ones, half a header, half a record.
local before = rss()
local crowd, starts = {}, { "", "\x16\x03", "\x16\x03\x01\x02\x00" .. ("\x01"):rep(300) }
local started = muster.clock()
for i = 1, 1000 do
  crowd[i] = muster.connect_tcp {}
  local bytes = starts[i % #starts + 1]
  if bytes ~= "" then crowd[i]:send_raw(bytes) end
end
-- New clients get in beside them, and those inside are served.
for _ = 1, 5 do
  local c = muster.connect {}
  assert(c:call("echo.say", { text = "hello" }) == "hello")
  c:close()
end
local grown = rss() - before
assert(grown < 32 * 1024 * 1024, "memory grew by " .. grown .. " bytes")
-- They are gone when their five seconds are over.
while stat("in_handshake") > 0 do
  assert(muster.clock() - started < 60, stat("in_handshake") .. " are still there")
  muster.sleep(200)
end
assert(stat("missed_deadlines") >= 1000, "only " .. stat("missed_deadlines") .. " missed their deadline")
print("handshakes that never end are ended")
