--- links.lua PAGES…: every link in these pages of Markdown leads to a file that is there, and to one of its headings.
local bad = 0

local function read(path)
  local file = io.open(path)
  local text = file and file:read("a") -- nil for a folder
  if file then file:close() end
  return text, file ~= nil
end

--- The name a heading has in links, as GitHub makes it: small letters, blanks are "-", only letters, digits, - and _ stay.
local function anchor(heading) return (heading:lower():gsub("[^%w%s_\128-\255-]", ""):gsub("%s", "-")) end

local function has_heading(text, name)
  local code = false
  for line in (text .. "\n"):gmatch("(.-)\n") do
    if line:find("^```") then code = not code end
    local heading = not code and line:match("^#+ (.*)$")
    if heading and anchor(heading) == name then return true end
  end
  return false
end

for _, page in ipairs(arg) do
  local text, folder = read(page), page:match("^(.*/)[^/]*$") or ""
  for link in text:gmatch("%[[^%]%[\n]+%]%(([^)%s]*)%)") do
    local path, name = link:match("^([^#]*)#?(.*)$")
    local target, there = text, true
    if path ~= "" then target, there = read(folder .. path) end
    if not link:find("^https?:") and not (there and (name == "" or target and has_heading(target, name))) then
      print(("%s: %s is not there"):format(page, link))
      bad = bad + 1
    end
  end
end
os.exit(bad == 0)
