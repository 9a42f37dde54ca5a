/* One running command, as plugin code sees it, and what the host does on its behalf.
 *
 * A call is made by the lane for each request, and nested for each call:invoke; it lives on the lane's stack and
 * belongs to the lane's thread. Lua sees it as the `call` object, native commands as this struct. */
#ifndef MUSTER_SCRIPT_CALL_H
#define MUSTER_SCRIPT_CALL_H

#include "store/store.h"

#define CALL_DEPTH_MAX 16 /* nested call:invoke */

struct call;
struct command;

/* An argument by name, its value as text of the wire form (JSON for objects and arrays). */
struct named_arg {
    struct slice name;
    struct slice text;
};

/* What plugin code may ask of the host. Filled by work/; every function returns 0 or a negative code with `err` set. */
struct call_ops {
    /* Run another command inside this one: its own nested savepoint in write mode. Appends its canonical reply. */
    int (*invoke)(struct call *call, struct slice command, const struct named_arg *args, int nargs, struct buf *reply,
                  struct err *err);
    /* Compute a figure; `args` may hold scope, from, to, as_of and the figure's own. Appends a canonical map
     * {name, value, unit, complete, numerator, denominator, basis}. */
    int (*figure)(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                  struct err *err);
    int (*next)(struct call *call, struct slice series, int64_t *out, struct err *err);
    /* The setting `name` of the call's plugin, typed; text lives until the command ends. ERR_INTERNAL if not declared.
     */
    int (*setting)(struct call *call, struct slice name, struct value *out, struct err *err);
    int (*emit)(struct call *call, struct slice topic, struct slice json, struct err *err);
    /* Add a unit (parent.len == 0: a root of its own) or move it with its whole subtree. Only for a plugin with `units`
     * in its manifest. */
    int (*unit_set)(struct call *call, struct slice code, struct slice parent, struct err *err);
    /* Append the unit's path ("/YL/CB-654002/"); ERR_NOTFOUND. */
    int (*unit_path)(struct call *call, struct slice code, struct buf *path, struct err *err);
    /* The text for `fmt` (English) in call->lang, from the locale of call->plugin or of the host; `fmt` itself when
     * there is none. */
    const char *(*translate)(struct call *call, const char *fmt);
};

struct call {
    const struct call_ops *ops;
    void *lane; /* the ops' own */
    struct store *store;
    int64_t now_ms;      /* business time: `at` if given, else the time of receipt */
    int64_t received_ms; /* true time of receipt */
    const char *user;    /* name */
    const char *person;  /* code bound to the user, or NULL */
    const char *lang;    /* "zh-CN" or "en" */
    const char *scope;   /* path of the caller's subtree, "/" for everything; always ends in '/' */
    int zone_min;        /* minutes east of UTC of civil days */
    bool write;
    const char *plugin; /* whose code runs; "muster" for host commands */
    const char *command;
    const struct command *declared; /* what runs; NULL for a figure */
    uint64_t deadline_ns;           /* clock_mono_ns at which the script is stopped; 0: none */
    int depth;                      /* 0 for a client's request */
    struct call *outer;             /* the caller of a nested call, or NULL */
};

#endif
