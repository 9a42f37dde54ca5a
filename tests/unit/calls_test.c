/* What plugin code may ask of the host while it runs: other commands, figures, series, settings, events, units. The plugins are in
 * tests/fixtures/lanes. */
#include "world.h"

/* The reply to `line`, as the administrator, rendered as it is on the wire in RESP3 but with blanks for line ends. */
static void expect(struct world *w, const char *line, const char *reply)
{
    struct run *run = ask_as(w, w->admin, line);
    struct slice got = reply_at(run, 0);
    char text[2000];
    assert_true(got.len < sizeof(text));
    size_t n = 0;
    for (size_t i = 0; i < got.len; i++) {
        if (got.data[i] != '\r')
            text[n++] = got.data[i] == '\n' ? ' ' : got.data[i];
    }
    text[n] = '\0';
    if (strncmp(text, reply, strlen(reply)) != 0)
        fail_msg("%s answers: %s", line, text);
    run_free(run);
}

static void expect_refusal(struct world *w, const char *line, int code, const char *rule)
{
    struct run *run = ask_as(w, w->admin, line);
    expect_error(reply_at(run, 0), code, rule);
    run_free(run);
}

static int64_t beta_rows(struct world *w, const char *text)
{
    char line[100];
    snprintf(line, sizeof(line), "beta.count %s", text);
    struct run *run = ask_as(w, w->admin, line);
    int64_t n = expect_int(reply_at(run, 0));
    run_free(run);
    return n;
}

static void nested_writes_are_one_command(void **state)
{
    struct world *w = *state;
    const int64_t audit = audit_rows(w);
    expect(w, "alpha.twice a", "*2 :1 :2 ");
    assert_int_equal(beta_rows(w, "a"), 2);
    assert_int_equal(audit_rows(w) - audit, 1);
}

/* A caught refusal leaves nothing of the inner call; an uncaught one nothing at all. */
static void refused_inner_call_is_undone(void **state)
{
    struct world *w = *state;
    expect(w, "alpha.caught b", "#f ");
    assert_int_equal(beta_rows(w, "b"), 1);
    expect_refusal(w, "alpha.uncaught c", ERR_STATE, "beta.refused");
    assert_int_equal(beta_rows(w, "c"), 0);
}

/* A read command changes nothing, on the writer's connection either. */
static void nested_read_cannot_write(void **state)
{
    struct world *w = *state;
    must(w, "alpha.sneak d");
    assert_int_equal(beta_rows(w, "d"), 0);
    must(w, "alpha.sneak_figure");
    assert_int_equal(beta_rows(w, "figure"), 0);
    struct run *run = ask_as(w, w->admin, "beta.sneak d");
    struct err err;
    assert_true(code_of(reply_at(run, 0), &err) != 0);
    run_free(run);
    expect_refusal(w, "alpha.reads", ERR_POLICY, "call.read_mode");
}

static void inner_arguments_are_checked(void **state)
{
    struct world *w = *state;
    expect_refusal(w, "alpha.key", ERR_ARG, "call.reserved");
    expect_refusal(w, "alpha.wrong", ERR_ARG, "arg.unknown");
    expect_refusal(w, "alpha.stray", ERR_ARG, "arg.unknown");
    expect_refusal(w, "alpha.unknown", ERR_NOTFOUND, "call.unknown");
    expect_refusal(w, "alpha.at NIX", ERR_NOTFOUND, "unit.unknown");
    must(w, "tree.set YL");
    expect(w, "alpha.at YL", "$2 YL ");
}

static void nesting_has_an_end(void **state)
{
    struct world *w = *state;
    expect(w, "alpha.deep 10", ":10 ");
    struct run *run = ask_as(w, w->admin, "alpha.deep 100");
    struct err err;
    assert_int_equal(code_of(reply_at(run, 0), &err), ERR_LIMIT);
    run_free(run);
    expect(w, "alpha.deep 10", ":10 ");
}

static void series_has_no_gaps(void **state)
{
    struct world *w = *state;
    expect(w, "alpha.next gift/2020", ":1 ");
    expect_refusal(w, "alpha.skip gift/2020", ERR_STATE, "");
    expect(w, "alpha.next gift/2020", ":2 ");
    expect(w, "alpha.next gift/2021", ":1 ");
    restart(w, defaults);
    expect(w, "alpha.next gift/2020", ":3 ");
}

static void settings_are_typed_and_per_plugin(void **state)
{
    struct world *w = *state;
    expect(w, "alpha.most", ":5 ");
    must(w, "setting.set alpha most 9");
    expect(w, "alpha.most", ":9 ");
    expect_refusal(w, "setting.set alpha most 11", ERR_ARG, "arg.range");
    expect_refusal(w, "setting.set alpha none 1", ERR_NOTFOUND, "setting.unknown");
    expect(w, "setting.list beta", "*1 %7 $6 plugin $4 beta $4 name $4 most ");
    must(w, "setting.set alpha most");
    expect(w, "alpha.most", ":5 ");
}

