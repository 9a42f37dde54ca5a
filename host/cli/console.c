#include "cli/console.h"

#include "cli/cli.h"
#include "cli/connect.h"
#include "cli/history.h"
#include "wire/reader.h"
#include "wire/render.h"

#include <editline/readline.h>
#include <jansson.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Lines are gathered until they are a whole piece of Lua, which this process can tell without running it, and sent as
 * one lua.eval. What is kept is always shown first: with --commit, or by .commit, a piece is run once to show its rows,
 * and when the answer is yes once more to keep them. From a pipe there is nobody to ask: --commit alone decides.
 *
 * libedit's functions have no argument for us, so the one console of the process is a static. */

enum { OWN_MAX = 4 };

#define LOCALS "local call, db, print = ...; " /* as the server has them */

static const char manual[] =
    "Usage: muster console [OPTIONS] [CODE]\n\n"
    "Runs Lua on the server, for administrators: what CODE says, or what is typed, or read from standard input. It runs as\n"
    "a plugin's code does, within its limits, and is undone at the end; its values, and the rows that it would change, are\n"
    "shown. Each run stands in the audit.\n\n"
    "  call, db, print   what a command of a plugin has: call:invoke(\"notes.add\", { text = \"x\" }), db:rows(\"SELECT …\")\n"
    "  .commit           do the last piece again, and keep it\n"
    "  .plugin NAME      run as this plugin's code: with its tables, settings and modules; without NAME: as nobody's\n"
    "  .help  .exit\n\n"
    "A piece may have several lines: it is sent when it is whole. Nothing is remembered from one piece to the next.\n\n"
    "  --plugin NAME         begin as this plugin's code\n"
    "  --commit              keep what is changed; on a terminal the rows are shown and a yes is asked for\n"
    "  --json                print the replies as JSON\n" CONNECT_MANUAL "\nExit status: as of muster call.\n";

struct console {
    struct connect connect;
    struct client *client; /* NULL after the connection failed; the next piece connects again */
    char *plugin;          /* or NULL */
    bool commit, json, tty;
    const char *hint; /* how to keep what was undone, for people */
    int status;
    lua_State *parser;
    struct buf piece, last;
    struct slice own[OWN_MAX]; /* words that are lua.eval's own: at=…, lang=… */
    int nown;
};

static struct console console;

static void fail(const struct err *err)
{
    char *at = strstr(err->text, "; at ");
    struct err first = *err;
    if (at)
        first.text[at - err->text] = '\0';
    console.status = cli_fail("console", &first);
    for (char *rest = at ? at + strlen("; at ") : NULL; rest; rest = strstr(rest, "; ") ? strstr(rest, "; ") + 2 : NULL)
        fprintf(stderr, "  at %.*s\n", (int)strcspn(rest, ";"), rest);
}

/* -- asking the server -- */

static int reach(struct err *err)
{
    if (console.client)
        return 0;
    struct client_options options = connect_options(&console.connect);
    options.name = "muster-console";
    return client_open(&options, &console.client, err);
}

/* Whether a piece was run when the connection fails is not known: sending it again is the user's decision. */
static int send(const struct slice *words, int n, struct slice *reply, struct err *err)
{
    int rv = client_queue(console.client, words, n, err);
    if (rv == 0)
        rv = client_read(console.client, reply, err);
    if (rv != 0) {
        client_close(console.client);
        console.client = NULL;
    }
    return rv == 0 && reader_error(*reply, err) ? err->code : rv;
}

/* A lua.eval; its reply as a JSON value that the caller owns. */
static int evaluate(struct slice code, bool commit, json_t **out, struct err *err)
{
    struct buf plugin = {0}, text = {0}, named = {0};
    struct slice words[4 + OWN_MAX] = {SLICE("lua.eval")}, reply;
    int n = 2, rv = reach(err);
    *out = NULL;
    buf_fmt(&named, "code=%.*s", (int)code.len, code.data);
    words[1] = buf_view(&named);
    if (console.plugin) {
        buf_fmt(&plugin, "plugin=%s", console.plugin);
        words[n++] = buf_view(&plugin);
    }
    if (commit)
        words[n++] = SLICE("commit=true");
    for (int i = 0; i < console.nown; i++)
        words[n++] = console.own[i];
    if (rv == 0)
        rv = send(words, n, &reply, err);
    if (rv == 0 && render_json(reply, &text) == 0)
        *out = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
    if (rv == 0 && !*out)
        rv = err_set(err, ERR_PROTO, "the server's reply is none of lua.eval's");
    buf_close(&plugin);
    buf_close(&named);
    buf_close(&text);
    return rv;
}

/* -- showing -- */

static void print_side(const char *label, const json_t *side)
{
    char *text = json_dumps(side, JSON_COMPACT | JSON_ENCODE_ANY);
    printf("%s%s", label, text);
    free(text);
}

