#include "wire/message.h"

#include <stdlib.h>

void message_clear(struct message *m)
{
    m->nargs = 0;
    buf_clear(&m->scratch);
}

void message_close(struct message *m)
{
    if (!m)
        return;
    free(m->args);
    buf_close(&m->scratch);
    *m = (struct message){0};
}

void message_add(struct message *m, struct slice arg)
{
    if (m->nargs == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 8;
        m->args = mem_realloc(m->args, (size_t)m->cap * sizeof(m->args[0]));
    }
    m->args[m->nargs++] = arg;
}
