/* Greets each guest once. Try it: muster plugin test DIR */
#include <muster.h>

static const char known[] = "SELECT 1 FROM @NAME@_guest WHERE name = ?";
static const char add[] = "INSERT INTO @NAME@_guest (name, at) VALUES (?, ?) RETURNING id";

static int greet(const struct muster_host *host, struct muster_call *call, const struct muster_value *args)
{
    const struct muster_value guest[] = {args[0], {.type = MUSTER_INT, .i = host->now(call)}};
    const char *name = args[0].s.data;
    struct muster_rows *rows;
    struct muster_value id;
    int found = host->query(call, known, guest, 1, &rows) == MUSTER_OK ? host->step(call, rows) : MUSTER_FAILED;
    if (found == 1)
        return host->fail(call, "STATE", "@NAME@.once", "name", "%s was greeted before", &name, 1);
    if (found == MUSTER_FAILED || host->query(call, add, guest, 2, &rows) != MUSTER_OK || host->step(call, rows) != 1)
        return MUSTER_FAILED;
    host->column(call, rows, 0, &id);
    host->reply_map_open(call);
    host->reply_key(call, "id");
    host->reply_int(call, id.i);
    host->reply_key(call, "name");
    host->reply_text(call, args[0].s);
    host->reply_close(call);
    return MUSTER_OK;
}

static const struct muster_command commands[] = {{
    .name = "@NAME@.greet",
    .mode = MUSTER_WRITE,
    .args = "name:text(40)",
    .returns = "{id:int, name:text}",
    .summary_en = "Greet NAME, once.",
    .summary_zh = "问候来宾，每人一次",
    .run = greet,
}};

MUSTER_PLUGIN("@NAME@", "1.0.0", commands);