static void print_row(const json_t *row)
{
    const json_t *before = json_object_get(row, "before"), *after = json_object_get(row, "after");
    const char *op = json_string_value(json_object_get(row, "op"));
    printf("%c %s ",
           !op || *op == 'u' ? '~'
           : *op == 'i'      ? '+'
                             : '-',
           json_string_value(json_object_get(row, "table")));
    if (json_is_object(before))
        print_side("", before);
    if (json_is_object(before) && json_is_object(after))
        printf(" → ");
    if (json_is_object(after))
        print_side("", after);
    printf("\n");
}

/* How many rows changed. */
static long long rows_of(const json_t *reply)
{
    return (long long)json_array_size(json_object_get(reply, "rows")) +
           json_integer_value(json_object_get(reply, "more"));
}

static void print_rows(const json_t *reply, bool kept)
{
    size_t i;
    json_t *row;
    long long rows = rows_of(reply), more = json_integer_value(json_object_get(reply, "more"));
    json_array_foreach(json_object_get(reply, "rows"), i, row) print_row(row);
    if (more > 0)
        printf("… and %lld more\n", more);
    if (rows > 0)
        printf("%lld row%s %s%s\n", rows, rows == 1 ? "" : "s", kept ? "changed, and kept" : "would change",
               kept || console.commit ? "" : console.hint);
}

static void print_reply(const json_t *reply, bool kept)
{
    size_t i;
    json_t *value;
    const char *printed = json_string_value(json_object_get(reply, "printed"));
    if (console.json) {
        print_side("", reply);
        printf("\n");
    } else {
        fputs(printed ? printed : "", stdout);
        json_array_foreach(json_object_get(reply, "values"), i, value) puts(json_string_value(value));
        print_rows(reply, kept);
    }
    fflush(stdout);
}

/* -- running -- */

static bool yes(void)
{
    char answer[16] = "";
    printf("Keep this? [y/N] ");
    fflush(stdout);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Run it, show it; the number of rows, or -1 when it was refused. */
static long long run(struct slice code, bool commit)
{
    struct err err = {0};
    json_t *reply;
    long long rows = -1;
    if (evaluate(code, commit, &reply, &err) == 0) {
        print_reply(reply, commit);
        rows = rows_of(reply);
    } else {
        fail(&err);
    }
    json_decref(reply);
    return rows;
}

static void run_piece(struct slice code, bool commit)
{
    if (!commit || !console.tty) {
        run(code, commit);
        return;
    }
    long long rows = run(code, false);
    if (rows == 0)
        printf("nothing would change\n");
    else if (rows > 0 && yes())
        run(code, true);
    else if (rows > 0)
        printf("nothing was kept\n");
}

/* -- gathering -- */

static int load(const char *locals, struct slice code)
{
    struct buf text = {0};
    buf_text(&text, locals);
    buf_slice(&text, code);
    lua_settop(console.parser, 0);
    int status = luaL_loadbufferx(console.parser, text.data, text.len, "=console", "t");
    buf_close(&text);
    return status;
}

/* Does it only lack its end? */
static bool is_open(struct slice code)
{
    if (load(LOCALS "return ", code) == LUA_OK || load(LOCALS, code) == LUA_OK)
        return false;
    const char *why = lua_tostring(console.parser, -1);
    size_t len = strlen(why ? why : "");
    return len > 5 && strcmp(why + len - 5, "<eof>") == 0;
}

static void use_plugin(const char *name)
{
    free(console.plugin);
    console.plugin = *name ? mem_dup(name) : NULL;
}

/* A line that begins with a dot. False when it ends the console. */
static bool obey(const char *line)
{
    if (strcmp(line, ".exit") == 0)
        return false;
    if (strcmp(line, ".commit") == 0 && console.last.len > 0)
        run_piece(buf_view(&console.last), true);
    else if (strcmp(line, ".commit") == 0)
        printf("there is nothing to do again yet\n");
    else if (strncmp(line, ".plugin", 7) == 0 && (line[7] == ' ' || line[7] == '\0'))
        use_plugin(line + 7 + strspn(line + 7, " "));
    else
        printf(".commit   do the last piece again, and keep it\n.plugin NAME   run as this plugin's code\n.exit\n");
    return true;
}

static void send_piece(void)
{
    buf_clear(&console.last);
    buf_slice(&console.last, buf_view(&console.piece));
    buf_clear(&console.piece);
    run_piece(buf_view(&console.last), console.commit);
}

/* One line. False when it ends the console. */
static bool take(const char *line)
{
    if (console.piece.len == 0 && line[0] == '.')
        return obey(line);
    if (console.piece.len == 0 && line[strspn(line, " \t")] == '\0')
        return true;
    buf_fmt(&console.piece, "%s%s", console.piece.len > 0 ? "\n" : "", line);
    if (!is_open(buf_view(&console.piece)))
        send_piece();
    return true;
}

static const char *prompt(void)
{
    static char text[80];
    if (console.piece.len > 0)
        return "  ... ";
    snprintf(text, sizeof(text), "%s> ", console.plugin ? console.plugin : "lua");
    return text;
}

static void talk(void)
{
    char *line;
    rl_readline_name = "muster-console";
    rl_bind_key('\t', rl_insert);
    using_history();
    history_open("console");
    for (bool go_on = true; go_on && (line = readline(prompt())) != NULL; free(line)) {
        history_keep(line);
        go_on = take(line);
    }
}

static void read_lines(void)
{
    char *line = NULL;
    size_t cap = 0;
    for (bool go_on = true; go_on && getline(&line, &cap, stdin) >= 0;) {
        line[strcspn(line, "\r\n")] = '\0';
        go_on = take(line);
    }
    if (console.piece.len > 0)
        send_piece(); /* the server says what it lacks */
    free(line);
}

/* -- for muster call -- */

/* As a text of Lua, whatever its bytes are. */
static void quote(struct buf *out, struct slice s)
{
    buf_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c < ' ' || c == '"' || c == '\\' || c == 0x7F)
            buf_fmt(out, "\\%03d", c);
        else
            buf_byte(out, (char)c);
    }
    buf_byte(out, '"');
}

