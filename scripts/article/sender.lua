--- Sends commands as several users over several connections, and keeps the books: sent, written, refused as foreseen.
--
-- Every write bears an idem key made of its own name, so that a second play of the same data folder is answered from
-- what is stored. A refusal is stored nowhere: it is asked for again and has to come again.
local sender = {}
sender.__index = sender

--- One job for muster.each: `key` names it for ever, `at` is the business time.
-- more: lane; expect = "CODE rule" when a refusal is what should come (several, separated by "|", when after a first
-- play the state that the refusal speaks of is another).
function sender.job(key, at, command, args, more)
  args.idem, args.at = "article/" .. key, at
  more = more or {}
  return { command, args, lane = more.lane, expect = more.expect }
end

--- The newest row of the audit chain: every accepted write has added one, a replayed one none.
local function audit_rows(admin)
  local newest = admin:call("audit.tail", { limit = 1 })[1]
  return newest and newest.id or 0
end

--- `admin`: the administrator's connection; `total`: how many commands are to come, for the progress bar.
function sender.new(admin, total)
  return setmetatable({ admin = { admin }, users = {}, tokens = {}, label = "article-" .. muster.now(),
    progress = muster.progress("the article", total), sent = 0, marked = 0, refused = 0, rows = audit_rows(admin) },
    sender)
end

--- The connections of a user, opened on first use with a token made for this run.
function sender:conns(user, count)
  if user == "admin" then return self.admin end
  local list = self.users[user]
  if not list then
    local reply = self.admin[1]:call("user.token", { name = user, label = self.label })
    self.tokens[#self.tokens + 1] = user
    list = {}
    self.users[user] = list
    for i = 1, count or 1 do
      list[i] = muster.connect { user = user, token = reply.token, name = "article-" .. user .. "-" .. i }
    end
  end
  return list
end

--- Take the tokens of this run back, and close the books: `written` writes were new, `replayed` were answered from
-- what is stored. (`marked` of them were marked so: a reply that is no map has no room for a mark.)
function sender:leave()
  self.written = audit_rows(self.admin[1]) - self.rows - #self.tokens
  self.replayed = self.sent - self.refused - self.written
  self.users_signed = #self.tokens
  for _, user in ipairs(self.tokens) do
    for _, conn in ipairs(self.users[user] or {}) do conn:close() end
    self.admin[1]:try("user.token.revoke", { name = user, label = self.label })
  end
  self.tokens, self.users = {}, {}
end

local function foreseen(expect, err)
  for one in expect:gmatch("[^|]+") do
    local code, rule = one:match("^(%u+) ?(.*)$")
    if err.code == code and (rule == "" or rule == err.rule) then return true end
  end
  return false
end

local function describe(job)
  return job[1] .. " " .. muster.json.encode(job[2])
end

--- Enter one reply in the books. An unforeseen outcome ends the play.
function sender:took(job, value, err, meta)
  self.sent = self.sent + 1
  self.progress:add(1)
  if err and not job.expect then
    error(string.format("%s\n  was refused: %s %s %s", describe(job), err.code, err.rule or "", err.text or ""), 0)
  elseif err and not foreseen(job.expect, err) then
    error(string.format("%s\n  should have been refused with %s, but: %s %s %s", describe(job), job.expect, err.code,
      err.rule or "", err.text or ""), 0)
  elseif not err and job.expect then
    error(string.format("%s\n  should have been refused with %s, but was accepted", describe(job), job.expect), 0)
  end
  if err then self.refused = self.refused + 1 end
  if meta and meta.replayed then self.marked = self.marked + 1 end
  job.reply, job.err = value, err
end

--- Send jobs as one user over `count` connections; jobs of one lane keep their order.
function sender:each(user, jobs, count)
  if #jobs == 0 then return jobs end
  muster.each(self:conns(user, count), jobs, { window = 16,
    on_reply = function(i, value, err, meta) self:took(jobs[i], value, err, meta) end })
  return jobs
end

--- One command as one user. Returns the value.
function sender:one(user, job)
  self:took(job, self:conns(user)[1]:try(job[1], job[2]))
  return job.reply
end

--- Jobs of many users at the same time: `plan` = { { user, { job, … } }, … }, each user's jobs in order.
function sender:together(plan)
  for _, p in ipairs(plan) do
    local conn = self:conns(p[1])[1]
    for _, job in ipairs(p[2]) do conn:send(job[1], job[2]) end
    conn:flush()
  end
  for _, p in ipairs(plan) do
    local conn = self:conns(p[1])[1]
    for _, job in ipairs(p[2]) do
      self:took(job, conn:recv())
    end
  end
end

return sender
