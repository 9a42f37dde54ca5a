---@meta muster
--- What a Lua plugin of Muster meets: the typed stubs for lua-language-server, and the one source of the Lua manual.
---
--- A plugin is a folder `plugins/NAME/` with `manifest.lua` (a table of data), `init.lua` (returns a muster.Plugin),
--- more modules (`require "NAME.module"`), `migrations/NNN_words.sql`, `locale/zh-CN.lua` (English → Chinese format)
--- and `tests/*.session`. There is one Lua state per plugin and lane: keep nothing in Lua variables between commands.
--- A translation has the same %s and %d as its English, in the same order. What the library refuses with is Chinese
--- already; a plugin's own locale can say it otherwise.
--- There are the functions of Lua 5.4, `muster` and `require`. Of Lua's own are
--- not there: _VERSION debug dofile io loadfile math.random math.randomseed os package string.dump warn
--- `pairs` and `next` go through a table in an order that is another after each start of the server: sort what is
--- stored or told in an order. No metatable has `__gc`, `__mode` or `__concat`. `load` takes texts only, of at most
--- 64 KiB.
--- `print` writes a line into the server's log, at level info; `muster plugin test` shows it.

-- Units of values: `fen` is an integer number of fen (an argument is not negative unless its bounds say so, what is
-- returned may be); `day` is the text YYYY-MM-DD; `ms` is an integer number of milliseconds UTC since 1970; a code is
-- [A-Za-z0-9-]{1,20}.

---@alias muster.fen integer
---@alias muster.day string
---@alias muster.ms integer
---@alias muster.mode
---| "read"   # read-only connection, one snapshot
---| "write"  # the one writer; returning commits, call:fail or an error rolls back
---@alias muster.code
---| "ARG"       # an argument is wrong
---| "NOTFOUND"  # no such thing (only where the caller may know that)
---| "STATE"     # not possible in this state
---| "NOPERM"    # not by this caller, such as four eyes
---| "SCOPE"     # outside the caller's units
---| "CONFLICT"  # contradicts what is stored, such as a stale revision
---| "DUP"       # an idem key used with other arguments
---| "CLOSED"    # too late or too early
---| "LIMIT"     # more than there is or may be
---| "POLICY"    # a rule of the house forbids it

---@class muster.Summary
---@field en string one sentence in English
---@field ["zh-CN"] string the same in Chinese

---@class muster.Manifest manifest.lua: data only, it cannot require anything
---@field name string [a-z][a-z0-9]*, the folder's name
---@field version string MAJOR.MINOR.PATCH, with -PRERELEASE if it is none yet
---@field api integer 1
---@field summary muster.Summary
---@field requires? string[]|table<string, string> plugins this one uses: a list, or a map from name to the versions
---  it works with: { org = ">=1.0 <2" }. A range is comparisons (= < <= > >=) joined by blanks; "*" is every version
---@field asks? muster.Asks what it may do beyond its own tables, shown to whoever installs it
---@field native? boolean has code in C, NAME.so beside the manifest (see muster.h); init.lua may be left out then
---@field isolate? "process"|"none" "process": runs in a process of its own. C code that is neither bundled nor signed
---  by a key of `native_keys` always does
---@field health? string a read command of this plugin without required arguments; a refusal, an error, false, or a map
---  with ok = false means unwell
---@field description? string
---@field units? boolean may call call:unit_set (org only)

---@class muster.Asks
---@field commands? string[] commands and figures of required plugins that it uses on trust, whoever the user is:
---  "org.*", "org.unit.*", "org.unit.check". Others of theirs need a grant of the user
---@field effects? string[] what it has done outside the database, as words such as "mail"; shown, nothing more
---@field secrets? string[] secrets of the house that it wants to be told, as words; shown, nothing more
---@field memory_mib? integer 1..1024, of one of its Lua states
---@field time_ms? integer 1..60000, of one command at most

---@class muster.Plugin what init.lua returns
---@field commands? table<string, muster.Command> by name: plugin.verb or plugin.noun.verb
---@field figures? table<string, muster.Figure>
---@field settings? table<string, muster.Setting> by name without the plugin's
---@field roles? table<string, muster.Role>
---@field machines? table<string, muster.Machine>

