/* Inside script/: the parts of the `call` object. */
#ifndef MUSTER_SCRIPT_BINDING_H
#define MUSTER_SCRIPT_BINDING_H

#include "script/sandbox.h"

/* The running command; raises when there is none (the object was kept from an earlier one). [-0, +0, e] */
struct call *binding_call(lua_State *L);
/* Format `fmt` with the values from stack index `first` on into `out`: only %s, %d and %%, each with its value. [-0,
 * +0, e] */
void binding_format(lua_State *L, const char *fmt, int first, char *out, size_t size);
/* Do two formats take the same values? Then one may stand for the other. */
bool binding_same_items(const char *fmt, const char *other);
/* Raise what a function of the host refused; marks the state first when it was the time. Does not return. [-0, +0, e]
 */
int binding_refuse(lua_State *L, struct err *err);
/* The first path behind the subtree `scope`: '0' follows '/'. [-0, +1, e] */
void binding_push_scope_end(lua_State *L, const char *scope);

/* Push the object `call.db`. [-0, +1, m] */
void binding_push_db(lua_State *L);
/* call:invoke and call:figure. [-n, +1, e] */
int binding_invoke(lua_State *L);
int binding_figure(lua_State *L);

#endif
