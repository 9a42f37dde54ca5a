--- Plays the article as data and prints its figures as Muster computes them: muster play scripts/article/play.lua
--
-- Exit status 0 when every figure agrees exactly. A second play of the same data folder changes nothing.
local story = require "story"
local sheet = require "sheet"

local started = muster.now()
local ok, s = pcall(story.play, muster.connect())
if not ok then
  io.stderr:write(tostring(s), "\n")
  print("The play stopped. If the data folder was written by an earlier version, or by hand, take a fresh one.")
  muster.exit(1)
end
local good, bad, bad_a = sheet.print(s.lines, s.tree)
print(string.format("%d commands sent in %.1f s: %d written, %d replayed, %d refused as foreseen.", s.sent,
  (muster.now() - started) / 1000, s.written, s.replayed, s.refused))
if s.written == 0 then print(string.format("Second run: nothing changed, %d commands replayed.", s.replayed)) end
print(string.format("%d figures agree, %d do not (%d of them stated by the article).", good, bad, bad_a))
muster.exit(bad == 0 and 0 or 1)
