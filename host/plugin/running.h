/* Inside plugin/: one running command of a C plugin, and the host's functions that it is given. */
#ifndef MUSTER_PLUGIN_RUNNING_H
#define MUSTER_PLUGIN_RUNNING_H

#include "plugin/native.h"
#include "script/call.h"

enum { RUNNING_BYTES_MAX = 64 * 1024 * 1024, RUNNING_ROWS_MAX = 16, RUNNING_CHUNK_BYTES = 2048 };

/* Memory of one command, or of one row. */
struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

struct muster_rows {
    struct cursor *cursor; /* NULL: this place is free */
    struct chunk *texts;   /* of the row */
    int columns;
    bool on_row;
};

struct muster_call {
    struct call *call;
    struct reply *reply;
    bool pure;
    struct err err; /* the first failure; code 0: none */
    struct chunk *chunks;
    size_t taken;
    struct value *values; /* parameters of the last statement */
    int cap_values;
    int nrows; /* places of `rows` that were used */
    struct muster_rows rows[RUNNING_ROWS_MAX];
};

/* What the plugin is given; native_host.c. */
extern const struct muster_host native_host;

/* `size` bytes of a list, aligned for anything, not zeroed. */
void *running_take(struct chunk **list, size_t size);
/* Free all of a list but one chunk of ordinary size, which is emptied, if `keep`. */
void running_drop(struct chunk **list, bool keep);
/* A copy with a NUL behind it. */
struct muster_text running_text(struct chunk **list, struct slice text);
/* The same in the memory of the call, counted: false, with the call failed, beyond RUNNING_BYTES_MAX. */
bool running_keep(struct muster_call *m, struct slice text, struct muster_text *out);
/* Count `size` bytes: the same. */
bool running_count(struct muster_call *m, size_t size);
/* A value for the plugin; texts are copied to `texts`, or stay where they are when it is NULL. */
void running_give(struct chunk **texts, const struct value *v, struct muster_value *out);

/* Where the next failure is to be written: NULL when there is one already. */
struct err *running_note(struct muster_call *m);
/* Note a mistake of the plugin, or what a function of the host refused. MUSTER_FAILED. */
int running_failed(struct muster_call *m, const char *why);
int running_refused(struct muster_call *m, int rv, const struct err *err);
/* May the function be used at all? Not by pure commands, and not after a failure. */
bool running_may(struct muster_call *m, const char *function);
void running_close(struct muster_rows *rows);

/* native_store.c */
int host_run(struct muster_call *m, const char *sql, const struct muster_value *args, int nargs, int64_t *changes);
int host_query(struct muster_call *m, const char *sql, const struct muster_value *args, int nargs,
               struct muster_rows **out);
int host_step(struct muster_call *m, struct muster_rows *rows);
int host_columns(struct muster_call *m, struct muster_rows *rows);
void host_column(struct muster_call *m, struct muster_rows *rows, int column, struct muster_value *out);
void host_finish(struct muster_call *m, struct muster_rows *rows);

/* native_ask.c */
int host_invoke(struct muster_call *m, const char *command, struct muster_text args, struct muster_text *result);
int host_figure(struct muster_call *m, const char *name, struct muster_text args, struct muster_text *result);
int host_next(struct muster_call *m, const char *series, int64_t *number);
int host_setting(struct muster_call *m, const char *name, struct muster_value *out);
int host_emit(struct muster_call *m, const char *topic, struct muster_text json);

#endif
