--- Numbers that are the same for the same seed everywhere (xorshift64*), and choices made with them.
local random = {}
random.__index = random

function random.new(seed)
  return setmetatable({ state = seed * 0x9E3779B97F4A7C15 | 1 }, random)
end

--- An integer from 1 to n.
function random:upto(n)
  local s = self.state
  s = s ~ (s >> 12)
  s = s ~ (s << 25)
  s = s ~ (s >> 27)
  self.state = s
  return ((s * 0x2545F4914F6CDD1D) >> 33) % n + 1
end

function random:between(low, high) return low + self:upto(high - low + 1) - 1 end

--- True in `percent` of 100 cases.
function random:chance(percent) return self:upto(100) <= percent end

--- One item of a list, or nil of an empty one.
function random:pick(list) return #list > 0 and list[self:upto(#list)] or nil end

return random
