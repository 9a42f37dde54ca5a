/* Uses every function of the C interface, rightly and wrongly: for the tests of the host, and for those of the interface
 * itself, which compile it with every past version of muster.h. */
#include <muster.h>

#include <stdio.h>
#include <string.h>

#define HOST const struct muster_host *host, struct muster_call *call, const struct muster_value *args

static struct muster_text text_of(const char *text)
{
    return (struct muster_text){text, strlen(text)};
}

static void key_text(const struct muster_host *host, struct muster_call *call, const char *key, const char *text)
{
    host->reply_key(call, key);
    if (text)
        host->reply_text(call, text_of(text));
    else
        host->reply_null(call);
}

static int facts(HOST)
{
    (void)args;
    host->reply_map_open(call);
    host->reply_key(call, "now");
    host->reply_int(call, host->now(call));
    key_text(host, call, "user", host->user(call));
    key_text(host, call, "person", host->person(call));
    key_text(host, call, "lang", host->lang(call));
    key_text(host, call, "scope", host->scope(call));
    host->reply_key(call, "zone");
    host->reply_int(call, host->zone_min(call));
    host->reply_key(call, "stopped");
    host->reply_bool(call, host->stopped(call));
    host->reply_key(call, "host");
    host->reply_bool(call, host->abi == MUSTER_ABI && MUSTER_HAS(host, emit) && host->size >= sizeof(*host));
    host->reply_close(call);
    return MUSTER_OK;
}

/* Each argument as "TYPE integer text", and whether a NUL stands behind the text. */
static int types(HOST)
{
    host->reply_array_open(call);
    for (int i = 0; i < 12; i++) {
        char line[200];
        const struct muster_value *v = &args[i];
        if (v->s.data && v->s.data[v->s.len] != '\0')
            return host->fail(call, "STATE", "every.nul", NULL, "no NUL behind a text", NULL, 0);
        snprintf(line, sizeof(line), "%d %lld %.*s", (int)v->type, (long long)v->i, (int)v->s.len,
                 v->s.data ? v->s.data : "");
        host->reply_text(call, text_of(line));
    }
    host->reply_close(call);
    return MUSTER_OK;
}

static int put(HOST)
{
    const struct muster_value values[] = {
        args[0],
        {.type = MUSTER_BLOB, .s = {"\0\1\377", 3}},
        {.type = MUSTER_DOUBLE, .d = 0.5},
        {.type = MUSTER_NULL},
    };
    struct muster_rows *rows;
    struct muster_value id;
    int64_t changes = 0;
    if (host->run(call, "INSERT INTO every_row(text, bytes, real, absent) VALUES(?, ?, ?, ?)", values, 4, &changes) !=
            0 ||
        host->query(call, "SELECT max(id) FROM every_row", NULL, 0, &rows) != 0 || host->step(call, rows) != 1)
        return MUSTER_FAILED;
    host->column(call, rows, 0, &id);
    if (changes != 1 || id.type != MUSTER_INT || host->step(call, rows) != 0)
        return host->fail(call, "STATE", "every.put", NULL, "not one row", NULL, 0);
    host->finish(call, rows);
    host->reply_int(call, id.i);
    return MUSTER_OK;
}

static int list(HOST)
{
    struct muster_rows *rows;
    int more;
    (void)args;
    if (host->query(call, "SELECT text, bytes, real, absent FROM every_row ORDER BY id", NULL, 0, &rows) != 0)
        return MUSTER_FAILED;
    host->reply_array_open(call);
    while ((more = host->step(call, rows)) == 1) {
        struct muster_value v[4];
        for (int i = 0; i < host->columns(call, rows); i++)
            host->column(call, rows, i, &v[i]);
        host->reply_map_open(call);
        host->reply_key(call, "text");
        host->reply_text(call, v[0].s);
        host->reply_key(call, "bytes");
        host->reply_blob(call, v[1].s);
        host->reply_key(call, "half");
        host->reply_bool(call, v[2].type == MUSTER_DOUBLE && v[2].d == 0.5);
        host->reply_key(call, "nothing");
        host->reply_bool(call, v[3].type == MUSTER_NULL);
        host->reply_close(call);
    }
    host->reply_close(call);
    return more; /* what is left open is closed with the command */
}

static int refuse(HOST)
{
    const char *const items[] = {args[1].s.data, "good"};
    return host->fail(call, args[0].s.data, "every.refused", "why", "%s is not %s, 100%%", items, 2);
}

