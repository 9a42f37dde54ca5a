--- A page about one plugin, or the host: what it declares.
local manual_commands = {}

local function escape(text) return (text:gsub("|", "\\|")) end

--- One of the items of `list` that belong to the plugin, by name.
local function own(list, plugin)
  local out = {}
  for _, item in ipairs(list) do
    if item.plugin == plugin.name then out[#out + 1] = item end
  end
  table.sort(out, function(a, b) return a.name < b.name end)
  return out
end

--- "name:type(bounds)?" → name, type, "optional" or "default x" or "required".
local function argument(spec)
  local name, rest = spec:match("^([%w_]+!?):(.*)$")
  local optional = rest:match("^(.-)%?$")
  if optional then return name, optional, "optional" end
  -- an enum's choices hold no '=', so the first one begins the default
  local type, default = rest:match("^(.-)=(.*)$")
  if type then return name, type, "default `" .. default .. "`" end
  return name, rest, "required"
end

local function put_arguments(out, args)
  if #args == 0 then return end
  out("| argument | type | |\n|---|---|---|\n")
  for _, spec in ipairs(args) do
    local name, type, need = argument(spec)
    local secret = name:find("!$") and ", secret" or ""
    out("| `%s` | `%s` | %s%s |\n", name:gsub("!$", ""), escape(type), escape(need), secret)
  end
  out("\n")
end

local function put_summary(out, item)
  out("%s\n", item.summary)
  if item.summary_zh then out("%s\n", item.summary_zh) end
  out("\n")
end

local function put_command(out, c)
  out("### %s\n\n", c.name)
  put_summary(out, c)
  put_arguments(out, c.args)
  if c.doc then out("%s\n\n", c.doc) end
  local facts = { c.mode == "write" and "Writes." or c.mode == "slow" and "Slow, on a lane of its own." or "Reads." }
  if c.pure then facts[#facts + 1] = "Pure: may be called directly from Lua." end
  if c.returns then facts[#facts + 1] = ("Replies `%s`."):format(c.returns) end
  if c.timeout_ms > 0 then facts[#facts + 1] = ("At most %d ms."):format(c.timeout_ms) end
  out("%s\n\n", table.concat(facts, " "))
end

local function put_figure(out, f)
  out("### %s\n\n", f.name)
  put_summary(out, f)
  put_arguments(out, f.args)
  out("In %s. Asked with `figure.get name=%s`.\n\n", f.unit, f.name)
end

local function put_setting(out, s)
  local _, type = argument("x:" .. (s.type:match(":(.*)$") or s.type))
  out("### %s\n\n", s.name)
  put_summary(out, s)
  out("`%s`, default `%s`.\n\n", type, s.default or "")
end

local function put_role(out, r)
  out("### %s\n\n", r.name)
  put_summary(out, r)
  out("May use `%s`.\n\n", table.concat(r.grants, "`, `"))
end

local function put_facts(out, p)
  local required, asks = {}, {}
  for name, range in pairs(p.requires) do required[#required + 1] = range == "*" and name or name .. " " .. range end
  table.sort(required)
  if #required > 0 then out("Requires %s. ", table.concat(required, ", ")) end
  for _, c in ipairs(p.asks and p.asks.commands or {}) do asks[#asks + 1] = "`" .. c .. "`" end
  if #asks > 0 then out("Asks for %s. ", table.concat(asks, ", ")) end
  if p.health then out("Says with `%s` whether it is well. ", p.health) end
  if p.native then out("Has code in C. ") end
  if #required + #asks > 0 or p.health or p.native then out("\n\n") end
end

local PARTS = { { "commands", "Commands", put_command }, { "figures", "Figures", put_figure },
  { "settings", "Settings", put_setting }, { "roles", "Roles it suggests", put_role } }

--- The page as Markdown. `all`: what declared() says; `plugin`: one of its plugins.
function manual_commands.page(all, plugin)
  local pieces = {}
  local function out(fmt, ...) pieces[#pieces + 1] = fmt:format(...) end
  out("# %s%s\n\n", plugin.name, plugin.version and " " .. plugin.version or "")
  put_summary(out, plugin)
  put_facts(out, plugin)
  for _, part in ipairs(PARTS) do
    local items = own(all[part[1]], plugin)
    if #items > 0 then out("## %s\n\n", part[2]) end
    for _, item in ipairs(items) do part[3](out, item) end
  end
  return (table.concat(pieces):gsub(" +\n", "\n"):gsub("\n+$", "\n"))
end

return manual_commands