--- Arguments are declared as "name:TYPE", `?` behind it: optional, arrives as nil; `=default`: optional with a default.
--- A client may name them, or give the first ones in declared order: so declare the required ones first. There are at
--- most 60, and `idem at timeout_ms lang` belong to the host.
--- A secret is declared as "name!:TYPE". It stands as "***" in the audit, refusals do not repeat it, no capsule keeps
--- it, and the command takes no `idem` (rule arg.idem_secret), for which its arguments would be remembered.
--- Bounds are (b): at most b; (a..b), (a..), (..b). What they leave open is as without them. TYPE is one of
---   text, text(200), text(0..200)   string of valid UTF-8 without NUL, not empty, at most 4000 characters if not said
---   int, int(1..500), int(..9)      integer
---   bool                            boolean; 1 0 true false yes no on the wire
---   fen, fen(1..), fen(-500..)      muster.fen, at least 0 if not said
---   date                            muster.day, a real day
---   instant                         muster.ms; RFC 3339 with offset, or ms, on the wire
---   unit                            code of an existing unit within the caller's scope
---   enum(a|b|c)                     string
---   json, json(20000)               Lua value, null is muster.null; at most so many bytes (64 KiB if not said)
---   blob, blob(4000000)             string of any bytes; at most so many (1 MiB if not said)
---   TYPE[], TYPE[](1..50)           array, of anything but blobs; at most 1000 items if not said; `a,b,c` or a JSON
---                                   array on the wire
---@class muster.Command
---@field mode muster.mode
---@field args? string[] they reach `run` after `call`, in this order
---@field returns string shape: nil int bool text fen date instant blob json any, [shape], {key:shape, …}
---@field summary muster.Summary
---@field doc? string more, in English
---@field timeout_ms? integer time it may take
---@field run fun(call: muster.Call, ...): any a key that is not in `returns` is an error, a missing one is null

---@class muster.Figure a reproducible number: the same question as of the same instant has the same answer for ever
---@field unit string of the value: fen, persons, count, bp, text …
---@field args? string[] own parameters, declared as those of commands
---@field summary muster.Summary
---@field compute fun(call: muster.Call, q: muster.Question): muster.Value

---@class muster.Question own parameters by name, and
---@field scope string path of the subtree asked about
---@field scope_end string path >= scope AND path < scope_end is that subtree
---@field unit? string code of its unit
---@field from? muster.day
---@field to? muster.day
---@field as_of muster.ms rows recorded later do not count

---@class muster.Value
---@field value integer|string
---@field complete? boolean false when something expected is missing (default true)
---@field numerator? integer
---@field denominator? integer
---@field basis? string what was counted, in words
---@field unit? string only in what call:figure returns

---@class muster.Setting
---@field type string as of an argument, bounded
---@field default any
---@field summary muster.Summary

---@class muster.Role a role the plugin suggests; named plugin.word
---@field grants string[] exact command, `plugin.*`, `*`; with `read:` in front only its read commands
---@field summary muster.Summary

---@class muster.Refusal details of a refusal; all optional
---@field rule? string name of the rule, such as "fund.member_only"
---@field arg? string the argument it is about
---@field state? string the present state
---@field allowed? string what is possible instead

--- The one object a command gets. Valid during that call only.
---@class muster.Call
---@field now muster.ms business time, fixed during the call: `at` if given, else when the request came
---@field today muster.day civil day of `now` in the caller's zone
---@field zone_min integer the zone, in minutes east of UTC
---@field user string
---@field person? string code of the person the user is bound to
---@field lang "zh-CN"|"en"
---@field scope string path of the caller's subtree: "/" (everything) or "/YL/CB-654002/"
---@field scope_end string path >= scope AND path < scope_end is exactly that subtree
---@field db muster.Db
local call = {}

--- Refuse: rolls back to before the command, and never returns. `fmt` is an English format with %s and %d, translated
--- by locale/zh-CN.lua.
---@param code muster.code
---@param details muster.Refusal
---@param fmt string
---@param ... string|integer
---@overload fun(self: muster.Call, code: muster.code, fmt: string, ...: string|integer)
function call:fail(code, details, fmt, ...) end

