--- The whole play: units and people, money, inspections, the five ones; then the figures.
local sender = require "sender"
local office = require "office"
local money = require "money"
local rounds = require "rounds"
local cases = require "cases"
local sheet = require "sheet"

local story = {}

local COMMANDS = 1380 -- about how many the play sends; the progress bar needs it, nothing else

--- Play over the administrator's connection. Returns the sender with its books and the lines of the answer sheet.
-- Raises a text that says which command came out otherwise than foreseen.
function story.play(admin)
  local s = sender.new(admin, COMMANDS)
  local ok, err = xpcall(function()
    office.play(s)
    money.play(s)
    rounds.play(s)
    cases.play(s)
    local readers = s:conns("yl-reader", 2)
    s.lines, s.tree = sheet.ask(readers), sheet.tree(readers[1])
  end, function(e) return type(e) == "string" and e or type(e) == "table" and e.text
    or debug.traceback(tostring(e)) end)
  s:leave()
  s.progress:done()
  if not ok then error(err, 0) end
  return s
end

return story
