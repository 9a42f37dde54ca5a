local calendar = require "muster.calendar"
local figure = require "muster.figure"
local series = require "muster.series"

local claims = {}

function claims.a_ratio_is_floored_so_that_only_a_whole_is_a_whole(t)
  t.same(figure.ratio(777, 792).value, 9810)
  t.same(figure.ratio(9999999, 10000000).value, 9999)
  t.same(figure.ratio(16, 16, "units"),
    { value = 10000, numerator = 16, denominator = 16, complete = true, basis = "units" })
  t.same(figure.ratio(311, 312).complete, false)
  t.same(figure.bp(0, 0), 0)
end

function claims.the_day_of_a_figure_is_that_of_its_as_of_in_the_zone(t)
  local q = { as_of = calendar.instant("2020-03-18", 18 * 60 + 28, 480) }
  t.same(figure.day({ zone_min = 480 }, q), "2020-03-18")
  t.same(figure.day({ zone_min = 840 }, q), "2020-03-19")
end

function claims.open_ends_of_a_period_are_filled_in(t)
  local from, to = figure.span({ to = "2020-03-17" })
  t.same(from < "1949-10-01", true)
  t.same(to, "2020-03-17")
  t.same(select(2, figure.span({})) > "2100-01-01", true)
end

function claims.numbers_take_the_next_of_their_series(t)
  local asked = {}
  local call = { next = function(_, name) asked[#asked + 1] = name return #asked end }
  t.same({ series.take(call, "gift", "DUES", 2020) }, { "DUES-2020-0001", 1 })
  t.same({ series.take(call, "gift", "DUES", 2020) }, { "DUES-2020-0002", 2 })
  t.same(asked, { "gift/DUES/2020", "gift/DUES/2020" })
  t.same(series.label("F", 2020, 12345), "F-2020-12345")
  t.same(series.label("F", 2020, 7, 6), "F-2020-000007")
end

return claims
