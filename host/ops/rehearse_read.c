#include "ops/rehearse.h"

#include "access/identity.h"
#include "base/clock.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What can be played again: accepted writes of plugins' commands, as the audit has them. Secrets and bytes are not in the audit, and
 * long arguments are cut there; such calls are counted, not played. */

/* The audit ends a text that it has cut with "…", and names "…" what it has no room for (args_redacted). A text that
 * really ends so is taken for a cut one. */
static bool is_cut(const char *args)
{
    static const char mark[] = "…";
    const size_t n = strlen(mark);
    const char *key;
    json_t *all = json_loads(args, 0, NULL), *value;
    bool cut = all == NULL;
    json_object_foreach(all, key, value)
    {
        const size_t len = json_string_length(value);
        cut = cut || strcmp(key, mark) == 0 || (len >= n && memcmp(json_string_value(value) + len - n, mark, n) == 0);
    }
    json_decref(all);
    return cut;
}

static const char *what_lacks(const struct command *command, const char *args)
{
    for (int i = 0; i < command->nargs; i++) {
        char key[80];
        snprintf(key, sizeof(key), "\"%.70s\":", command->args[i].name);
        if (command->args[i].secret && strstr(args, key))
            return "the audit keeps no secrets";
        if (command->args[i].type == ARG_BLOB && strstr(args, key))
            return "the audit keeps no bytes";
    }
    return is_cut(args) ? "the audit keeps long arguments in part only" : NULL;
}

static int read_identity(struct calls *c, struct rehearsal *r, const char *user, struct identity **out, struct err *err)
{
    const struct value name = value_cstr(user);
    struct buf keep = {0};
    struct value id;
    *out = NULL;
    for (int i = 0; i < r->nidentities; i++)
        if (strcmp(r->identities[i]->name, user) == 0) {
            *out = r->identities[i];
            return 0;
        }
    int rv = store_value(c->store, NULL, SLICE("SELECT id FROM muster_user WHERE name = ?"), &name, 1, &id, &keep, err);
    buf_close(&keep);
    if (rv != 1)
        return rv;
    struct err gone = {0}; /* disabled since, or deleted */
    if (identity_read(c->store, id.i, "", out, &gone) != 0)
        return 0;
    r->identities = mem_realloc(r->identities, (size_t)(r->nidentities + 1) * sizeof(struct identity *));
    r->identities[r->nidentities++] = *out;
    return 0;
}

static char *column(struct cursor *cursor, int nth)
{
    struct value v;
    cursor_value(cursor, nth, &v);
    return mem_dup_slice(v.s);
}

/* The commands of plugins, and no call that changes users or plugins: that is the host's, and the same in both. */
static int read_row(struct calls *c, struct rehearsal *r, struct cursor *cursor, struct err *err)
{
    struct rehearsed *call = &r->calls[r->count++];
    struct value id, at;
    cursor_value(cursor, 0, &id);
    cursor_value(cursor, 1, &at);
    *call = (struct rehearsed){
        .id = id.i, .at_ms = at.i, .user = column(cursor, 2), .command = column(cursor, 3), .args = column(cursor, 4)};
    const struct command *command = registry_command(c->registry, slice_of(call->command));
    int rv = read_identity(c, r, call->user, &call->identity, err);
    if (!command)
        call->skipped = "no plugin has this command any more";
    else if (!call->identity)
        call->skipped = "its user is gone or disabled";
    else
        call->skipped = what_lacks(command, call->args);
    return rv < 0 ? rv : 0;
}

static int read_audit(struct calls *c, int last, struct rehearsal *r, struct err *err)
{
    static const struct slice sql =
        SLICE("SELECT id, at, user, command, args FROM (SELECT * FROM muster_audit WHERE command NOT IN "
              "(SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?) ORDER BY id");
    struct buf own = {0};
    struct cursor *cursor = NULL;
    const struct command *const *list;
    const int count = registry_commands(c->registry, &list);
    buf_byte(&own, '[');
    for (int i = 0; i < count; i++)
        if (strcmp(list[i]->plugin, "muster") == 0)
            buf_fmt(&own, "%s\"%s\"", own.len > 1 ? "," : "", list[i]->name);
    buf_byte(&own, ']');
    const struct value args[] = {value_cstr(buf_cstr(&own)), value_int(last)};
    r->calls = mem_zalloc((size_t)(last + count) * sizeof(*r->calls));
    int rv = store_query(c->store, NULL, sql, args, 2, &cursor, err);
    while (rv == 0 && (rv = cursor_step(cursor, err)) == 1)
        rv = read_row(c, r, cursor, err);
    cursor_close(cursor);
    buf_close(&own);
    return rv;
}

static bool needs_nothing(const struct command *command)
{
    for (int i = 0; i < command->nargs; i++)
        if (!command->args[i].optional && !command->args[i].default_text)
            return false;
    return command->mode == MODE_READ && strcmp(command->plugin, "muster") != 0;
}

/* Besides: what can be asked without knowing anything, by the host itself, behind the writes. */
static void add_questions(struct calls *c, struct rehearsal *r)
{
    const struct command *const *list;
    const int count = registry_commands(c->registry, &list);
    struct identity *host = identity_host();
    const int64_t now = clock_now_ms(); /* the same for both */
    r->identities = mem_realloc(r->identities, (size_t)(r->nidentities + 1) * sizeof(struct identity *));
    r->identities[r->nidentities++] = host;
    for (int i = 0; i < count; i++)
        if (needs_nothing(list[i]))
            r->calls[r->count++] = (struct rehearsed){.at_ms = now,
                                                      .user = mem_dup(host->name),
                                                      .command = mem_dup(list[i]->name),
                                                      .args = mem_dup("{}"),
                                                      .identity = host};
}

int rehearsal_read(struct calls *c, int last, struct rehearsal *out, struct err *err)
{
    *out = (struct rehearsal){0};
    int rv = store_read_begin(c->store, err);
    if (rv == 0)
        rv = read_audit(c, last, out, err);
    store_read_end(c->store);
    if (rv == 0)
        add_questions(c, out);
    else
        rehearsal_close(out);
    return rv;
}

void rehearsal_close(struct rehearsal *r)
{
    for (int i = 0; i < r->count; i++) {
        struct rehearsed *call = &r->calls[i];
        free(call->user);
        free(call->command);
        free(call->args);
        free(call->before);
        free(call->after);
    }
    for (int i = 0; i < r->nidentities; i++)
        identity_unref(r->identities[i]);
    free(r->calls);
    free(r->identities);
    *r = (struct rehearsal){0};
}