static int fill(HOST)
{
    for (int64_t left = args[0].i; left > 0; left -= 1024 * 1024) {
        char *room = host->alloc(call, 1024 * 1024);
        if (!room)
            return MUSTER_FAILED;
        for (int i = 0; i < 1024 * 1024; i += 4096)
            if (room[i] != 0)
                return host->fail(call, "STATE", "every.fill", NULL, "not zeroed", NULL, 0);
        memset(room, 'x', 1024 * 1024);
    }
    host->reply_null(call);
    return MUSTER_OK;
}

static int spin(HOST)
{
    (void)args;
    while (!host->stopped(call)) {
    }
    return MUSTER_FAILED;
}

/* Asks for the same text again and again. */
static int collect(HOST)
{
    struct muster_value word;
    int64_t count = 0;
    for (; count < args[0].i; count++)
        if (host->setting(call, "word", &word) != 0)
            return MUSTER_FAILED;
    host->reply_int(call, count);
    return MUSTER_OK;
}

static int hang(HOST)
{
    (void)host, (void)call, (void)args;
    for (volatile int on = 1; on;) {
    }
    return MUSTER_OK;
}

/* All that goes through the host to somewhere else. */
static int ask(HOST)
{
    struct muster_text id, figure;
    struct muster_value word;
    int64_t number = 0;
    char payload[40];
    (void)args;
    host->log(call, MUSTER_DEBUG, "asked");
    if (host->invoke(call, "every.put", text_of("{\"text\": \"asked\", \"n\": null}"), &id) != 0 ||
        host->figure(call, "every.rows", text_of("{}"), &figure) != 0 || host->next(call, "asked", &number) != 0 ||
        host->setting(call, "word", &word) != 0)
        return MUSTER_FAILED;
    snprintf(payload, sizeof(payload), "{\"number\": %lld}", (long long)number);
    if (host->emit(call, "asked", text_of(payload)) != 0)
        return MUSTER_FAILED;
    host->reply_map_open(call);
    host->reply_key(call, "id");
    host->reply_text(call, id);
    host->reply_key(call, "figure");
    host->reply_text(call, figure);
    host->reply_key(call, "number");
    host->reply_int(call, number);
    host->reply_key(call, "word");
    host->reply_text(call, word.s);
    host->reply_close(call);
    return MUSTER_OK;
}

static int invoke(HOST)
{
    struct muster_text result;
    if (host->invoke(call, args[0].s.data, args[1].s, &result) != 0)
        return MUSTER_FAILED;
    host->reply_text(call, result);
    return MUSTER_OK;
}

/* Pure ones. */
static int twice(HOST)
{
    char *out = host->alloc(call, 2 * args[0].s.len + 1);
    if (!out)
        return MUSTER_FAILED;
    memcpy(out, args[0].s.data, args[0].s.len);
    memcpy(out + args[0].s.len, args[0].s.data, args[0].s.len);
    host->reply_text(call, (struct muster_text){out, 2 * args[0].s.len});
    return MUSTER_OK;
}

static int length(HOST)
{
    host->reply_int(call, (int64_t)args[0].s.len);
    return MUSTER_OK;
}

/* Ways to fail. */
static int nothing(HOST)
{
    (void)host, (void)call, (void)args;
    return MUSTER_OK;
}

static int mute(HOST)
{
    (void)host, (void)call, (void)args;
    return MUSTER_FAILED;
}

static int misuse(HOST)
{
    const char *how = args[0].s.data;
    struct muster_rows *rows;
    struct muster_value v;
    if (strcmp(how, "sql") == 0) {
        host->run(call, "DELETE FROM muster_user", NULL, 0, NULL);
    } else if (strcmp(how, "column") == 0) {
        host->query(call, "SELECT absent", NULL, 0, &rows);
    } else if (strcmp(how, "parameters") == 0) {
        host->query(call, "SELECT ?", NULL, 0, &rows);
    } else if (strcmp(how, "type") == 0) {
        v = (struct muster_value){.type = 77};
        host->run(call, "SELECT ?", &v, 1, NULL);
    } else if (strcmp(how, "row") == 0) {
        if (host->query(call, "SELECT 1", NULL, 0, &rows) == 0)
            host->column(call, rows, 0, &v);
    } else if (strcmp(how, "finished") == 0) {
        if (host->query(call, "SELECT 1", NULL, 0, &rows) == 0)
            host->finish(call, rows);
        host->step(call, rows);
    } else if (strcmp(how, "utf8") == 0) {
        host->reply_text(call, text_of("\xff"));
    } else if (strcmp(how, "open") == 0) {
        host->reply_map_open(call);
    } else if (strcmp(how, "two") == 0) {
        host->reply_null(call);
    } else if (strcmp(how, "shape") == 0) {
        host->reply_int(call, 1);
        return MUSTER_OK;
    } else if (strcmp(how, "items") == 0) {
        return host->fail(call, "STATE", NULL, NULL, "%s and %s", NULL, 0);
    } else if (strcmp(how, "json") == 0) {
        host->invoke(call, "every.facts", text_of("[1]"), NULL);
    } else if (strcmp(how, "queries") == 0) {
        for (int i = 0; i < 100; i++)
            host->query(call, "SELECT 1", NULL, 0, &rows);
    }
    host->reply_text(call, text_of("went on")); /* the first failure sticks */
    return MUSTER_OK;
}

