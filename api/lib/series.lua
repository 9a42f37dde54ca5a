--- Numbers that people read: gapless per kind, prefix and year.
--
-- The host's `call:next` takes the number in the same transaction as the row that bears it, so a refused
-- command leaves no hole.
local series = {}

--- "DUES", 2020, 7 -> "DUES-2020-0007". `width`: least number of digits (default 4).
function series.label(prefix, year, n, width)
  return string.format("%s-%d-%0" .. (width or 4) .. "d", prefix, year, n)
end

--- Take the next number of (kind, prefix, year) and return its label and the number.
-- Write commands only. The host's series is called "kind/prefix/year".
function series.take(call, kind, prefix, year, width)
  local n = call:next(kind .. "/" .. prefix .. "/" .. year)
  return series.label(prefix, year, n, width), n
end

return series
