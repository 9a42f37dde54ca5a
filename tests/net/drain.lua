--- SIGTERM: what was handed to a lane is answered, clients are told and let go, and the server ends with status 0.
local pid = assert(os.getenv("MUSTER_SERVER_PID"), "run it with tests/support/with_server.sh")
local c, quiet = muster.connect {}, muster.connect {}
local stranger = muster.connect { cert = false }
local handshake = muster.connect_tcp {}

for i = 1, 100 do c:send("notes.add", { text = "before the end " .. i }) end
c:flush()
local first, err = c:recv()
assert(first, err and err.text)
os.execute("kill -TERM " .. pid)
local answered = 1
while true do
  local id, lost = c:recv()
  if not id then
    assert(lost.connection, "an accepted write was refused: " .. lost.text)
    break
  end
  answered = answered + 1
end
assert(answered >= 1 and answered <= 100)

-- Everybody is let go.
for _, conn in ipairs { quiet, stranger } do
  local _, lost = conn:recv()
  assert(lost and lost.connection, "a connection was not closed")
end
local _, why = handshake:read_raw(5000)
assert(why == "closed", "a handshake was not closed")
local ok = pcall(muster.connect, {})
assert(not ok, "a new connection was accepted")
print(answered .. " of 100 writes were answered before the end")
