/* Looking a database over, for `muster doctor`. */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* quick_check reads every page once; it finds torn pages, wrong counts, rows out of order and values that break NOT NULL,
 * CHECK and STRICT, but does not compare the indexes with their tables, which would take several times as long. Source:
 * sqlite.org/pragma.html#pragma_quick_check. */
int sqlite_check(struct store *s, struct buf *problems, struct err *err)
{
    struct cursor *c = NULL;
    int found = 0;
    int rv = store_query(s, NULL, SLICE("PRAGMA quick_check(5)"), NULL, 0, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        struct value line;
        cursor_value(c, 0, &line);
        rv = 0;
        if (line.type != VALUE_TEXT || slice_is(line.s, "ok"))
            continue;
        buf_append(problems, line.s.data, line.s.len);
        buf_text(problems, "\n");
        found++;
    }
    cursor_close(c);
    return rv < 0 ? rv : found;
}

int store_served(const char *path)
{
    char lock_path[4096];
    const char *slash = strrchr(path, '/');
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int dir = slash ? (int)(slash - path) + 1 : 0;
    if (snprintf(lock_path, sizeof(lock_path), "%.*smuster.lock", dir, path) >= (int)sizeof(lock_path))
        return ERR_IO;
    int fd = open(lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : ERR_IO;
    int rv = fcntl(fd, F_OFD_GETLK, &lock) != 0 ? ERR_IO : lock.l_type != F_UNLCK;
    close(fd);
    return rv;
}
