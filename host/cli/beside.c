#include "cli/beside.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Paths are found from the program's own, so that an installed tree can be moved as a whole. */

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* `name`, from the folder of the program, in `out`: is it a folder? */
static bool beside(const char *name, char out[BESIDE_PATH_BYTES])
{
    char program[BESIDE_PATH_BYTES];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (len <= 0)
        return false;
    program[len] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return snprintf(out, BESIDE_PATH_BYTES, "%s/%s", program, name) < BESIDE_PATH_BYTES && is_folder(out);
}

static const char *given(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value && strlen(value) < BESIDE_PATH_BYTES ? value : NULL;
}

const char *beside_native_dir(char out[BESIDE_PATH_BYTES])
{
    const char *named = given("MUSTER_NATIVE");
    if (named)
        return strcpy(out, named);
    return beside("plugins", out) || beside("../lib/muster", out) ? out : NULL;
}

const char *beside_share_dir(char out[BESIDE_PATH_BYTES])
{
    const char *named = given("MUSTER_SHARE");
    if (named)
        return strcpy(out, named);
    if (!beside("../share/muster", out))
        snprintf(out, BESIDE_PATH_BYTES, "%s", MUSTER_SHARE_DIR);
    return out;
}
