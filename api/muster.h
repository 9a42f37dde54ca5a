/* The C interface for plugins of Muster.
 *
 * A C plugin is a shared object NAME.so beside its manifest.lua (with `native = true`). It exports one constant, the
 * descriptor `muster_plugin`, which lists its commands:
 *
 *     #include <muster.h>
 *
 *     static int greet(const struct muster_host *host, struct muster_call *call, const struct muster_value *args)
 *     {
 *         host->reply_text(call, args[0].s);
 *         return MUSTER_OK;
 *     }
 *
 *     static const struct muster_command commands[] = {{
 *         .name = "hello.greet", .mode = MUSTER_READ, .args = "name:text(40)", .returns = "text",
 *         .summary_en = "Send NAME back.", .run = greet,
 *     }};
 *
 *     MUSTER_PLUGIN("hello", "1.0.0", commands);
 *
 * Everything a command may do goes through the functions of `struct muster_host`. They are the same whether the plugin
 * runs inside the server or in a process of its own.
 *
 * Versions. The structs below only ever grow at their end, and each begins with its size, so a plugin built with an
 * older header runs on a newer host. A function that came later is there only if `host->size` reaches beyond it:
 * MUSTER_HAS(host, function). What each function needs is said as "Since"; a number is that of MUSTER_ABI.
 * Fields called `reserved` are 0.
 *
 * Threads. A command may run in several threads at once (one for each lane), each with a call of its own. A call, and
 * everything got from it, belongs to the thread that runs the command and ends with the command. So: no mutable static
 * variables, no threads of your own, no signal handlers, no exit().
 *
 * Memory. Texts given to you are yours to read until the end that is said at each function, arguments until the command
 * ends; never write into them or free them. Texts you give are copied before the function returns. Memory of a command
 * comes from host->alloc and is freed by the host. What you take from malloc you free on every way out.
 *
 * Errors. A function that can fail returns MUSTER_FAILED after it has noted why; then release what you hold and return
 * MUSTER_FAILED from your command. The command is rolled back and the client gets the reason. The first failure sticks:
 * functions of the groups "database" and "other plugins" do nothing after it and return MUSTER_FAILED, and the command
 * fails at its end whatever it returns. So there is no need to check the reply functions, and a failure can't be made
 * good. A command that returns MUSTER_FAILED and noted nothing is INTERNAL to its client.
 *
 * Units. Money is integer fen, time is integer milliseconds UTC, civil days are texts "YYYY-MM-DD", text is UTF-8
 * without NUL inside.
 */
#ifndef MUSTER_H
#define MUSTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. A host takes plugins of its own version only; growth at the end does not change it. */
#define MUSTER_ABI 1

/* What functions return, and commands. */
enum { MUSTER_OK = 0, MUSTER_FAILED = -1 };

/* A command's mode: READ sees one unchanging snapshot and may write nothing; WRITE is one transaction. */
enum { MUSTER_READ = 0, MUSTER_WRITE = 1 };

/* Flags of a command. PURE: its result depends on nothing but its arguments; it uses only alloc, stopped, fail and the
 * reply functions (another one fails the call), and takes no unit as argument. Lua plugins that require yours may then
 * call it directly, and everybody who is signed in may use it without a role, for it reads and changes nobody's data;
 * give it a time limit that allows that. */
enum { MUSTER_PURE = 1 };

/* The kind of a value. */
enum {
    MUSTER_NULL = 0,
    MUSTER_BOOL = 1,   /* i: 0 or 1 */
    MUSTER_INT = 2,    /* i; also fen and instant */
    MUSTER_DOUBLE = 3, /* d; from the database only, never an argument */
    MUSTER_TEXT = 4,   /* s; also date, unit and enum */
    MUSTER_BLOB = 5,   /* s: bytes */
    MUSTER_JSON = 6,   /* s: a JSON text, checked; arguments of type json, and arrays */
};

/* Bytes with their length. Texts that come from the host have a NUL behind them, which is not counted; those you give
 * need none. data may be NULL when len is 0. */
