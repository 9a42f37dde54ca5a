/* Signatures, with openssl(1) as the other side: what one signs the other takes, and nothing else is taken. */
#include "tls/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static const char *at(const char *name)
{
    static char paths[4][200];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static bool shell(const char *command)
{
    char text[600];
    snprintf(text, sizeof(text), "cd %s && %s", dir, command);
    return system(text) == 0;
}

static void read_file(const char *name, struct buf *out)
{
    char chunk[4096];
    FILE *f = fopen(at(name), "rb");
    assert_non_null(f);
    buf_clear(out);
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
        buf_append(out, chunk, n);
    fclose(f);
}

static void write_file(const char *name, struct slice bytes)
{
    FILE *f = fopen(at(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, f), bytes.len);
    fclose(f);
}

static const struct slice text = SLICE("what is signed\n");

static int open_dir(void **state)
{
    struct err err = {0};
    (void)state;
    strcpy(dir, "/tmp/muster-sign-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(sign_new_key(at("own.key"), at("own.pem"), &err), 0);
    assert_int_equal(sign_new_key(at("other.key"), at("other.pem"), &err), 0);
    write_file("text", text);
    return 0;
}

static int close_dir(void **state)
{
    (void)state;
    return shell("rm -rf \"$PWD\"") ? 0 : -1;
}

static int verify(const char *key, struct slice bytes, struct slice signature, struct err *err)
{
    struct buf pem = {0};
    read_file(key, &pem);
    *err = (struct err){0};
    int rv = sign_verify(buf_view(&pem), bytes, signature, err);
    buf_close(&pem);
    return rv;
}

static void openssl_takes_ours_and_we_take_openssl_s(void **state)
{
    struct buf signature = {0};
    struct err err = {0};
    (void)state;
    assert_int_equal(sign_bytes(at("own.key"), text, &signature, &err), 0);
    assert_int_equal(verify("own.pem", text, buf_view(&signature), &err), 0);
    write_file("signature", buf_view(&signature));
    assert_true(shell("openssl dgst -sha256 -verify own.pem -signature signature text >/dev/null"));
    assert_true(shell("openssl ecparam -name prime256v1 -genkey -noout -out foreign.key 2>/dev/null && "
                      "openssl ec -in foreign.key -pubout -out foreign.pem 2>/dev/null && "
                      "openssl dgst -sha256 -sign foreign.key -out signature text"));
    read_file("signature", &signature);
    assert_int_equal(verify("foreign.pem", text, buf_view(&signature), &err), 0);
    assert_int_equal(verify("own.pem", text, buf_view(&signature), &err), ERR_POLICY);
    assert_string_equal(err.rule, "signature.wrong");
    /* a key in PKCS #8, as newer tools write it */
    assert_true(shell("openssl pkcs8 -topk8 -nocrypt -in foreign.key -out eight.key"));
    buf_clear(&signature);
    assert_int_equal(sign_bytes(at("eight.key"), text, &signature, &err), 0);
    assert_int_equal(verify("foreign.pem", text, buf_view(&signature), &err), 0);
    buf_close(&signature);
}

static void a_changed_signature_or_text_is_noticed(void **state)
{
    struct buf signature = {0};
    struct err err = {0};
    (void)state;
    assert_int_equal(sign_bytes(at("own.key"), text, &signature, &err), 0);
    assert_true(verify("own.pem", (struct slice)SLICE("what is signed"), buf_view(&signature), &err) < 0);
    assert_true(verify("other.pem", text, buf_view(&signature), &err) < 0);
    for (size_t i = 0; i < signature.len; i++) {
        signature.data[i] = (char)(signature.data[i] ^ 1);
        if (verify("own.pem", text, buf_view(&signature), &err) == 0)
            fail_msg("taken with another byte %zu", i);
        signature.data[i] = (char)(signature.data[i] ^ 1);
    }
    for (size_t len = 0; len < signature.len; len++)
        assert_true(verify("own.pem", text, (struct slice){signature.data, len}, &err) < 0);
    assert_int_equal(verify("own.pem", text, (struct slice){"", 0}, &err), ERR_ARG);
    buf_byte(&signature, 'x'); /* something behind it */
    assert_true(verify("own.pem", text, buf_view(&signature), &err) < 0);
    buf_close(&signature);
}

static void other_kinds_of_keys_are_refused(void **state)
{
    static const char *const make[] = {
        "openssl ecparam -name secp384r1 -genkey -noout -out odd.key 2>/dev/null",
        "openssl genrsa -out odd.key 2048 2>/dev/null",
        "echo hello >odd.key",
        ": >odd.key",
        "head -c 100 own.key >odd.key",
        "openssl ec -in own.key -aes128 -passout pass:secret -out odd.key 2>/dev/null",
    };
    struct buf out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(make) / sizeof(make[0]); i++) {
        struct err err = {0};
        assert_true(shell(make[i]));
        if (sign_bytes(at("odd.key"), text, &out, &err) != ERR_ARG || !strstr(err.text, "odd.key"))
            fail_msg("%s: %s", make[i], err.text);
        assert_int_equal(out.len, 0);
    }
    struct err err = {0};
    assert_int_equal(sign_bytes(at("nowhere.key"), text, &out, &err), ERR_IO);
    for (int i = 0; i < 2; i++) {
        char id[17];
        assert_true(shell(make[i]) && shell("openssl pkey -in odd.key -pubout -out odd.pem 2>/dev/null"));
        read_file("odd.pem", &out);
        assert_int_equal(sign_key_id(buf_view(&out), id, &err), ERR_ARG);
        assert_int_equal(sign_verify(buf_view(&out), text, text, &err), ERR_ARG);
    }
    assert_int_equal(sign_verify((struct slice)SLICE("no PEM"), text, text, &err), ERR_ARG);
    buf_close(&out);
}

static void a_key_is_known_by_its_der_form(void **state)
{
    struct buf pem = {0}, hash = {0};
    struct err err = {0};
    char id[17], again[17];
    (void)state;
    read_file("own.pem", &pem);
    assert_int_equal(sign_key_id(buf_view(&pem), id, &err), 0);
    assert_true(shell("openssl pkey -pubin -in own.pem -outform DER 2>/dev/null | sha256sum | cut -c 1-16 >id"));
    read_file("id", &hash);
    assert_memory_equal(hash.data, id, 16);
    /* the PEM's form does not matter */
    assert_true(shell("(echo a comment; sed 's/$/\\r/' own.pem) >windows.pem"));
    read_file("windows.pem", &pem);
    assert_int_equal(sign_key_id(buf_view(&pem), again, &err), 0);
    assert_string_equal(id, again);
    buf_close(&pem);
    buf_close(&hash);
}

static void a_private_key_is_its_owner_s_alone(void **state)
{
    struct stat st;
    struct err err = {0};
    (void)state;
    assert_int_equal(stat(at("own.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(sign_new_key(at("own.key"), at("new.pem"), &err) < 0); /* never written over */
    assert_int_not_equal(access(at("new.pem"), F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_dir, close_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(openssl_takes_ours_and_we_take_openssl_s), TEST(a_changed_signature_or_text_is_noticed),
        TEST(other_kinds_of_keys_are_refused),          TEST(a_key_is_known_by_its_der_form),
        TEST(a_private_key_is_its_owner_s_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