static void figures_are_computed_within_the_scope(void **state)
{
    struct world *w = *state;
    must(w, "alpha.twice f");
    must(w, "tree.set YL");
    expect(
        w, "figure.get beta.rows params={\"text\":\"f\"} as_of=5 from=2020-01-01",
        "%8 $4 name $9 beta.rows $5 value :2 $4 unit $4 rows $8 complete #t $9 numerator _ $11 denominator _ $5 basis $14 / 2020-01-01 5 ");
    expect(
        w, "figure.get beta.rows scope=YL params={\"text\":\"f\"} as_of=5",
        "%8 $4 name $9 beta.rows $5 value :2 $4 unit $4 rows $8 complete #t $9 numerator _ $11 denominator _ $5 basis $8 /YL/ - 5 ");
    expect(w, "alpha.figure f", "%6 $5 as_of ");
    expect_refusal(w, "figure.get beta.none", ERR_NOTFOUND, "figure.unknown");
    expect_refusal(w, "figure.get beta.rows", ERR_ARG, "arg.required");
    expect_refusal(w, "figure.get beta.rows params=[1]", ERR_ARG, "figure.params");
    expect_refusal(w, "figure.get beta.rows params={\"scope\":\"YL\"}", ERR_ARG, "figure.params");
    expect_refusal(w, "figure.get beta.rows scope=NIX params={\"text\":\"f\"}", ERR_NOTFOUND, "unit.unknown");
    expect(w, "figure.list lang=en", "*4 %4 $4 name $9 beta.rows $4 unit $4 rows ");
}

static void only_a_plugin_with_units_changes_the_tree(void **state)
{
    struct world *w = *state;
    expect_refusal(w, "alpha.units", ERR_POLICY, "call.units");
    must(w, "tree.set YL");
    must(w, "tree.set CB YL");
    must(w, "tree.set ZB");
    expect(w, "tree.path CB", "$7 /YL/CB/");
}

static void events_are_stored(void **state)
{
    struct world *w = *state;
    must(w, "alpha.emit");
    stop(w);
    const struct store_options options = {.path = w->db};
    struct store *s = NULL;
    assert_int_equal(store_open(&options, STORE_READER, &s, &w->err), 0);
    assert_int_equal(store_read_begin(s, &w->err), 0);
    struct value found;
    struct buf keep = {0};
    assert_int_equal(store_value(s, NULL, SLICE("SELECT plugin || ' ' || topic || ' ' || payload FROM muster_event"),
                                 NULL, 0, &found, &keep, &w->err),
                     1);
    assert_true(slice_is(found.s, "alpha row.added {\"id\":7}"));
    buf_close(&keep);
    store_read_end(s);
    store_close(s);
}

/* -- scope, as a user with a role on a unit meets it -- */

static struct identity *make_user(struct world *w, const char *role, const char *unit)
{
    char line[100];
    must(w, "user.add wang language=en");
    must(w, "user.password wang password=correct-horse");
    snprintf(line, sizeof(line), "role.grant wang %s unit=%s", role, unit);
    must(w, line);
    struct identity *wang = sign_in(w, "wang", "correct-horse");
    assert_non_null(wang);
    return wang;
}

static void expect_as(struct world *w, struct identity *id, const char *line, int code, const char *rule)
{
    struct run *run = ask_as(w, id, line);
    if (code)
        expect_error(reply_at(run, 0), code, rule);
    else
        expect_fine(reply_at(run, 0));
    run_free(run);
}