struct muster_text {
    const char *data;
    size_t len;
};

/* One value: an argument, a column, or a parameter of an SQL statement. `type` says which of the other fields counts. */
struct muster_value {
    int32_t type; /* MUSTER_NULL … MUSTER_JSON */
    int32_t reserved;
    int64_t i;
    double d;
    struct muster_text s;
};

struct muster_call; /* the running command */
struct muster_rows; /* a result being read */

/* Levels of log. */
enum { MUSTER_DEBUG = 0, MUSTER_INFO = 1, MUSTER_WARN = 2, MUSTER_ERROR = 3 };

/* What the host does for a command. Every function takes the call first, and may be called only from the thread that
 * runs the command, while it runs. The struct is constant and lives as long as the process. */
struct muster_host {
    size_t size;  /* of this struct, as the host knows it */
    uint32_t abi; /* MUSTER_ABI of the host */
    uint32_t reserved;

    /* -- facts of the call. Since 1 -- */

    /* Business time, ms UTC: fixed for the whole command, and `at` if the client may set it. Use no other clock. */
    int64_t (*now)(const struct muster_call *call);
    /* The name of the user who asks, never NULL. Valid until the command ends. */
    const char *(*user)(const struct muster_call *call);
    /* The code of the person bound to that user, or NULL when none is. Valid until the command ends. */
    const char *(*person)(const struct muster_call *call);
    /* The language of texts for people: "zh-CN" or "en". Valid until the command ends. */
    const char *(*lang)(const struct muster_call *call);
    /* The subtree of units that the caller may see, a path such as "/YL/CB-654002/"; "/" is everything. It ends in '/',
     * so a unit's path lies in it when it begins with it. Valid until the command ends. */
    const char *(*scope)(const struct muster_call *call);
    /* The zone in which civil days begin and end, in minutes east of UTC: 480 is +08:00. */
    int (*zone_min)(const struct muster_call *call);
    /* Is it time to stop? 0, or 1 once the deadline has passed. Ask in every long loop, for nothing can interrupt C code;
     * it costs little. When it is, return MUSTER_FAILED (the client is told TIMEOUT). A command that goes on for long
     * after its deadline ends the process it runs in. */
    int (*stopped)(const struct muster_call *call);

    /* -- memory, log, refusal. Since 1 -- */

    /* `size` bytes, zeroed, aligned for anything, freed by the host when the command ends and not before: in a loop take
     * once. NULL when the call has failed, or fails now because the command would have taken more than 64 MiB (LIMIT,
     * rule "limit.memory"); never because the machine is out of memory. A size of 0 gives a pointer, too. */
    void *(*alloc)(struct muster_call *call, size_t size);
    /* One line of the server's log, with the names of plugin and command: for operators, no secrets. `level` is
     * MUSTER_DEBUG … MUSTER_ERROR. It stays when the command is rolled back. */
    void (*log)(struct muster_call *call, int level, const char *text);
    /* Refuse the command. `code`: "ARG", "NOTFOUND", "CONFLICT", "STATE", "POLICY", "DUP" or "LIMIT"; another one is
     * INTERNAL. `rule`: the name of the rule, "plugin.word", or NULL; `arg`: the argument at fault, or NULL. The text is
     * `english` put into the caller's language by the plugin's locale, its items (%s only; %% is a %) filled by the
     * `nitems` texts in `items`, in order; a NULL among them is empty. A text whose items don't fit makes it INTERNAL.
     * After an earlier failure it changes nothing. Returns MUSTER_FAILED, so `return host->fail(…)`. */
    int (*fail)(struct muster_call *call, const char *code, const char *rule, const char *arg, const char *english,
                const char *const *items, int nitems);

    /* -- database. Since 1 --
     *
     * SQL is the portable subset: tables STRICT, names beginning with the plugin's own name and '_', no PRAGMA, ATTACH,
     * triggers, views or transaction control; one statement a text, `?` parameters only, as many as `nargs` says, at
     * most 1000. MUSTER_BOOL is bound as 0 or 1, MUSTER_JSON as its text. A statement that fails, by a constraint or by
     * these rules, dooms the command. */

