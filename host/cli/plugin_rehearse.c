#include "cli/cli.h"
#include "cli/plugin_link.h"

#include <stdio.h>
#include <string.h>

/* What a rehearsal found, for people: what differs first, then the time. */

enum { SLOWER_US = 1000 };

static const char *text_of(const json_t *map, const char *key)
{
    const char *text = json_string_value(json_object_get(map, key));
    return text ? text : "";
}

static long long number_of(const json_t *map, const char *key)
{
    return (long long)json_integer_value(json_object_get(map, key));
}

static void tell_changed(const json_t *report)
{
    const json_t *list = json_object_get(report, "changed");
    const long long all = number_of(report, "changes");
    json_t *c;
    size_t i;
    json_array_foreach(list, i, c)
    {
        printf("%s of %s, call %lld: another reply\n", text_of(c, "command"), text_of(c, "user"), number_of(c, "id"));
        printf("  asked   %s\n  before  %s\n  after   %s\n", text_of(c, "args"), text_of(c, "before"),
               text_of(c, "after"));
    }
    if ((size_t)all > json_array_size(list))
        printf("… and %lld more\n", all - (long long)json_array_size(list));
}

static void tell_grants(const json_t *report)
{
    json_t *g;
    size_t i;
    json_array_foreach(json_object_get(report, "grants"), i, g)
        printf("%s %s use %s\n", text_of(g, "user"),
               json_is_true(json_object_get(g, "after")) ? "may now" : "may no longer", text_of(g, "command"));
}

/* Only what people would notice: half as long again, and a millisecond. */
static void tell_time(const json_t *report)
{
    json_t *c;
    size_t i;
    json_array_foreach(json_object_get(report, "commands"), i, c)
    {
        const long long before = number_of(c, "before_us"), after = number_of(c, "after_us");
        if (after > before + before / 2 && after > before + SLOWER_US)
            printf("%s takes longer: %.1f ms, was %.1f ms (middle of %lld calls)\n", text_of(c, "command"),
                   (double)after / 1000, (double)before / 1000, number_of(c, "calls"));
    }
}

static void tell_skipped(const json_t *report)
{
    json_t *s;
    size_t i;
    json_array_foreach(json_object_get(report, "skipped"), i, s)
        printf("not played: %lld of %s, for %s\n", number_of(s, "calls"), text_of(s, "command"), text_of(s, "why"));
}

static void tell(const json_t *report)
{
    tell_changed(report);
    tell_grants(report);
    tell_time(report);
    tell_skipped(report);
    printf("%lld writes played twice, and %zu commands: %lld other replies, %zu changed rights\n",
           number_of(report, "played"), json_array_size(json_object_get(report, "commands")),
           number_of(report, "changes"), json_array_size(json_object_get(report, "grants")));
    if (number_of(report, "refused"))
        printf("%lld of them were refused by both alike: what they do when they are accepted was not tried\n",
               number_of(report, "refused"));
}

int link_rehearse(struct plugin_link *link, const json_t *plan, const char *last, bool json, struct err *err)
{
    char stage[48], count[48];
    json_t *report = NULL;
    snprintf(stage, sizeof(stage), "stage=%lld", number_of(plan, "stage"));
    snprintf(count, sizeof(count), "last=%.40s", last ? last : "1000");
    const struct slice words[] = {SLICE("plugin.rehearse"), slice_of(stage), slice_of(count)};
    int rv = link_json(link, words, 3, &report, err);
    link_withdraw(link, stage);
    if (rv == 0) {
        rv = number_of(report, "changes") > 0 || json_array_size(json_object_get(report, "grants")) > 0;
        if (json && json_dumpf(report, stdout, JSON_COMPACT) == 0)
            putchar('\n');
        else if (!json)
            tell(report);
    }
    json_decref(report);
    return rv;
}
