--- The page about Lua: types.lua, whose comments are its text.
local manual_lua = { name = "/LUA.md" }

local function escape(text) return (text:gsub("|", "\\|")) end

--- The type at the start of a text, up to a blank outside of brackets and quotes; what follows.
local function split_type(text)
  local depth, at, quoted = 0, 1, false
  while at <= #text do
    local c = text:sub(at, at)
    if c == '"' then quoted = not quoted end
    if not quoted and c:find("[%[({<]") then depth = depth + 1 end
    if not quoted and c:find("[%])}>]") then depth = depth - 1 end
    -- a function's results follow a colon: fun(): integer
    if c == " " and depth == 0 and not quoted and not text:sub(1, at - 1):find("[:,]$") then break end
    at = at + 1
  end
  return text:sub(1, at - 1), text:sub(at + 1)
end

--- The lines of a file in groups that blank lines part.
local function groups(text)
  local list, group = {}, {}
  for line in (text .. "\n\n"):gmatch("(.-)\n") do
    if line ~= "" then
      group[#group + 1] = line
    elseif #group > 0 then
      list[#list + 1], group = group, {}
    end
  end
  return list
end

local function put_prose(out, lines)
  for _, line in ipairs(lines) do out("%s\n", line) end
  if #lines > 0 then out("\n") end
end

local put = {}

--- ---@alias NAME TYPE, or choices in the lines below it.
function put.alias(out, rest)
  local name, type = rest:match("^(%S+)%s*(.*)$")
  out("### %s\n\n", name)
  if type ~= "" then out("`%s`\n\n", type) end
end

function put.class(out, rest, prose)
  local name, about = rest:match("^(%S+)%s*(.*)$")
  out("## %s\n\n", name)
  if about ~= "" then out("%s\n\n", about:gsub("^require (.*)$", "`require %1`")) end
  put_prose(out, prose)
end

--- A row of a field or argument has a type, one of a choice has none.
local function put_table(out, head, rows)
  if #rows == 0 then return end
  out("%s\n|---|---|%s\n", head, rows[1].type and "---|" or "")
  for _, r in ipairs(rows) do
    out("| `%s` |%s %s |\n", r.name, r.type and " `" .. escape(r.type) .. "` |" or "", escape(r.about))
  end
  out("\n")
end

--- A group of lines as prose, rows of fields, choices, parameters and results, and what it is about.
local function read(group)
  local g = { prose = {}, fields = {}, choices = {}, params = {}, returns = {}, overloads = {} }
  local last
  for _, line in ipairs(group) do
    local tag, rest = line:match("^%-%-%-@(%w+)%s*(.*)$")
    local choice, about = line:match("^%-%-%-|%s*(%S+)%s*#?%s*(.*)$")
    local more = line:match("^%-%-%-  (.*)$")
    if tag == "field" or tag == "param" then
      local name, after = rest:match("^(%S+)%s+(.*)$")
      local type, text = split_type(after)
      last = { name = name, type = type, about = text }
      table.insert(tag == "field" and g.fields or g.params, last)
    elseif tag == "return" then
      local type, text = split_type(rest)
      g.returns[#g.returns + 1] = { type = type, about = text }
    elseif tag == "overload" then
      g.overloads[#g.overloads + 1] = rest
    elseif tag == "class" or tag == "alias" then
      g.tag, g.rest, last = tag, rest, nil
    elseif tag then
      last = nil
    elseif choice then
      g.choices[#g.choices + 1] = { name = choice, about = about }
    elseif more and last then
      last.about = last.about .. " " .. more
    elseif line:find("^%-%-%-?") then
      g.prose[#g.prose + 1] = line:gsub("^%-%-%-? ?", "")
    else
      g.code = line:match("^function (.-) end$")
    end
  end
  return g
end

--- "call:fail(code, fmt, ...)" for the overload "fun(self: …, code: …, fmt: …, ...: …)" of call:fail(…).
local function also(code, form)
  local names = {}
  for name in form:gmatch("([%w_.]+)%??: ") do
    if name ~= "self" then names[#names + 1] = name end
  end
  return ("%s(%s)"):format(code:match("^[^(]+"), table.concat(names, ", "))
end

--- In the list of argument types each line is a row; as code it keeps its columns.
local function indented(lines)
  local out, inside = {}, false
  for _, line in ipairs(lines) do
    local code = line:find("^  ") ~= nil
    if code ~= inside then out[#out + 1] = "```" end
    inside = code
    out[#out + 1] = line
  end
  if inside then out[#out + 1] = "```" end
  return out
end

--- The page as Markdown.
function manual_lua.page(text)
  local pieces = { "# The Lua interface\n\n" }
  local function out(fmt, ...) pieces[#pieces + 1] = fmt:format(...) end
  for _, group in ipairs(groups(text)) do
    if group[1]:find("^%-%-%-@meta") then table.remove(group, 1) end
    -- aliases stand one below the other
    local part = {}
    local function flush()
      if #part == 0 then return end
      local g = read(part)
      if g.code then
        out("### %s\n\n", g.code)
        put_prose(out, indented(g.prose))
        put_table(out, "| argument | type | |", g.params)
        for _, form in ipairs(g.overloads) do out("Also as `%s`.\n\n", also(g.code, form)) end
        for _, r in ipairs(g.returns) do out("Returns `%s`%s\n\n", r.type, r.about ~= "" and " " .. r.about or "") end
      elseif g.tag then
        put[g.tag](out, g.rest, indented(g.prose))
        put_table(out, "| field | type | |", g.fields)
        put_table(out, "| value | |", g.choices)
      else
        put_prose(out, indented(g.prose))
      end
      part = {}
    end
    for _, line in ipairs(group) do
      if line:find("^%-%-%-@alias") then flush() end
      part[#part + 1] = line
    end
    flush()
  end
  return (table.concat(pieces):gsub("\n+$", "\n"))
end

return manual_lua
