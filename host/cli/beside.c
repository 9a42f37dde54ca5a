#include "cli/beside.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *beside_native_dir(char out[BESIDE_PATH_BYTES])
{
    static const char *const places[] = {"plugins", "../lib/muster"};
    const char *given = getenv("MUSTER_NATIVE");
    char program[BESIDE_PATH_BYTES];
    if (given && *given)
        return snprintf(out, BESIDE_PATH_BYTES, "%s", given) < BESIDE_PATH_BYTES ? out : NULL;
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (len <= 0)
        return NULL;
    program[len] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (snprintf(out, BESIDE_PATH_BYTES, "%s/%s", program, places[i]) < BESIDE_PATH_BYTES && is_folder(out))
            return out;
    return NULL;
}
