local machine = require "muster.machine"

local claims = {}

local function finding()
  return machine.define {
    initial = "open", states = { "open", "submitted", "verified", "closed" },
    transitions = {
      { name = "submit", from = { "open" }, to = "submitted" },
      { name = "verify", from = "submitted", to = "verified", four_eyes = "owner" },
      { name = "reject", from = { "submitted" }, to = "open", requires = { "reason" } },
      { name = "close", from = { "verified" }, to = "closed",
        requires = { { field = "after_photo", rule = "x.evidence", when = { severity = { "major", "critical" } } } } },
      { name = "reopen", from = { "verified", "closed" }, to = "open", requires = { { field = "why", code = "ARG" } } },
    },
  }
end

--- A call that keeps what it was refused with.
local function call(user, person)
  local c = { user = user or "u", person = person }
  function c.fail(_, code, info, fmt, ...)
    c.refused = { code = code, info = info, text = string.format(fmt, ...) }
    error("refused", 0)
  end
  return c
end

function claims.a_possible_transition_leads_to_its_state(t)
  t.same(finding():check(call(), { state = "open" }, "submit"), "submitted")
end

function claims.an_impossible_transition_names_state_and_what_is_possible(t)
  local c = call()
  t.fails("refused", finding().check, finding(), c, { state = "submitted" }, "close", {})
  t.same(c.refused.code, "STATE")
  t.same(c.refused.info, { rule = "wrong_state", state = "submitted", allowed = "verify, reject" })
end

function claims.a_final_state_says_so(t)
  local c = call()
  local go = { name = "go", from = "a", to = "b" }
  local m = machine.define { initial = "a", states = { "a", "b" }, transitions = { go } }
  t.fails("refused", m.check, m, c, { state = "b" }, "go")
  t.same(c.refused.text, "go is not possible in state b, which is final")
end

function claims.four_eyes_refuses_the_same_user_and_the_same_person(t)
  for _, c in ipairs { call("li", nil), call("x", "li") } do
    t.fails("refused", finding().check, finding(), c, { state = "submitted", owner = "li" }, "verify")
    t.same(c.refused.code, "NOPERM")
    t.same(c.refused.info.rule, "four_eyes")
  end
  t.same(finding():check(call("wang", "M002"), { state = "submitted", owner = "li" }, "verify"), "verified")
end

function claims.four_eyes_with_no_owner_yet_refuses_nobody(t)
  t.same(finding():check(call("li"), { state = "submitted" }, "verify"), "verified")
end

function claims.a_required_field_may_come_from_the_call_or_the_row(t)
  local m = finding()
  t.same(m:check(call(), { state = "submitted" }, "reject", { reason = "blurred" }), "open")
  t.same(m:check(call(), { state = "submitted", reason = "blurred" }, "reject"), "open")
  for _, empty in ipairs { "", 0, false } do
    local c = call()
    t.fails("refused", m.check, m, c, { state = "submitted" }, "reject", { reason = empty })
    t.same(c.refused.info.rule, "required_field")
    t.same(c.refused.info.arg, "reason")
  end
end

function claims.a_condition_decides_whether_a_field_is_required(t)
  local m, c = finding(), call()
  t.same(m:check(call(), { state = "verified", severity = "minor" }, "close"), "closed")
  t.fails("refused", m.check, m, c, { state = "verified", severity = "major" }, "close")
  t.same(c.refused.info.rule, "x.evidence")
  t.same(m:check(call(), { state = "verified", severity = "major", after_photo = 1 }, "close"), "closed")
end

function claims.the_code_of_a_missing_field_can_be_chosen(t)
  local c = call()
  t.fails("refused", finding().check, finding(), c, { state = "closed" }, "reopen")
  t.same(c.refused.code, "ARG")
end

function claims.allowed_and_target_read_the_table(t)
  t.same(finding():allowed("verified"), { "close", "reopen" })
  t.same(finding():target("verified", "close"), "closed")
  t.same(finding():target("open", "close"), nil)
end

function claims.a_definition_that_contradicts_itself_is_an_error(t)
  t.fails("initial", machine.define, { initial = "x", states = { "a" }, transitions = {} })
  t.fails("unknown state", machine.define,
    { initial = "a", states = { "a" }, transitions = { { name = "go", from = { "a" }, to = "b" } } })
  t.fails("starts nowhere", machine.define,
    { initial = "a", states = { "a" }, transitions = { { name = "go", from = {}, to = "a" } } })
end

--- A control that is misspelt would be no control.
function claims.a_key_that_nobody_reads_is_an_error(t)
  local function with(transition, spec)
    local made = { initial = "a", states = { "a", "b" }, transitions = { transition } }
    for key, value in pairs(spec or {}) do made[key] = value end
    return made
  end
  t.fails("transition go: there is no `four_eye` here; the keys are name, from, to, four_eyes, requires", machine.define,
    with { name = "go", from = "a", to = "b", four_eye = "owner" })
  t.fails("transition go: there is no `require` here", machine.define,
    with { name = "go", from = "a", to = "b", require = { "reason" } })
  t.fails("transition go, a required field: there is no `if` here; the keys are field, rule, code, when", machine.define,
    with { name = "go", from = "a", to = "b", requires = { { field = "reason", ["if"] = {} } } })
  t.fails("a machine: there is no `final` here; the keys are initial, states, transitions", machine.define,
    with({ name = "go", from = "a", to = "b" }, { final = "b" }))
end

--- A client can do nothing about a name that the plugin's code has wrong.
function claims.a_transition_that_the_machine_does_not_have_is_an_error(t)
  local c, m = call(), finding()
  t.fails("no transition clos", m.check, m, c, { state = "verified" }, "clos")
  t.fails("no transition clos", m.target, m, "verified", "clos")
  t.same(c.refused, nil)
end

--- Errors of a definition name the line that defines, not one of the library.
function claims.a_wrong_definition_is_reported_where_it_stands(t)
  local line = debug.getinfo(1, "l").currentline + 2
  t.fails("machine_test.lua:" .. line, function()
    local m = machine.define { initial = "x", states = { "a" }, transitions = {} }
    return m
  end)
end

return claims
