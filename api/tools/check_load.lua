--- Where the host's words about a plugin that does not load belong, and what was perhaps meant.
local syntax = require "syntax"

local rules = {}

--- The keys of each table that an author writes, by how the host's words about it begin.
local KEYS = {
  { "^manifest: asks", "commands effects secrets memory_mib time_ms" },
  { "^manifest", "name version api summary description requires units native isolate health asks" },
  { "^the returned table", "commands figures settings roles machines" },
  { "^command ", "mode args returns summary doc timeout_ms run" },
  { "^figure ", "unit args summary compute doc" },
  { "^setting ", "type default summary" },
  { "^role ", "grants summary" },
}

--- How many letters differ.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local corner = row[0]
    row[0] = i
    for j = 1, #b do
      local above = row[j]
      row[j] = math.min(above + 1, row[j - 1] + 1, corner + (a:byte(i) == b:byte(j) and 0 or 1))
      corner = above
    end
  end
  return row[#b]
end

--- The word of the list that this one is a slip of the pen for, or nil.
local function near(word, list)
  local best, least = nil, 1 + math.max(1, math.min(2, #word // 3))
  for other in list:gmatch("[%w_]+") do
    local d = distance(word, other)
    if d < least then best, least = other, d end
  end
  return best
end

--- What is possible in place of `key`. The library's own words name the keys that there are.
local function suggestion(text, key)
  local list = text:match("the keys are ([%w_, ]+)")
  for _, kind in ipairs(list and {} or KEYS) do
    if not list and text:find(kind[1]) then list = kind[2] end
  end
  return list and near(key, list)
end

--- Each line where `word` is a key, a text, or stands in a C file: f(path, line).
local function each_line(word, files, f)
  for path, out in pairs(files.lua) do
    for _, node in ipairs(out.tables) do
      for _, field in ipairs(node.fields) do
        if field.key and syntax.constant(field.key) == word then f(path, field.line) end
      end
    end
    for _, node in ipairs(out.texts) do
      if syntax.constant(node) == word then f(path, node.line) end
    end
  end
  for path, text in pairs(files.c) do
    local at = text:find(word, 1, true)
    if at then f(path, select(2, text:sub(1, at):gsub("\n", "")) + 1) end
  end
end

--- The path and line where `word` stands: in `path` if it does so there, nearest to `line`; nil when nowhere.
--- `files`: { lua = {path = what syntax.parse gives}, c = {path = text} }.
function rules.find(word, files, path, line)
  local best
  local function order(a, b)
    if (a.path == path) ~= (b.path == path) then return a.path == path end
    if a.path ~= b.path then return a.path < b.path end
    if a.far ~= b.far then return a.far < b.far end
    return a.line < b.line
  end
  each_line(word, files, function(at_path, at_line)
    local one = { path = at_path, line = at_line, far = at_path == path and line and math.abs(at_line - line) or 0 }
    if not best or order(one, best) then best = one end
  end)
  if best then return best.path, best.line end
  return nil
end

--- What the words are about, the most exact first.
local function subjects(text, line)
  local list = {}
  for word in text:gmatch("`([^`]+)`") do list[#list + 1] = word end
  for word in text:gmatch('"([^"]+)"') do list[#list + 1] = word end
  if not line then
    list[#list + 1] = text:match("^%l+ ([%w_.]+)[: ]") or text:match("^([%w_]+%.[%w_.]+): ")
    if text:find("^its descriptor") then list[#list + 1] = "MUSTER_PLUGIN" end
  end
  return list
end

--- path, line, advice and text for what the host says of the plugin `name`. `exists`: f(path) → is there this file?
function rules.unloadable(why, name, files, exists)
  local text = why:gsub("^plugin " .. name .. ", ", ""):gsub("^[%w_./-]+:[%d:]* ", "")
  local path, line = why:match("([%w_./-]+%.lua):(%d+)")
  path = path or why:match("([%w_./-]+%.lua)") or "manifest.lua"
  if not exists(path) then path, line = "manifest.lua", nil end -- a line of the library's is none of the plugin's
  line = math.tointeger(tonumber(line))
  for _, word in ipairs(subjects(text, line)) do
    local at_path, at_line = rules.find(word, files, path, line)
    if at_path then
      path, line = at_path, at_line
      break
    end
  end
  local key = text:match("there is no `([^`]+)` here")
  local meant = key and suggestion(text, key)
  return path, line or 1, meant and ("did you mean %s?"):format(meant) or "the plugin cannot be loaded like this", text
end

--- Names that migrations can't have. `names`: of the files *.sql; `find`: f(name, advice, fmt, …).
function rules.migrations(names, find)
  local numbered, most = {}, 0
  for _, name in ipairs(names) do
    local number = not name:find("%.down%.sql$") and name:match("^(%d%d%d)_.")
    if number then
      if numbered[number] then find(name, "number it anew", "%s has the number %s, too", numbered[number], number) end
      numbered[number] = numbered[number] or name
      most = math.max(most, math.tointeger(number))
    elseif not name:find("%.down%.sql$") then
      find(name, "name it NNN_words.sql, such as 001_guests.sql", "this is no name of a migration")
    end
  end
  for i = 1, most do
    local number = ("%03d"):format(i)
    if not numbered[number] then
      for later = i + 1, most do
        local name = numbered[("%03d"):format(later)]
        if name then
          find(name, "they are numbered from 001 without holes", "there is no migration %s", number)
          break
        end
      end
      break
    end
  end
end

return rules
