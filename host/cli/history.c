#include "cli/history.h"
#include "base/buf.h"

#include <editline/readline.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* One command a line, the youngest last. Appended line by line, so that several shells do not overwrite each other.
 */

#define HISTORY_LINES 1000

static char *path; /* NULL: no file */
static char *last;

/* Make each folder of the path that is missing. */
static void make_folders(char *file)
{
    for (char *slash = file; (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        if (mkdir(file, 0700) != 0 && errno != EEXIST) {
            *slash = '/';
            return;
        }
        *slash = '/';
    }
}

static char *find_path(const char *name)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct buf b = {0};
    if (state != NULL && state[0] == '/')
        buf_fmt(&b, "%s/muster/%s", state, name);
    else if (home != NULL && home[0] == '/')
        buf_fmt(&b, "%s/.local/state/muster/%s", home, name);
    else
        return NULL;
    char *found = mem_dup(buf_cstr(&b));
    buf_close(&b);
    return found;
}

void history_open(const char *name)
{
    stifle_history(HISTORY_LINES);
    if ((path = find_path(name)) == NULL)
        return;
    make_folders(path);
    history_truncate_file(path, HISTORY_LINES);
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    if (f == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t len; (len = getline(&line, &cap, f)) >= 0;) {
        line[strcspn(line, "\n")] = '\0';
        add_history(line);
    }
    free(line);
    fclose(f);
}

/* What holds a password or token must not rest in a file. */
static bool secret(const char *line)
{
    static const char *const signs[] = {"password", "secret", "token"};
    if (strncasecmp(line, "AUTH", 4) == 0 || strncasecmp(line, "HELLO", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strcasestr(line, signs[i]) != NULL)
            return true;
    return false;
}

void history_keep(const char *line)
{
    if (line[0] == '\0' || secret(line) || (last != NULL && strcmp(last, line) == 0))
        return;
    free(last);
    last = mem_dup(line);
    add_history(line);
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    dprintf(fd, "%s\n", line);
    close(fd);
}
