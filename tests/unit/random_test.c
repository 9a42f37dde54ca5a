#include "tls/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The SHA-256 of "abc" is the one FIPS 180-2 prints, also when it comes in parts. */
static void sha256_matches_the_standard_in_parts(void **state)
{
    (void)state;
    struct slice parts[] = {SLICE("a"), SLICE(""), SLICE("bc"), {NULL, 0}};
    unsigned char hash[SHA256_BYTES];
    char hex[65];
    sha256(parts, 4, hash);
    hex_encode(hash, sizeof hash, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Nothing at all has a hash too. */
static void sha256_of_nothing_is_known(void **state)
{
    (void)state;
    unsigned char hash[SHA256_BYTES];
    char hex[65];
    sha256(NULL, 0, hash);
    hex_encode(hash, sizeof hash, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* Two draws differ, and every byte of a large draw is written. */
static void random_bytes_fill_everything(void **state)
{
    (void)state;
    unsigned char a[32], b[32], many[4096] = {0};
    bool seen[256] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    random_bytes(many, sizeof many);
    int zero_run = 0, longest = 0, kinds = 0;
    for (size_t i = 0; i < sizeof many; i++) {
        zero_run = many[i] == 0 ? zero_run + 1 : 0;
        longest = zero_run > longest ? zero_run : longest;
        seen[many[i]] = true;
    }
    for (int i = 0; i < 256; i++)
        kinds += seen[i];
    assert_true(longest < 8);
    assert_true(kinds > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_matches_the_standard_in_parts),
        cmocka_unit_test(sha256_of_nothing_is_known),
        cmocka_unit_test(random_bytes_fill_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
