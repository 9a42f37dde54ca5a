#include "net/ask.h"

#include "base/clock.h"
#include "net/loop.h"
#include "wire/reader.h"

#include <string.h>

/* The run goes the way of all runs and comes back among them; it is told apart by having the server itself for its
 * owner, where others have a connection. */

int server_ask(struct server *s, const struct slice *words, int nwords, server_answer answer, void *arg,
               struct err *err)
{
    const struct command *command = registry_command(s->registry, words[0]);
    if (s->answer)
        return err_set(err, ERR_BUSY, "the last one is not answered yet");
    if (s->draining)
        return err_set(err, ERR_STATE, "the server is stopping");
    if (!command)
        return err_rule(err, ERR_NOTFOUND, "call.unknown", NULL, "there is no command %.*s", (int)words[0].len,
                        words[0].data);
    struct identity *host = identity_host();
    struct run *run = run_new(RUN_COMMANDS, command->mode, s->registry, host);
    identity_unref(host);
    strcpy(run->lang, "en");
    run->received_ms = clock_now_ms();
    run->owner = s;
    run_add(run, command, words + 1, nwords - 1);
    int rv = lanes_put(s->lanes, run);
    if (rv != 0) {
        run_free(run);
        return err_set(err, rv, "the queue of this kind of command is full");
    }
    s->answer = answer;
    s->answer_arg = arg;
    return 0;
}

void ask_deliver(struct server *s, struct run *run)
{
    server_answer answer = s->answer;
    struct err err = {0};
    s->answer = NULL;
    bool refused = run->out.len == 0 || reader_error(buf_view(&run->out), &err);
    if (run->out.len == 0)
        err_set(&err, ERR_BUSY, "the server is stopping");
    answer(s->answer_arg, buf_view(&run->out), refused ? &err : NULL);
    run_free(run);
}
