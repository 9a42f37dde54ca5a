#include "net/intrinsic.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* COMMAND: what the caller may use, made from the declarations, in the shapes of Redis 7 so that redis-cli completes and explains our
 * commands. Source: redis.io/docs/latest/commands/command-docs and command-info. An argument goes over the wire as
 * `name=value`; so it is shown as the token `name=TYPE`, and has our own fields besides: `spec` (as declared), and for
 * a command `mode`, `plugin`, `returns`. */

static bool may(const struct conn *c, const struct command *command)
{
    return c->state == CONN_READY && identity_may(c->identity, command);
}

static bool shown(const struct conn *c, const struct intrinsic *i)
{
    return c->state == CONN_READY || i->early;
}

static void lower(const char *name, char out[32])
{
    size_t len = 0;
    for (; name[len] && len < 31; len++)
        out[len] = (char)tolower((unsigned char)name[len]);
    out[len] = '\0';
}

/* Call `each` for the commands named in the message from `first` on, or for all; returns how many there are (each may be NULL). */
typedef void describe(const struct conn *c, const struct intrinsic *i, const struct command *command, struct reply *r);

static int for_all(const struct conn *c, describe *each, struct reply *r)
{
    const struct command *const *commands;
    int count = 0, n = registry_commands(c->server->registry, &commands);
    for (const struct intrinsic *i = intrinsics; i->name; i++) {
        if (!shown(c, i))
            continue;
        count++;
        if (each)
            each(c, i, NULL, r);
    }
    for (int i = 0; i < n; i++) {
        if (!may(c, commands[i]))
            continue;
        count++;
        if (each)
            each(c, NULL, commands[i], r);
    }
    return count;
}

/* -- COMMAND DOCS -- */

static const char *mode_word(enum mode mode)
{
    static const char *const words[] = {[MODE_READ] = "read", [MODE_WRITE] = "write", [MODE_SLOW] = "slow"};
    return words[mode];
}

static const char *type_word(const struct arg *arg)
{
    static const char *const words[] = {
        [ARG_TEXT] = "TEXT",       [ARG_INT] = "INT",      [ARG_BOOL] = "BOOL", [ARG_FEN] = "FEN",
        [ARG_DATE] = "YYYY-MM-DD", [ARG_INSTANT] = "TIME", [ARG_UNIT] = "UNIT", [ARG_ENUM] = "WORD",
        [ARG_JSON] = "JSON",       [ARG_BLOB] = "BYTES",
    };
    return words[arg->type];
}

/* "text=TEXT", "kind=a|b", "units=UNIT,…" */
static void token_of(const struct arg *arg, struct buf *out)
{
    buf_clear(out);
    buf_fmt(out, "%s=", arg->name);
    if (arg->type == ARG_ENUM && arg->words)
        for (int i = 0; arg->words[i]; i++)
            buf_fmt(out, "%s%s", i ? "|" : "", arg->words[i]);
    else
        buf_text(out, type_word(arg));
    if (arg->array)
        buf_text(out, ",…");
}

static void one_arg(const char *name, const char *token, const char *spec, bool optional, struct reply *r)
{
    reply_map_open(r);
    reply_key_cstr(r, "name", name);
    reply_key_cstr(r, "type", token ? "pure-token" : "string");
    if (token)
        reply_key_cstr(r, "token", token);
    if (spec)
        reply_key_cstr(r, "spec", spec);
    if (optional) {
        reply_key(r, "flags");
        reply_array_open(r);
        reply_status(r, "optional");
        reply_close(r);
    }
    reply_close(r);
}

static void usage_args(const struct intrinsic *i, struct reply *r)
{
    char usage[128];
    snprintf(usage, sizeof(usage), "%s", i->usage);
    char *rest = usage, *word;
    while ((word = strtok_r(rest, " ", &rest))) {
        size_t len = strlen(word);
        bool optional = word[0] == '[';
        if (optional) {
            word[len - 1] = '\0';
            word++;
        }
        one_arg(word, NULL, NULL, optional, r);
    }
}

static void declared_args(const struct command *command, struct reply *r)
{
    struct buf token = {0};
    for (int i = 0; i < command->nargs; i++) {
        const struct arg *arg = &command->args[i];
        token_of(arg, &token);
        one_arg(arg->name, buf_cstr(&token), arg->spec, arg->optional || arg->default_text, r);
    }
    buf_close(&token);
}

static const char *summary_of(const struct conn *c, const struct command *command)
{
    bool chinese = c->identity && c->identity->lang && strncmp(c->identity->lang, "zh", 2) == 0;
    const char *text = chinese && command->summary_zh ? command->summary_zh : command->summary_en;
    return text ? text : "";
}

static void docs_of(const struct conn *c, const struct intrinsic *i, const struct command *command, struct reply *r)
{
    char name[32];
    if (i)
        lower(i->name, name);
    reply_key(r, i ? name : command->name);
    reply_map_open(r);
    reply_key_cstr(r, "summary", i ? i->summary : summary_of(c, command));
    reply_key_cstr(r, "since", "1");
    reply_key_cstr(r, "group", i ? "connection" : command->plugin);
    if (command) {
        reply_key_cstr(r, "mode", mode_word(command->mode));
        reply_key_cstr(r, "plugin", command->plugin);
        reply_key_cstr(r, "returns", command->returns_text);
        if (command->doc)
            reply_key_cstr(r, "doc", command->doc);
    }
    reply_key(r, "arguments");
    reply_array_open(r);
    if (i)
        usage_args(i, r);
    else
        declared_args(command, r);
    reply_close(r);
    reply_close(r);
}