--- Run a command of another plugin. Arguments are checked as a client's. If the manifest has that plugin in `requires`
--- and the command in `asks.commands`, permission and scopes of unit arguments are not checked again; otherwise the
--- user's own grants decide (rule plugin.call_not_asked). A refusal is raised, and becomes this command's own unless
--- pcall caught it.
--- Pure commands in C of a plugin in `requires` are functions as well, and several times faster so:
--- `local kit = require "cnkit"`, then kit.name.check(text) for cnkit.name.check, arguments in declared order, of their
--- Lua types, while a command runs. Such commands need no role: they see nothing but their arguments.
--- Read commands from both modes, write ones from write mode only.
---@param command string
---@param args table<string, any>
---@return any value as its `returns` says: maps without their null keys, null in arrays as muster.null
function call:invoke(command, args) end

--- Ask a figure of this plugin or, as with call:invoke, of another one.
---@param name string
---@param q { scope?: string, from?: muster.day, to?: muster.day, as_of?: muster.ms, [string]: any } scope: unit code
---@return muster.Value
function call:figure(name, q) end

--- The next number of a gapless series of this plugin, from 1. Write mode. A refused command takes no number.
---@param series string such as "gift/DUES/2020"
---@return integer
function call:next(series) end

--- A setting of this plugin, as its declared type.
---@param name string
---@return any
function call:setting(name) end

--- Publish an event, stored with the transaction. Write mode.
---@param topic string such as "gift.received"
---@param payload table
function call:emit(topic, payload) end

--- Does a unit lie in the caller's scope? False for an unknown one.
---@param code string
---@return boolean
function call:in_scope(code) end

--- Path of a unit in the scope tree, such as "/YL/CB-654002/"; nil for an unknown one.
---@param code string
---@return string?
function call:unit_path(code) end

--- Add a unit to the scope tree, or move it with all below it. Write mode, plugins with `units = true` only.
---@param code string
---@param parent? string nil: a root of its own
function call:unit_set(code, parent) end

--- The text in Unicode normal form C. Refused are, with ARG, what is not UTF-8 or has more than 30 combining marks in
--- a row, and with TOOBIG more than 1 MiB.
---@param text string
---@return string
function call:nfc(text) end

--- SHA-256 as 64 hexadecimal digits.
---@param text string
---@return string
function call:hash(text) end

--- A line in the server's log, at level info; `muster plugin test` shows it.
---@param fmt string an English format with %s and %d
---@param ... any
function call:log(fmt, ...) end

--- The plugin's own tables (`NAME_…`) and `muster_unit(code, path, parent)` for reading. Portable SQL, `?` parameters:
--- nil binds NULL, booleans 0 and 1. Read mode can only read. A failed statement dooms the command: it can only fail.
--- A value or a row has at most 1 MiB (less in a statement of more than some 100 lines), the arguments of a statement
--- 16 MiB, and the statements of a command take 64 MiB of memory. LIKE reads every row; a range, such as
--- `path >= ? AND path < ?`, uses an index.
---@class muster.Db
local db = {}

--- Rows changed.
---@param sql string
---@param ... string|integer|number|boolean|nil
---@return integer
function db:run(sql, ...) end

--- The first row, columns by name, or nil.
---@param sql string
---@param ... string|integer|number|boolean|nil
---@return table<string, any>?
function db:row(sql, ...) end

--- All rows. More than 10000, or 16 MiB, are refused (LIMIT).
---@param sql string
---@param ... string|integer|number|boolean|nil
---@return table<string, any>[]
function db:rows(sql, ...) end

--- First column of the first row, or nil.
---@param sql string
---@param ... string|integer|number|boolean|nil
---@return any
function db:value(sql, ...) end

---@class muster.Global
---@field null any JSON's null inside tables
---@field json { encode: fun(value: any): string, decode: fun(text: string): any } decode raises for a wrong text
muster = {}

--- The library, `require "muster.NAME"`: pure functions of their arguments, without state.

---@class muster.Requirement
---@field field string name of the field that must be present (not nil, "", false or 0)
---@field rule? string default "required_field"
---@field code? muster.code default "STATE"
---@field when? table<string, string|string[]> only when these fields have one of these values

---@class muster.Transition
---@field name string
---@field from string|string[]
---@field to string
---@field four_eyes? string|string[] fields holding a user or person who may not do this
---@field requires? (string|muster.Requirement)[]

