--- words.lua WORDS… -- SOURCES…: every sentence that SOURCES refuse a call with stands in one of the lists of WORDS, in
--- Chinese. Items side by side are one there, and an item is %s or %d. What a C plugin did wrong counts, too.
local words, sources = {}, {}
local into = words
for _, a in ipairs(arg) do
  if a == "--" then into = sources else into[#into + 1] = a end
end

local function read(path)
  local f = assert(io.open(path))
  local text = f:read("a")
  f:close()
  return text
end

--- The string literal(s) that stand at `pos`, joined, or nil.
local function literal(text, pos)
  local out
  while true do
    local open = text:match('^%s*()"', pos)
    if not open then return out end
    local close = open + 1
    while text:sub(close, close) ~= '"' do close = close + (text:sub(close, close) == "\\" and 2 or 1) end
    out = (out or "") .. text:sub(open + 1, close - 1)
    pos = close + 1
  end
end

local function form(fmt)
  fmt = fmt:gsub('\\"', '"'):gsub("%%[%d.*]*s", "%%s"):gsub("%%[%d.]*[lz]*[du]", "%%d")
  local before
  repeat
    before = fmt
    fmt = fmt:gsub("%%s%%s", "%%s")
  until fmt == before
  return fmt
end

--- Where the format of err_rule(err, code, rule, arg, format …) begins: behind its fourth comma.
local function format_of(text, pos)
  local depth, commas = 0, 0
  while commas < 4 do
    local c = text:sub(pos, pos)
    if c == '"' then
      pos = text:find('"', pos + 1, true)
    elseif c == "(" then
      depth = depth + 1
    elseif c == ")" then
      depth = depth - 1
    elseif c == "," and depth == 0 then
      commas = commas + 1
    end
    if depth < 0 or c == "" then return nil end
    pos = pos + 1
  end
  return literal(text, pos)
end

local known, missing, seen = {}, 0, 0
for _, path in ipairs(words) do
  local text = read(path)
  for pos in text:gmatch('{()%s*"') do known[form(literal(text, pos))] = true end
end
for _, path in ipairs(sources) do
  local text = read(path)
  local found = {}
  for at, pos in text:gmatch("()err_rule%(()") do found[#found + 1] = { at, format_of(text, pos) } end
  for at, pos in text:gmatch("()running_failed%(m, ()") do found[#found + 1] = { at, literal(text, pos) } end
  for _, one in ipairs(found) do
    local at, fmt = one[1], one[2]
    if fmt and not fmt:gsub("%%[%d.*]*[lz]*%a", ""):find("%a") then fmt = nil end -- nothing but items
    seen = seen + (fmt and 1 or 0)
    if fmt and not known[form(fmt)] then
      local _, line = text:sub(1, at):gsub("\n", "")
      print(("%s:%d: %s"):format(path, line + 1, fmt))
      missing = missing + 1
    end
  end
end
assert(seen > 0, "no sentence found")
if missing > 0 then print(missing .. " sentences have no Chinese: add them to host/work/words*.c") end
os.exit(missing == 0)
