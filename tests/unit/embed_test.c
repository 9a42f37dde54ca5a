/* A whole host without network: what is asked of it is answered by the plugins of the moment, at the time that the caller says. */
#include "flip.h"

#include "ops/embed.h"

struct house {
    char folder[64], db[96];
    struct registry *registry;
    struct embed *embed;
    struct identity *host;
    struct buf reply;
    struct err err;
};

static void remove_house(const char *folder)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

static int open_house(void **state)
{
    struct house *h = calloc(1, sizeof(*h));
    flip_make(0);
    flip_make(1);
    strcpy(h->folder, "/tmp/muster-embed-XXXXXX");
    assert_non_null(mkdtemp(h->folder));
    snprintf(h->db, sizeof(h->db), "%s/muster.db", h->folder);
    if (flip_registry(1, &h->registry, &h->err) != 0)
        fail_msg("%s", h->err.text);
    const struct lanes_options o = {.db_path = h->db, .registry = h->registry, .readers = 1, .zone_min = 480};
    if (embed_open(&o, &h->embed, &h->err) != 0)
        fail_msg("%s", h->err.text);
    h->host = identity_host();
    *state = h;
    return 0;
}

static int close_house(void **state)
{
    struct house *h = *state;
    embed_close(h->embed);
    registry_unref(h->registry);
    identity_unref(h->host);
    buf_close(&h->reply);
    remove_house(h->folder);
    flip_remove(0);
    flip_remove(1);
    free(h);
    return 0;
}

static int call_at(struct house *h, int64_t now_ms, const char *line)
{
    struct slice words[8];
    int n = 0;
    for (const char *at = line; *at;) {
        size_t len = strcspn(at, " ");
        words[n++] = (struct slice){at, len};
        at += len + (at[len] == ' ');
    }
    buf_clear(&h->reply);
    h->err = (struct err){0};
    return embed_call(h->embed, h->host, "en", now_ms, words, n, &h->reply, &h->err);
}

static struct slice call(struct house *h, const char *line)
{
    if (call_at(h, 0, line) != 0)
        fail_msg("%s: %s", line, h->err.text);
    return buf_view(&h->reply);
}

static void embedded_host_answers(void **state)
{
    struct house *h = *state;
    expect_fine(call(h, "t.begin"));
    assert_int_equal(flip_state(call(h, "flip.put a")).rows, 1);
    assert_int_equal(flip_state(call(h, "flip.read")).rows, 1);
    expect_error(call(h, "flip.put"), ERR_ARG, "arg.required");
}

static void unknown_command_suggests_the_nearest(void **state)
{
    struct house *h = *state;
    assert_int_equal(call_at(h, 0, "flip.raed"), ERR_NOTFOUND);
    assert_non_null(strstr(h->err.text, "flip.read"));
    assert_int_equal(h->reply.len, 0);
}

static void time_is_the_callers(void **state)
{
    struct house *h = *state;
    assert_int_equal(call_at(h, 1580515200000, "t.who"), 0);
    assert_non_null(memmem(h->reply.data, h->reply.len, ":1580515200000\r\n", 16));
    assert_non_null(memmem(h->reply.data, h->reply.len, "muster", 6));
}

static void switch_is_known_to_the_next_call(void **state)
{
    struct house *h = *state;
    expect_fine(call(h, "t.begin"));
    assert_int_equal(call_at(h, 0, "flip.only2"), ERR_NOTFOUND);
    for (int n = 2; n < 12; n++) {
        char line[40];
        snprintf(line, sizeof(line), "t.stage %d", n);
        expect_fine(call(h, line));
        snprintf(line, sizeof(line), "t.activate %d", n);
        expect_fine(call(h, line));
        assert_int_equal(registry_generation(embed_registry(h->embed)), n);
        assert_int_equal(flip_state(call(h, n % 2 ? "flip.only1" : "flip.only2")).generation, n);
        assert_int_equal(call_at(h, 0, n % 2 ? "flip.only2" : "flip.only1"), ERR_NOTFOUND);
        assert_int_equal(flip_state(call(h, "flip.put x")).rows, n - 1);
    }
}

/* A second host in the same process, on its own database: what a dry run is. */
static void two_hosts_live_side_by_side(void **state)
{
    struct house *h = *state;
    char folder[] = "/tmp/muster-embed-XXXXXX", db[64];
    assert_non_null(mkdtemp(folder));
    snprintf(db, sizeof(db), "%s/muster.db", folder);
    const struct lanes_options o = {.db_path = db, .registry = h->registry, .readers = 1, .zone_min = 480};
    struct house other = *h;
    other.reply = (struct buf){0};
    assert_int_equal(embed_open(&o, &other.embed, &h->err), 0);
    expect_fine(call(h, "t.begin"));
    expect_fine(call(&other, "t.begin"));
    flip_state(call(&other, "flip.put a"));
    flip_state(call(&other, "flip.put b"));
    assert_int_equal(flip_state(call(h, "flip.read")).rows, 0);
    assert_int_equal(flip_state(call(&other, "flip.read")).rows, 2);
    embed_close(other.embed);
    buf_close(&other.reply);
    assert_int_equal(flip_state(call(h, "flip.put a")).rows, 1);
    remove_house(folder);
}

int main(void)
{
    log_set_level(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(embedded_host_answers, open_house, close_house),
        cmocka_unit_test_setup_teardown(unknown_command_suggests_the_nearest, open_house, close_house),
        cmocka_unit_test_setup_teardown(time_is_the_callers, open_house, close_house),
        cmocka_unit_test_setup_teardown(switch_is_known_to_the_next_call, open_house, close_house),
        cmocka_unit_test_setup_teardown(two_hosts_live_side_by_side, open_house, close_house),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
