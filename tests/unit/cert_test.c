#include "pki.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct pki pki;

static int open_pki(void **state)
{
    (void)state;
    pki_open(&pki);
    return 0;
}

static int close_pki(void **state)
{
    (void)state;
    pki_close(&pki);
    return 0;
}

/* What `openssl x509` prints of a file of the fixture. */
static char *openssl_text(const char *file)
{
    static char text[16384];
    char command[256], path[128];
    snprintf(command, sizeof command, "openssl x509 -noout -text -in '%s'", pki_path(&pki, file, path));
    FILE *p = popen(command, "r");
    assert_non_null(p);
    size_t len = fread(text, 1, sizeof text - 1, p);
    text[len] = '\0';
    assert_int_equal(pclose(p), 0);
    return text;
}

static void assert_holds(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static struct buf read_file(const char *name)
{
    struct buf b = {0};
    char path[128], chunk[1024];
    FILE *f = fopen(pki_path(&pki, name, path), "r");
    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_append(&b, chunk, n);
    fclose(f);
    return b;
}

/* A second implementation reads the CA as a v3 certificate authority. */
static void the_ca_is_one_for_openssl(void **state)
{
    (void)state;
    const char *text = openssl_text("ca.pem");
    assert_holds(text, "Version: 3");
    assert_holds(text, "CA:TRUE");
    assert_holds(text, "X509v3 Basic Constraints: critical");
    assert_holds(text, "X509v3 Key Usage: critical");
    assert_holds(text, "Certificate Sign, CRL Sign");
    assert_holds(text, "ecdsa-with-SHA256");
    assert_holds(text, "NIST CURVE: P-256");
}

/* The server's certificate carries its names and addresses and serves servers alone. */
static void the_server_certificate_names_its_hosts(void **state)
{
    (void)state;
    const char *text = openssl_text("server.pem");
    assert_holds(text, "DNS:localhost, DNS:muster.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    assert_holds(text, "TLS Web Server Authentication");
    assert_holds(text, "CA:FALSE");
    assert_holds(text, "Digital Signature");
    assert_null(strstr(text, "TLS Web Client Authentication"));
}

/* The chain holds for a second implementation, for both purposes. */
static void openssl_verifies_the_chain(void **state)
{
    (void)state;
    char command[512];
    snprintf(command, sizeof command,
             "cd '%s' && openssl verify -x509_strict -CAfile ca.pem -purpose sslserver server.pem >verify.log 2>&1 && "
             "openssl verify -x509_strict -CAfile ca.pem -purpose sslclient alice.pem >>verify.log 2>&1",
             pki.dir);
    assert_int_equal(system(command), 0);
}

/* cert_read gives the name, the fingerprint OpenSSL prints, and dates around now. */
static void cert_read_agrees_with_openssl(void **state)
{
    (void)state;
    struct buf pem = read_file("alice.pem");
    struct cert_info info;
    struct err err = {0};
    assert_int_equal(cert_read(buf_view(&pem), &info, &err), 0);
    assert_string_equal(info.name, "alice");
    int64_t now = clock_now_ms(), day = 86400000;
    assert_true(info.not_before_ms <= now - 3599000 && info.not_before_ms > now - 3700000);
    assert_true(info.not_after_ms > now + 30 * day - 60000 && info.not_after_ms <= now + 30 * day);

    char command[256], line[256] = "", plain[65] = "";
    snprintf(command, sizeof command, "openssl x509 -noout -fingerprint -sha256 -in '%s/alice.pem'", pki.dir);
    FILE *p = popen(command, "r");
    assert_non_null(fgets(line, sizeof line, p));
    assert_int_equal(pclose(p), 0);
    int n = 0;
    for (const char *c = strchr(line, '=') + 1; *c != '\0' && n < 64; c++)
        if (*c != ':' && *c != '\n')
            plain[n++] = (char)(*c >= 'A' && *c <= 'F' ? *c + 32 : *c);
    assert_string_equal(info.fingerprint, plain);
    buf_close(&pem);
}

/* Two certificates of one CA never share a serial. */
static void serials_differ(void **state)
{
    (void)state;
    char first[128], *at = strstr(openssl_text("server.pem"), "Serial Number:");
    assert_non_null(at);
    snprintf(first, sizeof first, "%.100s", at);
    at = strstr(openssl_text("alice.pem"), "Serial Number:");
    assert_non_null(at);
    assert_int_not_equal(strncmp(first, at, 100), 0);
}

/* A name that could mean something else in a distinguished name is refused, naming the rule. */
static void names_with_separators_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",     "a,O=b", "a\\b",
        "a\nb", "a+b",   " a",
        "a ",   "a=b",   "0123456789012345678901234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf cert = {0}, key = {0};
        struct err err = {0};
        struct cert_request request = {.name = bad[i], .valid_days = 1};
        assert_int_equal(cert_issue(buf_view(&pki.ca_cert), buf_view(&pki.ca_key), &request, &cert, &key, &err),
                         ERR_ARG);
        assert_true(strlen(err.text) > 10);
        assert_int_equal(cert.len + key.len, 0);
    }
}

/* A Chinese name goes in and comes out unchanged. */
static void utf8_names_survive(void **state)
{
    (void)state;
    struct buf cert = {0}, key = {0};
    struct err err = {0};
    struct cert_info info;
    struct cert_request request = {.name = "\xe5\xb9\xb2\xe4\xba\x8b", .valid_days = 1};
    assert_int_equal(cert_issue(buf_view(&pki.ca_cert), buf_view(&pki.ca_key), &request, &cert, &key, &err), 0);
    assert_int_equal(cert_read(buf_view(&cert), &info, &err), 0);
    assert_string_equal(info.name, request.name);
    buf_close(&cert);
    buf_close(&key);
}

/* Text that is no certificate, and a key that is not the CA's, are errors. */
static void wrong_pem_is_refused(void **state)
{
    (void)state;
    struct cert_info info;
    struct err err = {0};
    struct buf cert = {0}, key = {0}, other = read_file("alice.key");
    struct cert_request request = {.name = "bob", .valid_days = 1};
    assert_int_equal(cert_read(SLICE("hello"), &info, &err), ERR_ARG);
    assert_int_equal(cert_read(SLICE(""), &info, &err), ERR_ARG);
    assert_int_equal(cert_issue(buf_view(&pki.ca_cert), buf_view(&other), &request, &cert, &key, &err), ERR_INTERNAL);
    buf_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ca_is_one_for_openssl),
        cmocka_unit_test(the_server_certificate_names_its_hosts),
        cmocka_unit_test(openssl_verifies_the_chain),
        cmocka_unit_test(cert_read_agrees_with_openssl),
        cmocka_unit_test(serials_differ),
        cmocka_unit_test(names_with_separators_are_refused),
        cmocka_unit_test(utf8_names_survive),
        cmocka_unit_test(wrong_pem_is_refused),
    };
    return cmocka_run_group_tests(tests, open_pki, close_pki);
}
