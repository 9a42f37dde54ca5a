--- Who may give to which fund, and for which unit the gift counts.
local common = require "fund.common"
local text = require "muster.text"

local donors = {}

local MEMBERS_ONLY = { special_dues = true }
local NONMEMBERS_ONLY = { staff = true }

local function not_of_branch(call, who, branch)
  call:fail("POLICY", { rule = "fund.other_branch", arg = "branch" },
    "%s is no member of branch %s; leave branch out", who, branch)
end

local function member_rules(call, fund, who, on)
  local person, branch = who.person, who.branch
  if branch and person.member and branch ~= person.branch then
    local rule = MEMBERS_ONLY[fund.kind] and "fund.member_only" or "fund.other_branch"
    call:fail("POLICY", { rule = rule, arg = "branch" }, "%s belongs to branch %s on %s, not to %s", who.code,
      person.branch, on, branch)
  end
  if MEMBERS_ONLY[fund.kind] and not person.member then
    call:fail("POLICY", { rule = "fund.member_only", arg = "donor" },
      "fund %s takes dues of Party members only; %s is in no branch on %s", fund.code, who.code, on)
  end
  if NONMEMBERS_ONLY[fund.kind] and person.member then
    call:fail("POLICY", { rule = "fund.nonmember_only", arg = "donor" },
      "fund %s is for staff outside the Party; %s is a member of branch %s", fund.code, who.code, person.branch)
  end
  if branch and not person.member then not_of_branch(call, who.code, branch) end
end

--- The unit a gift counts for must lie in the fund's own subtree and in the caller's scope.
local function check_place(call, fund, unit, path)
  if path:sub(1, #fund.path) ~= fund.path then
    call:fail("POLICY", { rule = "fund.outside", arg = "unit" },
      "unit %s does not belong to unit %s, which keeps fund %s", unit, fund.unit, fund.code)
  end
  if not common.sees(call, path) then common.unknown(call, "unit", unit) end
end

--- A person of org. Dues count for the unit of the branch, other gifts for the person's own unit.
local function from_person(call, fund, on, who)
  local person = call:invoke("org.party.check", { person = who.code, on = on })
  who.person = person
  member_rules(call, fund, who, on)
  local by_branch = person.member and not NONMEMBERS_ONLY[fund.kind]
  local unit, path = person.unit, person.unit_path
  if by_branch then unit, path = person.branch_unit, person.branch_unit_path end
  if who.unit and who.unit ~= unit then
    call:fail("POLICY", { rule = "fund.other_unit", arg = "unit" }, "a gift of %s counts for unit %s, not for %s",
      who.code, unit, who.unit)
  end
  check_place(call, fund, unit, path)
  return { code = who.code, key = "P:" .. who.code, name = person.name, class = person.status, unit = unit, path = path,
    branch = by_branch and person.branch or "", branch_name = person.branch_name, anonymous = who.anonymous or false }
end

--- Anybody else: a body by its name, or nobody's name at all.
local function from_other(call, fund, who)
  local name = who.name and text.normal(call, who.name)
  if name == "" or not name and not who.anonymous then
    call:fail("ARG", { rule = "fund.donor", arg = "donor" }, "say who gives: donor, donor_name or anonymous=1")
  end
  if who.branch then not_of_branch(call, name or "-", who.branch) end
  local unit = who.unit or fund.unit
  local path = who.unit and call:unit_path(unit) or fund.path
  check_place(call, fund, unit, path)
  return { key = name and "N:" .. name, name = name, class = name and "body" or "anonymous", unit = unit,
    path = path, branch = "",
    anonymous = who.anonymous or false }
end

--- Check a donor against the fund's rules on a day. `who`: { code, name, branch, unit, anonymous }.
-- Returns { code, key (nil: anonymous), name, class, unit, path, branch, branch_name, anonymous }.
-- Refuses with POLICY fund.member_only, fund.nonmember_only, fund.outside, fund.other_unit; ARG fund.donor.
function donors.check(call, fund, on, who)
  if fund.kind == "inkind" then
    call:fail("POLICY", { rule = "fund.goods_only", arg = "fund" }, "fund %s takes goods only: fund.inkind.give",
      fund.code)
  end
  if who.code then return from_person(call, fund, on, who) end
  if MEMBERS_ONLY[fund.kind] or NONMEMBERS_ONLY[fund.kind] then
    call:fail("ARG", { rule = "fund.donor", arg = "donor" }, "fund %s needs the donor's person code", fund.code)
  end
  return from_other(call, fund, who)
end

return donors