static int crash(HOST)
{
    (void)host, (void)call, (void)args;
    *(volatile int *)NULL = 1;
    return MUSTER_OK;
}

static int impure(HOST)
{
    (void)args;
    if (host->now(call) != 0)
        host->log(call, MUSTER_ERROR, "a pure command knows the time");
    host->reply_null(call);
    return MUSTER_OK;
}

#define COMMAND(command_name, command_mode, command_args, command_returns, command_run)                                \
    .name = command_name, .mode = command_mode, .args = command_args, .returns = command_returns,                      \
    .summary_en = "For tests.", .summary_zh = "测试用", .run = command_run

static const struct muster_command commands[] = {
    {COMMAND("every.facts", MUSTER_READ, "",
             "{now:instant, user:text, person:text, lang:text, scope:text, zone:int, stopped:bool, host:bool}", facts)},
    {COMMAND(
         "every.types", MUSTER_READ,
         "text:text int:int bool:bool fen:fen date:date instant:instant unit:unit? word:enum(a|b)=b json:json? blob:blob? "
         "list:int[]? none:text?",
         "[text]", types),
     .doc = "Longer."},
    {COMMAND("every.put", MUSTER_WRITE, "text:text(100) n:int?", "int", put)},
    {COMMAND("every.list", MUSTER_READ, "", "[{text:text, bytes:blob, half:bool, nothing:bool}]", list)},
    {COMMAND("every.fail", MUSTER_READ, "code:text why:text", "nil", refuse)},
    {COMMAND("every.fill", MUSTER_READ, "bytes:int", "nil", fill)},
    {COMMAND("every.spin", MUSTER_READ, "", "nil", spin), .timeout_ms = 30},
    {COMMAND("every.collect", MUSTER_READ, "count:int", "int", collect), .timeout_ms = 60000},
    {COMMAND("every.hang", MUSTER_READ, "", "nil", hang), .timeout_ms = 30},
    {COMMAND("every.ask", MUSTER_WRITE, "", "{id:json, figure:json, number:int, word:text}", ask)},
    {COMMAND("every.invoke", MUSTER_WRITE, "command:text args:json", "json", invoke)},
    {COMMAND("every.twice", MUSTER_READ, "text:text(1000000)", "text", twice), .flags = MUSTER_PURE},
    {COMMAND("every.tree.length", MUSTER_READ, "json:json", "int", length), .flags = MUSTER_PURE},
    {COMMAND(
         "every.pure.types", MUSTER_READ,
         "text:text int:int(1..9) bool:bool fen:fen date:date instant:instant unit:text? word:enum(a|b)=b json:json? blob:blob? "
         "list:int[](2..3)? none:text?",
         "[text]", types),
     .flags = MUSTER_PURE},
    {COMMAND("every.pure.spin", MUSTER_READ, "", "nil", spin), .flags = MUSTER_PURE},
    {COMMAND("every.pure.fail", MUSTER_READ, "code:text why:text", "nil", refuse), .flags = MUSTER_PURE},
    {COMMAND("every.pure.crash", MUSTER_READ, "", "nil", crash), .flags = MUSTER_PURE},
    {COMMAND("every.pure.impure", MUSTER_READ, "", "nil", impure), .flags = MUSTER_PURE},
    {COMMAND("every.nothing", MUSTER_READ, "", "nil", nothing)},
    {COMMAND("every.mute", MUSTER_READ, "", "nil", mute)},
    {COMMAND("every.misuse", MUSTER_WRITE, "how:text", "text", misuse)},
};

MUSTER_PLUGIN("every", "1.0.0", commands);
