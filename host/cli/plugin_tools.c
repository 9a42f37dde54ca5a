#include "cli/plugin.h"
#include "cli/tool.h"

/* The tools of authors are written in Lua: api/tools/NAME.lua. */

int cli_plugin_new(int argc, char **argv)
{
    return tool_run("plugin new", argc, argv);
}

int cli_plugin_check(int argc, char **argv)
{
    return tool_run("plugin check", argc, argv);
}

int cli_plugin_test(int argc, char **argv)
{
    return tool_run("plugin test", argc, argv);
}

int cli_plugin_manual(int argc, char **argv)
{
    return tool_run("plugin manual", argc, argv);
}
