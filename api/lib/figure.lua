--- Helpers for `compute` functions of figures.
local calendar = require "muster.calendar"

local figure = {}

--- A plain value. `basis`: what was counted, in words (optional).
function figure.value(v, basis)
  return { value = v, basis = basis }
end

--- num of den in basis points, rounded down so that only a whole is 10000. 0 of 0 is 0.
function figure.bp(num, den)
  if den == 0 then return 0 end
  return num * 10000 // den
end

--- A ratio in basis points, complete only when nothing is missing.
function figure.ratio(num, den, basis)
  return {
    value = figure.bp(num, den), numerator = num, denominator = den,
    complete = num == den, basis = basis,
  }
end

--- The civil day of the as-of instant, in the caller's zone.
function figure.day(call, q)
  return calendar.day_of(q.as_of, call.zone_min)
end

--- The period asked for, open ends filled in, so that SQL needs no case for them.
function figure.span(q)
  return q.from or "0000-01-01", q.to or "9999-12-31"
end

return figure