static void scope_confines_units_and_lists(void **state)
{
    struct world *w = *state;
    must(w, "tree.set YL");
    must(w, "tree.set CB YL");
    must(w, "tree.set ZB");
    must(w, "role.define keeper [\"tree.see\",\"alpha.at\",\"alpha.foreign\",\"read:beta.*\"]");
    struct identity *wang = make_user(w, "keeper", "YL");
    struct run *run = ask_as(w, wang, "tree.see");
    struct slice reply = reply_at(run, 0);
    assert_non_null(memmem(reply.data, reply.len, "*2\r\n$2\r\nYL\r\n$2\r\nCB\r\n", 20));
    run_free(run);
    expect_as(w, wang, "tree.see CB", 0, NULL);
    expect_as(w, wang, "tree.see ZB", ERR_SCOPE, "access.scope");
    expect_as(w, wang, "tree.see NIX", ERR_SCOPE, "access.scope");
    expect_as(w, wang, "tree.path CB", ERR_NOPERM, "access.permission");
    /* alpha requires beta and vouches for its use, units elsewhere included; it does not require tree. */
    expect_as(w, wang, "alpha.at ZB", 0, NULL);
    expect_as(w, wang, "alpha.foreign CB", ERR_NOPERM, "access.permission");
    /* A figure may be read by who may read its plugin. */
    expect_as(w, wang, "figure.get beta.rows params={\"text\":\"f\"}", 0, NULL);
    expect_as(w, wang, "figure.get beta.rows params={\"text\":\"f\"} scope=ZB", ERR_SCOPE, "access.scope");
    /* Nor does a detour: through a plugin that does not vouch, or an argument of the figure's own. */
    must(w, "role.define walker [\"alpha.*\",\"tree.*\"]");
    must(w, "role.grant wang walker unit=YL");
    expect_as(w, wang, "alpha.foreign_unit CB", 0, NULL);
    expect_as(w, wang, "alpha.foreign_unit ZB", ERR_SCOPE, "access.scope");
    expect_as(w, wang, "alpha.foreign_figure", 0, NULL);
    expect_as(w, wang, "alpha.foreign_figure CB", 0, NULL);
    expect_as(w, wang, "alpha.foreign_figure ZB", ERR_SCOPE, "access.scope");
    expect_as(w, wang, "figure.get tree.size params={\"above\":\"CB\"}", 0, NULL);
    expect_as(w, wang, "figure.get tree.size params={\"above\":\"ZB\"}", ERR_SCOPE, "access.scope");
    expect_as(w, w->admin, "figure.get tree.size params={\"above\":\"NIX\"}", ERR_NOTFOUND, "unit.unknown");
    /* A unit that moves out of reach is out of reach at once. */
    must(w, "tree.set CB ZB");
    expect_as(w, wang, "tree.see CB", ERR_SCOPE, "access.scope");
    identity_unref(wang);
}

/* A required plugin's commands are used on trust only as far as the manifest asked for them; beyond, the user's own
 * grants decide, and the refusal names the manifest. */
static void what_was_not_asked_for_needs_a_grant(void **state)
{
    struct world *w = *state;
    must(w, "tree.set YL");
    must(w, "role.define asker [\"alpha.*\"]");
    must(w, "user.add wang");
    must(w, "user.password wang password=correct-horse");
    must(w, "role.grant wang asker");
    struct identity *wang = sign_in(w, "wang", "correct-horse");
    expect_as(w, wang, "alpha.figure x", 0, NULL);
    expect_as(w, wang, "alpha.unasked", ERR_NOPERM, "plugin.call_not_asked");
    expect_as(w, wang, "alpha.unasked_figure", ERR_NOPERM, "plugin.call_not_asked");
    struct run *run = ask_as(w, wang, "alpha.unasked lang=zh-CN");
    struct slice reply = reply_at(run, 0);
    assert_non_null(memmem(reply.data, reply.len, "插件 alpha 没有申请使用 beta.count", 36));
    run_free(run);
    must(w, "role.define counter [\"beta.count\",\"read:beta.total\"]");
    must(w, "role.grant wang counter");
    expect_as(w, wang, "alpha.unasked", 0, NULL);
    expect_as(w, wang, "alpha.unasked_figure", 0, NULL);
    must(w, "role.revoke wang counter");
    must(w, "role.grant wang counter unit=YL");
    expect_as(w, wang, "alpha.unasked", ERR_SCOPE, "plugin.call_not_asked");
    identity_unref(wang);
}

