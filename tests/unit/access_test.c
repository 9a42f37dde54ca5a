/* Decisions: permission, scope, units; and the roles that carry them. */
#include "house.h"

#include "access/decide.h"

/* A command by name alone; `args` as in a declaration of one unit argument, or none. */
static struct command command_of(const char *name, enum mode mode, bool takes_unit)
{
    static const struct arg unit = {.name = "unit", .type = ARG_UNIT, .optional = true};
    return (struct command){
        .name = name, .plugin = "fund", .mode = mode, .args = takes_unit ? &unit : NULL, .nargs = takes_unit ? 1 : 0};
}

/* Units of the table below. */
static const char *path_of(const char *code)
{
    static const char *const known[][2] = {
        {"YL", "/YL/"}, {"CB", "/YL/CB/"}, {"ST", "/YL/CB/ST/"}, {"ZB", "/ZB/"}, {"YLX", "/YLX/"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(code, known[i][0]) == 0)
            return known[i][1];
    }
    return NULL;
}

/* Grants written as "pattern@CODE pattern@ …". */
static struct identity *identity_of(const char *grants)
{
    static struct grant list[10];
    static char texts[10][2][40];
    static struct identity id;
    id = (struct identity){.user_id = 1, .name = "wang", .lang = "en", .grants = list};
    for (const char *at = grants; *at;) {
        size_t len = strcspn(at, " "), pattern = strcspn(at, "@");
        int n = id.ngrants++;
        snprintf(texts[n][0], 40, "%.*s", (int)pattern, at);
        snprintf(texts[n][1], 40, "%.*s", (int)(len - pattern - 1), at + pattern + 1);
        list[n] = (struct grant){.role = "r",
                                 .pattern = texts[n][0],
                                 .unit = texts[n][1][0] ? texts[n][1] : NULL,
                                 .path = (char *)(texts[n][1][0] ? path_of(texts[n][1]) : "/")};
        at += len + (at[len] == ' ');
    }
    return &id;
}

struct decision {
    const char *grants, *command; /* command: "w:name" or "r:name" */
    const char *units;            /* codes with commas, or "" */
    int code;
    const char *what; /* the scope, or the rule */
};

static const struct decision table[] = {
    /* permission */
    {"", "r:fund.list", "", ERR_NOPERM, "access.permission"},
    {"fund.give@", "w:fund.give", "", 0, "/"},
    {"fund.give@", "w:fund.gives", "", ERR_NOPERM, "access.permission"},
    {"fund.*@", "w:fund.give", "", 0, "/"},
    {"fund.*@", "w:funds.give", "", ERR_NOPERM, "access.permission"},
    {"fund.batch.*@", "w:fund.batch.close", "", 0, "/"},
    {"*@", "w:org.unit.add", "", 0, "/"},
    {"read:fund.*@", "r:fund.list", "", 0, "/"},
    {"read:fund.*@", "w:fund.give", "", ERR_NOPERM, "access.permission"},
    {"read:*@", "r:org.tree", "", 0, "/"},
    {"read:*@", "w:org.unit.add", "", ERR_NOPERM, "access.permission"},
    {"backdate@", "w:fund.give", "", ERR_NOPERM, "access.permission"},
    {"backdate@", "w:backdate", "", ERR_NOPERM, "access.permission"},
    /* scope without units */
    {"fund.*@CB", "w:fund.give", "", 0, "/YL/CB/"},
    {"fund.*@CB fund.*@YL", "w:fund.give", "", 0, "/YL/"},
    {"fund.*@CB fund.*@ fund.*@YL", "w:fund.give", "", 0, "/"},
    {"fund.*@CB fund.*@ZB", "w:fund.give", "", ERR_SCOPE, "access.scope_unclear"},
    {"fund.*@YL org.*@ZB", "w:fund.give", "", 0, "/YL/"},
    {"fund.*@YL fund.*@YLX", "w:fund.give", "", ERR_SCOPE, "access.scope_unclear"},
    /* scope with units */
    {"fund.*@", "w:fund.give", "CB", 0, "/"},
    {"fund.*@YL", "w:fund.give", "CB", 0, "/YL/"},
    {"fund.*@YL", "w:fund.give", "YL", 0, "/YL/"},
    {"fund.*@CB", "w:fund.give", "YL", ERR_SCOPE, "access.scope"},
    {"fund.*@YL", "w:fund.give", "YLX", ERR_SCOPE, "access.scope"},
    {"fund.*@CB fund.*@ZB", "w:fund.give", "ST", 0, "/YL/CB/"},
    {"fund.*@CB fund.*@ZB", "w:fund.give", "ZB", 0, "/ZB/"},
    {"fund.*@CB fund.*@YL", "w:fund.give", "ST", 0, "/YL/"},
    {"fund.*@CB fund.*@ZB", "w:fund.give", "ST,ZB", ERR_SCOPE, "access.scope"},
    {"fund.*@YL", "w:fund.give", "ST,CB", 0, "/YL/"},
    {"org.*@ fund.*@CB", "w:fund.give", "ZB", ERR_SCOPE, "access.scope"},
    /* units that do not exist: told only to who sees everything */
    {"fund.*@", "w:fund.give", "NIX", ERR_NOTFOUND, "unit.unknown"},
    {"fund.*@YL", "w:fund.give", "NIX", ERR_SCOPE, "access.scope"},
    {"fund.*@YL org.*@", "w:fund.give", "NIX", ERR_SCOPE, "access.scope"},
    {"fund.*@", "w:fund.give", "CB,NIX", ERR_NOTFOUND, "unit.unknown"},
};

