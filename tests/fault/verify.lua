--- After the kills: what was acknowledged is there exactly once, and the books agree.
local dir, clients = muster.args[1], math.tointeger(muster.args[2])
local admin = muster.connect {}
local failures = 0
local function check(ok, ...)
  if not ok then
    failures = failures + 1
    print("FAIL " .. string.format(...))
  end
end

local acked_notes, acked_gifts, notes_total, gifts_total, gifts_fen = {}, {}, 0, 0, 0
for client = 0, clients - 1 do
  for line in io.lines(("%s/acked.%d"):format(dir, client)) do
    local kind, idem, result, amount = line:match("^(%S+) (%S+) (%S+) (%d+)$")
    if kind == "note" then
      acked_notes[idem], notes_total = math.tointeger(result), notes_total + 1
    else
      check(not acked_gifts[result], "gift number %s was given twice", result)
      acked_gifts[result], gifts_total, gifts_fen = idem, gifts_total + 1, gifts_fen + math.tointeger(amount)
    end
  end
end
check(notes_total > 0 and gifts_total > 0, "nothing was written")

-- Every client resends until it has an answer, so at the end acknowledged and stored are the same set.
local seen, after, stored = {}, 0, 0
repeat
  local page = admin:call("notes.list", { after = after, limit = 500 })
  for _, note in ipairs(page) do
    after, stored = note.id, stored + 1
    check(not seen[note.text], "%s is stored twice", note.text)
    seen[note.text] = true
    check(acked_notes[note.text] == note.id, "%s: stored as %d, acknowledged as %s", note.text, note.id, acked_notes[note.text])
  end
until #page == 0
check(stored == notes_total, "%d notes stored, %d acknowledged", stored, notes_total)

local function figure(name) return admin:call("figure.get", { name = name, scope = "YL", params = { fund = "SOCIAL" } }).value end
check(figure("fund.gifts") == gifts_total, "%s gifts stored, %d acknowledged", figure("fund.gifts"), gifts_total)
check(figure("fund.net") == gifts_fen, "net is %s fen, acknowledged %d", figure("fund.net"), gifts_fen)

local audit = admin:call("audit.verify")
check(audit.ok == true, "the audit chain is broken at row %s", audit.broken_at)
check(audit.rows == notes_total + gifts_total + 2, "%s audit rows for %d accepted writes", audit.rows, notes_total + gifts_total + 2)
print(("kill: %d notes and %d gifts acknowledged, all stored once; %d audit rows chained"):format(notes_total, gifts_total, audit.rows))
muster.exit(failures == 0 and 0 or 1)
