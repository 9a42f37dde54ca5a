#include "cli/plugin_link.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A plan in words, the question, and what comes of it. */

enum { POLL_MS = 300 };

static const char *text_of(const json_t *map, const char *key)
{
    const char *text = json_string_value(json_object_get(map, key));
    return text ? text : "";
}

static void print_words(const char *label, const json_t *list)
{
    if (json_array_size(list) == 0)
        return;
    printf("  %s", label);
    for (size_t i = 0; i < json_array_size(list); i++)
        printf(" %s", json_string_value(json_array_get(list, i)));
    printf("\n");
}

/* What a capability lets a plugin do, for those who are to agree to it. */
static void print_added(const char *word)
{
    static const struct {
        const char *word, *meaning;
    } meanings[] = {{"native", "its C code runs inside the server and can do whatever the server can"},
                    {"process", "its C code runs in a process of its own, without files and network"},
                    {"units", "it changes the tree of units, by which rights are given"},
                    {"commands:", "it calls these without asking what the user may do"},
                    {"effects:", "it has things done outside the database"},
                    {"secrets:", "it is told this secret of the configuration"},
                    {"memory_mib:", "memory in each lane, in MiB"},
                    {"time_ms:", "time of one command, in ms"}};
    const char *meaning = "";
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
        if (strncmp(word, meanings[i].word, strlen(meanings[i].word)) == 0)
            meaning = meanings[i].meaning;
    printf("  NEW: %s%s%s%s\n", word, *meaning ? " (" : "", meaning, *meaning ? ")" : "");
}

static void print_change(const json_t *c)
{
    size_t i;
    json_t *word;
    const char *from = text_of(c, "from"), *to = text_of(c, "to"), *signer = text_of(c, "signer");
    if (!*to) {
        printf("%s %s ends; its tables stay\n", text_of(c, "name"), from);
        return;
    }
    printf("%s %s%s%s", text_of(c, "name"), from, *from ? " → " : "", to);
    if (strcmp(text_of(c, "origin"), "bundled") == 0)
        printf(", which came with the program");
    else
        printf(", %s%s", *signer ? "signed by " : "NOT SIGNED", signer);
    printf(", %s\n", strcmp(text_of(c, "trust"), "lua") == 0      ? "Lua in a sandbox"
                     : strcmp(text_of(c, "trust"), "native") == 0 ? "NATIVE code inside the server, fully trusted"
                                                                  : "native code in a process of its own");
    print_words("may:", json_object_get(c, "asks"));
    json_array_foreach(json_object_get(c, "added"), i, word) print_added(json_string_value(word));
}

static void print_step(const json_t *s)
{
    const char *back = text_of(s, "back");
    printf("migration %s %s: %s%s\n", text_of(s, "plugin"), text_of(s, "migration"), text_of(s, "action"),
           strcmp(text_of(s, "action"), "undo") == 0 ? ""
           : strcmp(back, "down") == 0               ? " (a rollback undoes it)"
           : strcmp(back, "additive") == 0           ? " (a rollback can leave it)"
                                                     : "");
}

static void print_plan(const json_t *plan)
{
    const char *const lists[][2] = {{"commands_added", "commands added:"},
                                    {"commands_changed", "commands changed:"},
                                    {"commands_removed", "commands removed:"}};
    size_t i;
    json_t *item;
    if (json_array_size(json_object_get(plan, "changes")) == 0)
        printf("nothing that runs changes\n");
    json_array_foreach(json_object_get(plan, "changes"), i, item) print_change(item);
    json_array_foreach(json_object_get(plan, "migrations"), i, item) print_step(item);
    if (json_array_size(json_object_get(plan, "migrations")) > 0)
        printf("  on a copy they took %lld ms, for which calls will wait\n",
               (long long)json_integer_value(json_object_get(plan, "migrations_ms")));
    for (i = 0; i < 3; i++)
        print_words(lists[i][1], json_object_get(plan, lists[i][0]));
    json_array_foreach(json_object_get(plan, "warnings"), i, item) printf("warning: %s\n", json_string_value(item));
}

/* "Yes" names everything that was shown as new, plugin by plugin. */
static void list_accepted(const json_t *plan, struct buf *out)
{
    size_t i, k;
    json_t *change, *word, *list = json_array();
    json_array_foreach(json_object_get(plan, "changes"), i, change)
    {
        json_array_foreach(json_object_get(change, "added"), k, word)
        {
            json_array_append_new(list, json_sprintf("%s:%s", text_of(change, "name"), json_string_value(word)));
        }
    }
    char *text = json_dumps(list, JSON_COMPACT);
    buf_fmt(out, "accept=%s", text);
    free(text);
    json_decref(list);
}

bool link_agreed(const char *question)
{
    static const char *const words[] = {"y", "yes", "是", "好"};
    char answer[32] = "";
    printf("%s [y/N] ", question);
    fflush(stdout);
    if (!fgets(answer, sizeof(answer), stdin))
        return false;
    answer[strcspn(answer, " \r\n")] = '\0';
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcasecmp(answer, words[i]) == 0)
            return true;
    return false;
}

