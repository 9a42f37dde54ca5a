/* Users, what they sign in with, and the identity that comes of it. */
#include "house.h"

#include "access/identity.h"
#include "access/password.h"
#include "access/setup.h"
#include "access/signin.h"
#include "base/clock.h"

static const char print_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static int secret(struct house *h, const char *user, const char *text, struct identity **out)
{
    return signin_secret(h->s, slice_of(user), slice_of(text), out, &h->err);
}

/* A token is worth its user's identity, with or without the user's name beside it, and nothing after it was revoked. */
static void token_signs_in_until_it_is_revoked(void **state)
{
    struct house *h = *state;
    struct identity *id = NULL;
    char token[TOKEN_TEXT_BYTES];
    const struct user wang = house_user(h, "wang");
    house_user(h, "li");
    house_expect(h, user_token(h->s, &wang, SLICE("phone"), 1000, token, &h->err), 0, NULL);
    house_expect(h, secret(h, "", token, &id), 0, NULL);
    assert_string_equal(id->name, "wang");
    assert_true(id->token_id > 0);
    struct identity *again = NULL;
    house_expect(h, identity_refresh(h->s, id, &again, &h->err), 0, NULL);
    identity_unref(again);
    identity_unref(id);
    house_expect(h, secret(h, "wang", token, &id), 0, NULL);
    struct identity *other = NULL;
    house_expect(h, secret(h, "li", token, &other), ERR_WRONGPASS, "access.sign_in");
    house_expect(h, user_token_revoke(h->s, &wang, SLICE("phone"), 1000, &h->err), 0, NULL);
    house_expect(h, secret(h, "wang", token, &other), ERR_WRONGPASS, "access.sign_in");
    house_expect(h, identity_refresh(h->s, id, &other, &h->err), ERR_NOAUTH, "user.token_revoked");
    identity_unref(id);
}

/* The table holds the token's hash, never the token. */
static void token_is_not_in_the_database(void **state)
{
    struct house *h = *state;
    char token[TOKEN_TEXT_BYTES], text[65];
    const struct user wang = house_user(h, "wang");
    house_expect(h, user_token(h->s, &wang, SLICE("phone"), 1000, token, &h->err), 0, NULL);
    struct value found;
    struct buf keep = {0};
    assert_int_equal(store_value(h->s, NULL, SLICE("SELECT hash FROM muster_token"), NULL, 0, &found, &keep, &h->err),
                     1);
    token_hash(slice_of(token), text);
    assert_true(slice_is(found.s, text));
    assert_null(memmem(found.s.data, found.s.len, token + 3, 16));
    buf_close(&keep);
    house_expect(h, user_token(h->s, &wang, SLICE("phone"), 1000, token, &h->err), ERR_CONFLICT, "user.label");
}

static void password_signs_in(void **state)
{
    struct house *h = *state;
    struct identity *id = NULL;
    const struct user wang = house_user(h, "wang");
    house_expect(h, user_password(h->s, &wang, SLICE("四个汉字不够长吗"), &h->err), 0, NULL);
    house_expect(h, secret(h, "wang", "四个汉字不够长吗", &id), 0, NULL);
    assert_string_equal(id->name, "wang");
    assert_int_equal(id->token_id, 0);
    identity_unref(id);
    house_expect(h, secret(h, "wang", "wrong password", &id), ERR_WRONGPASS, NULL);
    house_expect(h, user_password(h->s, &wang, SLICE("short"), &h->err), ERR_ARG, "user.password");
}

