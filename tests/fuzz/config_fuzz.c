/* The configuration file: any text loads or is refused with a rule, and what loads keeps its bounds. */

#include "ops/config_keys.h"
#include "ops/config_read.h"

#include <stdlib.h>
#include <string.h>

#define MUST(claim) ((claim) ? (void)0 : abort())

static int64_t number_of(struct config *c, const struct config_key *key)
{
    const void *field = config_field(c, key);
    if (key->type == CONFIG_SIZE)
        return (int64_t) * (const size_t *)field;
    return key->type == CONFIG_INT64 ? *(const int64_t *)field : *(const int *)field;
}

static void check_bounds(struct config *c)
{
    for (int i = 0; i < config_nkeys; i++) {
        const struct config_key *key = &config_keys[i];
        if (config_is_number(key))
            MUST(number_of(c, key) >= key->min && number_of(c, key) <= key->max);
        else if (key->type == CONFIG_TEXT)
            MUST(strlen(*(char **)config_field(c, key)) <= 1024);
    }
    MUST(c->zone_min >= -15 * 60 && c->zone_min <= 15 * 60);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c;
    struct err err = {0};
    MUST(config_load(NULL, &c, &err) == 0);
    int rv = config_read("fuzz", (struct slice){(const char *)data, size}, &c, &err);
    if (rv == 0)
        check_bounds(&c);
    else
        MUST(rv == ERR_ARG && strncmp(err.rule, "config.", 7) == 0 && err.text[0]);
    config_close(&c);
    return 0;
}
