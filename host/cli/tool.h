/* The tools for authors of plugins, written in Lua: api/tools/NAME.lua, run with all of Lua's libraries. */
#ifndef MUSTER_CLI_TOOL_H
#define MUSTER_CLI_TOOL_H

#include "base/buf.h"
#include "base/err.h"

#include <lua.h>

/* Run the tool `name` with the words behind argv[0] in `muster.args`. Beside what `muster play` offers (but no
 * connection) its global `muster` has
 *
 *   share                            the folder that plugins/ and api/ lie in
 *   name                             "plugin check", for messages
 *   list(dir)                        names in a folder, sorted; nil when it can't be read
 *   kind(path)                       "file", "folder", or nil
 *   real(path)                       absolute, without links; nil when it is not there
 *   make_folder(path)                nil, or why not
 *   lint(sql, migration)             nil, or text and rule; `sql` is one statement
 *   statements(sql)                  {{text=, line=}, …}
 *   same_items(format, other)        may one stand for the other?
 *   compile(dir, force)              build a folder's C files; the compiler's words, or nil and why (tool_build.c)
 *   plugins{folder, …, bundled=}     load plugins: an object, or nil and why not (tool_plugins.c, tool_host.c)
 *   apart(f, seconds)  note(text)    run f(folder) in a process of its own (tool_apart.c)
 *
 * Returns the exit status. */
int tool_run(const char *name, int argc, char **argv);

/* The folder of plugins/ and api/, as beside_share_dir finds it. */
const char *tool_share(void);

/* Build DIR/NAME.so from DIR's .c files with the system's C compiler (CC, CFLAGS and LDFLAGS are honoured) when it is
 * missing or older than one of them, or `force`. A folder without .c files is fine. What the compiler says is appended
 * to `said` (NULL: standard error). 0, ERR_ARG when the compiler refuses the source, ERR_IO when there is none. */
int plugin_build(const char *dir, bool force, struct buf *said, struct err *err);

/* -- inside the tools -- */
/* Each adds its functions to the module table on top of the stack. [-0, +0, m] */
void tool_open_files(lua_State *L);
void tool_open_plugins(lua_State *L);
void tool_open_apart(lua_State *L);

#endif
