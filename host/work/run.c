#include "work/run.h"

#include <stdlib.h>
#include <string.h>

enum { SIGN_IN_BYTES = 1024 };

struct run *run_new(enum run_kind kind, enum mode mode, struct registry *registry, struct identity *identity)
{
    struct run *run = mem_zalloc(sizeof(*run));
    run->kind = kind;
    run->mode = mode;
    run->registry = registry ? registry_ref(registry) : NULL;
    run->identity = identity ? identity_ref(identity) : NULL;
    list_init(&run->link);
    /* Growing would leave copies of a secret behind in freed memory. */
    if (kind != RUN_COMMANDS)
        buf_reserve(&run->bytes, SIGN_IN_BYTES);
    return run;
}

void run_free(struct run *run)
{
    if (!run)
        return;
    if (run->bytes.len)
        explicit_bzero(run->bytes.data, run->bytes.len);
    buf_close(&run->bytes);
    buf_close(&run->out);
    identity_unref(run->identity);
    identity_unref(run->fresh);
    registry_unref(run->registry);
    free(run->requests);
    free(run->words);
    free(run);
}

static void add_word(struct run *run, struct slice word)
{
    if (run->nwords == run->cap_words) {
        run->cap_words = run->cap_words ? 2 * run->cap_words : 16;
        run->words = mem_realloc(run->words, (size_t)run->cap_words * sizeof(*run->words));
    }
    run->words[run->nwords].at = run->bytes.len;
    run->words[run->nwords].len = word.len;
    run->nwords++;
    buf_slice(&run->bytes, word);
}

void run_add(struct run *run, const struct command *command, const struct slice *words, int nwords)
{
    if (run->nrequests == run->cap_requests) {
        run->cap_requests = run->cap_requests ? 2 * run->cap_requests : 4;
        run->requests = mem_realloc(run->requests, (size_t)run->cap_requests * sizeof(*run->requests));
    }
    run->requests[run->nrequests++] = (struct request){command, run->nwords, nwords};
    for (int i = 0; i < nwords; i++)
        add_word(run, words[i]);
}

struct slice run_word(const struct run *run, int index)
{
    if (run->words[index].len == 0)
        return SLICE(""); /* there may be no bytes at all */
    return (struct slice){run->bytes.data + run->words[index].at, run->words[index].len};
}