static int decide(const struct identity *id, const struct decision *d, const char **scope, struct err *err)
{
    struct command command = command_of(d->command + 2, d->command[0] == 'w' ? MODE_WRITE : MODE_READ, true);
    struct unit_ref units[4];
    char codes[4][16];
    struct question q = {.command = &command, .units = units};
    for (const char *at = d->units; *at;) {
        size_t len = strcspn(at, ",");
        snprintf(codes[q.nunits], sizeof(codes[0]), "%.*s", (int)len, at);
        units[q.nunits] = (struct unit_ref){"unit", slice_of(codes[q.nunits]), path_of(codes[q.nunits])};
        q.nunits++;
        at += len + (at[len] == ',');
    }
    return access_decide(id, &q, scope, err);
}

static void decisions_follow_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct decision *d = &table[i];
        const char *scope = "";
        struct err err = {0};
        int rv = decide(identity_of(d->grants), d, &scope, &err);
        if (rv != d->code || strcmp(rv ? err.rule : scope, d->what) != 0)
            fail_msg("%s asks %s on [%s]: %d %s%s (%s)", d->grants, d->command, d->units, rv, err.rule, rv ? "" : scope,
                     err.text);
    }
}

/* A unit elsewhere and one that does not exist are refused in the same words. */
static void refusal_does_not_tell_which_units_exist(void **state)
{
    (void)state;
    const struct decision there = {"fund.*@YL", "w:fund.give", "ZB", 0, NULL},
                          nowhere = {"fund.*@YL", "w:fund.give", "QQ", 0, NULL};
    const char *scope;
    struct err a = {0}, b = {0};
    assert_int_equal(decide(identity_of(there.grants), &there, &scope, &a), ERR_SCOPE);
    assert_int_equal(decide(identity_of(nowhere.grants), &nowhere, &scope, &b), ERR_SCOPE);
    char *at = strstr(b.text, "QQ");
    assert_non_null(at);
    memcpy(at, "ZB", 2);
    assert_string_equal(a.text, b.text);
    assert_string_equal(a.allowed, b.allowed);
}