/* -- COMMAND INFO -- */

static void empty_array(struct reply *r)
{
    reply_array_open(r);
    reply_close(r);
}

/* name, arity, flags, first key, last key, step, categories, tips, key specifications, subcommands */
static void info_of(const struct conn *c, const struct intrinsic *i, const struct command *command, struct reply *r)
{
    char name[32];
    (void)c;
    if (i)
        lower(i->name, name);
    reply_array_open(r);
    reply_cstr(r, i ? name : command->name);
    reply_int(r, i ? (i->min_args == i->max_args ? i->min_args + 1 : -i->min_args - 1) : -1);
    reply_array_open(r);
    if (command)
        reply_status(r, command->mode == MODE_READ ? "readonly" : mode_word(command->mode));
    else
        reply_status(r, "fast");
    reply_close(r);
    for (int key = 0; key < 3; key++)
        reply_int(r, 0); /* commands have no keys, so that cluster clients have nothing to route */
    for (int rest = 0; rest < 4; rest++)
        empty_array(r);
    reply_close(r);
}

static void name_of(const struct conn *c, const struct intrinsic *i, const struct command *command, struct reply *r)
{
    char name[32];
    (void)c;
    if (i)
        lower(i->name, name);
    reply_cstr(r, i ? name : command->name);
}

/* -- the subcommands -- */

/* As asked for by name: those that exist and may be used; `missing` is written for the others when it is wanted. */
static void for_named(const struct conn *c, const struct message *m, describe *each, bool missing, struct reply *r)
{
    for (int at = 2; at < m->nargs; at++) {
        const struct intrinsic *i = intrinsic_find(m->args[at]);
        const struct command *command = i ? NULL : intrinsic_command(c->server->registry, m->args[at]);
        if (i ? shown(c, i) : command && may(c, command))
            each(c, i, command, r);
        else if (missing)
            reply_null(r);
    }
}

static void list_matching(const struct conn *c, const char *pattern, struct reply *r)
{
    const struct command *const *commands;
    int n = registry_commands(c->server->registry, &commands);
    for (const struct intrinsic *i = intrinsics; i->name; i++)
        if (shown(c, i) && fnmatch(pattern, i->name, FNM_CASEFOLD) == 0)
            name_of(c, i, NULL, r);
    for (int i = 0; i < n; i++)
        if (may(c, commands[i]) && fnmatch(pattern, commands[i]->name, FNM_CASEFOLD) == 0)
            name_of(c, NULL, commands[i], r);
}

static bool list(const struct conn *c, const struct message *m, struct reply *r)
{
    bool filtered = m->nargs == 5 && intrinsic_word(m->args[2], "FILTERBY") && intrinsic_word(m->args[3], "PATTERN");
    if (m->nargs != 2 && !(filtered && m->args[4].len <= 64))
        return false;
    reply_array_open(r);
    if (filtered) {
        char *pattern = mem_dup_slice(m->args[4]);
        list_matching(c, pattern, r);
        free(pattern);
    } else {
        for_all(c, name_of, r);
    }
    reply_close(r);
    return true;
}

static void describe_all(const struct conn *c, const struct message *m, bool docs, struct reply *r)
{
    if (docs)
        reply_map_open(r);
    else
        reply_array_open(r);
    if (m->nargs > 2)
        for_named(c, m, docs ? docs_of : info_of, !docs, r);
    else
        for_all(c, docs ? docs_of : info_of, r);
    reply_close(r);
}

/* True when there is such a subcommand. */
static bool subcommand(const struct conn *c, const struct message *m, struct reply *r)
{
    struct slice word = m->nargs > 1 ? m->args[1] : SLICE("INFO");
    if (intrinsic_word(word, "INFO"))
        describe_all(c, m, false, r);
    else if (intrinsic_word(word, "DOCS"))
        describe_all(c, m, true, r);
    else if (intrinsic_word(word, "COUNT") && m->nargs == 2)
        reply_int(r, for_all(c, NULL, NULL));
    else if (intrinsic_word(word, "LIST"))
        return list(c, m, r);
    else
        return false;
    return true;
}

void docs_answer(struct conn *c, const struct message *m, struct buf *reply)
{
    struct err err = {0};
    struct reply r;
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX);
    bool known = subcommand(c, m, &r);
    if (known && reply_finish(&r) == 0)
        return;
    buf_clear(reply);
    if (m->nargs > 1 && intrinsic_word(m->args[1], "GETKEYS"))
        err_set(&err, ERR_NOCOMMAND, "The command has no key arguments");
    else if (known)
        err_set(&err, ERR_TOOBIG, "the answer is over 8 MiB; ask for fewer commands");
    else
        err_set(&err, ERR_NOCOMMAND,
                "wrong use of COMMAND; there are COUNT, LIST [FILTERBY PATTERN p], INFO [command …], DOCS [command …]");
    reply_error(reply, &err);
}
