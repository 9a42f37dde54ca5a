--- Civil days, instants, and working time.
--
-- A civil day is the text YYYY-MM-DD of the proleptic Gregorian calendar; an instant is milliseconds
-- UTC; a zone is minutes east of UTC (default 480: Asia/Shanghai, which has had no summer time since 1991).
-- The day arithmetic is Howard Hinnant's days_from_civil / civil_from_days
-- (http://howardhinnant.github.io/date_algorithms.html).
local calendar = {}

local DAY_MS = 86400000
local MINUTE_MS = 60000
local ZONE_MIN = 480
local FIRST_DAY, LAST_DAY = -719162, 2932896 -- 0001-01-01 and 9999-12-31: a day has a year of four digits

--- "2020-02-10" -> days since 1970-01-01. Errors: a text that is no real day raises `error`.
function calendar.days(day)
  local y, m, d = day:match("^(%d%d%d%d)-(%d%d)-(%d%d)$")
  if not y then error("not a day: " .. day, 2) end
  y, m, d = math.tointeger(tonumber(y)), math.tointeger(tonumber(m)), math.tointeger(tonumber(d))
  local year = m <= 2 and y - 1 or y
  local era = year // 400
  local year_of_era = year - era * 400
  local day_of_year = (153 * (m + (m > 2 and -3 or 9)) + 2) // 5 + d - 1
  return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
end

--- Days since 1970-01-01 -> "2020-02-10". What lies outside of the years 1 to 9999 becomes the first or the last day.
function calendar.day(n)
  n = math.max(FIRST_DAY, math.min(n, LAST_DAY)) + 719468
  local era = n // 146097
  local doe = n - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local month = mp + (mp < 10 and 3 or -9)
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format("%04d-%02d-%02d", year, month, doy - (153 * mp + 2) // 5 + 1)
end

--- Is `text` a real day?
function calendar.valid(text)
  if type(text) ~= "string" or not text:match("^%d%d%d%d%-%d%d%-%d%d$") then return false end
  return calendar.day(calendar.days(text)) == text
end

--- The day `n` days after `day` (before, when negative).
function calendar.add(day, n)
  return calendar.day(calendar.days(day) + n)
end

--- Days from `a` to `b` (0 on the same day, negative when b is earlier).
function calendar.diff(a, b)
  return calendar.days(b) - calendar.days(a)
end

--- 1 = Monday … 7 = Sunday.
function calendar.weekday(day)
  return (calendar.days(day) + 3) % 7 + 1
end

--- The year of a day, as an integer.
function calendar.year(day)
  return math.tointeger(tonumber(day:sub(1, 4)))
end

--- Array of the days from `a` to `b`, both included; empty when b is earlier.
function calendar.range(a, b)
  local days = {}
  for n = calendar.days(a), calendar.days(b) do days[#days + 1] = calendar.day(n) end
  return days
end

--- The civil day on which the instant falls.
function calendar.day_of(ms, zone_min)
  return calendar.day((ms + (zone_min or ZONE_MIN) * MINUTE_MS) // DAY_MS)
end

--- Minutes since midnight of the instant, 0 .. 1439.
function calendar.minute_of(ms, zone_min)
  return (ms + (zone_min or ZONE_MIN) * MINUTE_MS) % DAY_MS // MINUTE_MS
end

--- The instant of `minute` minutes after midnight of `day` (1440 is the next midnight).
function calendar.instant(day, minute, zone_min)
  return calendar.days(day) * DAY_MS + (minute - (zone_min or ZONE_MIN)) * MINUTE_MS
end

--- The instant at which `day` begins.
function calendar.start_ms(day, zone_min)
  return calendar.instant(day, 0, zone_min)
end

--- RFC 3339 text of an instant, to the second: "2020-02-10T09:00:00+08:00".
function calendar.iso(ms, zone_min)
  zone_min = zone_min or ZONE_MIN
  local second = (ms + zone_min * MINUTE_MS) % DAY_MS // 1000
  local sign, east = "+", zone_min
  if zone_min < 0 then sign, east = "-", -zone_min end
  return string.format("%sT%02d:%02d:%02d%s%02d:%02d", calendar.day_of(ms, zone_min),
    second // 3600, second // 60 % 60, second % 60, sign, east // 60, east % 60)
end

--- Working hours of one day under a profile { zone_min, week = { true, … }, hours = { {from, to}, … },
-- exceptions = { [day] = hours } }: an array of { from_min, to_min }, empty on a day off.
function calendar.hours(day, profile)
  local exception = profile.exceptions and profile.exceptions[day]
  if exception then return exception end
  if profile.week[calendar.weekday(day)] then return profile.hours end
  return {}
end

--- Longest stretch searched for working time: a profile without any ends there instead of never.
local HORIZON_DAYS = 3700

--- The instant at which `minutes` of working time have passed since `start_ms`.
-- Returns nil when the profile has no such time within ten years.
function calendar.add_minutes(start_ms, minutes, profile)
  local zone, left = profile.zone_min or ZONE_MIN, minutes * MINUTE_MS
  local first = calendar.days(calendar.day_of(start_ms, zone))
  for n = first, math.min(first + HORIZON_DAYS, LAST_DAY) do
    local day = calendar.day(n)
    for _, h in ipairs(calendar.hours(day, profile)) do
      local from, to = calendar.instant(day, h[1], zone), calendar.instant(day, h[2], zone)
      if from < start_ms then from = start_ms end
      if from < to then
        if left <= to - from then return from + left end
        left = left - (to - from)
      end
    end
  end
  return nil
end

--- Whole working minutes between two instants; 0 when `to_ms` is not later. At most ten years.
function calendar.between(from_ms, to_ms, profile)
  local zone, total = profile.zone_min or ZONE_MIN, 0
  if to_ms <= from_ms then return 0 end
  local first = calendar.days(calendar.day_of(from_ms, zone))
  local last = calendar.days(calendar.day_of(to_ms, zone))
  for n = first, math.min(last, first + HORIZON_DAYS) do
    local day = calendar.day(n)
    for _, h in ipairs(calendar.hours(day, profile)) do
      local from = math.max(calendar.instant(day, h[1], zone), from_ms)
      local to = math.min(calendar.instant(day, h[2], zone), to_ms)
      if to > from then total = total + to - from end
    end
  end
  return total // MINUTE_MS
end

return calendar
