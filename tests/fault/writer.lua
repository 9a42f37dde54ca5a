--- One client that never gives up: writes with an idem key until it is acknowledged, reconnecting when the server is gone, and keeps a
--- line for every acknowledged write. Ends when the file DIR/stop appears.
local me, dir = muster.args[1], muster.args[2]
local log = assert(io.open(("%s/acked.%s"):format(dir, me), "w"))
local conn
local retry = { BUSY = true, TIMEOUT = true, UNKNOWN = true }

local function stopping()
  local file = io.open(dir .. "/stop")
  if file then file:close() end
  return file ~= nil
end

local function connect()
  for _ = 1, 600 do
    local ok, result = pcall(muster.connect, { name = "writer-" .. me })
    if ok then
      conn = result
      return
    end
    muster.sleep(50)
  end
  error("no server for 30 s")
end

--- Send until there is an answer; a refusal that a retry can't mend ends the test.
local function insist(command, args)
  while true do
    if not conn then connect() end
    local ok, value, meta = pcall(conn.call, conn, command, args)
    if ok then return value, meta.replayed end
    local code = type(value) == "table" and value.code or tostring(value)
    if code == "INTERNAL" or code == "IO" then
      pcall(conn.close, conn)
      conn = nil
    elseif not retry[code] then
      error(("%s: %s %s"):format(command, code, type(value) == "table" and value.text or ""))
    end
  end
end

local n = 0
while not stopping() do
  n = n + 1
  local idem = ("w%s-%d"):format(me, n)
  if n % 3 == 0 then
    local amount = 100 + n
    local gift = insist("fund.give", { fund = "SOCIAL", anonymous = true, unit = "YL", amount_fen = amount, on = "2020-03-01", confirm = true, idem = idem })
    log:write(("gift %s %s %d\n"):format(idem, gift.no, amount))
  else
    log:write(("note %s %d 0\n"):format(idem, insist("notes.add", { text = idem, idem = idem })))
  end
  log:flush()
end
log:close()
