--- Files are UTF-8 without a byte order mark: what is wrong with one that is not.
local encoding = {}

encoding.MARK = "\xEF\xBB\xBF"

--- The line of the first fault, what it is and what helps; nil for a text as it should be.
function encoding.fault(text)
  if text:sub(1, #encoding.MARK) == encoding.MARK then
    return 1, "the file begins with a byte order mark", "save it as UTF-8 without"
  end
  local _, at = utf8.len(text)
  if not at then return nil end
  local _, before = text:sub(1, at):gsub("\n", "")
  return before + 1, ("line %d is not UTF-8 (GBK?)"):format(before + 1), "save it as UTF-8"
end

return encoding