static int ask(bool yes, struct err *err)
{
    if (yes)
        return 0;
    if (!isatty(STDIN_FILENO))
        return err_rule(err, ERR_POLICY, "plugin.unconfirmed", NULL,
                        "nothing was changed: nobody is there to say yes; look the plan over and use --yes");
    if (link_agreed("Go on?"))
        return 0;
    return err_rule(err, ERR_POLICY, "plugin.unconfirmed", NULL, "nothing was changed");
}

/* -- the probation -- */

static int look(struct plugin_link *link, json_int_t number, char state[16], struct err *err)
{
    const struct slice words[] = {SLICE("plugin.generations"), SLICE("limit=5")};
    json_t *list, *g;
    size_t i;
    int rv = link_json(link, words, 2, &list, err);
    snprintf(state, 16, "left");
    json_array_foreach(list, i, g)
    {
        if (rv != 0 || json_integer_value(json_object_get(g, "generation")) != number)
            continue;
        snprintf(state, 16, "%s", text_of(g, "state"));
        if (strcmp(state, "failed") == 0)
            rv =
                err_rule(err, ERR_STATE, "plugin.unwell", NULL, "generation %lld was given up, the one before runs: %s",
                         (long long)number, text_of(g, "why"));
        else if (strcmp(state, "probation") == 0 && text_of(g, "why")[0])
            rv = err_rule(
                err, ERR_STATE, "plugin.no_way_back", NULL,
                "generation %lld runs on; upgrade to a mended version, or turn it off with `muster plugin disable "
                "NAME`: %.*s",
                (long long)number, (int)utf8_cut(slice_of(text_of(g, "why")), 450), text_of(g, "why"));
    }
    json_decref(list);
    return rv;
}

/* Without a reply it is not known what has become of it. */
static int lost(int rv, struct err *err)
{
    if (rv != ERR_IO && rv != ERR_PROTO && rv != ERR_TIMEOUT && rv != ERR_UNKNOWN)
        return rv;
    const struct err why = *err;
    return err_rule(err, rv, why.rule[0] ? why.rule : NULL, NULL,
                    "%.*s; what runs now is told by `muster plugin generations`",
                    (int)utf8_cut(slice_of(why.text), 500), why.text);
}

static int watch(struct plugin_link *link, json_int_t number, json_int_t probation_ms, struct err *err)
{
    uint64_t start = clock_mono_ns();
    bool terminal = isatty(STDOUT_FILENO);
    char state[16] = "probation";
    int rv = 0;
    while (rv == 0 && strcmp(state, "probation") == 0) {
        if (terminal) {
            printf("\rwatching it: %d of %d s ", (int)((clock_mono_ns() - start) / 1000000000),
                   (int)(probation_ms / 1000));
            fflush(stdout);
        }
        usleep(POLL_MS * 1000);
        rv = look(link, number, state, err);
    }
    if (terminal)
        printf("\n");
    if (rv == 0 && strcmp(state, "left") == 0)
        rv = err_rule(err, ERR_STATE, "plugin.left", NULL,
                      "generation %lld was left for another one while it was watched; see `muster plugin generations`",
                      (long long)number);
    if (rv == 0)
        printf("generation %lld is %s\n", (long long)number, state);
    return rv;
}

/* What nobody wants does not stay. */
void link_withdraw(struct plugin_link *link, const char *stage)
{
    const struct slice words[] = {SLICE("plugin.withdraw"), slice_of(stage)};
    struct slice reply;
    struct err ignored = {0};
    link_call(link, words, 2, &reply, &ignored);
}

int link_go(struct plugin_link *link, const json_t *plan, bool yes, bool wait, struct err *err)
{
    char stage[48];
    struct buf accept = {0};
    json_t *done = NULL;
    snprintf(stage, sizeof(stage), "stage=%lld", (long long)json_integer_value(json_object_get(plan, "stage")));
    print_plan(plan);
    fflush(stdout);
    list_accepted(plan, &accept);
    const struct slice words[] = {SLICE("plugin.activate"), slice_of(stage), slice_of(buf_cstr(&accept))};
    int rv = ask(yes, err);
    if (rv == 0)
        rv = lost(link_json(link, words, 3, &done, err), err);
    if (rv != 0)
        link_withdraw(link, stage);
    if (rv == 0) {
        json_int_t number = json_integer_value(json_object_get(done, "generation"));
        json_int_t probation_ms = json_integer_value(json_object_get(done, "probation_ms"));
        printf("generation %lld runs\n", (long long)number);
        if (probation_ms && link->client)
            printf("watched for %lld s, and given up by itself if it is unwell\n", (long long)probation_ms / 1000);
        fflush(stdout);
        if (wait && link->client)
            rv = lost(watch(link, number, probation_ms, err), err);
        else if (link->embed)
            printf("no server runs here: it will be watched when one is started\n");
    }
    json_decref(done);
    buf_close(&accept);
    return rv;
}
