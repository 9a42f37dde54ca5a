--- Plays transcripts of sessions against a running server: api/tools/transcript.lua says what they look like.
---
---   muster play tests/support/session.lua -- FILE.session…
package.path = arg[0]:gsub("[^/]*$", "") .. "../../api/tools/?.lua;" .. package.path
local transcript = require("transcript")

local TIMEOUT_MS = math.tointeger(tonumber(os.getenv("SESSION_TIMEOUT_MS") or 20000)) -- for each reply

local function set_up()
  local admin, modes = muster.connect({ name = "session-admin" }), {}
  for name, doc in pairs(admin:words({ "COMMAND", "DOCS" })) do modes[name] = doc.mode end
  return transcript.house({
    admin = admin,
    modes = modes,
    connect = function(name, user, token)
      return muster.connect({ name = "session-" .. name, timeout_ms = TIMEOUT_MS, user = user, token = token })
    end,
    -- The mark `replayed` is part of maps alone; for other replies this tells.
    replays = function()
      local info = admin:words({ "INFO", "lanes" })
      return math.tointeger(info:match("replayed:(%d+)") or "0")
    end,
  })
end

if #muster.args == 0 then
  io.stderr:write("usage: muster play session.lua -- FILE.session…\n")
  muster.exit(2)
end

local house = set_up()
local failed = false
for _, path in ipairs(muster.args) do
  local checks, failures = transcript.play(path, house)
  if #failures == 0 then
    print(("ok %s (%d checks)"):format(path, checks))
  else
    failed = true
    print(table.concat(failures, "\n"))
    print(("FAILED %s (%d checks, %d failures)"):format(path, checks, #failures))
  end
end
house.admin:close()
muster.exit(failed and 1 or 0)
