--- Rules for one C file of a plugin: the refusals. All else is the compiler's.
local lua_rules = require "check_lua"

local rules = {}

--- What stands between the parenthesis at `from` and its partner, split at the commas between them.
local function arguments(text, from)
  local depth, at, start, list = 0, from, from + 1, {}
  while at <= #text do
    local c = text:sub(at, at)
    if c == '"' or c == "'" then
      repeat
        at = text:find("[\\" .. c .. "]", at + 1)
        if not at then return list end
        if text:sub(at, at) == "\\" then at = at + 1 end
      until text:sub(at, at) == c and text:sub(at - 1, at - 1) ~= "\\" or at > #text
    elseif c:find("[%(%[{]") then
      depth = depth + 1
    elseif c:find("[%)%]}]") then
      depth = depth - 1
    end
    if depth == 0 or (depth == 1 and c == ",") then
      list[#list + 1] = text:sub(start, at - 1)
      start = at + 1
      if depth == 0 then return list end
    end
    at = at + 1
  end
  return list
end

--- The text of string literals in a row; nil when something else is among them.
local function literal(text)
  local parts, rest = {}, text:gsub("^%s+", "")
  while rest ~= "" do
    local inner, behind = rest:match('^"(.-[^\\])"%s*(.*)$')
    if not inner then return nil end
    parts[#parts + 1], rest = inner:gsub('\\(["\\])', "%1"), behind
  end
  return #parts > 0 and table.concat(parts) or nil
end

--- host->fail(call, code, rule, arg, format, …). `formats` collects {text, line}.
function rules.refusals(text, see, formats)
  local at = 1
  while true do
    local open = text:match("[%w_]+%s*%->%s*fail%s*()%(", at)
    if not open then return end
    local _, line = text:sub(1, open):gsub("\n", "")
    local args = arguments(text, open)
    local code, format = literal(args[2] or ""), literal(args[5] or "")
    if code and not lua_rules.CODES:find("%f[%w]" .. code .. "%f[%W]") then
      see:error(line + 1, "fail.code", "it is one of " .. lua_rules.CODES, "host->fail: there is no code %s", code)
    end
    if format then formats[#formats + 1] = { text = format, line = line + 1 } end
    at = open + 1
  end
end

return rules
