/* A script of faults, counted down call by call. */
#include "store/faulty.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static const char *const names[] = {"commit-retry", "commit-unknown", "commit-lost", "commit-fenced",
                                    "begin-fenced", "exec-full",      "commit-io"};
#define NAMES (sizeof(names) / sizeof(names[0]))
#define MAX_FAULTS 64
/* A name's first word is the call it belongs to. */
static const char *const calls[] = {"commit", "begin", "exec"};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

struct fault {
    const char *name; /* one of `names` */
    long nth;
};

struct faults {
    struct fault list[MAX_FAULTS];
    int count;
    long seen[CALLS];
};

static const char *known(const char *name, size_t len)
{
    for (size_t i = 0; i < NAMES; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            return names[i];
        }
    }
    return NULL;
}

/* One "what@n" of `len` bytes. */
static int parse_one(struct faults *f, const char *text, size_t len, struct err *err)
{
    const char *at = memchr(text, '@', len);
    const char *name = at ? known(text, (size_t)(at - text)) : NULL;
    char *end = NULL;
    long nth = at ? strtol(at + 1, &end, 10) : 0;
    if (!name || nth < 1 || end != text + len) {
        return err_set(err, ERR_ARG, "fault '%.*s' is not WHAT@N with a known WHAT and N from 1", (int)len, text);
    }
    if (f->count == MAX_FAULTS) {
        return err_set(err, ERR_TOOBIG, "at most %d faults", MAX_FAULTS);
    }
    f->list[f->count++] = (struct fault){name, nth};
    return 0;
}

int faults_parse(const char *script, struct faults **out, struct err *err)
{
    struct faults *f = mem_zalloc(sizeof(*f));
    int rv = 0;
    *out = NULL;
    while (rv == 0 && *script) {
        size_t len = strcspn(script, ",");
        rv = parse_one(f, script, len, err);
        script += script[len] == ',' ? len + 1 : len;
    }
    if (rv < 0) {
        free(f);
        return rv;
    }
    *out = f;
    return 0;
}

void faults_free(struct faults *f)
{
    free(f);
}

const char *faults_next(struct faults *f, const char *what)
{
    size_t call = 0;
    while (call < CALLS && strcmp(calls[call], what) != 0) {
        call++;
    }
    if (call == CALLS) {
        return NULL;
    }
    long nth = ++f->seen[call];
    size_t len = strlen(what);
    for (int i = 0; i < f->count; i++) {
        if (f->list[i].nth == nth && strncmp(f->list[i].name, what, len) == 0) {
            return f->list[i].name;
        }
    }
    return NULL;
}
