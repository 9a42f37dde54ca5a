--- Names: their normal form, the checks they must pass, and the index that finds them.
local names = require "muster.text"

local text = {}

local LAST_CHARACTER = "\u{10FFFF}"
local INDEXED_GRAMS = 4 -- more pairs of a query hardly narrow the candidates

--- What names are compared by.
function text.key(name)
  return name:lower()
end

--- A code of anything: letters, digits and hyphens, 1 to 20 of them.
function text.code(call, arg, code)
  if #code > 20 or not code:match("^[A-Za-z0-9-]+$") then
    call:fail("ARG", { rule = "org.code", arg = arg }, "%s must be 1 to 20 letters, digits or hyphens", arg)
  end
  return code
end

--- A name or title: normal form, not empty, and no number as long as an identity card's (15 or 18 digits):
-- those are not stored.
function text.name(call, arg, name)
  name = names.normal(call, name)
  if name == "" then call:fail("ARG", { rule = "org.name", arg = arg }, "%s must not be blank", arg) end
  if name:find(("%d"):rep(15)) then
    call:fail("ARG", { rule = "org.no_idcard", arg = arg },
      "%s holds a number as long as an identity card's; those are not stored", arg)
  end
  return name
end

local function characters(s)
  local list = {}
  for _, c in utf8.codes(s) do list[#list + 1] = utf8.char(c) end
  return list
end

local function grams(s)
  local c, list, seen = characters(s), {}, {}
  for i = 1, #c do
    local gram = c[i] .. (c[i + 1] or "")
    if not seen[gram] then
      seen[gram] = true
      list[#list + 1] = gram
    end
  end
  return list
end

--- Index `name` (already normal) so that `ref` of `kind` is found by any part of it.
-- Entries of former names stay; the search compares with the present name.
function text.index(call, kind, ref, name)
  for _, gram in ipairs(grams(text.key(name))) do
    call.db:run("INSERT INTO org_gram (kind, gram, ref) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", kind, gram, ref)
  end
end

--- What a search compares names with. Refuses a blank one.
function text.query(call, q)
  local key = text.key(names.normal(call, q))
  if key == "" then call:fail("ARG", { rule = "org.name", arg = "q" }, "%s must not be blank", "q") end
  return key
end

local ONE = "WITH c AS (SELECT DISTINCT ref FROM org_gram WHERE kind = ? AND gram >= ? AND gram < ?) "
local MANY = [[WITH c AS (SELECT ref FROM org_gram WHERE kind = ? AND gram IN (?, ?, ?, ?)
  GROUP BY ref HAVING count(*) = ?) ]]

--- Rows of `sql`, which reads from c (ref): the codes of `kind` that can match `key` by its index. The rest is joined
-- there, so that a limit counts only what the caller may see.
function text.search(call, kind, key, sql, ...)
  local list = grams(key)
  if #list == 1 then return call.db:rows(ONE .. sql, kind, key, key .. LAST_CHARACTER, ...) end
  list[#list] = nil -- the last character alone ends a name, not a query
  local n = math.min(#list, INDEXED_GRAMS)
  return call.db:rows(MANY .. sql, kind, list[1], list[math.min(2, n)], list[math.min(3, n)], list[math.min(4, n)],
    n, ...)
end

return text
