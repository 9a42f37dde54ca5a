--- in_order.lua WANTED FILE: the lines of WANTED come in FILE in this order, "…" in them standing for anything.
local lines, at = {}, 1
for line in io.lines(arg[2]) do lines[#lines + 1] = line end
for wanted in arg[1]:gmatch("[^\n]+") do
  local pattern = "^" .. wanted:gsub("%p", "%%%0"):gsub("…", ".*") .. "$"
  while lines[at] and not lines[at]:find(pattern) do at = at + 1 end
  if not lines[at] then
    io.stderr:write(("not printed, or not in this order: %s\n---\n%s\n"):format(wanted, table.concat(lines, "\n")))
    os.exit(1)
  end
  at = at + 1
end
