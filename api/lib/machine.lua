--- State machines declared as data: states, transitions, required fields, four eyes.
--
-- A machine is checked once, when it is defined (a wrong definition is the author's bug, so it raises
-- `error` where it is defined; a key nobody knows is one, for a control that is misspelt is no control), and
-- then only read: it holds no state of its own. The state lives in a row of the plugin; `machine:check` says
-- whether a transition is possible for that row and this caller, and which state follows. Refusals go through
-- `call:fail`, so their texts are translated by the plugin's locale.
--
--     local finding = machine.define {
--       initial = "open", states = { "open", "verified", "closed" },
--       transitions = {
--         { name = "verify", from = { "open" }, to = "verified", four_eyes = "owner" },
--         { name = "close", from = { "verified" }, to = "closed",
--           requires = { "reason", { field = "after_photo", when = { severity = { "major" } } } } },
--       },
--     }
--     local to = finding:check(call, row, "close", { reason = reason })
local machine = {}

local Machine = {}
Machine.__index = Machine

local function set_of(list)
  local set = {}
  for _, v in ipairs(list) do set[v] = true end
  return set
end

local function list_of(v)
  if v == nil then return {} end
  if type(v) == "table" then return v end
  return { v }
end

local SPEC_KEYS = { "initial", "states", "transitions" }
local TRANSITION_KEYS = { "name", "from", "to", "four_eyes", "requires" }
local REQUIREMENT_KEYS = { "field", "rule", "code", "when" }

--- The definition is wrong. machine.define says where it stands.
local function wrong(fmt, ...) error(fmt:format(...), 0) end

local function check_keys(t, what, keys)
  local known = set_of(keys)
  for key in pairs(t) do
    if not known[key] then
      wrong("%s: there is no `%s` here; the keys are %s", what, tostring(key), table.concat(keys, ", "))
    end
  end
end

--- One required field as a table, whatever its short form was.
local function requirement(r, what)
  if type(r) == "string" then r = { field = r } end
  if type(r) ~= "table" then wrong("%s: a required field is its name, or a table", what) end
  check_keys(r, what .. ", a required field", REQUIREMENT_KEYS)
  if type(r.field) ~= "string" then wrong("%s: a required field needs its name", what) end
  local when = {}
  for name, values in pairs(r.when or {}) do when[name] = list_of(values) end
  return { field = r.field, rule = r.rule or "required_field", code = r.code or "STATE", when = when }
end

local function transition(t, known)
  if type(t.name) ~= "string" then wrong("a transition needs a name") end
  local what = "transition " .. t.name
  check_keys(t, what, TRANSITION_KEYS)
  if not known[t.to] then wrong("%s leads to an unknown state, %s", what, tostring(t.to)) end
  local from = list_of(t.from)
  if #from == 0 then wrong("%s starts nowhere", what) end
  for _, s in ipairs(from) do
    if not known[s] then wrong("%s starts in an unknown state, %s", what, tostring(s)) end
  end
  local requires = {}
  for i, r in ipairs(list_of(t.requires)) do requires[i] = requirement(r, what) end
  return { name = t.name, from = from, to = t.to, four_eyes = list_of(t.four_eyes), requires = requires }
end

local function build(spec)
  check_keys(spec, "a machine", SPEC_KEYS)
  local known, named, transitions = set_of(spec.states), {}, {}
  if not known[spec.initial] then wrong("the initial state is not among the states") end
  for i, t in ipairs(spec.transitions) do
    transitions[i] = transition(t, known)
    named[t.name] = true
  end
  return setmetatable({ initial = spec.initial, states = spec.states, transitions = transitions, named = named },
    Machine)
end

--- Define a machine. `spec`: states (array), initial, transitions (array of
-- { name, from, to, four_eyes?, requires? }). One name may appear several times with different `from`.
-- Raises `error` for a definition that contradicts itself, or has a key that is not one of these.
function machine.define(spec)
  local ok, made = pcall(build, spec)
  if not ok then error(made, 2) end
  return made
end

local function starts_in(t, state)
  for _, s in ipairs(t.from) do
    if s == state then return true end
  end
  return false
end

--- The transition `name` from `state`, or nil when it is not possible there. Raises `error` for a name that the machine
-- does not have at all: that is no client's mistake.
local function find(self, state, name)
  if not self.named[name] then error("this machine has no transition " .. tostring(name), 3) end
  for _, t in ipairs(self.transitions) do
    if t.name == name and starts_in(t, state) then return t end
  end
  return nil
end

--- Names of the transitions possible from `state`, in declared order.
function Machine:allowed(state)
  local names = {}
  for _, t in ipairs(self.transitions) do
    if starts_in(t, state) then names[#names + 1] = t.name end
  end
  return names
end

--- The state that `name` leads to from `state`, or nil when it is not possible there.
function Machine:target(state, name)
  local t = find(self, state, name)
  return t and t.to
end

--- 0 counts as missing because SQL has no false, and no required field means "none" by 0.
local function missing(v)
  return v == nil or v == "" or v == false or v == 0
end

local function value_of(row, fields, name)
  local v = fields[name]
  if v == nil then v = row[name] end
  return v
end

local function applies(when, row, fields)
  for name, values in pairs(when) do
    local v, hit = value_of(row, fields, name), false
    for _, w in ipairs(values) do hit = hit or v == w end
    if not hit then return false end
  end
  return true
end

local function check_eyes(call, t, row, fields)
  for _, name in ipairs(t.four_eyes) do
    local who = value_of(row, fields, name)
    if not missing(who) and (who == call.user or who == call.person) then
      call:fail("NOPERM", { rule = "four_eyes", arg = name, state = row.state },
        "%s needs a second person: %s is the %s of this record", t.name, who, name)
    end
  end
end

local function check_required(call, t, row, fields)
  for _, r in ipairs(t.requires) do
    if applies(r.when, row, fields) and missing(value_of(row, fields, r.field)) then
      call:fail(r.code, { rule = r.rule, arg = r.field, state = row.state }, "%s needs %s", t.name, r.field)
    end
  end
end

--- Is transition `name` possible for `row` (its `state` field) and this caller? Returns the next state.
-- `fields`: what the caller brings along; looked up before the row's own fields.
-- Refuses with STATE wrong_state, NOPERM four_eyes, or the code and rule of a missing required field.
function Machine:check(call, row, name, fields)
  fields = fields or {}
  local t = find(self, row.state, name)
  if not t then
    local possible = table.concat(self:allowed(row.state), ", ")
    if possible == "" then
      call:fail("STATE", { rule = "wrong_state", state = row.state },
        "%s is not possible in state %s, which is final", name, row.state)
    end
    call:fail("STATE", { rule = "wrong_state", state = row.state, allowed = possible },
      "%s is not possible in state %s; possible: %s", name, row.state, possible)
  end
  check_eyes(call, t, row, fields)
  check_required(call, t, row, fields)
  return t.to
end

return machine