static void unclear_scope_names_the_units(void **state)
{
    (void)state;
    const struct decision d = {"fund.*@CB fund.*@ZB org.*@YLX", "w:fund.give", "", 0, NULL};
    const char *scope;
    struct err err = {0};
    assert_int_equal(decide(identity_of(d.grants), &d, &scope, &err), ERR_SCOPE);
    assert_string_equal(err.allowed, "CB,ZB");
    assert_string_equal(err.arg, "unit");
}

static void administrator_may_everything(void **state)
{
    (void)state;
    struct identity id = {.name = "root", .lang = "en", .admin = true};
    struct command command = command_of("org.unit.add", MODE_WRITE, true);
    const struct unit_ref missing = {"unit", SLICE("NIX"), NULL};
    const struct question q = {.command = &command}, with = {.command = &command, .units = &missing, .nunits = 1};
    const char *scope = NULL;
    struct err err = {0};
    assert_true(identity_may(&id, &command));
    assert_int_equal(access_decide(&id, &q, &scope, &err), 0);
    assert_string_equal(scope, "/");
    assert_true(access_may_backdate(&id, "/"));
    assert_int_equal(access_decide(&id, &with, &scope, &err), ERR_NOTFOUND);
}

/* A pure command sees its arguments only, so it needs no role; what it is named like still does. */
static void pure_commands_are_everybodys(void **state)
{
    (void)state;
    struct command pure = command_of("kit.twice", MODE_READ, false), other = pure;
    pure.native = other.native = (native_run *)1;
    pure.pure = true;
    const struct question q = {.command = &pure}, like = {.command = &other};
    const char *scope = NULL;
    struct err err = {0};
    assert_int_equal(access_decide(identity_of(""), &q, &scope, &err), 0);
    assert_int_equal(access_decide(identity_of("fund.*@CB fund.*@ZB"), &q, &scope, &err), 0);
    assert_true(identity_may(identity_of(""), &pure));
    assert_int_equal(access_decide(identity_of(""), &like, &scope, &err), ERR_NOPERM);
    assert_false(identity_may(identity_of(""), &other));
}

/* `at` needs the right where the command runs, not anywhere. */
static void backdate_holds_on_its_subtree(void **state)
{
    (void)state;
    assert_true(access_may_backdate(identity_of("backdate@"), "/"));
    assert_true(access_may_backdate(identity_of("backdate@YL"), "/YL/CB/"));
    assert_false(access_may_backdate(identity_of("backdate@YL"), "/"));
    assert_false(access_may_backdate(identity_of("backdate@YL fund.*@"), "/ZB/"));
    assert_false(access_may_backdate(identity_of("*@"), "/"));
}

/* A figure may be read by who may read its plugin, or by who may use figure.get. */
static void figures_are_read_like_commands(void **state)
{
    (void)state;
    struct command get = command_of("figure.get", MODE_READ, false);
    get.native = (native_run *)1;
    const struct question q = {.command = &get, .figure = "fund.net"};
    const char *scope = NULL;
    struct err err = {0};
    assert_int_equal(access_decide(identity_of("read:fund.*@YL"), &q, &scope, &err), 0);
    assert_string_equal(scope, "/YL/");
    assert_int_equal(access_decide(identity_of("figure.get@ZB"), &q, &scope, &err), 0);
    assert_int_equal(access_decide(identity_of("read:org.*@"), &q, &scope, &err), ERR_NOPERM);
    assert_true(identity_may(identity_of(""), &get));
    assert_true(access_may_figure(identity_of("fund.*@YL"), "fund.net"));
    assert_false(access_may_figure(identity_of("fund.give@"), "fund.net"));
}

static void patterns_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {"*",           "fund.*",         "fund.give", "a.b.c", "read:*",
                                       "read:fund.*", "read:fund.list", "backdate",  "limits"};
    static const char *const bad[] = {"",          "fund.",      ".fund",        "fund*",          "f*.x",
                                      "Fund.give", "fund.give ", "read:",        "read:backdate ", "a..b",
                                      "**",        "*.give",     "write:fund.*", "fund.\"x\""};
    struct err err;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(pattern_check(slice_of(good[i]), &err), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(pattern_check(slice_of(bad[i]), &err), ERR_ARG);
        assert_string_equal(err.rule, "role.pattern");
    }
}

