#include "net/program.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* Three handles a program: the process, the pipe of what it says, and the timer of its limit. It has ended when the
 * process has and the pipe is at its end; then all of them are closed, and whoever waits is told. */

enum { SAID_BYTES = 64 * 1024, HANDLES = 3 };

struct program {
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer;
    struct buf said;
    char chunk[4096];
    bool exited, silent;
    int status, open;
    void (*ended)(void *arg, int status, struct slice said);
    void *arg;
};

static void on_closed(uv_handle_t *handle)
{
    struct program *p = handle->data;
    if (--p->open > 0)
        return;
    if (p->ended)
        p->ended(p->arg, p->status, buf_view(&p->said));
    buf_close(&p->said);
    free(p);
}

static void close_all(struct program *p)
{
    uv_close((uv_handle_t *)&p->process, on_closed);
    uv_close((uv_handle_t *)&p->pipe, on_closed);
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

static void on_ended(uv_process_t *process, int64_t status, int number)
{
    struct program *p = process->data;
    p->exited = true;
    p->status = number ? -1 : (int)status;
    if (p->silent)
        close_all(p);
}

static void on_late(uv_timer_t *timer)
{
    struct program *p = timer->data;
    uv_process_kill(&p->process, SIGKILL);
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct program *p = handle->data;
    (void)wanted;
    *buf = uv_buf_init(p->chunk, sizeof(p->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct program *p = stream->data;
    if (n > 0)
        buf_append(&p->said, buf->base, (size_t)n); /* what is too much is dropped */
    if (n >= 0)
        return;
    uv_read_stop(stream);
    p->silent = true;
    if (p->exited)
        close_all(p);
}

/* Both streams of the program go into one pipe, in the order in which it writes. */
static int spawn(uv_loop_t *loop, struct program *p, char **argv, const uv_file ends[2])
{
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}};
    for (int i = 1; i < 3; i++)
        stdio[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = ends[1]};
    const uv_process_options_t options = {
        .exit_cb = on_ended, .file = argv[0], .args = argv, .stdio = stdio, .stdio_count = 3};
    int rv = uv_spawn(loop, &p->process, &options);
    close(ends[1]);
    if (rv == 0)
        rv = uv_pipe_open(&p->pipe, ends[0]);
    else
        close(ends[0]);
    return rv;
}

int program_start(uv_loop_t *loop, char **argv, int limit_ms, void (*ended)(void *arg, int status, struct slice said),
                  void *arg, struct err *err)
{
    uv_file ends[2];
    int rv = uv_pipe(ends, 0, 0);
    if (rv != 0)
        return err_set(err, ERR_IO, "%s cannot be run: %s", argv[0], uv_strerror(rv));
    struct program *p = mem_zalloc(sizeof(*p));
    p->said.max = SAID_BYTES;
    p->open = HANDLES;
    uv_pipe_init(loop, &p->pipe, 0);
    uv_timer_init(loop, &p->timer);
    p->process.data = p->pipe.data = p->timer.data = p;
    rv = spawn(loop, p, argv, ends);
    if (rv != 0) {
        close_all(p);
        return err_set(err, ERR_IO, "%s cannot be run: %s", argv[0], uv_strerror(rv));
    }
    p->ended = ended;
    p->arg = arg;
    uv_timer_start(&p->timer, on_late, (uint64_t)limit_ms, 0);
    uv_read_start((uv_stream_t *)&p->pipe, give_room, on_read);
    return 0;
}
