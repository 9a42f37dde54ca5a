--- Civil days and instants of Asia/Shanghai, as the texts the server takes.
local days = {}

local MONTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function length(year, month)
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return month == 2 and leap and 29 or MONTHS[month]
end

--- The day `n` (0 or more) days after `day`.
function days.add(day, n)
  local y, m, d = day:match("^(%d+)-(%d+)-(%d+)$")
  y, m, d = math.tointeger(y), math.tointeger(m), math.tointeger(d) + n
  while d > length(y, m) do
    d, m = d - length(y, m), m + 1
    if m > 12 then y, m = y + 1, 1 end
  end
  return string.format("%04d-%02d-%02d", y, m, d)
end

--- "2020-02-10", "09:30" -> "2020-02-10T09:30:00+08:00"; seconds may be given.
function days.at(day, clock)
  if #clock == 5 then clock = clock .. ":00" end
  return day .. "T" .. clock .. "+08:00"
end

return days