static void a_unit_role_does_not_reach_the_server(void **state)
{
    struct world *w = *state;
    must(w, "tree.set YL");
    must(w, "role.define chief [\"*\"]");
    struct identity *wang = make_user(w, "chief", "YL");
    static const char *const refused[] = {
        "user.add mole", "role.define mole [\"*\"]", "role.grant wang chief", "user.list", "audit.tail", "audit.verify",
        "setting.list",  "setting.set alpha most 1", "acl.why wang user.add", "role.list"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        expect_as(w, wang, refused[i], ERR_SCOPE, "access.whole_server");
    identity_unref(wang);
}

static void why_tells_what_would_help(void **state)
{
    struct world *w = *state;
    must(w, "user.add wang");
    must(w, "role.define putter [\"beta.put\"]");
    expect(w, "acl.why wang beta.put lang=en", "*3 $18 wang holds no role $");
    struct run *run = ask_as(w, w->admin, "acl.why wang beta.put lang=en");
    struct slice reply = reply_at(run, 0);
    assert_non_null(memmem(reply.data, reply.len, "the role putter would allow it", 30));
    run_free(run);
    must(w, "role.grant wang putter");
    expect(w, "acl.why wang beta.put lang=en", "*2 $61 role putter on everything: its grant beta.put covers");
    must(w, "user.disable wang");
    expect(w, "acl.why wang beta.put lang=en", "*1 $43 the user is disabled: everything is refused ");
    expect_refusal(w, "acl.why wang beta.none", ERR_NOTFOUND, "command.unknown");
}

static int set_up_plugins(void **state)
{
    world_plugins = "tests/fixtures/lanes";
    return set_up(state);
}

/* -- pure commands of a C plugin, tests/abi/every -- */

static char pure_plugins[] = "/tmp/muster-pure-XXXXXX";

static void shell(const char *fmt)
{
    char command[300];
    snprintf(command, sizeof(command), fmt, pure_plugins);
    assert_int_equal(system(command), 0);
}

static int set_up_pure(void **state)
{
    static const char init[] =
        "local kit, S = require 'every', { en = 'For tests.' }\n"
        "local function cmd(run) return { mode = 'read', args = {}, returns = 'any', summary = S, run = run } end\n"
        "return { commands = {\n"
        "  ['pure.direct'] = cmd(function() return kit.twice('x') end),\n"
        "  ['pure.invoked'] = cmd(function(call) return call:invoke('every.twice', { text = 'x' }) end),\n"
        "  ['pure.placed'] = cmd(function(call) return call:invoke('every.twice', { ['1'] = 'x' }) end),\n"
        "  ['pure.too_many'] = cmd(function(call) return call:invoke('every.twice', { ['1'] = 'x', ['2'] = 'y' }) end),\n"
        "  ['pure.facts'] = cmd(function(call) return call:invoke('every.facts', {}) end),\n"
        "} }\n";
    char path[100];
    strcpy(pure_plugins, "/tmp/muster-pure-XXXXXX");
    assert_non_null(mkdtemp(pure_plugins));
    shell("cp -r tests/abi/every %s/");
    shell("cd %s/every && rm every.c migrations/*.sql");
    shell("cc -shared -fPIC -O1 -Iapi tests/abi/every/every.c -o %s/every/every.so");
    shell("mkdir %s/pure");
    snprintf(path, sizeof(path), "%s/pure/manifest.lua", pure_plugins);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("return { name = 'pure', version = '1.0.0', api = 1, summary = 'S.', requires = { every = '>=1 <2' } }", f);
    assert_int_equal(fclose(f), 0);
    snprintf(path, sizeof(path), "%s/pure/init.lua", pure_plugins);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(init, f);
    assert_int_equal(fclose(f), 0);
    world_plugins = pure_plugins;
    return set_up(state);
}

static int tear_down_pure(void **state)
{
    int rv = tear_down(state);
    shell("rm -rf %s");
    return rv;
}

/* A pure command sees nothing but its arguments: it is like a function of a library, for whoever is signed in and for a
 * plugin that requires its plugin. The impure ones need a grant from both. */
static void pure_commands_need_no_grant(void **state)
{
    struct world *w = *state;
    must(w, "role.define asker [\"pure.*\"]");
    must(w, "user.add wang");
    must(w, "user.password wang password=correct-horse");
    must(w, "role.grant wang asker");
    struct identity *wang = sign_in(w, "wang", "correct-horse");
    expect_as(w, wang, "pure.direct", 0, NULL);
    expect_as(w, wang, "pure.invoked", 0, NULL);
    expect_as(w, wang, "pure.placed", 0, NULL);
    expect_as(w, wang, "pure.too_many", ERR_ARG, "arg.unknown");
    expect_as(w, wang, "pure.facts", ERR_NOPERM, "plugin.call_not_asked");
    expect_as(w, wang, "every.twice x", 0, NULL);
    expect_as(w, wang, "every.facts", ERR_NOPERM, "access.permission");
    identity_unref(wang);
    expect(w, "pure.direct", "$2 xx");
    expect(w, "pure.placed", "$2 xx");
    expect(w, "every.twice y", "$2 yy");
    expect_refusal(w, "every.fail code=POLICY why=x", ERR_POLICY, "every.refused");
    expect_refusal(w, "every.spin", ERR_TIMEOUT, "limit.time");
}

int main(void)
{
    log_set_level(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nested_writes_are_one_command, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(refused_inner_call_is_undone, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(nested_read_cannot_write, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(inner_arguments_are_checked, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(nesting_has_an_end, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(series_has_no_gaps, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(settings_are_typed_and_per_plugin, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(figures_are_computed_within_the_scope, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(only_a_plugin_with_units_changes_the_tree, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(events_are_stored, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(scope_confines_units_and_lists, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_asked_for_needs_a_grant, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(a_unit_role_does_not_reach_the_server, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(why_tells_what_would_help, set_up_plugins, tear_down),
        cmocka_unit_test_setup_teardown(pure_commands_need_no_grant, set_up_pure, tear_down_pure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