    /* Run a statement; `changes` (may be NULL) gets how many rows it changed. What it returns is thrown away: use query
     * for RETURNING. READ commands may only read. MUSTER_OK or MUSTER_FAILED. */
    int (*run)(struct muster_call *call, const char *sql, const struct muster_value *args, int nargs, int64_t *changes);
    /* Begin to read a statement's rows. `*rows` is the host's, and NULL when it fails; at most 16 are read at a time.
     * How much of it has run before the first step, and how far it is ahead of the last one, is the host's: an INSERT,
     * UPDATE or DELETE with RETURNING may have run whole, a SELECT its first rows (in a process of its own, some KiB of
     * them). So write nothing that a statement still being read would read. MUSTER_OK or MUSTER_FAILED. */
    int (*query)(struct muster_call *call, const char *sql, const struct muster_value *args, int nargs,
                 struct muster_rows **rows);
    /* The next row: 1 when there is one, 0 at the end, MUSTER_FAILED. */
    int (*step)(struct muster_call *call, struct muster_rows *rows);
    /* How many columns a row has; 0 when the rows are finished. */
    int (*columns)(struct muster_call *call, struct muster_rows *rows);
    /* A column of the row that step came to, counted from 0, into `out`: MUSTER_NULL, INT, DOUBLE, TEXT or BLOB. Its
     * text is valid until the next step or finish; it is UTF-8 if what was stored is (a CAST of bytes may not be). A
     * column or row that is not there fails the call and gives
     * MUSTER_NULL. */
    void (*column)(struct muster_call *call, struct muster_rows *rows, int column, struct muster_value *out);
    /* End reading; `rows` is not valid any more. NULL is fine. What is not ended is ended with the command. */
    void (*finish)(struct muster_call *call, struct muster_rows *rows);

    /* -- the reply. Since 1 --
     *
     * Exactly one value, of the declared shape. Null may stand for anything; a map has all its declared keys and no
     * other. */

    /* Null. */
    void (*reply_null)(struct muster_call *call);
    /* False when 0, else true. For "bool". */
    void (*reply_bool)(struct muster_call *call, int value);
    /* A number. For "int", "fen" (fen) and "instant" (ms UTC). */
    void (*reply_int)(struct muster_call *call, int64_t value);
    /* A text; one that is not UTF-8, or has a NUL inside, fails the call. For "text" and "date"; JSON for "json". */
    void (*reply_text)(struct muster_call *call, struct muster_text text);
    /* Bytes, whatever they are. For "blob". */
    void (*reply_blob)(struct muster_call *call, struct muster_text bytes);
    /* Begin an array; what follows up to its reply_close are its items. */
    void (*reply_array_open)(struct muster_call *call);
    /* Begin a map; what follows up to its reply_close are reply_key and a value, again and again. */
    void (*reply_map_open)(struct muster_call *call);
    /* A key of the open map; its value comes next. */
    void (*reply_key)(struct muster_call *call, const char *key);
    /* End the array or map that was begun last. A reply with one left open fails the command (INTERNAL). */
    void (*reply_close)(struct muster_call *call);

    /* -- other plugins and the host. Since 1 -- */

