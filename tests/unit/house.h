/* For tests: a data folder with the host's tables, and the writer's connection in the middle of a command. */
#ifndef MUSTER_TESTS_HOUSE_H
#define MUSTER_TESTS_HOUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/roles.h"
#include "access/unit.h"
#include "access/users.h"
#include "store/migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct house {
    char folder[64];
    char path[96];
    struct store *s;
    struct err err;
};

static const struct store_request house_no_key = {0};

static inline void house_begin(struct house *h)
{
    assert_int_equal(store_batch_begin(h->s, &h->err), STORE_OK);
    assert_int_equal(store_command_begin(h->s, &house_no_key, NULL, &h->err), STORE_NEW);
}

static inline void house_commit(struct house *h)
{
    assert_int_equal(store_command_end(h->s, &house_no_key, SLICE("_\r\n"), &h->err), 0);
    assert_int_equal(store_batch_commit(h->s, &h->err), STORE_OK);
}

/* A refused command: rolled back, and a new one open. */
static inline void house_again(struct house *h)
{
    assert_int_equal(store_command_abort(h->s), 0);
    assert_int_equal(store_command_begin(h->s, &house_no_key, NULL, &h->err), STORE_NEW);
}

static inline void house_make(struct house *h)
{
    memset(h, 0, sizeof(*h));
    strcpy(h->folder, "/tmp/muster-house-XXXXXX");
    assert_non_null(mkdtemp(h->folder));
    snprintf(h->path, sizeof(h->path), "%s/muster.db", h->folder);
}

static inline void house_remove(struct house *h)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", h->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(h->folder), 0);
}

static inline int house_set_up(void **state)
{
    struct house *h = malloc(sizeof(*h));
    house_make(h);
    const struct store_options options = {.path = h->path};
    assert_int_equal(store_open(&options, STORE_WRITER, &h->s, &h->err), 0);
    assert_true(migrate_host(h->s, &h->err) > 0);
    house_begin(h);
    *state = h;
    return 0;
}

static inline int house_tear_down(void **state)
{
    struct house *h = *state;
    store_close(h->s);
    house_remove(h);
    free(h);
    return 0;
}

/* Its result must be `code`; the rule, when one is expected, must be that. */
static inline void house_expect(struct house *h, int rv, int code, const char *rule)
{
    if (rv != code)
        fail_msg("%d instead of %d: %s", rv, code, h->err.text);
    if (rule)
        assert_string_equal(h->err.rule, rule);
}

static inline struct user house_user(struct house *h, const char *name)
{
    int64_t id = 0;
    struct user user;
    const struct user_fields none = {0};
    house_expect(h, user_add(h->s, slice_of(name), &none, false, 1000, &id, &h->err), 0, NULL);
    house_expect(h, user_find(h->s, slice_of(name), &user, &h->err), 0, NULL);
    assert_int_equal(user.id, id);
    return user;
}

static inline struct user house_look(struct house *h, const char *name)
{
    struct user user;
    house_expect(h, user_find(h->s, slice_of(name), &user, &h->err), 0, NULL);
    return user;
}

static inline void house_unit(struct house *h, const char *code, const char *parent)
{
    bool moved;
    house_expect(h, unit_set(h->s, slice_of(code), slice_of(parent), &moved, &h->err), 0, NULL);
}

/* `patterns`: separated by blanks. */
static inline void house_role(struct house *h, const char *name, const char *patterns)
{
    struct slice list[20];
    int count = 0;
    for (const char *at = patterns; *at;) {
        size_t len = strcspn(at, " ");
        list[count++] = (struct slice){at, len};
        at += len + (at[len] == ' ');
    }
    house_expect(h, role_define(h->s, slice_of(name), list, count, 1000, &h->err), 0, NULL);
}

static inline void house_grant(struct house *h, const char *user, const char *role, const char *unit)
{
    const struct user u = house_look(h, user);
    house_expect(h, role_grant(h->s, &u, slice_of(role), slice_of(unit), NULL, 1000, &h->err), 0, NULL);
}

#endif
