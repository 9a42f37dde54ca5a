local calendar = require "muster.calendar"

local claims = {}

local XJ = {
  zone_min = 480, week = { true, true, true, true, true }, hours = { { 600, 840 }, { 930, 1170 } },
  exceptions = { ["2020-01-31"] = {}, ["2020-02-01"] = { { 600, 720 } } },
}

local function at(day, hour, minute) return calendar.instant(day, hour * 60 + (minute or 0), 480) end

function claims.days_and_day_are_inverse_over_four_centuries(t)
  for n = -146097, 146097, 97 do t.same(calendar.days(calendar.day(n)), n) end
  t.same(calendar.day(0), "1970-01-01")
  t.same(calendar.days("2020-02-29") + 1, calendar.days("2020-03-01"))
  t.same(calendar.days("1900-02-28") + 1, calendar.days("1900-03-01"))
end

function claims.valid_knows_real_days_only(t)
  for _, day in ipairs { "2020-02-29", "2000-02-29", "2020-12-31" } do t.same(calendar.valid(day), true, day) end
  for _, day in ipairs { "2020-02-30", "2021-02-29", "1900-02-29", "2020-13-01", "2020-00-01", "2020-01-00", "2020-1-1",
    "20200101", "", "2020-01-01 " } do
    t.same(calendar.valid(day), false, day)
  end
  t.same(calendar.valid(20200101), false)
  t.fails("not a day", calendar.days, "tomorrow")
end

function claims.arithmetic_crosses_months_and_years(t)
  t.same(calendar.add("2020-02-10", 36), "2020-03-17")
  t.same(calendar.add("2020-01-01", -1), "2019-12-31")
  t.same(calendar.add("9999-12-30", 5), "9999-12-31")
  t.same(calendar.add("0001-01-02", -5), "0001-01-01")
  t.same(calendar.day_of(253402300799999, 480), "9999-12-31")
  t.same(calendar.diff("2020-02-10", "2020-03-17"), 36)
  t.same(calendar.weekday("2020-02-10"), 1)
  t.same(calendar.weekday("2020-02-09"), 7)
  t.same(calendar.year("2020-02-10"), 2020)
  t.same(#calendar.range("2020-01-25", "2020-03-17"), 53)
  t.same(calendar.range("2020-02-02", "2020-02-01"), {})
end

function claims.an_instant_falls_on_the_day_of_its_zone(t)
  local ms = at("2020-03-18", 18, 28)
  t.same(calendar.iso(ms, 480), "2020-03-18T18:28:00+08:00")
  t.same(calendar.iso(ms, 0), "2020-03-18T10:28:00+00:00")
  t.same(calendar.iso(ms, -150), "2020-03-18T07:58:00-02:30")
  t.same(calendar.day_of(at("2020-03-19", 0) - 1, 480), "2020-03-18")
  t.same(calendar.day_of(at("2020-03-19", 0), 480), "2020-03-19")
  t.same(calendar.day_of(at("2020-03-19", 0), 0), "2020-03-18")
  t.same(calendar.minute_of(ms, 480), 18 * 60 + 28)
  t.same(calendar.start_ms("2020-03-18", 480), at("2020-03-18", 0))
end

function claims.working_time_skips_nights_pauses_and_days_off(t)
  -- Thursday 2020-01-30 18:30: an hour is left that day, Friday is off, Saturday has two hours by exception.
  t.same(calendar.add_minutes(at("2020-01-30", 18, 30), 60, XJ), at("2020-01-30", 19, 30))
  t.same(calendar.add_minutes(at("2020-01-30", 18, 30), 90, XJ), at("2020-02-01", 10, 30))
  t.same(calendar.add_minutes(at("2020-01-30", 18, 30), 200, XJ), at("2020-02-03", 10, 20))
  t.same(calendar.add_minutes(at("2020-01-30", 14, 30), 10, XJ), at("2020-01-30", 15, 40))
end

function claims.between_is_the_inverse_of_add_minutes(t)
  local from = at("2020-01-30", 9)
  for _, minutes in ipairs { 1, 59, 240, 480, 481, 1000, 5000 } do
    t.same(calendar.between(from, calendar.add_minutes(from, minutes, XJ), XJ), minutes)
  end
  t.same(calendar.between(from, from, XJ), 0)
  t.same(calendar.between(from, from - 1, XJ), 0)
end

function claims.a_profile_without_hours_ends(t)
  t.same(calendar.add_minutes(at("2020-01-30", 9), 1, { zone_min = 480, week = {}, hours = {} }), nil)
  t.same(calendar.add_minutes(253402300799999, 1, XJ), nil)
end

return claims
