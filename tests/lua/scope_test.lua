local scope = require "muster.scope"

local claims = {}

--- A caller whose subtree is `path`; a refusal is raised as "CODE rule".
local function caller(path)
  return { scope = path, scope_end = path:sub(1, -2) .. "0",
    unit_path = function(_, unit) return path .. unit .. "/" end,
    in_scope = function(_, unit) return unit == "OWN" end,
    fail = function(_, code, details) error(code .. " " .. details.rule, 0) end }
end

--- Siblings whose code begins alike are outside: /YL/CB-1/ does not hold /YL/CB-10/.
function claims.a_subtree_holds_what_is_below_and_nothing_beside(t)
  local from, to = scope.subtree(caller("/YL/"), "CB-1")
  local function holds(path) return path >= from and path < to end
  t.same({ holds("/YL/CB-1/"), holds("/YL/CB-1/ST/") }, { true, true })
  t.same({ holds("/YL/"), holds("/YL/CB-10/"), holds("/YL/CB-1-2/"), holds("/YL/CB-2/") }, { false, false, false, false })
  t.same({ scope.subtree(caller("/YL/")) }, { "/YL/", "/YL0" })
end

function claims.a_scoped_caller_never_learns_what_exists(t)
  t.fails("SCOPE fund.scope", scope.unknown, caller("/YL/"), "fund", "gift", "X")
  t.fails("NOTFOUND fund.unknown", scope.unknown, caller("/"), "fund", "gift", "X")
  t.fails("SCOPE fund.scope", scope.own, caller("/YL/"), "fund", "OTHER", "gift", "X")
  t.fails("SCOPE fund.scope", scope.own, caller("/YL/"), "fund", nil, "gift", "X")
  scope.own(caller("/YL/"), "fund", "OWN", "gift", "X")
end

function claims.a_stale_revision_is_a_conflict(t)
  t.fails("CONFLICT stale_rev", scope.check_rev, caller("/"), { rev = 2 }, 1)
  scope.check_rev(caller("/"), { rev = 2 }, 2)
  scope.check_rev(caller("/"), { rev = 2 }, nil)
end

return claims
