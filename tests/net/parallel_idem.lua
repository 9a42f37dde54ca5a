--- 50 parallel fund.give with one idem over 10 connections: one gift, 49 replays of its reply.
local admin = muster.connect {}
admin:call("org.unit.add", { code = "YL", name = "Bureau", kind = "prefecture", on = "2020-01-01" })
admin:call("fund.open", { code = "SOCIAL", name = "Gifts", kind = "social", unit = "YL", opens = "2020-01-01", closes = "2030-12-31" })

local conns, jobs = {}, {}
for i = 1, 10 do conns[i] = muster.connect {} end
for i = 1, 50 do
  jobs[i] = { "fund.give", { fund = "SOCIAL", anonymous = true, amount_fen = 12300, on = "2020-03-01", idem = "one-for-all" } }
end
local replayed, numbers, refused = 0, {}, {}
muster.each(conns, jobs, {
  window = 5,
  on_reply = function(_, value, err, meta)
    if err then
      refused[#refused + 1] = err.code .. " " .. err.text
    else
      numbers[value.no] = true
      if meta.replayed then replayed = replayed + 1 end
    end
  end,
})
assert(#refused == 0, refused[1])
local count = 0
for _ in pairs(numbers) do count = count + 1 end
assert(count == 1, count .. " different gift numbers were given")
assert(replayed == 49, replayed .. " replies were marked as replays, not 49")
local gifts = admin:call("figure.get", { name = "fund.gifts", scope = "YL", params = { fund = "SOCIAL" } }).value
assert(gifts == 1, gifts .. " gifts are stored")
print("one gift, 49 replays")