    /* Run another command inside this one, in the same transaction. `args` is a JSON object {"name": value}, empty for
     * none. `result` (may be NULL) gets its reply as JSON (blobs as base64, integers beyond 2^53 as texts), valid until
     * the command ends; it counts as memory of alloc. Commands of plugins in `requires` that match `asks.commands` of
     * the manifest run on trust, others by the user's own grants. A refusal of the inner command is one of this call,
     * which is undone whole. A write command can be invoked by write commands only. MUSTER_OK or MUSTER_FAILED. */
    int (*invoke)(struct muster_call *call, const char *command, struct muster_text args, struct muster_text *result);
    /* A figure, as JSON: {"name", "value", "unit", "complete", "numerator", "denominator", "basis", "as_of"}. `args` as
     * above: scope, from, to, as_of and the figure's own. Result, rights and errors as of invoke. */
    int (*figure)(struct muster_call *call, const char *name, struct muster_text args, struct muster_text *result);
    /* The next number of a gapless series of this plugin: 1, 2, 3 …, into `number` (may be NULL). `series` names it,
     * such as "gift/2020"; it begins with its first use. A command that is rolled back has taken none. WRITE only.
     * MUSTER_OK or MUSTER_FAILED. */
    int (*next)(struct muster_call *call, const char *series, int64_t *number);
    /* A setting of this plugin (declared in its init.lua), of its declared type; its text is valid until the command
     * ends. MUSTER_OK, or MUSTER_FAILED when none of this name is declared. */
    int (*setting)(struct muster_call *call, const char *name, struct muster_value *out);
    /* Add an event, stored with the transaction: a topic, a name without blanks such as "gift.received", and a JSON
     * payload of at most 64 KiB. WRITE only. MUSTER_OK or MUSTER_FAILED. */
    int (*emit)(struct muster_call *call, const char *topic, struct muster_text json);
};

/* Does this host have the function? */
#define MUSTER_HAS(host, function) ((host)->size >= offsetof(struct muster_host, function) + sizeof((host)->function))

/* One command. Names and texts live as long as the shared object. A declaration that the host does not accept keeps the
 * plugin from being loaded; `muster plugin check` tells why. An argument "pin!:text(60)" is a secret: "***" in the audit,
 * not repeated in refusals, not in capsules, and its command takes no idem. */
struct muster_command {
    const char *name;    /* "plugin.verb" or "plugin.noun.verb" */
    int32_t mode;        /* MUSTER_READ or MUSTER_WRITE */
    int32_t flags;       /* 0 or MUSTER_PURE */
    const char *args;    /* specs separated by blanks, as in Lua: "name:text(40) amount_fen:fen(1..)?"; "" for none */
    const char *returns; /* the shape of the reply, as in Lua: "{id:int, name:text}" */
    const char *summary_en, *summary_zh; /* one sentence each; summary_zh may be NULL */
    const char *doc;                     /* longer, English, or NULL */
    int32_t timeout_ms;                  /* how long it may take; 0: the host's default of its mode */
    int32_t reserved;
    /* `args` has one value for each declared argument, in declared order, already checked; MUSTER_NULL when absent.
     * Valid until it returns. Write one reply and return MUSTER_OK, or MUSTER_FAILED. May run in several threads at
     * once, each with a call of its own. */
    int (*run)(const struct muster_host *host, struct muster_call *call, const struct muster_value *args);
};

/* The descriptor, exported as `muster_plugin`: MUSTER_PLUGIN writes it. */
struct muster_plugin {
    size_t size;         /* of this struct, as the plugin knows it */
    uint32_t abi;        /* MUSTER_ABI of the plugin */
    uint32_t reserved;   /* 0 */
    size_t command_size; /* of struct muster_command, as the plugin knows it */
    const char *name;    /* as in the manifest */
    const char *version; /* as in the manifest */
    const struct muster_command *commands;
    size_t ncommands;
};

#if defined(__GNUC__)
#define MUSTER_EXPORT __attribute__((visibility("default")))
#else
#define MUSTER_EXPORT
#endif

/* Define the descriptor, once in a plugin, outside of functions. Name and version are as in the manifest; `list` is an
 * array of struct muster_command. */
#define MUSTER_PLUGIN(plugin_name, plugin_version, list)                                                               \
    MUSTER_EXPORT extern const struct muster_plugin muster_plugin;                                                     \
    const struct muster_plugin muster_plugin = {                                                                       \
        sizeof(struct muster_plugin),                                                                                  \
        MUSTER_ABI,                                                                                                    \
        0,                                                                                                             \
        sizeof(struct muster_command),                                                                                 \
        (plugin_name),                                                                                                 \
        (plugin_version),                                                                                              \
        (list),                                                                                                        \
        sizeof(list) / sizeof((list)[0]),                                                                              \
    }

#ifdef __cplusplus
}
#endif

#endif
