--- Reads Lua 5.4 source far enough to check it: who declares and uses which name, and every call with its arguments.
---
--- syntax.parse(text) returns {calls, functions, globals, locals, tables, texts} or nil, line, reason; `texts` are all
--- string constants and concatenations; a call knows the function `within` which it stands, a function its `outer` one.
--- Source: the reference manual, §3.1 (words), §3.3 to §3.5 (grammar, visibility)
--- and §9. Nodes are tables with `kind` and `line`.
local syntax = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
  while]]):gmatch("%a+") do KEYWORDS[word] = true end

local SYMBOLS = { "...", "<<", ">>", "//", "==", "~=", "<=", ">=", "::", "..", "+", "-", "*", "/", "%", "^", "#", "&",
  "~", "|", "<", ">", "=", "(", ")", "{", "}", "[", "]", ";", ":", ",", "." }

local ESCAPES = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v" }

-- -- words --

local function stop(line, why) error({ line = line, why = why }) end

--- The text between quotes, its escapes replaced, and where it ends.
local function quoted(text, at, line)
  local quote, parts = text:sub(at, at), {}
  at = at + 1
  while true do
    local plain = text:match("^[^\\\n\"']*", at)
    parts[#parts + 1], at = plain, at + #plain
    local c = text:sub(at, at)
    if c == quote then return table.concat(parts), at + 1 end
    if c == "" or c == "\n" then stop(line, "unfinished string") end
    if c ~= "\\" then
      parts[#parts + 1], at = c, at + 1
    else
      local e = text:sub(at + 1, at + 1)
      local hex, digits = text:match("^\\x(%x%x)", at), text:match("^\\(%d%d?%d?)", at)
      local code = text:match("^\\u{(%x+)}", at)
      if hex then parts[#parts + 1], at = string.char(tonumber(hex, 16)), at + 4
      elseif digits then parts[#parts + 1], at = string.char(tonumber(digits) & 255), at + 1 + #digits
      elseif code then parts[#parts + 1], at = utf8.char(tonumber(code, 16)), at + 4 + #code
      elseif e == "z" then at = text:match("^\\z%s*()", at)
      else parts[#parts + 1], at = ESCAPES[e] or e, at + 2 end
    end
  end
end

local function long_bracket(text, at)
  local level = text:match("^%[(=*)%[", at)
  if not level then return nil end
  local from = at + #level + 2
  local close, last = text:find("]" .. level .. "]", from, true)
  if not close then return nil end
  return text:sub(from, close - 1):gsub("^\r?\n", ""), last + 1
end

--- Skip blanks and comments. Returns where the next word begins.
local function skip(text, at)
  while true do
    at = text:match("^%s*()", at)
    if text:sub(at, at + 1) ~= "--" then return at end
    local _, after = long_bracket(text, at + 2)
    at = after or text:match("^[^\n]*()", at)
  end
end

local function count_lines(text, from, to)
  local n = 0
  for _ in text:sub(from, to):gmatch("\n") do n = n + 1 end
  return n
end

--- All words: { kind = "name" | "keyword" | "string" | "number" | "symbol" | "end", value, line }.
local function words(text)
  local list, line = {}, 1
  local at = text:match("^#[^\n]*()") or 1
  while true do
    local from = at
    at = skip(text, at)
    line = line + count_lines(text, from, at - 1)
    if at > #text then
      list[#list + 1] = { kind = "end", line = line }
      return list
    end
    local word = { line = line }
    from = at
    local c, name = text:sub(at, at), text:match("^[%a_][%w_]*", at)
    local long, after = long_bracket(text, at)
    if name then
      word.kind, word.value, at = KEYWORDS[name] and "keyword" or "name", name, at + #name
    elseif c == '"' or c == "'" then
      word.kind, word.value, at = "string", quoted(text, at, line)
    elseif long then
      word.kind, word.value, at = "string", long, after
    elseif text:match("^%.?%d", at) then
      local number = text:match("^0[xX][%x%.]*[pP]?[+-]?%d*", at) or text:match("^[%d%.]+[eE]?[+-]?%d*", at)
      if not number:match("[eEpP][+-]?%d*$") then number = text:match("^[%w%.]+", at) end
      word.kind, word.value, at = "number", number, at + #number
    else
      for _, symbol in ipairs(SYMBOLS) do
        if text:sub(at, at + #symbol - 1) == symbol then word.kind, word.value = "symbol", symbol break end
      end
      if not word.kind then stop(line, "unexpected " .. c) end
      at = at + #word.value
    end
    line = line + count_lines(text, from, at - 1)
    list[#list + 1] = word
  end
end

-- -- grammar --

local parser = {}
parser.__index = parser

function parser:peek() return self.words[self.at] end

function parser:is(value)
  local w = self:peek()
  return (w.kind == "symbol" or w.kind == "keyword") and w.value == value
end

function parser:take(value)
  if not self:is(value) then return false end
  self.at = self.at + 1
  return true
end

function parser:need(value)
  if self:take(value) then return end
  stop(self:peek().line, ("%s expected near %s"):format(value, self:peek().value or "the end"))
end

function parser:name()
  local w = self:peek()
  if w.kind ~= "name" then stop(w.line, "a name expected near " .. (w.value or "the end")) end
  self.at = self.at + 1
  return w.value, w.line
end

--- Names: each scope is a table from name to { name, line, uses, sets, first } with the outer one behind it.
function parser:open() self.scope = { outer = self.scope, names = {} } end
function parser:close() self.scope = self.scope.outer end

function parser:declare(name, line, first)
  local variable = { name = name, line = line, uses = 0, sets = 0, first = first }
  self.scope.names[name] = variable
  self.out.locals[#self.out.locals + 1] = variable
  return variable
end

function parser:find(name)
  local scope = self.scope
  while scope do
    if scope.names[name] then return scope.names[name] end
    scope = scope.outer
  end
  return nil
end

function parser:refer(name, line)
  local variable = self:find(name)
  if variable then
    variable.uses = variable.uses + 1
    return { kind = "name", name = name, line = line, variable = variable }
  end
  local global = { kind = "name", name = name, line = line, global = true }
  self.out.globals[#self.out.globals + 1] = global
  return global
end

function parser:arguments()
  local w = self:peek()
  if w.kind == "string" then
    self.at = self.at + 1
    local node = { kind = "string", value = w.value, line = w.line }
    self.out.texts[#self.out.texts + 1] = node
    return { node }
  elseif self:is("{") then
    return { self:table() }
  end
  self:need("(")
  local list = self:is(")") and {} or self:expressions()
  self:need(")")
  return list
end

function parser:starts_arguments() return self:peek().kind == "string" or self:is("{") or self:is("(") end

function parser:suffixed()
  local node
  local w = self:peek()
  if self:take("(") then
    node = { kind = "paren", inner = self:expression(), line = w.line }
    self:need(")")
  else
    node = self:refer(self:name())
  end
  while true do
    local line = self:peek().line
    if self:take(".") then
      node = { kind = "index", object = node, key = { kind = "string", value = self:name(), line = line }, line = line }
    elseif self:take("[") then
      node = { kind = "index", object = node, key = self:expression(), line = line }
      self:need("]")
    elseif self:take(":") then
      local method = self:name()
      node = { kind = "method", object = node, name = method, line = line, within = self.inside,
        args = self:arguments() }
      self.out.calls[#self.out.calls + 1] = node
    elseif self:starts_arguments() then
      node = { kind = "call", object = node, line = line, within = self.inside, args = self:arguments() }
      self.out.calls[#self.out.calls + 1] = node
    else
      return node
    end
  end
end

function parser:table()
  local node = { kind = "table", line = self:peek().line, fields = {} }
  self:need("{")
  while not self:is("}") do
    local w, behind = self:peek(), self.words[self.at + 1]
    local field = { line = w.line }
    if self:take("[") then
      field.key = self:expression()
      self:need("]")
      self:need("=")
    elseif w.kind == "name" and behind.kind == "symbol" and behind.value == "=" then
      field.key = { kind = "string", value = w.value, line = w.line }
      self.at = self.at + 2
    end
    field.value = self:expression()
    if field.value.kind == "function" and field.key then field.value.key = field.key.value end
    node.fields[#node.fields + 1] = field
    if not (self:take(",") or self:take(";")) then break end
  end
  self:need("}")
  self.out.tables[#self.out.tables + 1] = node
  return node
end

--- From the parameters on. `self_name`: a method's hidden first one.
function parser:body(line, self_name)
  local node = { kind = "function", line = line, params = {}, outer = self.inside }
  self.inside = node
  self:open()
  if self_name then self:declare("self", line).hidden = true end
  self:need("(")
  while not self:is(")") do
    if self:take("...") then node.vararg = true break end
    local name, at = self:name()
    local param = self:declare(name, at)
    param.param = true
    node.params[#node.params + 1] = param
    if not self:take(",") then break end
  end
  self:need(")")
  self:block()
  self:need("end")
  self:close()
  self.inside = node.outer
  self.out.functions[#self.out.functions + 1] = node
  return node
end

local CONSTANTS = { ["nil"] = true, ["true"] = true, ["false"] = true, ["..."] = true }

function parser:simple()
  local w = self:peek()
  if w.kind == "string" or w.kind == "number" then
    self.at = self.at + 1
    local node = { kind = w.kind, value = w.value, line = w.line }
    if w.kind == "string" then self.out.texts[#self.out.texts + 1] = node end
    return node
  elseif (w.kind == "keyword" or w.kind == "symbol") and CONSTANTS[w.value] then
    self.at = self.at + 1
    return { kind = w.value, line = w.line }
  elseif self:is("{") then
    return self:table()
  elseif self:take("function") then
    return self:body(w.line)
  end
  return self:suffixed()
end

-- Left and right binding power; §3.4.8.
local BINARY = { ["or"] = { 1, 1 }, ["and"] = { 2, 2 }, ["<"] = { 3, 3 }, [">"] = { 3, 3 }, ["<="] = { 3, 3 },
  [">="] = { 3, 3 }, ["~="] = { 3, 3 }, ["=="] = { 3, 3 }, ["|"] = { 4, 4 }, ["~"] = { 5, 5 }, ["&"] = { 6, 6 },
  ["<<"] = { 7, 7 }, [">>"] = { 7, 7 }, [".."] = { 9, 8 }, ["+"] = { 10, 10 }, ["-"] = { 10, 10 }, ["*"] = { 11, 11 },
  ["/"] = { 11, 11 }, ["//"] = { 11, 11 }, ["%"] = { 11, 11 }, ["^"] = { 14, 13 } }
local UNARY, UNARY_POWER = { ["not"] = true, ["-"] = true, ["#"] = true, ["~"] = true }, 12

function parser:expression(limit)
  local left
  local w = self:peek()
  if (w.kind == "keyword" or w.kind == "symbol") and UNARY[w.value] then
    self.at = self.at + 1
    left = { kind = "unary", op = w.value, inner = self:expression(UNARY_POWER), line = w.line }
  else
    left = self:simple()
  end
  while true do
    local op = self:peek()
    local power = (op.kind == "keyword" or op.kind == "symbol") and BINARY[op.value]
    if not power or power[1] <= (limit or 0) then return left end
    self.at = self.at + 1
    left = { kind = "binary", op = op.value, left = left, right = self:expression(power[2]), line = left.line }
    if op.value == ".." then self.out.texts[#self.out.texts + 1] = left end
  end
end

function parser:expressions()
  local list = { self:expression() }
  while self:take(",") do list[#list + 1] = self:expression() end
  return list
end

-- -- statements --

local ENDS = { ["end"] = true, ["else"] = true, ["elseif"] = true, ["until"] = true }

function parser:block()
  while true do
    local w = self:peek()
    if w.kind == "end" or (w.kind == "keyword" and ENDS[w.value]) then return end
    if self:take("return") then
      w = self:peek()
      if not (w.kind == "end" or self:is(";") or (w.kind == "keyword" and ENDS[w.value])) then self:expressions() end
      self:take(";")
      return
    end
    self:statement()
  end
end

function parser:inner(close)
  self:open()
  self:block()
  self:close()
  if close then self:need(close) end
end

local function assign(node)
  if node.kind ~= "name" then return end
  if node.variable then
    node.variable.sets = node.variable.sets + 1
  else
    node.assigned = true
  end
end

local statements = {}

statements["if"] = function(self)
  self:expression()
  self:need("then")
  self:inner()
  while self:take("elseif") do
    self:expression()
    self:need("then")
    self:inner()
  end
  if self:take("else") then self:inner() end
  self:need("end")
end

statements["while"] = function(self)
  self:expression()
  self:need("do")
  self:inner("end")
end

statements["do"] = function(self) self:inner("end") end

statements["for"] = function(self)
  local names = { { self:name() } }
  while self:take(",") do names[#names + 1] = { self:name() } end
  if not self:take("in") then self:need("=") end
  self:expressions()
  self:need("do")
  self:open()
  for _, n in ipairs(names) do self:declare(n[1], n[2]) end
  self:block()
  self:close()
  self:need("end")
end

statements["repeat"] = function(self)
  self:open()
  self:block()
  self:need("until")
  self:expression() -- sees the block's names
  self:close()
end

statements["function"] = function(self, line)
  local node = self:refer(self:name())
  if not self:is(".") and not self:is(":") then assign(node) end
  while self:take(".") do self:name() end
  local method = self:take(":") and self:name()
  self:body(line, method)
end

statements["local"] = function(self, line)
  if self:take("function") then
    local name, at = self:name()
    self:declare(name, at)
    return self:body(line)
  end
  local names = {}
  repeat
    names[#names + 1] = { self:name() }
    if self:take("<") then
      self:name()
      self:need(">")
    end
  until not self:take(",")
  local values = self:take("=") and self:expressions() or {}
  for i, n in ipairs(names) do self:declare(n[1], n[2], values[i]) end
end

statements["goto"] = function(self) self:name() end
statements["break"] = function() end
statements["::"] = function(self)
  self:name()
  self:need("::")
end
statements[";"] = function() end

function parser:statement()
  local w = self:peek()
  local known = (w.kind == "keyword" or w.kind == "symbol") and statements[w.value]
  if known then
    self.at = self.at + 1
    return known(self, w.line)
  end
  local targets = { self:suffixed() }
  while self:take(",") do targets[#targets + 1] = self:suffixed() end
  local calls = targets[1].kind == "call" or targets[1].kind == "method"
  if #targets == 1 and calls and not self:is("=") then return end
  for _, target in ipairs(targets) do
    if target.kind ~= "name" and target.kind ~= "index" then stop(w.line, "a value can't be given to this") end
  end
  self:need("=")
  local values = self:expressions()
  for i, target in ipairs(targets) do
    assign(target)
    if target.kind == "name" and target.variable then target.variable.uses = target.variable.uses - 1 end
    -- commands["x.y"] = { … } counts as the field of a table
    if target.kind == "index" and values[i] then
      self.out.tables[#self.out.tables + 1] = { kind = "table", line = target.line,
        fields = { { key = target.key, value = values[i], line = target.line } } }
    end
  end
end

--- {calls, functions, globals, locals, tables, texts}, or nil, line, reason.
function syntax.parse(text)
  local out = { calls = {}, functions = {}, globals = {}, locals = {}, tables = {}, texts = {} }
  local p = setmetatable({ at = 1, out = out }, parser)
  local ok, err = pcall(function()
    p.words = words(text)
    p:open()
    p:block()
    if p:peek().kind ~= "end" then stop(p:peek().line, "the end expected near " .. tostring(p:peek().value)) end
  end)
  if ok then return p.out end
  if type(err) ~= "table" then error(err, 0) end
  return nil, err.line, err.why
end

--- The table that a name was set to once, or nil.
local function table_of(node)
  local variable = node.kind == "name" and node.variable
  return variable and variable.first and variable.sets == 0 and variable.first.kind == "table" and variable.first or nil
end

--- The text that an expression always is, through locals set once, their fields and `..`; or nil.
function syntax.constant(node)
  if node.kind == "string" or node.kind == "number" then return node.value end
  if node.kind == "paren" then return syntax.constant(node.inner) end
  if node.kind == "name" and node.variable and node.variable.first and node.variable.sets == 0 then
    return syntax.constant(node.variable.first)
  end
  if node.kind == "index" and table_of(node.object) then
    local key = syntax.constant(node.key)
    for _, field in ipairs(key and table_of(node.object).fields or {}) do
      if field.key and syntax.constant(field.key) == key then return syntax.constant(field.value) end
    end
  elseif node.kind == "binary" and node.op == ".." then
    local left, right = syntax.constant(node.left), syntax.constant(node.right)
    return left and right and left .. right
  end
  return nil
end

local MAX_TEXTS = 64

--- Every text an expression may be, each with its line: the branches of `and` and `or`, the fields of a table that is
--- asked for by a key of the moment. `whole` is false when it may be others too.
function syntax.texts(node)
  local text = syntax.constant(node)
  if text then return { { text = text, line = node.line } }, true end
  local out, whole = {}, true

  local function take(inner)
    local more, all = syntax.texts(inner)
    for _, one in ipairs(more) do
      if #out < MAX_TEXTS then out[#out + 1] = one end
    end
    whole = whole and all
  end

  if node.kind == "paren" then
    take(node.inner)
  elseif node.kind == "name" and node.variable and node.variable.first and node.variable.sets == 0 then
    take(node.variable.first)
  elseif node.kind == "binary" and (node.op == "or" or node.op == "and") then
    if node.op == "or" then take(node.left) end
    take(node.right)
  elseif node.kind == "binary" and node.op == ".." then
    local lefts, all_left = syntax.texts(node.left)
    local rights, all_right = syntax.texts(node.right)
    for _, left in ipairs(lefts) do
      for _, right in ipairs(rights) do
        if #out < MAX_TEXTS then out[#out + 1] = { text = left.text .. right.text, line = node.line } end
      end
    end
    whole = all_left and all_right
  elseif node.kind == "index" and table_of(node.object) then
    for _, field in ipairs(table_of(node.object).fields) do take(field.value) end
  else
    whole = false
  end
  return out, whole
end

return syntax
