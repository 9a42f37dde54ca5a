--- Short notes: add, list, count, delete. The smallest plugin with a table; read it to learn the shape.
local commands = {}

--- Add one note. Returns its id.
commands["notes.add"] = {
  mode = "write", args = { "text:text(1000)" }, returns = "int",
  summary = { en = "Add a note and return its id.", ["zh-CN"] = "添加一条便签，返回编号" },
  run = function(call, text)
    return call.db:value("INSERT INTO notes_note (text, at) VALUES (?, ?) RETURNING id", text, call.now)
  end,
}

--- Notes with an id above `after`, in id order: pass the last id seen to read on.
commands["notes.list"] = {
  mode = "read", args = { "after:int(0..)=0", "limit:int(1..500)=100" }, returns = "[{id:int, text:text, at:instant}]",
  summary = { en = "List notes in id order, LIMIT at a time, after the given id.", ["zh-CN"] = "按编号列出便签，可分页" },
  run = function(call, after, limit)
    return call.db:rows("SELECT id, text, at FROM notes_note WHERE id > ? AND deleted_at IS NULL ORDER BY id LIMIT ?",
      after, limit)
  end,
}

--- How many notes there are.
commands["notes.count"] = {
  mode = "read", args = {}, returns = "int",
  summary = { en = "Count the notes.", ["zh-CN"] = "便签条数" },
  run = function(call)
    return call.db:value("SELECT count(*) FROM notes_note WHERE deleted_at IS NULL")
  end,
}

--- Delete one note. `id`: from notes.add. Errors: NOTFOUND, also for a note deleted before.
commands["notes.delete"] = {
  mode = "write", args = { "id:int(1..)" }, returns = "nil",
  summary = { en = "Delete one note.", ["zh-CN"] = "删除一条便签" },
  run = function(call, id)
    if call.db:run("UPDATE notes_note SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL", call.now, id) == 0 then
      call:fail("NOTFOUND", { rule = "notes.unknown", arg = "id" }, "no note %d", id)
    end
  end,
}

return {
  commands = commands,
  roles = {
    ["notes.writer"] = { grants = { "notes.*" }, summary = { en = "May read and write notes.", ["zh-CN"] = "可读写便签" } },
    ["notes.reader"] = { grants = { "read:notes.*" }, summary = { en = "May read notes.", ["zh-CN"] = "可查看便签" } },
  },
}
