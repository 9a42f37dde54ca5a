#include "plugin/child_line.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A stream with lengths in front was measured as quick as SOCK_SEQPACKET, and has no limit of its own for a message.
 * A small message costs one system call at each end: what is read beyond it is kept. */

enum { IN_BYTES = 64 * 1024, LOOK_US = 20 * 1000 };

struct head {
    uint32_t len, kind;
};

void line_open(struct line *line, int fd, const size_t max[LINE_KINDS], bool patient)
{
    *line = (struct line){.fd = fd, .in = mem_alloc(IN_BYTES)};
    memcpy(line->max, max, sizeof(line->max));
    const struct timeval look = {.tv_usec = LOOK_US};
    if (!patient) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof(look));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &look, sizeof(look));
    }
}

void line_close(struct line *line)
{
    if (line->in)
        close(line->fd);
    free(line->in);
    *line = (struct line){.fd = -1};
}

static bool is_late(uint64_t deadline_ns)
{
    return deadline_ns != 0 && clock_mono_ns() >= deadline_ns;
}

/* After a call that moved nothing: go on? */
static int go_on(uint64_t deadline_ns)
{
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return ERR_IO;
    return is_late(deadline_ns) ? ERR_TIMEOUT : 0;
}

int line_wait(struct line *line, uint64_t deadline_ns)
{
    while (line->at == line->have) {
        struct pollfd p = {.fd = line->fd, .events = POLLIN};
        const uint64_t now = clock_mono_ns();
        const int left_ms = now < deadline_ns ? (int)((deadline_ns - now + 999999) / 1000000) : 0;
        const int n = poll(&p, 1, left_ms);
        if (n > 0)
            return 0; /* something, or the end */
        if (n == 0)
            return ERR_TIMEOUT;
        if (errno != EINTR)
            return ERR_IO;
    }
    return 0;
}

static void advance(struct iovec *iov, size_t n)
{
    for (int i = 0; i < 2; i++) {
        size_t part = n < iov[i].iov_len ? n : iov[i].iov_len;
        iov[i].iov_base = (char *)iov[i].iov_base + part;
        iov[i].iov_len -= part;
        n -= part;
    }
}

int line_send(struct line *line, enum line_kind kind, struct slice payload, uint64_t deadline_ns)
{
    struct head head = {(uint32_t)payload.len, kind};
    struct iovec iov[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)payload.data, payload.len}};
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
    if (payload.len > UINT32_MAX)
        return ERR_IO;
    while (iov[0].iov_len + iov[1].iov_len > 0) {
        ssize_t n = sendmsg(line->fd, &message, MSG_NOSIGNAL);
        int rv = n < 0 ? go_on(deadline_ns) : 0;
        if (rv != 0)
            return rv;
        if (n > 0)
            advance(iov, (size_t)n);
        /* Whoever takes a little each time shall not be waited for any longer than one who takes nothing. */
        if (iov[0].iov_len + iov[1].iov_len > 0 && is_late(deadline_ns))
            return ERR_TIMEOUT;
    }
    return 0;
}

/* Exactly `len` bytes into `to`: what is kept first, then small reads into the keep, large ones in place. */
static int take(struct line *line, char *to, size_t len, uint64_t deadline_ns)
{
    while (len > 0) {
        if (line->at < line->have) {
            size_t n = line->have - line->at < len ? line->have - line->at : len;
            memcpy(to, line->in + line->at, n);
            line->at += n;
            to += n;
            len -= n;
            continue;
        }
        bool direct = len >= IN_BYTES;
        ssize_t n = recv(line->fd, direct ? to : line->in, direct ? len : IN_BYTES, 0);
        int rv = n == 0 ? ERR_IO : n < 0 ? go_on(deadline_ns) : 0;
        if (rv != 0)
            return rv;
        if (n > 0 && direct) {
            to += n;
            len -= (size_t)n;
        } else if (n > 0) {
            line->at = 0;
            line->have = (size_t)n;
        }
        if (len > line->have - line->at && is_late(deadline_ns))
            return ERR_TIMEOUT;
    }
    return 0;
}

int line_receive(struct line *line, enum line_kind *kind, struct buf *payload, uint64_t deadline_ns)
{
    struct head head;
    int rv = take(line, (char *)&head, sizeof(head), deadline_ns);
    if (rv != 0)
        return rv;
    if (head.kind >= LINE_KINDS || line->max[head.kind] == 0 || head.len > line->max[head.kind])
        return ERR_PROTO;
    buf_clear(payload);
    *kind = (enum line_kind)head.kind;
    /* A length is not believed before the bytes come. */
    for (size_t left = head.len; rv == 0 && left > 0;) {
        size_t part = left < IN_BYTES || payload->len > 0 ? left : IN_BYTES;
        if (part > payload->len && payload->len >= IN_BYTES)
            part = payload->len < left ? payload->len : left;
        rv = buf_reserve(payload, part);
        if (rv == 0)
            rv = take(line, payload->data + payload->len, part, deadline_ns);
        if (rv == 0) {
            payload->len += part;
            left -= part;
        }
    }
    return rv;
}
