#include "cli/call_out.h"
#include "cli/cell.h"
#include "cli/cli.h"
#include "cli/connect.h"
#include "cli/console.h"
#include "cli/docs.h"
#include "cli/table.h"
#include "wire/render.h"

#include <stdio.h>
#include <stdlib.h>

static const char manual[] =
    "Usage: muster call COMMAND [ARGUMENT…] [OPTIONS]\n\n"
    "Sends one command and prints its reply: lists as tables, for programs as JSON. Arguments are NAME=VALUE or,\n"
    "before the first named one, values in the declared order. An argument that begins with - comes after --.\n\n"
    "  muster call echo.say hello\n"
    "  muster call fund.give fund=DUES donor=M001 amount_fen=500000\n\n" CELL_MANUAL "\n"
    "  --dry-run             for administrators: undo it, and show the rows that it would change\n"
    "  --json                print the reply as JSON\n"
    "  --out FILE            write the reply to FILE: a picture (.svg), a table (.csv, .xlsx), or .json.\n"
    "                        In tables money is in yuan (32549.00) and instants are civil time; .json is exact\n"
    "  --resp2               speak RESP2; the reply is shown as it comes\n" CONNECT_MANUAL
    "\nExit status: 0 done, 2 wrong argument or command, 3 not found, 4 refused by a rule or state, 5 not permitted,\n"
    "6 not signed in, 7 busy or timed out (try again), 8 protocol, 9 internal or no connection.\n";

struct call {
    struct connect connect;
    bool json, dry_run;
    const char *out; /* a file for the reply, or NULL */
    int proto;
};

/* -1: go on; otherwise the exit status. */
static int parse(struct call *call, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {
        CONNECT_LONG_OPTIONS,
        {"json", no_argument, NULL, 'j'},
        {"dry-run", no_argument, NULL, 'n'},
        {"out", required_argument, NULL, 'o'},
        {"resp2", no_argument, NULL, '2'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        int rv = connect_option(&call->connect, c, optarg, err);
        if (rv < 0)
            return cli_misuse("call", "%s", err->text);
        if (rv > 0)
            continue;
        switch (c) {
        case 'j':
            call->json = true;
            break;
        case 'n':
            call->dry_run = true;
            break;
        case 'o':
            call->out = optarg;
            if (call_out_check(optarg, err) != 0)
                return cli_misuse("call", "%s", err->text);
            break;
        case '2':
            call->proto = 2;
            break;
        case 'h':
            fputs(manual, stdout);
            return 0;
        case ':':
            return cli_misuse("call", "%s needs a value", argv[optind - 1]);
        default:
            return cli_misuse("call", "unknown option %s (put -- before arguments that begin with -)",
                              argv[optind - 1]);
        }
    }
    if (call->out && (call->dry_run || call->proto == 2))
        return cli_misuse("call", "--out goes with neither --dry-run nor --resp2");
    return optind < argc ? -1 : cli_misuse("call", "which command?");
}

static int print(const struct call *call, struct slice reply, const struct shape *shape, struct err *err)
{
    struct buf out = {0};
    int rv = 0;
    if (call->json) {
        rv = render_json(reply, &out);
        buf_byte(&out, '\n');
        if (rv != 0)
            err_set(err, rv, "the reply cannot be shown as JSON");
    } else {
        pretty_reply(reply, shape, &out);
    }
    if (rv == 0 && (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0))
        rv = err_set(err, ERR_IO, "cannot write to standard output");
    buf_close(&out);
    return rv;
}

/* Send the command, and in front of it the question what it returns: both go out at once. */
static int ask(struct client *client, const struct slice *words, int count, struct docs *docs, struct slice *reply,
               struct err *err)
{
    struct slice question[] = {SLICE("COMMAND"), SLICE("DOCS"), words[0]};
    int rv = client_queue(client, question, 3, err);
    rv = rv ? rv : client_queue(client, words, count, err);
    rv = rv ? rv : client_read(client, reply, err);
    if (rv == 0)
        docs_parse(*reply, docs, NULL); /* without an answer the reply is shown as it is */
    rv = rv ? rv : client_read(client, reply, err);
    return rv == 0 && reader_error(*reply, err) ? err->code : rv;
}

static int try_out(const struct call *call, struct client **client, const struct slice *words, int count,
                   struct err *err)
{
    const struct slice question[] = {SLICE("COMMAND"), SLICE("DOCS"), words[0]};
    struct docs docs = {0};
    struct slice reply;
    int rv = client_call(*client, question, 3, &reply, err);
    if (rv == 0)
        rv = docs_parse(reply, &docs, err);
    if (rv == 0)
        rv = console_try(client, words, count, &docs, call->json, err);
    docs_close(&docs);
    return rv;
}

static int run(struct call *call, char **words, int count, struct err *err)
{
    struct client_options options = connect_options(&call->connect);
    struct client *client = NULL;
    struct docs docs = {0};
    struct slice *slices = mem_alloc((size_t)count * sizeof *slices), reply;
    for (int i = 0; i < count; i++)
        slices[i] = slice_of(words[i]);
    options.proto = call->proto;
    options.name = "muster-call";
    int rv = call->out ? call_out_try(call->out, err) : 0;
    rv = rv ? rv : client_open(&options, &client, err);
    if (rv == 0)
        cell_use_hello(client_hello(client));
    if (rv == 0 && call->dry_run)
        rv = try_out(call, &client, slices, count, err);
    else if (rv == 0 && (call->json || call->proto == 2))
        rv = client_call(client, slices, count, &reply, err);
    else if (rv == 0)
        rv = ask(client, slices, count, &docs, &reply, err);
    if (rv == 0 && call->out)
        rv = call_out_write(call->out, client, reply, docs_returns(&docs, slices[0]), err);
    else if (rv == 0 && !call->dry_run)
        rv = print(call, reply, docs_returns(&docs, slices[0]), err);
    docs_close(&docs);
    client_close(client);
    free(slices);
    return rv;
}

int cli_call(int argc, char **argv)
{
    struct call call = {.proto = 3};
    struct err err = {0};
    int status = parse(&call, argc, argv, &err);
    if (status < 0) {
        int rv = connect_settle(&call.connect, &err);
        if (rv == 0)
            rv = run(&call, argv + optind, argc - optind, &err);
        status = rv == 0 ? 0 : cli_fail("call", &err);
    }
    connect_close(&call.connect);
    return status;
}