---@class muster.Machine
---@field initial string
---@field states string[]
---@field transitions muster.Transition[]
local machine = {}

--- The state that follows, or a refusal: STATE wrong_state, NOPERM four_eyes, or as the missing requirement says. A
--- name that no transition has is an error.
---@param call muster.Call
---@param row { state: string, [string]: any }
---@param transition string
---@param fields? table<string, any> what the caller brings; looked up before the row
---@return string
function machine:check(call, row, transition, fields) end

--- Names of the transitions possible from a state, in declared order.
---@param state string
---@return string[]
function machine:allowed(state) end

--- The state a transition leads to from `state`, or nil.
---@param state string
---@param transition string
---@return string?
function machine:target(state, transition) end

---@class muster.machine require "muster.machine"
---@field define fun(spec: { initial: string, states: string[], transitions: muster.Transition[] }): muster.Machine

---@class muster.series require "muster.series"
---@field label fun(prefix: string, year: integer, n: integer, width?: integer): string such as "DUES-2020-0007"
---@field take fun(call: muster.Call, kind: string, prefix: string, year: integer, width?: integer): string, integer

---@class muster.money require "muster.money"
---@field yuan fun(fen: integer): string 6965000 → "69,650.00"
---@field parse fun(text: string): muster.fen?, string? the reverse; nil and a reason for anything else
---@field words fun(fen: muster.fen): string 6965000 → "陆万玖仟陆佰伍拾元整"
---@field sum fun(rows: table[], field: string): integer

---@class muster.text require "muster.text"
---@field normal fun(call: muster.Call, name: string): string a name in its one form: NFC, one dot (·), ASCII digits, no
---  outer spaces and none that fill up a short name

---@class muster.scope require "muster.scope"
---@field subtree fun(call: muster.Call, unit: string?): string, string path >= first and path < second is the subtree
---@field sees fun(call: muster.Call, path: string?): boolean does the path lie in the caller's subtree?
---@field unknown fun(call: muster.Call, plugin: string, what: string, code: string) SCOPE or NOTFOUND
---@field own fun(call: muster.Call, plugin: string, unit: string?, what: string, code: string) unknown unless in scope
---@field check_rev fun(call: muster.Call, row: { rev: integer }, rev: integer?) CONFLICT stale_rev

---@class muster.Profile working time
---@field zone_min? integer
---@field week table<integer, boolean> 1 is Monday
---@field hours integer[][] { from_min, to_min } after midnight, in order
---@field exceptions? table<muster.day, integer[][]> {} is a day off

---@class muster.calendar require "muster.calendar"
---@field days fun(day: muster.day): integer since 1970-01-01
---@field day fun(n: integer): muster.day
---@field valid fun(text: any): boolean
---@field add fun(day: muster.day, n: integer): muster.day
---@field diff fun(a: muster.day, b: muster.day): integer days from a to b
---@field weekday fun(day: muster.day): integer 1 is Monday
---@field year fun(day: muster.day): integer
---@field range fun(a: muster.day, b: muster.day): muster.day[] both included
---@field day_of fun(ms: muster.ms, zone_min?: integer): muster.day
---@field minute_of fun(ms: muster.ms, zone_min?: integer): integer 0 … 1439
---@field instant fun(day: muster.day, minute: integer, zone_min?: integer): muster.ms
---@field start_ms fun(day: muster.day, zone_min?: integer): muster.ms
---@field iso fun(ms: muster.ms, zone_min?: integer): string "2020-02-10T09:00:00+08:00"
---@field hours fun(day: muster.day, profile: muster.Profile): integer[][]
---@field add_minutes fun(start_ms: muster.ms, minutes: integer, profile: muster.Profile): muster.ms? nil: never
---@field between fun(from_ms: muster.ms, to_ms: muster.ms, profile: muster.Profile): integer working minutes

---@class muster.figure require "muster.figure"
---@field value fun(v: integer|string, basis?: string): muster.Value
---@field ratio fun(num: integer, den: integer, basis?: string): muster.Value basis points, complete when num == den
---@field bp fun(num: integer, den: integer): integer floor; 0 of 0 is 0
---@field day fun(call: muster.Call, q: muster.Question): muster.day the as-of's civil day
---@field span fun(q: muster.Question): muster.day, muster.day