static void collect(void *arg, const char *text)
{
    buf_text(arg, text);
    buf_byte(arg, '\n');
}

/* The story ends with the decision's own verdict, in both languages. */
static void explanation_ends_in_the_verdict(void **state)
{
    (void)state;
    struct command give = command_of("fund.give", MODE_WRITE, true);
    const struct unit_ref zb = {"unit", SLICE("ZB"), "/ZB/"};
    const struct question q = {.command = &give, .units = &zb, .nunits = 1};
    struct buf text = {0};
    access_explain(identity_of("read:fund.*@YL fund.*@CB"), &q, "en", collect, &text);
    assert_string_equal(buf_cstr(&text),
                        "role r on YL: its grant read:fund.* does not cover fund.give\n"
                        "role r on CB: its grant fund.* covers fund.give\n"
                        "unit ZB does not lie inside /YL/CB/\n"
                        "so fund.give is refused: SCOPE unit ZB is outside of what wang may reach with fund.give\n");
    buf_clear(&text);
    access_explain(identity_of("fund.*@ZB"), &q, "zh-CN", collect, &text);
    assert_string_equal(
        buf_cstr(&text),
        "角色 r（ZB）：授权 fund.* 包括 fund.give\n单位 ZB 在 /ZB/ 之内\n所以允许 fund.give，范围是 /ZB/\n");
    struct command pure = command_of("kit.twice", MODE_READ, false);
    pure.native = (native_run *)1;
    pure.pure = true;
    const struct question open = {.command = &pure};
    buf_clear(&text);
    access_explain(identity_of(""), &open, "en", collect, &text);
    assert_string_equal(buf_cstr(&text),
                        "kit.twice is open to everybody who is signed in: it reads and changes nobody's data\n"
                        "so kit.twice is allowed, within /\n");
    buf_close(&text);
}

/* -- roles in the database -- */

static void roles_are_granted_once_and_revoked(void **state)
{
    struct house *h = *state;
    const struct user wang = house_user(h, "wang");
    house_unit(h, "YL", "");
    house_role(h, "clerk", "fund.*");
    house_grant(h, "wang", "clerk", "YL");
    house_grant(h, "wang", "clerk", "");
    house_expect(h, role_grant(h->s, &wang, SLICE("clerk"), SLICE("YL"), NULL, 1, &h->err), ERR_CONFLICT,
                 "role.granted");
    house_expect(h, role_grant(h->s, &wang, SLICE("clerk"), SLICE("QQ"), NULL, 1, &h->err), ERR_NOTFOUND,
                 "unit.unknown");
    house_expect(h, role_grant(h->s, &wang, SLICE("nix"), SLICE(""), NULL, 1, &h->err), ERR_NOTFOUND, "role.unknown");
    house_expect(h, role_revoke(h->s, &wang, SLICE("clerk"), SLICE("YL"), 1, &h->err), 0, NULL);
    house_expect(h, role_revoke(h->s, &wang, SLICE("clerk"), SLICE("YL"), 1, &h->err), ERR_NOTFOUND,
                 "role.not_granted");
    house_grant(h, "wang", "clerk", "YL");
    house_expect(h, role_grant(h->s, &wang, SLICE("administrator"), SLICE("YL"), NULL, 1, &h->err), ERR_ARG,
                 "role.administrator");
    const struct slice all = SLICE("*");
    house_expect(h, role_define(h->s, SLICE("administrator"), &all, 1, 1, &h->err), ERR_ARG, "role.name");
}