/* The length of NAME in "NAME=VALUE", or 0. */
static size_t name_length(struct slice word)
{
    size_t n = 0;
    while (n < word.len && strchr("abcdefghijklmnopqrstuvwxyz0123456789_", word.data[n]))
        n++;
    return n < word.len && word.data[n] == '=' ? n : 0;
}

/* What belongs to the request, and not to the command in it. */
static bool is_own(struct slice name)
{
    return slice_is(name, "at") || slice_is(name, "lang") || slice_is(name, "timeout_ms");
}

/* return call:invoke("NAME", { ["ARG"] = "VALUE", … }): texts are taken as words are. */
static int write_call(struct buf *code, const struct slice *words, int count, const struct doc_command *doc,
                      struct err *err)
{
    buf_text(code, "return call:invoke(");
    quote(code, words[0]);
    buf_text(code, ", {");
    for (int i = 1; i < count; i++) {
        struct slice name = {words[i].data, name_length(words[i])}, value = words[i];
        if (is_own(name) && console.nown < OWN_MAX) {
            console.own[console.nown++] = words[i];
            continue;
        }
        if (name.len > 0)
            value = (struct slice){words[i].data + name.len + 1, words[i].len - name.len - 1};
        else if (doc && i <= doc->nargs)
            name = slice_of(doc->args[i - 1].name);
        else
            return err_set(err, ERR_ARG, "%.*s: an argument too many, or one without a name", (int)value.len,
                           value.data);
        buf_text(code, " [");
        quote(code, name);
        buf_text(code, "] = ");
        quote(code, value);
        buf_byte(code, ',');
    }
    buf_text(code, " })");
    return 0;
}

int console_try(struct client **client, const struct slice *words, int count, const struct docs *docs, bool json,
                struct err *err)
{
    struct buf code = {0};
    json_t *reply = NULL;
    console.client = *client;
    console.json = json;
    console.hint = "; nothing was kept";
    int rv = write_call(&code, words, count, docs_find(docs, words[0]), err);
    if (rv == 0)
        rv = evaluate(buf_view(&code), false, &reply, err);
    if (rv == 0)
        print_reply(reply, false);
    *client = console.client;
    console.client = NULL;
    json_decref(reply);
    buf_close(&code);
    return rv;
}

/* -1: go on; otherwise the exit status. */
static int parse(int argc, char **argv, struct err *err)
{
    static const struct option options[] = {
        CONNECT_LONG_OPTIONS,
        {"plugin", required_argument, NULL, 'p'},
        {"commit", no_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        int rv = connect_option(&console.connect, c, optarg, err);
        if (rv < 0)
            return cli_misuse("console", "%s", err->text);
        if (rv > 0)
            continue;
        switch (c) {
        case 'p':
            use_plugin(optarg);
            break;
        case 'c':
            console.commit = true;
            break;
        case 'j':
            console.json = true;
            break;
        case 'h':
            fputs(manual, stdout);
            return 0;
        case ':':
            return cli_misuse("console", "%s needs a value", argv[optind - 1]);
        default:
            return cli_misuse("console", "unknown option %s", argv[optind - 1]);
        }
    }
    return optind + 1 >= argc ? -1 : cli_misuse("console", "one piece of code, please: put it into quotes");
}

static void work(const char *code)
{
    console.tty = isatty(STDIN_FILENO);
    console.hint =
        console.tty && !code ? "; nothing was kept (.commit does it)" : "; nothing was kept (--commit does it)";
    if (code)
        run_piece(slice_of(code), console.commit);
    else if (console.tty)
        talk();
    else
        read_lines();
}

int cli_console(int argc, char **argv)
{
    struct err err = {0};
    int status = parse(argc, argv, &err);
    if (status < 0) {
        console.parser = luaL_newstate();
        if (!console.parser)
            abort();
        if (connect_settle(&console.connect, &err) != 0 || reach(&err) != 0) {
            status = cli_fail("console", &err);
        } else {
            work(argv[optind]);
            status = console.tty && !argv[optind] ? 0 : console.status;
        }
        lua_close(console.parser);
    }
    client_close(console.client);
    connect_close(&console.connect);
    buf_close(&console.piece);
    buf_close(&console.last);
    free(console.plugin);
    return status;
}
