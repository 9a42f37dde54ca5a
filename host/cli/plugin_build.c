#include "cli/plugin.h"
#include "cli/tool.h"

#include <stdio.h>
#include <string.h>

static const char manual[] =
    "Usage: muster plugin build DIR…\n\n"
    "Compiles the C files of each folder into DIR/NAME.so, unless that is newer than all of them. CC, CFLAGS and LDFLAGS\n"
    "are honoured. A folder without C files is fine. `muster plugin check`, `test` and `muster serve --dev` do it by\n"
    "themselves.\n";

int cli_plugin_build(int argc, char **argv)
{
    struct err err = {0};
    int rv = 0;
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(manual, stdout);
        return 0;
    }
    if (argc < 2 || argv[1][0] == '-')
        return cli_misuse("plugin build", argc < 2 ? "which folder?" : "unknown option %s", argv[argc < 2 ? 0 : 1]);
    for (int i = 1; rv == 0 && i < argc; i++)
        rv = plugin_build(argv[i], false, NULL, &err);
    return rv == 0 ? 0 : cli_fail("plugin build", &err);
}
