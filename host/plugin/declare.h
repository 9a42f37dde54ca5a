/* Declarations: what a plugin (or the host itself) says of a command, an argument, a reply, a figure, a setting, a
 * role. One description, many products: validation, permission, help, completion, docs, audit. All immutable once
 * loaded. */
#ifndef MUSTER_PLUGIN_DECLARE_H
#define MUSTER_PLUGIN_DECLARE_H

#include "base/err.h"
#include "base/value.h"
#include "script/counters.h"

/* SLOW: reads like READ, but on a lane of its own, outside of any transaction, and may take minutes: the host's own
 * commands only. */
enum mode { MODE_READ, MODE_WRITE, MODE_SLOW };

enum arg_type { ARG_TEXT, ARG_INT, ARG_BOOL, ARG_FEN, ARG_DATE, ARG_INSTANT, ARG_UNIT, ARG_ENUM, ARG_JSON, ARG_BLOB };

/* `name:TYPE[(bounds)][\[\][(bounds)]][?|=default]`, e.g. "amount_fen:fen(1..)", "kind:enum(a|b)=a",
 * "units:unit[](1..50)?". */
struct arg {
    const char *name;
    enum arg_type type;
    bool array, optional;
    bool secret;              /* redacted in audit and logs: written `!` after the name, "password!:text" */
    const char *default_text; /* wire form, or NULL */
    int64_t min, max;         /* of the number, or of the text's characters, or of the bytes of json and blob */
    int64_t min_items, max_items;
    const char *const *words; /* ENUM: NULL-terminated */
    const char *spec;         /* as declared, for messages and docs */
};

/* What a reply looks like: gives maps their key order and Lua values their wire type. */
enum shape_type {
    SHAPE_NIL,
    SHAPE_INT,
    SHAPE_BOOL,
    SHAPE_TEXT,
    SHAPE_FEN,
    SHAPE_INSTANT,
    SHAPE_DATE,
    SHAPE_BLOB,
    SHAPE_JSON,
    SHAPE_ANY,
    SHAPE_ARRAY,
    SHAPE_MAP
};
struct shape {
    enum shape_type type;
    const char *name;          /* its key in the map it belongs to, or NULL */
    const struct shape *items; /* ARRAY: one; MAP: `count` of them */
    int count;
};

struct call;
struct reply;
/* A command written in C: the host's own today. `args` are bound in declared order, absent ones VALUE_NULL; arrays and
 * json are VALUE_JSON. Writes exactly one value into `reply` and returns 0, or a negative code with `err` filled (what
 * it wrote is dropped). */
typedef int native_run(struct call *call, const struct value *args, struct reply *reply, struct err *err);

struct native_command {
    const char *name;
    enum mode mode;
    const char *args;    /* specs separated by spaces, or "" */
    const char *returns; /* shape, as in Lua */
    const char *summary_en, *summary_zh;
    native_run *run;
};

struct command {
    const char *name, *plugin;
    enum mode mode;
    const struct arg *args;
    int nargs;
    const struct shape *returns;
    const char *returns_text;                  /* the shape as declared */
    const char *summary_en, *summary_zh, *doc; /* zh and doc may be NULL, here and below */
    int timeout_ms;
    native_run *native;      /* NULL: Lua */
    const void *native_data; /* of a C plugin's command: what its adapter needs; see call->declared */
    bool pure;               /* of a C plugin: touches neither database nor host, so that Lua may call it directly */
};

struct figure {
    const char *name, *plugin, *unit; /* unit: "fen", "persons", "bp", … */
    const struct arg *args;
    int nargs;
    const char *summary_en, *summary_zh;
};

struct setting {
    const char *name, *plugin;
    struct arg type; /* its default_text is the default */
    const char *summary_en, *summary_zh;
};

struct role_suggestion {
    const char *name, *plugin;
    const char *const *grants; /* NULL-terminated patterns */
    const char *summary_en, *summary_zh;
};

/* Where a plugin's code runs. */
enum isolation { ISOLATION_DEFAULT, ISOLATION_NONE, ISOLATION_PROCESS };

/* What a plugin asks for, and gets if whoever installs it agrees. Lists are NULL-terminated, never NULL. */
struct asks {
    const char *const *commands; /* patterns of other plugins' commands and figures: "org.*" */
    const char *const *effects, *const *secrets;
    int memory_mib; /* of one of its Lua states; 0: the server's default */
    int time_ms;    /* of one command at most; 0: the server's defaults */
};

struct plugin {
    const char *name, *version, *summary_en, *summary_zh;
    const char *const *requires;        /* names, NULL-terminated */
    const char *const *requires_ranges; /* version ranges in the same order ("*" when none was given) */
    struct asks asks;
    bool units;                       /* may change the host's unit table */
    bool native;                      /* has code in C: NAME.so */
    enum isolation isolation;         /* where it runs: never DEFAULT once loaded */
    const char *health;               /* its health command, or NULL */
    const char *folder;               /* where its files were read */
    unsigned char hash[32];           /* SHA-256 over its files */
    int commands, figures;            /* how many it declares */
    struct plugin_counters *counters; /* never NULL */
};

#endif
