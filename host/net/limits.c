#include "net/limits.h"

#include <assert.h>
#include <string.h>

#define DEFAULT(field, value) l->field = l->field ? l->field : (value)

void limits_fill(struct server_limits *l)
{
    DEFAULT(connections, 4096);
    DEFAULT(handshake_ms, 5000);
    DEFAULT(sign_in_ms, 10000);
    DEFAULT(handshakes, 1024);
    DEFAULT(line_bytes_before, 1024);
    DEFAULT(line_bytes, 64 * 1024);
    DEFAULT(message_bytes_before, 16 * 1024);
    DEFAULT(message_bytes, 8 * 1024 * 1024);
    DEFAULT(args_before, 10);
    DEFAULT(args, 1024);
    DEFAULT(output_before, 16 * 1024);
    DEFAULT(output_hard, 32 * 1024 * 1024);
    DEFAULT(output_soft, 8 * 1024 * 1024);
    DEFAULT(output_soft_ms, 60000);
    DEFAULT(run_commands, 128);
    DEFAULT(run_bytes, 256 * 1024);
}

void limits_rows(const struct server_limits *l, struct limit_row out[LIMIT_ROWS])
{
    static const char before[] = "before sign-in", after[] = "after sign-in";
    const struct limit_row rows[] = {
        {"connections", l->connections, "connections", ""},
        {"connections_per_address", l->connections_per_address, "connections, 0 for any", ""},
        {"handshake_ms", l->handshake_ms, "ms", before},
        {"handshakes", l->handshakes, "connections", before},
        {"sign_in_ms", l->sign_in_ms, "ms", before},
        {"idle_ms", l->idle_ms, "ms, 0 for ever", after},
        {"line_bytes_before", (int64_t)l->line_bytes_before, "bytes", before},
        {"line_bytes", (int64_t)l->line_bytes, "bytes", after},
        {"message_bytes_before", (int64_t)l->message_bytes_before, "bytes", before},
        {"message_bytes", (int64_t)l->message_bytes, "bytes", after},
        {"args_before", l->args_before, "arguments", before},
        {"args", l->args, "arguments", after},
        {"output_before", (int64_t)l->output_before, "bytes", before},
        {"output_hard", (int64_t)l->output_hard, "bytes", after},
        {"output_soft", (int64_t)l->output_soft, "bytes", after},
        {"output_soft_ms", l->output_soft_ms, "ms", after},
        {"run_commands", l->run_commands, "commands", after},
        {"run_bytes", (int64_t)l->run_bytes, "bytes", after},
    };
    static_assert(sizeof(rows) / sizeof(*rows) == LIMIT_ROWS, "one row for each");
    memcpy(out, rows, sizeof(rows));
}
