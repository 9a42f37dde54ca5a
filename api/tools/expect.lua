--- What a transcript expects of a reply: parsing and comparing. See transcript.lua for the format.
local expect = {}

local ANY = {}      -- matches every value; a refusal is none
local NULL = {}     -- nil, null, or an absent key
local CAPTURE = {}  -- {[CAPTURE] = name}: matches everything and keeps it
local OPEN = {}     -- {[OPEN] = true}: other keys or elements may follow
local COUNT = {}    -- {[COUNT] = n}: an array of n elements; a map has no count

local ESCAPES = { n = "\n", r = "\r", t = "\t", b = "\b", f = "\f", a = "\a", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

--- A reader over `text`; errors are raised as texts.
local function reader(text)
  local at = 1
  local value

  local function blank() at = text:find("%S", at) or #text + 1 end

  local function fail(what) error(("expected value: %s at column %d: %s"):format(what, at, text), 0) end

  local function take(pattern)
    local found = text:match("^" .. pattern, at)
    if found then at = at + #found end
    return found
  end

  local function quoted()
    local parts = {}
    at = at + 1
    while true do
      local plain = take('[^"\\]*')
      parts[#parts + 1] = plain
      local c = text:sub(at, at)
      if c == "" then fail("unfinished text") end
      at = at + 1
      if c == '"' then return table.concat(parts) end
      local e = text:sub(at, at)
      at = at + 1
      if e == "x" then
        local hex = take("%x%x") or fail("\\x needs two hex digits")
        parts[#parts + 1] = string.char(tonumber(hex, 16))
      elseif e == "u" then
        local hex = take("%x%x%x%x") or fail("\\u needs four hex digits")
        parts[#parts + 1] = utf8.char(tonumber(hex, 16))
      else
        parts[#parts + 1] = ESCAPES[e] or fail("unknown escape \\" .. e)
      end
    end
  end

  --- The elements until `close`; `one` reads each.
  local function list(close, result, one)
    at = at + 1
    blank()
    while text:sub(at, at) ~= close do
      if take("%.%.%.") then
        result[OPEN] = true
      else
        one(result)
      end
      blank()
      if not take(",") and text:sub(at, at) ~= close then fail("a comma or " .. close) end
      blank()
    end
    at = at + 1
    return result
  end

  local function pair(map)
    if text:sub(at, at) ~= '"' then fail("a quoted key") end
    local key = quoted()
    blank()
    if not take(":") then fail("a colon") end
    blank()
    local inner = value()
    if key == "..." then map[OPEN] = true else map[key] = inner end
  end

  local function element(array)
    array[COUNT] = array[COUNT] + 1
    array[array[COUNT]] = value()
    blank()
  end

  function value()
    local c = text:sub(at, at)
    if c == '"' then
      local s = quoted()
      return s == "*" and ANY or s
    elseif c == "{" then return list("}", {}, pair)
    elseif c == "[" then return list("]", { [COUNT] = 0 }, element)
    elseif take("%*") then return ANY
    elseif take("%$") then return { [CAPTURE] = take("[%w_]+") or fail("a name after $") }
    end
    local word = take("[^%s,%]}]+") or fail("a value")
    if word == "null" or word == "nil" then return NULL
    elseif word == "true" then return true
    elseif word == "false" then return false
    end
    return tonumber(word) or word
  end

  return function()
    blank()
    local v = value()
    blank()
    return v, text:sub(at)
  end
end

--- Parse an expected value; returns it and the text behind it.
function expect.parse(text) return reader(text)() end

local function nothing(v) return v == nil or v == muster.null end

local function show(v)
  if nothing(v) then return "nil" end
  if type(v) == "string" then return muster.json.encode(v) end
  local ok, text = pcall(muster.json.encode, v)
  return ok and text or tostring(v)
end
expect.show = show

local compare

local function compare_array(want, got, vars, path)
  if type(got) ~= "table" then return path .. " is no array but " .. show(got) end
  for i = 1, want[COUNT] do
    local why = compare(want[i], got[i], vars, ("%s[%d]"):format(path, i))
    if why then return why end
  end
  if not want[OPEN] and #got > want[COUNT] then
    return ("%s has %d elements, not %d"):format(path, #got, want[COUNT])
  end
  return nil
end

local function compare_map(want, got, vars, path)
  if type(got) ~= "table" then return path .. " is no map but " .. show(got) end
  for key, inner in pairs(want) do
    if key ~= OPEN then
      local why = compare(inner, got[key], vars, path .. "." .. key)
      if why then return why end
    end
  end
  for key in pairs(got) do
    if want[key] == nil and not want[OPEN] then return ("%s has %s too"):format(path, show(key)) end
  end
  return nil
end

--- nil when `got` is as wanted, otherwise where and how it differs. Captures go into `vars`.
function compare(want, got, vars, path)
  if want == ANY then return nil end
  if want == NULL then return not nothing(got) and ("%s is %s, not nil"):format(path, show(got)) or nil end
  if type(want) == "table" then
    if want[CAPTURE] then
      vars[want[CAPTURE]] = type(got) == "table" and muster.json.encode(got) or nothing(got) and "nil" or tostring(got)
      return nil
    end
    if want[COUNT] then return compare_array(want, got, vars, path) end
    return compare_map(want, got, vars, path)
  end
  if want ~= got then return ("%s is %s, not %s"):format(path, show(got), show(want)) end
  return nil
end

--- "-CODE rule words": nil or how the error differs. `err` is nil when the reply was none.
local function compare_error(text, err, value)
  if not err then return "not refused but " .. show(value) end
  local code, rest = text:match("^%-(%u+)%s*(.*)$")
  if not code then return "an expected error is -CODE [rule] [words]" end
  if err.code ~= code then return ("code is %s, not %s"):format(err.code, code) end
  local rule, behind = rest:match("^([%w_]*[._][%w_.]*)%s*(.*)$")
  if rule then
    if err.rule ~= rule then return ("rule is %s, not %s"):format(err.rule or "none", rule) end
    rest = behind
  end
  local said = table.concat({ err.text or "", err.arg or "", err.state or "", err.allowed or "" }, " ")
  if rest ~= "" and rest ~= "*" and not said:find(rest, 1, true) then
    return ('the error does not say "%s"'):format(rest)
  end
  return nil
end

--- Compare one reply with the text of an expectation. nil, or how it differs.
function expect.check(text, value, err, replayed, vars)
  if text == "" then return "nothing is expected yet; `muster plugin test --update` writes what came" end
  if text == "-*" then return not err and "not refused but " .. show(value) or nil end
  if text:sub(1, 1) == "-" and text:match("^%-%u") then return compare_error(text, err, value) end
  local ok, want, rest = pcall(expect.parse, text)
  if not ok then return want end
  if rest ~= "" and rest ~= "!replayed" then return "cannot read the expectation from: " .. rest end
  if err then return "refused" end
  local why = compare(want, value, vars, "reply")
  if not why and (rest == "!replayed") and not replayed then why = "not marked replayed" end
  return why
end

return expect
