#include "cli/cell.h"
#include "cli/cli.h"
#include "cli/connect.h"
#include "cli/docs.h"
#include "cli/history.h"
#include "cli/table.h"
#include "wire/line.h"
#include "wire/render.h"

#include <editline/readline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A line is split into words as the server splits plain lines, and sent as they are. On a terminal: prompt, history,
 * completion. Otherwise lines are read plainly, and the exit status is that of the last command that failed. libedit's
 * completion has no argument for us, so the one shell of the process is a static.
 */

static const char manual[] =
    "Usage: muster shell [OPTIONS]\n\n"
    "Type commands; TAB completes their names and arguments, help lists them, help COMMAND explains one, exit ends.\n"
    "Without a terminal, lines are read from standard input.\n\n" CELL_MANUAL "\n"
    "  --json                print replies as JSON\n" CONNECT_MANUAL;

struct shell {
    struct connect connect;
    struct client *client; /* NULL after the connection failed; the next command connects again */
    struct docs docs;
    bool json, tty;
    int status;
};

static struct shell shell;

static void fail(const struct err *err)
{
    int status = cli_fail("shell", err);
    shell.status = status;
}

static int reach(struct err *err)
{
    if (shell.client != NULL)
        return 0;
    struct client_options options = connect_options(&shell.connect);
    options.name = "muster-shell";
    int rv = client_open(&options, &shell.client, err);
    if (rv == 0)
        cell_use_hello(client_hello(shell.client));
    return rv;
}

static void print(struct slice command, struct slice reply)
{
    struct buf out = {0};
    if (!shell.json)
        pretty_reply(reply, docs_returns(&shell.docs, command), &out);
    else if (render_json(reply, &out) == 0)
        buf_byte(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    buf_close(&out);
}

static void send_words(const struct message *m)
{
    struct err err = {0};
    struct slice reply;
    int rv = reach(&err);
    if (rv == 0 && (rv = client_queue(shell.client, m->args, m->nargs, &err)) == 0 &&
        (rv = client_read(shell.client, &reply, &err)) != 0) {
        client_close(
            shell.client); /* whether the command was done is not known; sending it again is the user's decision */
        shell.client = NULL;
    }
    if (rv == 0 && reader_error(reply, &err))
        rv = err.code;
    if (rv != 0)
        fail(&err);
    else
        print(m->args[0], reply);
}

static void help_list(void)
{
    struct table t = {.columns = 2};
    struct buf out = {0};
    table_add(&t, SLICE("command"), false);
    table_add(&t, SLICE("what it does"), false);
    for (int i = 0; i < shell.docs.count; i++) {
        table_add(&t, slice_of(shell.docs.commands[i].name), false);
        table_add(&t, slice_of(shell.docs.commands[i].summary), false);
    }
    table_write(&t, &out);
    fwrite(out.data, 1, out.len, stdout);
    puts("\nhelp COMMAND shows its arguments; exit ends the shell.");
    table_close(&t);
    buf_close(&out);
}

static const char *doc_name(const void *docs, int i)
{
    const struct docs *d = docs;
    return i < d->count ? d->commands[i].name : NULL;
}

static void help_one(struct slice name)
{
    const struct doc_command *c = docs_find(&shell.docs, name);
    if (c == NULL) {
        char *word = mem_dup_slice(name);
        const char *near = cli_nearest(word, doc_name, &shell.docs);
        printf("There is no command \"%s\"%s%s.\n", word, near != NULL ? "; did you mean " : "",
               near != NULL ? near : "");
        free(word);
        return;
    }
    printf("%s\n  %s\n", c->name, c->summary != NULL ? c->summary : "");
    for (int i = 0; i < c->nargs; i++) {
        const struct doc_arg *arg = &c->args[i];
        size_t len = strlen(arg->name);
        /* Declared as "name:type"; servers that are none of ours give a type alone. */
        bool named =
            arg->type != NULL && strncmp(arg->type, arg->name, len) == 0 && strchr(":!", arg->type[len]) != NULL;
        if (named)
            printf("  %s", arg->type);
        else
            printf("  %s%s%s", arg->name, arg->type != NULL ? ":" : "", arg->type != NULL ? arg->type : "");
        puts(arg->optional ? "  (optional)" : "");
    }
}

/* One typed line. False when it ends the shell. */
static bool obey(const char *line)
{
    struct message m = {0};
    struct err err = {0};
    bool go_on = true;
    if (line_split(slice_of(line), &m, &err) != 0) {
        fail(&err);
    } else if (m.nargs == 1 && (slice_is(m.args[0], "exit") || slice_is(m.args[0], "quit"))) {
        go_on = false;
    } else if (m.nargs == 1 && slice_is(m.args[0], "help")) {
        help_list();
    } else if (m.nargs == 2 && slice_is(m.args[0], "help")) {
        help_one(m.args[1]);
    } else if (m.nargs > 0) {
        send_words(&m);
    }
    message_close(&m);
    return go_on;
}

/* libedit calls a generator with state 0 first, then until NULL; it frees what it is given. */
static char *next_command(const char *text, int state)
{
    static int at;
    if (state == 0)
        at = 0;
    while (at < shell.docs.count) {
        const char *name = shell.docs.commands[at++].name;
        if (strncasecmp(name, text, strlen(text)) == 0)
            return strdup(name);
    }
    return NULL;
}

static const struct doc_command *typed; /* the command of the line being completed */

static char *next_argument(const char *text, int state)
{
    static int at;
    if (state == 0)
        at = 0;
    while (typed != NULL && at < typed->nargs) {
        const char *name = typed->args[at++].name;
        char *word = NULL;
        if (strncmp(name, text, strlen(text)) == 0 && asprintf(&word, "%s=", name) > 0)
            return word;
    }
    return NULL;
}

static char **complete(const char *text, int start, int end)
{
    (void)end;
    rl_attempted_completion_over = 1; /* never file names */
    size_t first = strcspn(rl_line_buffer, " ");
    bool help = first == 4 && strncmp(rl_line_buffer, "help", 4) == 0;
    if (start == 0 || help) {
        rl_completion_append_character = ' ';
        return rl_completion_matches(text, next_command);
    }
    rl_completion_append_character = '\0';
    typed = docs_find(&shell.docs, (struct slice){rl_line_buffer, first});
    return rl_completion_matches(text, next_argument);
}

static void talk(void)
{
    static char word_ends[] = " ";
    rl_readline_name = "muster";
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = word_ends;
    using_history();
    history_open("history");
    bool go_on = true;
    while (go_on) {
        char *line = readline("muster> ");
        if (line == NULL) {
            putchar('\n');
            break;
        }
        history_keep(line);
        go_on = obey(line);
        free(line);
    }
}

static void read_lines(void)
{
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t len; (len = getline(&line, &cap, stdin)) >= 0;) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '#' && !obey(line))
            break;
    }
    free(line);
}

