--- Failed sign-ins are answered more and more slowly, by user; the right secret and other users are not held up.
local admin = muster.connect {}
for _, name in ipairs { "lin", "wang" } do
  admin:call("user.add", { name = name, methods = "password" })
  admin:call("user.password", { name = name, password = "right-horse-" .. name })
end
local guesser, other = muster.connect { cert = false }, muster.connect { cert = false }

local function attempt(conn, user, secret)
  local began = muster.clock()
  local ok, err = pcall(conn.words, conn, { "AUTH", user, secret })
  return ok or err.code, (muster.clock() - began) * 1000
end

local taken = {}
for i = 1, 4 do
  local code
  code, taken[i] = attempt(guesser, "lin", "guess " .. i)
  assert(code == "WRONGPASS", tostring(code))
end
-- Waits before the attempts: none, 250, 500, 1000 ms.
assert(taken[2] >= 200 and taken[3] >= 450 and taken[4] >= 900, "the guesses were answered within " .. table.concat(taken, ", ") .. " ms")
local ok, ms = attempt(other, "wang", "right-horse-wang")
assert(ok == true and ms < 900, "another user was held up for " .. ms .. " ms")
ok = attempt(guesser, "lin", "right-horse-lin")
assert(ok == true, "the right secret was refused: " .. tostring(ok))
-- After a success the slate is clean.
ok, ms = attempt(guesser, "lin", "right-horse-lin")
assert(ok == true and ms < 900, "a user was held up after signing in")

-- What waits behind a sign-in keeps its place.
guesser:queue { "PING", "1" }
guesser:queue { "AUTH", "lin", "wrong" }
guesser:queue { "PING", "2" }
guesser:queue { "HELLO", "3", "AUTH", "wang", "right-horse-wang", "SETNAME", "later" }
guesser:queue { "CLIENT", "GETNAME" }
guesser:flush()
assert(guesser:recv() == "1")
local _, err = guesser:recv()
assert(err.code == "WRONGPASS")
assert(guesser:recv() == "2")
assert(guesser:recv().user == "wang")
assert(guesser:recv() == "later")
print("guessing is slow")