/* A plugin's suggestion becomes the server's own role with its first grant, and stays as it then was. */
static void suggested_role_is_taken_over(void **state)
{
    struct house *h = *state;
    const char *const grants[] = {"fund.give", "read:fund.*", NULL};
    const struct role_suggestion suggested = {.name = "fund.clerk", .plugin = "fund", .grants = grants};
    const struct user wang = house_user(h, "wang"), li = house_user(h, "li");
    house_expect(h, role_grant(h->s, &wang, SLICE("fund.clerk"), SLICE(""), &suggested, 1, &h->err), 0, NULL);
    house_role(h, "fund.clerk", "read:fund.*");
    house_expect(h, role_grant(h->s, &li, SLICE("fund.clerk"), SLICE(""), &suggested, 1, &h->err), 0, NULL);
    struct identity *id = NULL;
    house_expect(h, identity_read(h->s, li.id, "", &id, &h->err), 0, NULL);
    assert_int_equal(id->ngrants, 1);
    assert_string_equal(id->grants[0].pattern, "read:fund.*");
    identity_unref(id);
}

/* -- units -- */

static void expect_path(struct house *h, const char *code, const char *path)
{
    struct buf found = {0};
    assert_int_equal(unit_path(h->s, slice_of(code), &found, &h->err), 1);
    assert_string_equal(buf_cstr(&found), path);
    buf_close(&found);
}

static void moving_a_unit_moves_what_is_below(void **state)
{
    struct house *h = *state;
    bool moved;
    house_unit(h, "A", "");
    house_unit(h, "B", "A");
    house_unit(h, "C", "B");
    house_unit(h, "AB", "");
    house_unit(h, "市区", "B");
    house_unit(h, "站", "市区");
    house_unit(h, "B", "AB");
    expect_path(h, "C", "/AB/B/C/");
    expect_path(h, "站", "/AB/B/市区/站/");
    expect_path(h, "A", "/A/");
    house_unit(h, "市区", "");
    expect_path(h, "站", "/市区/站/");
    house_expect(h, unit_set(h->s, SLICE("B"), SLICE("AB"), &moved, &h->err), 0, NULL);
    assert_false(moved);
    house_expect(h, unit_set(h->s, SLICE("AB"), SLICE("C"), &moved, &h->err), ERR_STATE, "unit.cycle");
    house_expect(h, unit_set(h->s, SLICE("AB"), SLICE("AB"), &moved, &h->err), ERR_STATE, "unit.cycle");
}

static void unit_codes_and_depth_are_checked(void **state)
{
    struct house *h = *state;
    bool moved;
    static const char *const bad[] = {"", "a/b", "a b", "a,b", "\xc3\x28"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        house_expect(h, unit_set(h->s, slice_of(bad[i]), SLICE(""), &moved, &h->err), ERR_ARG, "unit.code");
    house_expect(h, unit_set(h->s, SLICE("X"), SLICE("NIX"), &moved, &h->err), ERR_NOTFOUND, "unit.unknown");
    char code[16], parent[16] = "";
    for (int i = 0; i < UNIT_DEPTH_MAX; i++) {
        snprintf(code, sizeof(code), "U%d", i);
        house_unit(h, code, parent);
        strcpy(parent, code);
    }
    house_expect(h, unit_set(h->s, SLICE("deep"), slice_of(parent), &moved, &h->err), ERR_LIMIT, "unit.depth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions_follow_the_table),
        cmocka_unit_test(refusal_does_not_tell_which_units_exist),
        cmocka_unit_test(unclear_scope_names_the_units),
        cmocka_unit_test(administrator_may_everything),
        cmocka_unit_test(pure_commands_are_everybodys),
        cmocka_unit_test(backdate_holds_on_its_subtree),
        cmocka_unit_test(figures_are_read_like_commands),
        cmocka_unit_test(patterns_are_checked),
        cmocka_unit_test(explanation_ends_in_the_verdict),
        cmocka_unit_test_setup_teardown(roles_are_granted_once_and_revoked, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(suggested_role_is_taken_over, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(moving_a_unit_moves_what_is_below, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(unit_codes_and_depth_are_checked, house_set_up, house_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
