--- A stranger gets a few commands, small limits, and no chance to make the server keep payloads.
local function stranger() return muster.connect { cert = false } end
local c = stranger()

local function code_of(conn, words)
  local ok, err = pcall(conn.words, conn, words)
  return ok and "ok" or err.code
end

for _, words in ipairs { { "PING" }, { "ECHO", "x" }, { "CLIENT", "SETNAME", "guest" }, { "CLIENT", "ID" }, { "CLIENT", "GETNAME" },
    { "CLIENT", "SETINFO", "LIB-NAME", "play" }, { "COMMAND", "COUNT" }, { "COMMAND", "DOCS" }, { "HELLO", "3" } } do
  assert(code_of(c, words) == "ok", table.concat(words, " ") .. ": " .. code_of(c, words))
end
for _, words in ipairs { { "INFO" }, { "CLIENT", "LIST" }, { "CLIENT", "KILL", "ID", "1" }, { "CONFIG", "GET", "*" }, { "SELECT", "0" },
    { "echo.say", "x" }, { "notes.add", "text=x" }, { "limits" }, { "GET", "x" }, { "no.such.command" } } do
  assert(code_of(c, words) == "NOAUTH", table.concat(words, " ") .. ": " .. code_of(c, words))
end

-- A stranger is not told what there is.
for _, name in ipairs(c:words { "COMMAND", "LIST" }) do assert(not name:find(".", 1, true), name .. " is shown to strangers") end

local function bulk(text) return "$" .. #text .. "\r\n" .. text .. "\r\n" end

--- Send the beginning of a request only; the answer must come without the rest, and end the connection.
local function refused_early(conn, bytes, wanted)
  conn:raw(bytes)
  local _, err = conn:recv()
  assert(err and err.code == wanted, "expected " .. wanted .. ", got " .. tostring(err and (err.code .. " " .. err.text)))
  local _, after = conn:recv()
  assert(after and after.connection, "the connection is still open")
end
refused_early(stranger(), "*2\r\n" .. bulk "notes.add" .. "$10000\r\n", "NOAUTH")
refused_early(stranger(), "*2\r\n" .. bulk "notes.add" .. "$10000\r\n" .. ("x"):rep(2000), "NOAUTH")
refused_early(muster.connect {}, "*2\r\n" .. bulk "no.such.command" .. "$8000000\r\n", "ERR")
refused_early(muster.connect {}, "*2\r\n" .. bulk "no.such.command" .. "$8000000\r\n" .. ("x"):rep(2000), "ERR")

-- A user without the right is told so in his language, before the payload has come.
local admin = muster.connect {}
admin:call("user.add", { name = "nobody", methods = "token", language = "zh-CN" })
local nobody = muster.connect { user = "nobody", token = admin:call("user.token", { name = "nobody", label = "t" }).token }
nobody:raw("*2\r\n" .. bulk "notes.add" .. "$10000\r\n")
local _, refusal = nobody:recv()
assert(refusal.code == "NOPERM" and refusal.rule == "access.permission", tostring(refusal))
assert(refusal.text:find("没有可以使用 notes.add 的角色", 1, true), refusal.text)

-- A small request that a packet border has split is no reason to close: it gets its time.
local split = muster.connect {}
split:raw("*2\r\n" .. bulk "no.such.command" .. "$2\r\n")
muster.sleep(100)
split:raw("xy\r\n")
local _, err = split:recv()
assert(err.code == "ERR", err.text)
assert(split:words { "PING" } == "PONG", "the connection was closed")

-- Signing out makes a stranger again.
assert(split:words { "RESET" } == "RESET")
assert(code_of(split, { "echo.say", "x" }) == "NOAUTH")
print("strangers get what they may have")
