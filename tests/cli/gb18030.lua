--- gb18030.lua DIR: every character of Unicode above ASCII, one a line, as UTF-8 in DIR/utf8 and by cnkit as GB18030 in DIR/own. What
--- cnkit makes of its own bytes is the same text again.
local admin = muster.connect { name = "gb18030" }
local dir = muster.args[1]
local utf, own = assert(io.open(dir .. "/utf8", "wb")), assert(io.open(dir .. "/own", "wb"))
for from = 0x80, 0x10FFFF, 0x10000 do
  local lines = {}
  for c = from, math.min(from + 0xFFFF, 0x10FFFF) do
    if c < 0xD800 or c > 0xDFFF then lines[#lines + 1] = utf8.char(c) .. "\n" end
  end
  local text = table.concat(lines)
  local bytes = admin:call("cnkit.enc.to_gb18030", { text = text })
  local back = admin:call("cnkit.enc.to_utf8", { bytes = bytes, from = "gb18030" })
  assert(back.text == text, ("the block from U+%04X does not come back"):format(from))
  utf:write(text)
  own:write(bytes)
end
utf:close()
own:close()