/* Whatever is wrong, the refusal is the same to the letter. */
static void refusals_do_not_tell_what_was_wrong(void **state)
{
    struct house *h = *state;
    struct identity *id = NULL;
    const struct user wang = house_user(h, "wang"), gone = house_user(h, "gone"), certs = house_user(h, "certs");
    house_expect(h, user_password(h->s, &wang, SLICE("correct horse"), &h->err), 0, NULL);
    house_expect(h, user_password(h->s, &gone, SLICE("correct horse"), &h->err), 0, NULL);
    house_expect(h, user_password(h->s, &certs, SLICE("correct horse"), &h->err), 0, NULL);
    house_expect(h, user_disable(h->s, &gone, true, &h->err), 0, NULL);
    const struct user_fields only_certs = {.methods = SLICE("cert")};
    house_expect(h, user_change(h->s, &certs, &only_certs, &h->err), 0, NULL);
    static const char *const tries[][2] = {
        {"wang", "wrong horse!"},
        {"nobody", "correct horse"},
        {"gone", "correct horse"},
        {"certs", "correct horse"},
        {"", "correct horse"},
        {"wang", "mst0000000000000000000000000000000000000000000000000000000000000000"},
        {"wang", ""},
    };
    char first[600] = "";
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        house_expect(h, secret(h, tries[i][0], tries[i][1], &id), ERR_WRONGPASS, "access.sign_in");
        if (i == 0)
            strcpy(first, h->err.text);
        assert_string_equal(h->err.text, first);
    }
}

static double seconds(struct house *h, const char *user)
{
    struct identity *id = NULL;
    uint64_t from = clock_mono_ns();
    house_expect(h, secret(h, user, "wrong password", &id), ERR_WRONGPASS, NULL);
    return (double)(clock_mono_ns() - from) / 1e9;
}

/* An unknown name costs about what a wrong password costs: both are hashed. The best of a few, because others share the machine. */
static void unknown_user_costs_the_same_time(void **state)
{
    struct house *h = *state;
    const struct user wang = house_user(h, "wang");
    house_expect(h, user_password(h->s, &wang, SLICE("correct horse"), &h->err), 0, NULL);
    double known = 1e9, unknown = 1e9;
    for (int i = 0; i < 5; i++) {
        double k = seconds(h, "wang"), u = seconds(h, "nobody");
        known = k < known ? k : known;
        unknown = u < unknown ? u : unknown;
    }
    assert_true(unknown > known / 3 && unknown < known * 3);
}

static void certificate_signs_in_until_it_is_revoked(void **state)
{
    struct house *h = *state;
    struct identity *id = NULL, *other = NULL;
    char upper[96] = "";
    for (int i = 0; i < 32; i++)
        strcat(upper, i ? ":AA" : "AA");
    const struct user wang = house_user(h, "wang"), li = house_user(h, "li");
    house_expect(h, user_cert(h->s, &wang, slice_of(upper), SLICE("card"), 1000, &h->err), 0, NULL);
    house_expect(h, user_cert(h->s, &li, slice_of(print_a), SLICE("card"), 1000, &h->err), ERR_CONFLICT,
                 "user.cert_bound");
    house_expect(h, user_cert(h->s, &li, SLICE("abc"), SLICE("card"), 1000, &h->err), ERR_ARG, "user.fingerprint");
    house_expect(h, signin_certificate(h->s, print_a, &id, &h->err), 0, NULL);
    assert_string_equal(id->fingerprint, print_a);
    house_expect(h, user_cert_revoke(h->s, &wang, slice_of(print_a), 2000, &h->err), 0, NULL);
    house_expect(h, signin_certificate(h->s, print_a, &other, &h->err), ERR_WRONGPASS, NULL);
    house_expect(h, identity_refresh(h->s, id, &other, &h->err), ERR_NOAUTH, "user.cert_revoked");
    house_expect(h, user_cert(h->s, &wang, slice_of(print_a), SLICE("card"), 1000, &h->err), ERR_CONFLICT,
                 "user.cert_bound");
    identity_unref(id);
}

static void disabled_user_is_no_identity(void **state)
{
    struct house *h = *state;
    struct identity *id = NULL;
    const struct user wang = house_user(h, "wang");
    house_expect(h, user_disable(h->s, &wang, true, &h->err), 0, NULL);
    house_expect(h, identity_read(h->s, wang.id, "", &id, &h->err), ERR_NOAUTH, "user.disabled");
    house_expect(h, user_disable(h->s, &wang, false, &h->err), 0, NULL);
    house_expect(h, identity_read(h->s, wang.id, "", &id, &h->err), 0, NULL);
    identity_unref(id);
    house_expect(h, identity_read(h->s, 999, "", &id, &h->err), ERR_NOTFOUND, "user.unknown");
}

