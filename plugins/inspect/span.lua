--- Spans of days and the two questions every command asks: is this in the caller's scope, who holds that day.
--
-- A span table has from_day, to_day, at, ended_at and holds on [from_day, to_day). Table names below come from this
-- plugin's own code only; values always travel as parameters.
local scope = require "muster.scope"

local span = {}

span.FOREVER = "9999-12-31"

--- SQL condition "span `a` holds on a day, as known at an instant". Parameters: instant, day, day, instant.
function span.holds(a)
  return string.format("%s.at <= ? AND %s.from_day <= ? AND (%s.to_day IS NULL OR %s.to_day > ? OR %s.ended_at > ?)",
    a, a, a, a, a)
end

--- The parameters of `span.holds`, in order.
function span.on(day, as_of)
  return as_of, day, day, as_of
end

--- The first span of `tab` for `key` that shares a day with [from, to), or nil.
function span.overlap(call, tab, column, key, from, to)
  local sql = string.format("SELECT * FROM %s WHERE %s = ? AND from_day < ? AND (to_day IS NULL OR to_day > ?)"
    .. " AND (to_day IS NULL OR to_day > from_day) ORDER BY from_day LIMIT 1", tab, column)
  return call.db:row(sql, key, to or span.FOREVER, from)
end

--- The span of `tab` for `key` that holds on `day` as known now, or nil.
function span.current(call, tab, column, key, day)
  local sql = string.format("SELECT * FROM %s s WHERE s.%s = ? AND %s", tab, column, span.holds("s"))
  return call.db:row(sql, key, span.on(day, call.now))
end

--- Refuse a span that would end before it begins.
function span.check(call, from, to)
  if to and to <= from then
    call:fail("ARG", { rule = "inspect.span", arg = "to" }, "the span ends on %s, not after its first day %s", to, from)
  end
end

--- End the span of `tab` for `key` that holds on `day` and has not ended yet: an open one, or one whose planned end is
-- still to come. Returns it with its new end, or nil when there is none. A day before its first is refused.
function span.finish(call, tab, column, key, day, reason)
  local sql = string.format("SELECT * FROM %s WHERE %s = ? AND (to_day IS NULL OR to_day > ? AND to_day >= ?"
    .. " AND to_day > from_day) ORDER BY CASE WHEN from_day <= ? THEN 0 ELSE 1 END, from_day DESC LIMIT 1",
    tab, column)
  local s = call.db:row(sql, key, call.today, day, day)
  if not s then return nil end
  if day < s.from_day then span.check(call, s.from_day, day) end
  call.db:run(string.format("UPDATE %s SET to_day = ?, ended_at = ?, end_reason = ? WHERE id = ?", tab), day, call.now,
    reason, s.id)
  s.to_day = day
  return s
end

--- "2020-01-27…" or "2020-01-27…2020-03-01", for messages.
function span.words(s)
  return s.from_day .. "…" .. (s.to_day or "")
end

--- The unit lies in the caller's subtree; otherwise the same refusal for "not yours" and "not there".
function span.own(call, unit, what, code)
  scope.own(call, "inspect", unit, what, code)
end

--- Codes of areas, sites and checklists.
function span.code(call, arg, code)
  if not code:match("^[A-Za-z0-9-]+$") or #code > 20 then
    call:fail("ARG", { rule = "inspect.code", arg = arg }, "%s: letters, digits and '-', at most 20 of them", arg)
  end
end

--- The person exists (org answers for that) and may be named by this caller.
function span.person(call, code)
  return call:invoke("org.person.get", { person = code })
end

return span
