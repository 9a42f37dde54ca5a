--- What must be true of every single reply.
local judge = {}

local CODES = {}
for code in ("ARG NOTFOUND STATE CONFLICT DUP CLOSED LIMIT POLICY NOPERM SCOPE NOAUTH WRONGPASS TOOBIG PROTO BUSY TIMEOUT "
  .. "ERR"):gmatch("%S+") do CODES[code] = true end

--- These tell of other parts on purpose: contacts above and beside (escalation must be able to leave the subtree), and
--- campaigns, which are plans for everybody.
local OPEN = { ["org.route"] = true, ["fiveones.campaign.list"] = true, ["fiveones.campaign.get"] = true,
  ["fiveones.campaign.define"] = true }

--- Texts of a value, keys too.
local function each_text(value, f)
  if type(value) == "string" then f(value) end
  if type(value) ~= "table" then return end
  for k, v in pairs(value) do
    each_text(k, f)
    each_text(v, f)
  end
end

local function error_texts(err)
  return { err.rule, err.arg, err.state, err.allowed, err.text }
end

--- The first mark of another part that the caller has not sent himself, or nil.
local function leak(part, sent, value)
  local found
  each_text(value, function(text)
    for at, other in text:gmatch("()Q([NST])") do
      local token = text:match("^[%w_/%-]+", at)
      if other ~= part and not found and not sent:find(token, 1, true) then found = token end
    end
  end)
  return found
end

local CJK = "[\xe4-\xe9][\x80-\xbf][\x80-\xbf]"

local function in_language(err, lang, sent)
  local chinese = false
  for char in (err.text or ""):gmatch(CJK) do
    if not sent:find(char, 1, true) and not judge.names:find(char, 1, true) then chinese = true end
  end
  return chinese == (lang == "zh-CN")
end

judge.names = "古丽米热艾力阿依玉山王李示例支部捐款片区点位单位州局共同检查表日历五个一体温通风走访问题作废字长万"

--- A reply as a text: JSON, but bytes as they are.
function judge.shown(value)
  if type(value) == "string" and not utf8.len(value) then return value end
  return muster.json.encode(value == nil and muster.null or value)
end

--- Names the property that this outcome breaks and the text that does it, or nil. `call`: { words, part, lang }.
function judge.outcome(call, value, err)
  local sent = table.concat(call.words, " ")
  if err and err.connection then return "the connection was closed" end
  if err and not CODES[err.code] then return "a code that must not be" end
  if err and (not err.text or err.text == "") then return "a refusal without a text" end
  -- What Lua says of a script that was typed in is Lua's own.
  if err and call.lang and err.code ~= "ERR" and err.rule ~= "lua.error" and not in_language(err, call.lang, sent) then
    return "not in the language " .. call.lang
  end
  local found = call.part and not OPEN[call.words[1]] and leak(call.part, sent, err and error_texts(err) or value)
  if found then return "a leak of " .. found, found end
end

return judge
