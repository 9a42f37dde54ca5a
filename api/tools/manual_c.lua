--- The page about C: muster.h, whose comments are its text.
local manual_c = { name = "/C.md" }

--- The header as a list of { comment = text } and { code = text }: a comment that begins a line is one of its own, what
--- follows it up to the next such comment or blank line is the code it is about.
local function parts(text)
  local list, at = {}, 1
  while at <= #text do
    local indent, open = text:match("^([ \t]*)()/%*", at)
    if open then
      local _, close = text:find("*/", open, true)
      list[#list + 1] = { comment = text:sub(open + 2, close - 2), indent = #indent }
      at = (text:find("\n", close, true) or #text) + 1
    else
      local stop = text:find("\n", at, true) or #text
      local line = text:sub(at, stop - 1)
      local last = list[#list]
      if line == "" then
        list[#list + 1] = { blank = true }
      elseif last and last.code then
        last.code = last.code .. "\n" .. line
      else
        list[#list + 1] = { code = line }
      end
      at = stop + 1
    end
  end
  return list
end

--- A comment's text without its stars; what is indented in it is code. A \b takes the blank lines before it away.
local function put_comment(out, comment)
  local inside = false
  for line in (comment .. "\n"):gmatch("(.-)\n") do
    line = line:gsub("^%s*%* ?", ""):gsub("%s+$", "")
    local code = line:find("^    ") ~= nil
    if code and not inside then out("```c\n") end
    if inside and not code and line ~= "" then
      out("\b```\n\n")
      inside = false
    end
    inside = inside or code
    if inside then
      out("%s\n", (line:gsub("^    ", "")))
    else
      out("%s\n", (line:gsub("^%s+", "")))
    end
  end
  if inside then out("```\n") end
  out("\n")
end

local function outdent(code)
  local indent = code:match("^[ ]*")
  return (code:gsub("^" .. indent, ""):gsub("\n" .. indent, "\n"))
end

--- What a piece of code declares: a function of the host, a struct, a macro.
local function title(code)
  local names = {}
  for name in code:gmatch("%(%*([%w_]+)%)%(") do names[#names + 1] = name end
  if #names > 0 then return "### " .. table.concat(names, ", ") end
  local struct = code:match("^struct ([%w_]+) {")
  if struct then return "## struct " .. struct end
  local macro = code:match("^#define ([%w_]+)%f[%A_]")
  if macro then return "## " .. macro end
end

--- Lines for the compiler alone.
local PLUMBING = { "^#ifndef MUSTER_H", "^#define MUSTER_H$", "^#ifdef __cplusplus", '^extern "C"', "^#endif",
  "^#include", "^}$", "^#if defined", "^#else", "^#define MUSTER_EXPORT" }

local function plain(code)
  local kept = {}
  for line in (code .. "\n"):gmatch("(.-)\n") do
    local drop = false
    for _, pattern in ipairs(PLUMBING) do drop = drop or line:find(pattern) ~= nil end
    if not drop then kept[#kept + 1] = line end
  end
  local text = table.concat(kept, "\n"):gsub("^\n+", ""):gsub("\n+$", "")
  -- the host's struct is taken apart
  if text:find("{\n") and not text:find("\n}") then return text .. "\n    …\n};" end
  return text:find("{") and text or (text:gsub("\n};$", ""))
end

--- The page as Markdown.
function manual_c.page(text)
  local pieces = {}
  local function out(fmt, ...) pieces[#pieces + 1] = fmt:format(...) end
  local list, waiting = parts(text), nil
  out("# The C interface\n\n")
  for i, p in ipairs(list) do
    local section = p.comment and p.comment:match("^%s*%-%- (.*)$")
    if section then
      section = section:gsub("%s*%-%-%s*$", ""):gsub("^([^\n]-)%. Since", "%1, since")
      section = section:gsub("%s+%-%-%s*\n", "\n\n"):gsub("\n%s*%* ?", "\n")
      out("## The host: %s\n\n", section)
    elseif p.comment and i == 1 then
      put_comment(out, p.comment)
    elseif p.comment then
      waiting = p.comment
    elseif p.code then
      local code = plain(outdent(p.code))
      if code:find("%S") then
        local head = title(code)
        if head then out("%s\n\n", head) end
        if waiting then put_comment(out, waiting) end
        out("```c\n%s\n```\n\n", code)
      end
      waiting = nil
    end
  end
  return (table.concat(pieces):gsub(" +\n", "\n"):gsub("\n+\b", "\n"):gsub("\n\n\n+", "\n\n"):gsub("\n+$", "\n"))
end

return manual_c
