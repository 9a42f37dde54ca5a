#include "net/intrinsic.h"

#include <string.h>
#include <strings.h>

/* The table of the connection's own commands, and the smallest of them. */

enum { NAME_MOST = 64 };

bool intrinsic_word(struct slice s, const char *word)
{
    return strlen(word) == s.len && strncasecmp(s.data, word, s.len) == 0;
}

void intrinsic_ok(struct buf *reply)
{
    buf_text(reply, "+OK\r\n");
}

void intrinsic_refuse(struct buf *reply, int code, const char *text)
{
    struct err err = {0};
    err_set(&err, code, "%s", text);
    reply_error(reply, &err);
}

bool intrinsic_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] < '!' || s.data[i] > '~')
            return false;
    return s.len <= NAME_MOST;
}

static void ping(struct conn *c, const struct message *m, struct buf *reply)
{
    struct reply r;
    (void)c;
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX + 64);
    if (m->nargs > 1)
        reply_text(&r, m->args[1]);
    else
        reply_status(&r, "PONG");
    reply_finish(&r);
}

static void quit(struct conn *c, const struct message *m, struct buf *reply)
{
    (void)m, (void)reply;
    conn_reply(c, SLICE("+OK\r\n"));
    conn_finish(c);
}

static void select_db(struct conn *c, const struct message *m, struct buf *reply)
{
    (void)c;
    if (slice_is(m->args[1], "0"))
        intrinsic_ok(reply);
    else
        intrinsic_refuse(reply, ERR_ARG, "SELECT: there is one database, number 0");
}

static void no_push(struct conn *c, const struct message *m, struct buf *reply)
{
    struct err err = {0};
    (void)c, (void)m;
    err_rule(&err, ERR_POLICY, "push.none", NULL,
             "this server does not push events; ask the command that lists what you wait for");
    reply_error(reply, &err);
}

static void no_slow_log(struct conn *c, const struct message *m, struct buf *reply)
{
    struct err err = {0};
    (void)c, (void)m;
    err_rule(&err, ERR_POLICY, "slowlog.none", NULL,
             "no slow log is kept; INFO has the counters, and audit.tail how long each write took");
    reply_error(reply, &err);
}

const struct intrinsic intrinsics[] = {
    {"AUTH", true, 1, 2, "[user] secret", "Sign in by user name and password, or by token.", sign_in_auth},
    {"CLIENT", true, 1, 1023, "SETNAME|GETNAME|SETINFO|ID|INFO|LIST|KILL|NO-EVICT|NO-TOUCH [argument]",
     "Name, show or end connections.", client_answer},
    {"COMMAND", true, 0, 1023, "[COUNT|LIST|INFO|DOCS|GETKEYS] [command]", "Describe the commands that you may use.",
     docs_answer},
    {"CONFIG", false, 1, 1023, "GET [pattern]", "Show settings of the server.", config_answer},
    {"ECHO", true, 1, 1, "text", "Send the text back.", ping},
    {"HELLO", true, 0, 6, "[version] [AUTH] [SETNAME]", "Choose RESP2 or RESP3, sign in, name the connection.",
     sign_in_hello},
    {"INFO", false, 0, 16, "[section]", "Counters and facts of the server.", info_answer},
    {"PING", true, 0, 1, "[text]", "Answer PONG, or the text.", ping},
    {"PSUBSCRIBE", false, 1, 1023, "pattern", "Refused: this server does not push events.", no_push},
    {"PUNSUBSCRIBE", false, 0, 1023, "[pattern]", "Refused: this server does not push events.", no_push},
    {"QUIT", true, 0, 0, "", "End the connection.", quit},
    {"RESET", true, 0, 0, "", "Sign out and begin anew in RESP2.", sign_in_reset},
    {"SELECT", false, 1, 1, "index", "Choose database 0, the only one.", select_db},
    {"SLOWLOG", false, 1, 2, "GET|LEN|RESET [count]", "Refused: no slow log is kept.", no_slow_log},
    {"SUBSCRIBE", false, 1, 1023, "topic", "Refused: this server does not push events.", no_push},
    {"UNSUBSCRIBE", false, 0, 1023, "[topic]", "Refused: this server does not push events.", no_push},
    {NULL, false, 0, 0, NULL, NULL, NULL},
};

const struct intrinsic *intrinsic_find(struct slice name)
{
    /* Plugins' commands have a dot; most requests are of that kind. */
    if (name.len > 12 || name.len == 0 || memchr(name.data, '.', name.len))
        return NULL;
    for (const struct intrinsic *i = intrinsics; i->name; i++)
        if ((name.data[0] & 0x5f) == i->name[0] && intrinsic_word(name, i->name))
            return i;
    return NULL;
}

const struct command *intrinsic_command(struct registry *r, struct slice name)
{
    char lower[128];
    const struct command *command = registry_command(r, name);
    if (command || name.len > sizeof(lower))
        return command;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = name.data[i] >= 'A' && name.data[i] <= 'Z' ? (char)(name.data[i] + 32) : name.data[i];
    return registry_command(r, (struct slice){lower, name.len});
}