/* The grants of an identity know the paths of their units, and follow them when units move. */
static void identity_holds_grants_with_paths(void **state)
{
    struct house *h = *state;
    struct identity *id = NULL;
    const struct user wang = house_user(h, "wang");
    house_unit(h, "YL", "");
    house_unit(h, "CB", "YL");
    house_role(h, "clerk", "fund.* read:org.*");
    house_grant(h, "wang", "clerk", "CB");
    house_expect(h, identity_read(h->s, wang.id, "", &id, &h->err), 0, NULL);
    assert_int_equal(id->ngrants, 2);
    assert_string_equal(id->grants[0].pattern, "fund.*");
    assert_string_equal(id->grants[1].pattern, "read:org.*");
    assert_string_equal(id->grants[1].path, "/YL/CB/");
    assert_string_equal(id->grants[1].unit, "CB");
    assert_string_equal(id->lang, "zh-CN");
    assert_null(id->person);
    identity_unref(id);
    house_unit(h, "ZB", "");
    house_unit(h, "CB", "ZB");
    house_expect(h, identity_read(h->s, wang.id, "", &id, &h->err), 0, NULL);
    assert_string_equal(id->grants[0].path, "/ZB/CB/");
    identity_unref(id);
}

static void names_are_checked(void **state)
{
    struct house *h = *state;
    int64_t id;
    static const char *const bad[] = {
        "",     "a b", "-x",
        "a\"b", "a/b", "a,b",
        "\xff", "a=b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    const struct user_fields none = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        house_expect(h, user_add(h->s, slice_of(bad[i]), &none, false, 1, &id, &h->err), ERR_ARG, "user.name");
    house_user(h, "王芳");
    house_expect(h, user_add(h->s, SLICE("王芳"), &none, false, 1, &id, &h->err), ERR_CONFLICT, "user.exists");
    const struct user_fields methods = {.methods = SLICE("cert,smoke")}, lang = {.lang = SLICE("fr")};
    house_expect(h, user_add(h->s, SLICE("x"), &methods, false, 1, &id, &h->err), ERR_ARG, "user.methods");
    house_expect(h, user_add(h->s, SLICE("x"), &lang, false, 1, &id, &h->err), ERR_ARG, "user.lang");
}

/* A method that is not the user's can be neither prepared nor used. */
static void methods_are_bound_to_the_user(void **state)
{
    struct house *h = *state;
    struct identity *id = NULL;
    char token[TOKEN_TEXT_BYTES];
    struct user wang = house_user(h, "wang");
    house_expect(h, user_token(h->s, &wang, SLICE("phone"), 1000, token, &h->err), 0, NULL);
    house_expect(h, user_cert(h->s, &wang, slice_of(print_a), SLICE("card"), 1000, &h->err), 0, NULL);
    const struct user_fields only_password = {.methods = SLICE("password")};
    struct identity *by_token = NULL, *by_cert = NULL;
    house_expect(h, secret(h, "wang", token, &by_token), 0, NULL);
    house_expect(h, signin_certificate(h->s, print_a, &by_cert, &h->err), 0, NULL);
    house_expect(h, user_change(h->s, &wang, &only_password, &h->err), 0, NULL);
    house_expect(h, identity_refresh(h->s, by_token, &id, &h->err), ERR_NOAUTH, "user.method");
    house_expect(h, identity_refresh(h->s, by_cert, &id, &h->err), ERR_NOAUTH, "user.method");
    identity_unref(by_token);
    identity_unref(by_cert);
    house_expect(h, secret(h, "wang", token, &id), ERR_WRONGPASS, NULL);
    house_expect(h, signin_certificate(h->s, print_a, &id, &h->err), ERR_WRONGPASS, NULL);
    wang = house_look(h, "wang");
    house_expect(h, user_token(h->s, &wang, SLICE("other"), 1000, token, &h->err), ERR_STATE, "user.method");
    house_expect(h, user_cert(h->s, &wang, slice_of(print_a), SLICE("x"), 1000, &h->err), ERR_STATE, "user.method");
}

/* There is always an administrator who can sign in, whatever is taken away. */
static void last_administrator_stays(void **state)
{
    struct house *h = *state;
    int64_t id;
    char token[TOKEN_TEXT_BYTES];
    const struct user_fields none = {0}, only_tokens = {.methods = SLICE("token")};
    const char *const rule = "access.last_admin";
    house_expect(h, user_add(h->s, SLICE("root"), &none, true, 1, &id, &h->err), 0, NULL);
    struct user root = house_look(h, "root");
    house_expect(h, user_cert(h->s, &root, slice_of(print_a), SLICE("card"), 1, &h->err), 0, NULL);
    house_user(h, "li");
    house_grant(h, "li", "administrator", ""); /* who has nothing to sign in with does not count */
    house_commit(h);
    house_begin(h);
    house_expect(h, user_disable(h->s, &root, true, &h->err), ERR_POLICY, rule);
    house_again(h);
    house_expect(h, role_revoke(h->s, &root, SLICE("administrator"), SLICE(""), 1, &h->err), ERR_POLICY, rule);
    house_again(h);
    house_expect(h, user_cert_revoke(h->s, &root, slice_of(print_a), 1, &h->err), ERR_POLICY, rule);
    house_again(h);
    house_expect(h, user_change(h->s, &root, &only_tokens, &h->err), ERR_POLICY, rule);
    house_again(h);
    struct user li = house_look(h, "li");
    house_expect(h, user_token(h->s, &li, SLICE("phone"), 1, token, &h->err), 0, NULL);
    house_expect(h, user_disable(h->s, &root, true, &h->err), 0, NULL);
    house_commit(h);
    house_begin(h);
    house_expect(h, user_token_revoke(h->s, &li, SLICE("phone"), 1, &h->err), ERR_POLICY, rule);
}

/* What `muster init` makes can sign in with its certificate, once. */
static void setup_makes_one_administrator(void **state)
{
    (void)state;
    struct house h;
    house_make(&h);
    house_expect(&h, setup_administrator(h.path, "admin", print_a, &h.err), 0, NULL);
    house_expect(&h, setup_administrator(h.path, "admin", print_a, &h.err), ERR_CONFLICT, "user.exists");
    const struct store_options options = {.path = h.path};
    assert_int_equal(store_open(&options, STORE_READER, &h.s, &h.err), 0);
    assert_int_equal(store_read_begin(h.s, &h.err), 0);
    struct identity *id = NULL;
    house_expect(&h, signin_certificate(h.s, print_a, &id, &h.err), 0, NULL);
    assert_true(id->admin);
    assert_string_equal(id->name, "admin");
    identity_unref(id);
    house_expect(&h, secret(&h, "admin", "anything at all", &id), ERR_WRONGPASS, NULL);
    store_read_end(h.s);
    store_close(h.s);
    house_remove(&h);
}

static void version_grows(void **state)
{
    (void)state;
    uint64_t before = access_version();
    access_changed();
    assert_true(access_version() > before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(token_signs_in_until_it_is_revoked, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(token_is_not_in_the_database, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(password_signs_in, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(refusals_do_not_tell_what_was_wrong, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(unknown_user_costs_the_same_time, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(certificate_signs_in_until_it_is_revoked, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(disabled_user_is_no_identity, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(identity_holds_grants_with_paths, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(names_are_checked, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(methods_are_bound_to_the_user, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(last_administrator_stays, house_set_up, house_tear_down),
        cmocka_unit_test(setup_makes_one_administrator),
        cmocka_unit_test(version_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
