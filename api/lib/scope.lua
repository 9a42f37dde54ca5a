--- Whose rows a caller may see: subtrees of units, things outside of them, and records that changed meanwhile.
local scope = {}

--- The paths of a unit's subtree, of the caller's own for nil: those with path >= first result and path < second.
function scope.subtree(call, unit)
  if not unit then return call.scope, call.scope_end end
  local path = call:unit_path(unit)
  return path, path:sub(1, -2) .. "0" -- "0" follows "/": every path below
end

--- Does `path` lie in the caller's subtree?
function scope.sees(call, path)
  return path ~= nil and path >= call.scope and path < call.scope_end
end

--- Refuse as if the thing did not exist: SCOPE for a caller with a limited scope, who must not learn whether it
-- exists elsewhere, else NOTFOUND. `plugin`: whose rule it is; `what`: the argument that named `code`.
function scope.unknown(call, plugin, what, code)
  if call.scope ~= "/" then
    call:fail("SCOPE", { rule = plugin .. ".scope", arg = what }, "%s %s is not within your scope", what, code)
  end
  call:fail("NOTFOUND", { rule = plugin .. ".unknown", arg = what }, "there is no %s %s", what, code)
end

--- Refuse so unless `unit`, to which the thing belongs (nil: there is none), lies in the caller's subtree.
function scope.own(call, plugin, unit, what, code)
  if not (unit and call:in_scope(unit)) then scope.unknown(call, plugin, what, code) end
end

--- Optimistic locking: `rev` is what the caller last read, or nil.
function scope.check_rev(call, row, rev)
  if rev and rev ~= row.rev then
    call:fail("CONFLICT", { rule = "stale_rev", arg = "rev" },
      "this record is at revision %d, you sent %d; read it again", row.rev, rev)
  end
end

return scope
