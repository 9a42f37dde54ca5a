/* Lines of Lua that an administrator types, run as a plugin's code would be. */
#ifndef MUSTER_PLUGIN_EVAL_H
#define MUSTER_PLUGIN_EVAL_H

#include "plugin/runtime.h"

#include <lua.h>

#define EVAL_PRINTED_BYTES (64 * 1024)

/* Zero-initialise and fill the first two; eval_close frees. */
struct eval {
    struct slice source; /* statements, or one expression; `call`, `db` and `print` are its locals */
    const char *plugin;  /* whose tables, settings and modules it may use; NULL: nobody's */
    struct buf values;   /* what it returned: one canonical array of texts */
    struct buf printed;  /* what it printed, up to EVAL_PRINTED_BYTES and a line which says that more was left out */
    bool cut;            /* … because there was more */
    struct buf trace;    /* where it failed, innermost first, separated by "; " */
};

/* Run it in a new Lua state that is thrown away afterwards, within the limits of a command of this mode. `call` is the
 * one of the command that asked. 0; ERR_NOTFOUND (no such plugin); ERR_ARG (rule "lua.error": its own fault, with file, line
 * and trace); a refusal of what it called; ERR_TIMEOUT or ERR_LIMIT. The lane's thread. */
int runtime_eval(struct runtime *rt, struct eval *e, struct call *call, struct err *err);
void eval_close(struct eval *e);

/* -- inside plugin/ -- */
/* Run e->source and write what it returns to `out`; the call object is at `call`. [-0, +0, e] */
void eval_chunk(lua_State *L, struct eval *e, int call, struct reply *out);

#endif
