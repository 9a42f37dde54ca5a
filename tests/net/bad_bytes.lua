--- Bytes that are not the protocol are answered once, close the connection, and disturb nobody else.
local witness = muster.connect {}

--- Send bytes on a new connection that is signed in (or not), and return the code of the answer, or "closed" without one.
--- The connection speaks RESP already: the client has said HELLO.
local function answer_to(bytes, signed_in)
  local c = muster.connect(signed_in and {} or { cert = false })
  c:raw(bytes)
  local _, err = c:recv()
  if err.connection then return "closed" end
  local _, after = c:recv()
  assert(after and after.connection, "the connection is still open after " .. err.code)
  return err.code
end

local function expect(what, bytes, signed_in, wanted)
  local got = answer_to(bytes, signed_in)
  assert(got == wanted, string.format("%s: expected %s, got %s", what, wanted, got))
  assert(witness:words { "PING" } == "PONG", what .. ": the neighbour is not served")
end

local function bulk(text) return "$" .. #text .. "\r\n" .. text .. "\r\n" end

for _, signed_in in ipairs { true, false } do
  expect("a count that is no number", "*x\r\n", signed_in, "PROTO")
  expect("a negative count", "*-1\r\n", signed_in, "PROTO")
  expect("a leading zero", "*01\r\n$4\r\nPING\r\n", signed_in, "PROTO")
  expect("an integer in place of a bulk string", "*1\r\n:1\r\n", signed_in, "PROTO")
  expect("a bulk string without its end", "*1\r\n$4\r\nPINGxx", signed_in, "PROTO")
  expect("a plain line after RESP", "PING\r\n", signed_in, "PROTO")
  expect("HTTP after RESP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", signed_in, "PROTO")
  expect("a byte that begins nothing", "\0\0\0\0", signed_in, "PROTO")
  expect("LF alone", "*1\n$4\nPING\n", signed_in, "PROTO")
  expect("too many arguments", "*1000000\r\n", signed_in, "TOOBIG")
  expect("a huge count", "*99999999999999999999999999\r\n", signed_in, "TOOBIG")
  expect("a huge length", "*2\r\n" .. bulk "PING" .. "$99999999999999999999\r\n", signed_in, "TOOBIG")
end
expect("too large before sign-in", "*2\r\n" .. bulk "PING" .. "$20000\r\n", false, "TOOBIG")
expect("too many arguments before sign-in", "*11\r\n", false, "TOOBIG")
expect("a message over 8 MiB", "*2\r\n" .. bulk "PING" .. "$9000000\r\n", true, "TOOBIG")

-- What is large, but allowed, passes.
local text = ("x"):rep(5000000)
assert(witness:words { "ECHO", text } == text, "5 MB of echo came back changed")
print("bad bytes are refused")
