/* Every setting of the configuration file: one line each. */
#ifndef MUSTER_OPS_CONFIG_KEYS_H
#define MUSTER_OPS_CONFIG_KEYS_H

#include "ops/config.h"

enum config_type { CONFIG_TEXT, CONFIG_INT, CONFIG_INT64, CONFIG_SIZE, CONFIG_WORD, CONFIG_ZONE, CONFIG_NAMES };

struct config_key {
    const char *section; /* "" or the table it stands in */
    const char *name;
    enum config_type type;
    size_t offset; /* in struct config */
    int64_t default_number, min, max;
    const char *default_text;
    const char *const *words; /* WORD: NULL-terminated; the number is the index */
    const char *doc;
};

extern const struct config_key config_keys[];
extern const int config_nkeys;

#define CONFIG_LINES ((const char *const[]){"off", "local", "all", NULL})             /* enum server_lines */
extern const char *const config_no_yes[];                                             /* false and true will do, too */
#define CONFIG_LEVELS ((const char *const[]){"debug", "info", "warn", "error", NULL}) /* enum log_level */

/* section, name, …: see the struct. Keep a section's keys together. */
#define CONFIG_KEYS                                                                                                    \
    TEXT("", "host", host, "127.0.0.1", "address to listen on; \"0.0.0.0\" or \"::\" for all")                         \
    NUMBER("", "port", CONFIG_INT, port, 7878, 0, 65535, "TCP port; 0: any free one")                                  \
    WORD("", "lines", lines, LINES_LOCAL, CONFIG_LINES,                                                                \
         "who may type plain lines instead of RESP: nobody, this machine, all")                                        \
    WORD("", "log_level", log_level, LOG_INFO, CONFIG_LEVELS, "least weight of what is logged")                        \
    ZONE("", "zone", zone_min, 480, "time zone of civil days, \"+08:00\"")                                             \
    NUMBER("", "drain_ms", CONFIG_INT, drain_ms, 10000, 100, 600000,                                                   \
           "how long running work may take to finish when the server stops")                                           \
    TEXT("", "plugins_dir", plugins_dir, "", "folder of the plugins; \"\": the one installed with the program")        \
    TEXT("", "lib_dir", lib_dir, "", "folder of the Lua library (api/lib); \"\": the one installed with the program")  \
    NAMES("", "disabled", disabled, "names of plugins to leave out")                                                   \
    NAMES("", "native_keys", native_keys, "keys (DIR/keys/NAME.pem) whose native code may run in this process")        \
    NUMBER("", "probation_s", CONFIG_INT, probation_s, 30, 1, 86400,                                                   \
           "how long a new set of plugins is watched before it counts as good")                                        \
    WORD("", "developer", developer, 0, config_no_yes, "take packages that nobody has signed: for authors alone")      \
    NUMBER("", "idem_keep_days", CONFIG_INT, idem_keep_days, 30, 1, 3650,                                              \
           "how long a repeated idempotency key is recognised")                                                        \
    NUMBER("lanes", "readers", CONFIG_INT, readers, 0, 0, 64,                                                          \
           "threads for reading; 0: one less than the cores, at least 1")                                              \
    NUMBER("lanes", "mailbox", CONFIG_INT, mailbox, 1024, 2, 65536,                                                    \
           "hand-offs waiting for each lane; more are answered BUSY")                                                  \
    NUMBER("lanes", "batch_commands", CONFIG_INT, batch_commands, 512, 1, 4096, "writes in one transaction at most")   \
    NUMBER("lanes", "batch_ms", CONFIG_INT, batch_ms, 20, 1, 1000, "work before a transaction is committed")           \
    NUMBER("lanes", "script_memory_mib", CONFIG_INT, script_memory_mib, 32, 4, 1024,                                   \
           "memory of one plugin in one lane")                                                                         \
    NUMBER("lanes", "script_grace_ms", CONFIG_INT, script_grace_ms, 2000, 100, 60000,                                  \
           "past its deadline a script that cannot be stopped ends the process")                                       \
    NUMBER("lanes", "reply_mib", CONFIG_INT, reply_mib, 8, 1, 32, "size of one reply")                                 \
    NUMBER("limits", "connections", CONFIG_INT, limits.connections, 4096, 1, 100000, "connections at once")            \
    NUMBER("limits", "connections_per_address", CONFIG_INT, limits.connections_per_address, 0, 0, 100000,              \
           "connections from one address; 0: as many as all")                                                          \
    NUMBER("limits", "handshakes", CONFIG_INT, limits.handshakes, 1024, 1, 4096,                                       \
           "TLS handshakes waiting for their turn at once")                                                            \
    NUMBER("limits", "handshake_ms", CONFIG_INT, limits.handshake_ms, 5000, 100, 60000, "time for the TLS handshake")  \
    NUMBER("limits", "sign_in_ms", CONFIG_INT, limits.sign_in_ms, 10000, 100, 600000, "time to sign in")               \
    NUMBER("limits", "idle_ms", CONFIG_INT64, limits.idle_ms, 0, 0, 604800000,                                         \
           "silence after which a connection is closed; 0: never")                                                     \
    NUMBER("limits", "line_bytes_before", CONFIG_SIZE, limits.line_bytes_before, 1024, 64, 65536,                      \
           "a line or RESP header before sign-in")                                                                     \
    NUMBER("limits", "line_bytes", CONFIG_SIZE, limits.line_bytes, 65536, 64, 1048576,                                 \
           "a line or RESP header after it")                                                                           \
    NUMBER("limits", "message_bytes_before", CONFIG_SIZE, limits.message_bytes_before, 16384, 1024, 1048576,           \
           "all arguments of a request before sign-in")                                                                \
    NUMBER("limits", "message_bytes", CONFIG_SIZE, limits.message_bytes, 8388608, 1024, 67108864,                      \
           "all arguments of a request after it")                                                                      \
    NUMBER("limits", "args_before", CONFIG_INT, limits.args_before, 10, 4, 100,                                        \
           "arguments of a request before sign-in")                                                                    \
    NUMBER("limits", "args", CONFIG_INT, limits.args, 1024, 16, 65536, "arguments of a request after it")              \
    NUMBER("limits", "output_before", CONFIG_SIZE, limits.output_before, 16384, 1024, 1048576,                         \
           "replies waiting before sign-in")                                                                           \
    NUMBER("limits", "output_hard", CONFIG_SIZE, limits.output_hard, 33554432, 65536, 1073741824,                      \
           "replies waiting at which the connection is closed")                                                        \
    NUMBER("limits", "output_soft", CONFIG_SIZE, limits.output_soft, 8388608, 65536, 1073741824,                       \
           "replies waiting for output_soft_ms at which it is closed")                                                 \
    NUMBER("limits", "output_soft_ms", CONFIG_INT, limits.output_soft_ms, 60000, 100, 3600000, "see output_soft")      \
    NUMBER("limits", "run_commands", CONFIG_INT, limits.run_commands, 128, 1, 4096,                                    \
           "requests of one connection handed to a lane at once")                                                      \
    NUMBER("limits", "run_bytes", CONFIG_SIZE, limits.run_bytes, 262144, 1024, 67108864,                               \
           "their size together; one request always goes")

static inline bool config_is_number(const struct config_key *key)
{
    return key->type == CONFIG_INT || key->type == CONFIG_INT64 || key->type == CONFIG_SIZE;
}
void *config_field(struct config *c, const struct config_key *key);
void config_set_number(struct config *c, const struct config_key *key, int64_t number);
/* "bytes", "ms", … from the end of the name; "" for plain counts. */
const char *config_unit(const struct config_key *key);
/* "before sign-in", "after sign-in" or "". */
const char *config_phase(const struct config_key *key);

#endif