/* -1: go on; otherwise the exit status. */
static int parse(int argc, char **argv, struct err *err)
{
    static const struct option options[] = {
        CONNECT_LONG_OPTIONS,
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        int rv = connect_option(&shell.connect, c, optarg, err);
        if (rv < 0)
            return cli_misuse("shell", "%s", err->text);
        if (rv > 0)
            continue;
        switch (c) {
        case 'j':
            shell.json = true;
            break;
        case 'h':
            fputs(manual, stdout);
            return 0;
        case ':':
            return cli_misuse("shell", "%s needs a value", argv[optind - 1]);
        default:
            return cli_misuse("shell", "unknown option %s", argv[optind - 1]);
        }
    }
    return optind == argc ? -1 : cli_misuse("shell", "what is \"%s\"? (muster call sends one command)", argv[optind]);
}

int cli_shell(int argc, char **argv)
{
    struct err err = {0}, ignored = {0};
    int status = parse(argc, argv, &err);
    if (status < 0) {
        status = 0;
        shell.tty = isatty(STDIN_FILENO);
        if (connect_settle(&shell.connect, &err) != 0 || reach(&err) != 0) {
            status = cli_fail("shell", &err);
        } else {
            if (docs_read(shell.client, &shell.docs, &ignored) != 0 && shell.tty)
                fprintf(stderr, "No help and completion: %s\n", ignored.text);
            shell.tty ? talk() : read_lines();
            status = shell.tty ? 0 : shell.status;
        }
    }
    client_close(shell.client);
    docs_close(&shell.docs);
    connect_close(&shell.connect);
    return status;
}
