#include "plugin/child_hello.h"

void child_hello_put(const struct child_hello *h, struct buf *message)
{
    struct reply r;
    reply_begin(&r, message, 0);
    reply_array_open(&r);
    reply_cstr(&r, h->name);
    reply_cstr(&r, h->folder);
    reply_cstr(&r, h->object);
    reply_cstr(&r, h->native_dir);
    reply_cstr(&r, h->lib_dir);
    reply_int(&r, h->memory_bytes);
    reply_int(&r, h->soft_bytes);
    reply_int(&r, h->grace_ms);
    reply_int(&r, h->reply_bytes);
    reply_int(&r, h->log_level);
    reply_close(&r);
    reply_finish(&r);
}

int child_hello_take(struct buf *message, struct child_hello *h)
{
    struct reader r = {buf_view(message)};
    int64_t count;
    return remote_take_array(&r, &count) || count != 10 || remote_take_cstr(&r, &h->name) ||
                   remote_take_cstr(&r, &h->folder) || remote_take_cstr(&r, &h->object) ||
                   remote_take_cstr(&r, &h->native_dir) || remote_take_cstr(&r, &h->lib_dir) ||
                   remote_take_int(&r, &h->memory_bytes) || remote_take_int(&r, &h->soft_bytes) ||
                   remote_take_int(&r, &h->grace_ms) || remote_take_int(&r, &h->reply_bytes) ||
                   remote_take_int(&r, &h->log_level)
               ? ERR_PROTO
               : 0;
}
