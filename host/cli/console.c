#include "cli/console.h"

#include "cli/cli.h"
#include "cli/connect.h"
#include "cli/history.h"

#include <editline/readline.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Lines are gathered until they are a whole piece of Lua, which this process can tell without running it, and sent as
 * one lua.eval. What is kept is always shown first: with --commit, or by .commit, a piece is run once to show its rows,
 * and when the answer is yes once more to keep them. From a pipe there is nobody to ask: --commit alone decides.
 *
 * libedit's functions have no argument for us, so the one console of the process is a static. */

#define LOCALS "local call, db, print = ...; " /* as the server has them */

#define DOTS                                                                                                            \
    "  .commit           do the last piece again, and keep it\n"                                                        \
    "  .plugin NAME      run as this plugin's code: with its tables, settings and modules; without NAME: as nobody's\n" \
    "  .clear            forget what is typed and not yet whole\n"                                                      \
    "  .help  .exit\n"

static const char manual[] =
    "Usage: muster console [OPTIONS] [CODE]\n\n"
    "Runs Lua on the server, for administrators: what CODE says, or what is typed, or read from standard input. It runs as\n"
    "a plugin's code does, within its limits, and is undone at the end; its values, and the rows that it would change, are\n"
    "shown. Each run stands in the audit.\n\n"
    "  call, db, print   what a command of a plugin has: call:invoke(\"notes.add\", { text = \"x\" }), db:rows(\"SELECT …\")\n" DOTS
    "\n"
    "A piece may have several lines: it is sent when it is whole; Ctrl-C drops it. Nothing is remembered from one piece to\n"
    "the next.\n\n"
    "  --plugin NAME         begin as this plugin's code\n"
    "  --commit              keep what is changed; on a terminal the rows are shown and a yes is asked for\n"
    "  --json                print the replies as JSON\n" CONNECT_MANUAL "\nExit status: as of muster call.\n";

struct console {
    struct connect connect;
    struct client *client; /* NULL after the connection failed; the next piece connects again */
    char *plugin;          /* or NULL */
    bool commit, json, tty;
    const char *hint; /* how to keep what was undone */
    int status;
    lua_State *parser;
    struct buf piece, last;
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

static int reach(struct err *err)
{
    if (console.client)
        return 0;
    struct client_options options = connect_options(&console.connect);
    options.name = "muster-console";
    return client_open(&options, &console.client, err);
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
    const struct console_piece piece = {.code = code, .plugin = console.plugin, .commit = commit};
    struct err err = {0};
    json_t *reply = NULL;
    long long rows = -1;
    if (reach(&err) == 0 && console_ask(&console.client, &piece, &reply, &err) == 0) {
        console_print(reply, console.json, console.commit ? "" : console.hint);
        rows = console_rows(reply);
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

/* A line that begins with a dot. */
static void obey(const char *line)
{
    if (strcmp(line, ".commit") == 0 && console.last.len > 0)
        run_piece(buf_view(&console.last), true);
    else if (strcmp(line, ".commit") == 0)
        printf("there is nothing to do again yet\n");
    else if (strncmp(line, ".plugin", 7) == 0 && (line[7] == ' ' || line[7] == '\0'))
        use_plugin(line + 7 + strspn(line + 7, " "));
    else
        fputs(DOTS, stdout);
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
    if (strcmp(line, ".exit") == 0)
        return false;
    if (strcmp(line, ".clear") == 0) {
        buf_clear(&console.piece);
        return true;
    }
    if (console.piece.len == 0 && line[0] == '.') {
        obey(line);
        return true;
    }
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

/* -- from a terminal, where Ctrl-C drops what is typed -- */

static bool interrupted, typed;

/* While a line is read Ctrl-C is a key; what runs between two lines is ended by it, as any program is. */
static int on_interrupt(int count, int key)
{
    (void)count, (void)key;
    interrupted = true;
    typed = rl_end > 0;
    rl_done = 1;
    return 0;
}

/* The terminal's key for a signal; what it was. */
static cc_t set_interrupt_key(cc_t key)
{
    struct termios t;
    if (tcgetattr(STDIN_FILENO, &t) != 0)
        return _POSIX_VDISABLE;
    const cc_t before = t.c_cc[VINTR];
    t.c_cc[VINTR] = key;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
    return before;
}

static char *read_line(void)
{
    interrupted = false;
    const cc_t key = set_interrupt_key(_POSIX_VDISABLE);
    char *line = readline(prompt());
    set_interrupt_key(key);
    return line;
}

static void bind_keys(void)
{
    rl_bind_key('\t', rl_insert);
    rl_add_defun("drop-piece", on_interrupt, 'C' & 31);
}

static void talk(void)
{
    char *line;
    rl_readline_name = "muster-console";
    bind_keys();
    using_history();
    history_open("console");
    for (bool go_on = true; go_on;) {
        line = read_line();
        if (line && !interrupted) {
            history_keep(line);
            go_on = take(line);
        } else {
            printf("\n");
            go_on = interrupted && (typed || console.piece.len > 0);
            buf_clear(&console.piece);
        }
        free(line);
    }
    if (interrupted)
        console.status = 128 + SIGINT;
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
            status = console.tty && !argv[optind] && console.status != 128 + SIGINT ? 0 : console.status;
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
