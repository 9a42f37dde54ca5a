--- upgrade_load.lua SWITCHES TIMES…: latencies of requests around the switches beside the others'.
---
--- A line of SWITCHES is an instant in ms just after a switch; a line of TIMES is when a reply came, in ms, and its
--- latency in ms. "Around" is from 250 ms before such an instant to its end: the plan, the dry run and the switch.
local AROUND_MS = 250

local switches = {}
for line in io.lines(arg[1]) do switches[#switches + 1] = tonumber(line) end

local function around(at)
  local low, high = 1, #switches
  while low <= high do
    local middle = (low + high) // 2
    if switches[middle] < at then low = middle + 1 else high = middle - 1 end
  end
  return switches[low] ~= nil and switches[low] - at <= AROUND_MS
end

local function quantile(list, q)
  if #list == 0 then return 0 end
  return list[math.max(1, math.ceil(#list * q))]
end

print(("%d switches"):format(#switches))
print(("%-8s %-9s %9s %9s %9s %9s %9s"):format("client", "when", "replies", "p50 ms", "p99 ms", "p999 ms", "max ms"))
for i = 2, #arg do
  local lists = { around = {}, between = {} }
  for line in io.lines(arg[i]) do
    local at, took = line:match("^(%d+) (%S+)$")
    local list = around(tonumber(at)) and lists.around or lists.between
    list[#list + 1] = tonumber(took)
  end
  for _, when in ipairs({ "between", "around" }) do
    local list = lists[when]
    table.sort(list)
    assert(#list > 0, "no replies " .. when .. " the switches")
    print(("%-8s %-9s %9d %9.2f %9.2f %9.2f %9.2f"):format(arg[i]:match("([^/]+)%.times$"), when, #list, quantile(list, 0.5),
      quantile(list, 0.99), quantile(list, 0.999), list[#list]))
  end
end
