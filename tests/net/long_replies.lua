--- Long replies, and floods of them, arrive whole and in order.
local text = ("x"):rep(60000)
local big = muster.connect {}
for i = 1, 40 do big:queue { "ECHO", i .. text } end
big:flush()
for i = 1, 40 do assert(big:recv() == i .. text, "echo " .. i .. " came back changed") end
for _ = 1, 50 do big:queue { "COMMAND", "DOCS" } end
big:flush()
local first = big:recv()
for _ = 2, 50 do
  local docs = big:recv()
  assert(docs["echo.say"].summary == first["echo.say"].summary)
end
print("long replies arrive")
