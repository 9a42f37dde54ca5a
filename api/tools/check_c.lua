--- Rules for one C file of a plugin: refusals and SQL. All else is the compiler's.
local lua_rules = require "check_lua"

local rules = {}

local CODES = "ARG NOTFOUND CONFLICT STATE POLICY DUP LIMIT, or INTERNAL for a fault"

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

--- Each call of one of these functions of the host: f(args, line).
local function each_call(text, names, f)
  local at = 1
  while true do
    local from, name, open = text:match("()%->%s*([%w_]+)%s*()%(", at)
    if not from then return end
    local _, line = text:sub(1, open):gsub("\n", "")
    if names[name] then f(arguments(text, open), line + 1) end
    at = open + 1
  end
end

--- host->fail(call, code, rule, arg, format, …). `formats` collects {text, line}.
function rules.refusals(text, see, formats)
  each_call(text, { fail = true }, function(args, line)
    local code, format = literal(args[2] or ""), literal(args[5] or "")
    if code and not CODES:find("%f[%w]" .. code .. "%f[%W]") then
      see:error(line, "fail.code", "it is one of " .. CODES, "host->fail: there is no code %s", code)
    end
    lua_rules.rule(literal(args[3] or ""), line, see)
    -- A fault is told to the log, in English.
    if format and code ~= "INTERNAL" then formats[#formats + 1] = { text = format, line = line } end
  end)
end

--- All text of the file, literals in a row as one. In comments and for quotes among characters it may be wrong: no
--- more than a left over text is overlooked for it.
function rules.texts(text)
  local list, parts, at = {}, {}, 1
  while true do
    local open, _, inner, behind = text:find('"([^"\\\n]*)()', at)
    if not open then return list end
    at = behind
    while text:sub(at, at) == "\\" do -- an escape, and what follows it
      local escape, more, past = text:match('^\\(.)([^"\\\n]*)()', at)
      if not escape then return list end
      inner, at = inner .. (escape == "n" and "\n" or escape) .. more, past
    end
    parts[#parts + 1], at = inner, at + 1
    if not text:match('^%s*"', at) then
      list[#list + 1] = table.concat(parts)
      parts = {}
    end
  end
end

--- What `static const char NAME[] = "…";` says.
local function constants(text)
  local list = {}
  for name, value in text:gmatch("const%s+char%s+([%w_]+)%[%]%s*=%s*([^;]+);") do list[name] = literal(value) end
  return list
end

--- host->run and host->query(call, sql, …), the text itself or a constant. `prepare` as in check_lua.
function rules.sql(text, see, prepare)
  local known = constants(text)
  each_call(text, { run = true, query = true }, function(args, line)
    local sql = literal(args[2] or "") or known[(args[2] or ""):match("^%s*([%w_]+)%s*$")]
    if not sql then return end
    local parameters, why, rule = prepare(sql)
    local given = math.tointeger(tonumber(args[4])) -- nil: a variable
    if not parameters then
      see:error(line, rule, lua_rules.sql_advice(rule), "%s", why)
    elseif given and given ~= parameters then
      see:error(line, "sql.parameters", "give one value for each ?", "%d values for %d parameters", given, parameters)
    end
  end)
end

return rules
