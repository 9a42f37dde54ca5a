#include "cli/cli.h"
#include "store/store.h"
#include "tls/endpoint.h"

#include <jansson.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

int cli_version(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        puts("Usage: muster version\n\nPrints the versions of Muster and of the libraries it runs with.");
        return 0;
    }
    if (argc > 1)
        return cli_misuse("version", "what is \"%s\"?", argv[1]);
    printf("muster %s\n%s\n%s\nSQLite %s\njansson %s\n", MUSTER_VERSION, tls_library_version(), LUA_RELEASE,
           store_library_version(), jansson_version_str());
    return 0;
}
