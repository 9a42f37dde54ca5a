--- Offline batches and a server that dies: `prepare`; `send R` sends batch R and does not mind losing the answer;
-- `resend R` sends it again and checks that each of its inspections is stored once.
local mode, round = muster.args[1], math.tointeger(tonumber(muster.args[2] or 0))
local ITEMS, FAILED = 200, 10
local admin = muster.connect {}

local function prepare()
  local at = "2020-01-26T09:00:00+08:00"
  admin:call("org.unit.add", { code = "YL", name = "Bureau", kind = "prefecture", on = "2020-01-01", at = at })
  admin:call("inspect.area.define", { code = "A1", name = "Area", units = { "YL" }, from = "2020-01-26", at = at })
  admin:call("inspect.site.add", { code = "S-1", unit = "YL", name = "Site", from = "2020-01-26", at = at })
  admin:call("inspect.checklist.publish", { code = "EPI", title = "List", at = at,
    items = { { code = "T1", group = "temp", severity = "minor", text = "Temperature log" } } })
  admin:call("inspect.round.plan", { area = "A1", from = "2020-01-27", to = "2020-12-31", checklist = "EPI", at = at })
end

--- Batch `round`: every twentieth answer is bad, so that findings are numbered too.
local function batch()
  local items, number = {}, admin:call("inspect.round.list", { area = "A1" })[1].round
  for i = 1, ITEMS do
    items[i] = { id = ("offline-%d-%d"):format(round, i), site = "S-1", round = number, at = "2020-02-03T10:00:00+08:00",
      checklist = "EPI", ver = 1, answers = { { item = "T1", ok = i % (ITEMS // FAILED) ~= 0 } } }
  end
  return { batch = items, device = "pad" }
end

local function resend()
  local reply = admin:call("inspect.sync", batch())
  local findings = admin:call("inspect.ledger", { scope = "YL", limit = 500 })
  local done = admin:call("figure.get", { name = "inspect.done", scope = "YL" }).value
  local ok = #reply.refused == 0 and reply.accepted + reply.repeated == ITEMS
    and (reply.accepted == 0 or reply.repeated == 0) and done == ITEMS * round and findings.total == FAILED * round
  local last = findings.rows[#findings.rows].no:match("(%d+)$")
  ok = ok and math.tointeger(tonumber(last)) == findings.total
  print(("round %d: %d new, %d known, %d stored, %d findings up to %s%s"):format(round, reply.accepted, reply.repeated,
    done, findings.total, last, ok and "" or "  WRONG"))
  return ok
end

if mode == "prepare" then
  prepare()
elseif mode == "send" then
  local args = batch()
  print("sending")
  io.stdout:flush()
  admin:try("inspect.sync", args)
elseif not resend() then
  muster.exit(1)
end
