#include "cli/cli.h"
#include "plugin/child.h"

int cli_child(void)
{
    return child_main();
}
