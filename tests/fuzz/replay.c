/* Runs a fuzz target without libFuzzer: PROG [-n N] [-s SEED] FILE…
 * Every file once as it is, then N mutations of them, the same ones for the same seed. So the properties are checked in the
 * ordinary test run by any compiler; the coverage-guided search is libFuzzer's business, whose main replaces this one. */

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES = 4096, FILES_MAX = 256 };

struct input {
    uint8_t bytes[INPUT_BYTES];
    size_t len;
};

static struct input seeds[FILES_MAX], current;
static int seed_count;
static uint64_t random_state = 1;

/* xorshift64*: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled". */
static size_t pick(size_t below)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (size_t)((random_state * 2685821657736338717u) >> 33) % below;
}

static void show_input(int number)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < current.len; i++) {
        char hex[2] = {digits[current.bytes[i] >> 4], digits[current.bytes[i] & 15]};
        if (write(STDERR_FILENO, hex, 2) != 2)
            break;
    }
    if (write(STDERR_FILENO, "\n", 1) == 1)
        signal(number, SIG_DFL);
}

/* The target gets memory of exactly the input's size, so that a sanitizer sees a read past its end. */
static void run(void)
{
    uint8_t *exact = malloc(current.len ? current.len : 1);
    if (!exact)
        abort();
    memcpy(exact, current.bytes, current.len);
    LLVMFuzzerTestOneInput(exact, current.len);
    free(exact);
}

static void insert(size_t at, const void *bytes, size_t len)
{
    if (len > INPUT_BYTES - current.len)
        return;
    memmove(current.bytes + at + len, current.bytes + at, current.len - at);
    memcpy(current.bytes + at, bytes, len);
    current.len += len;
}

static void cut(size_t at, size_t len)
{
    memmove(current.bytes + at, current.bytes + at + len, current.len - at - len);
    current.len -= len;
}

static void mutate(void)
{
    static const char *const tokens[] = {
        "\r\n", "*1\r\n", "$1\r\n", "%1\r\n",       "|1\r\n", "$-1\r\n", "=5\r\nbin:", "_\r\n",
        "0",    "9",      "-",      "\"",           "'",      "\\x",     "{\"a\":",    "[",
        "]",    "}",      "\\u",    "\xe2\x80\xa8", "中",     "=",       " ",          "99999999999999999999"};
    size_t at = pick(current.len + 1), rest = current.len - at;
    const char *token = tokens[pick(sizeof(tokens) / sizeof(tokens[0]))];
    uint8_t copy[64], byte = (uint8_t)pick(256);
    const struct input *other = &seeds[pick((size_t)seed_count)];
    size_t len = rest ? 1 + pick(rest < sizeof(copy) ? rest : sizeof(copy)) : 0;
    switch (pick(7)) {
    case 0:
        if (rest)
            current.bytes[at] ^= (uint8_t)(1u << pick(8));
        break;
    case 1:
        if (rest)
            current.bytes[at] = byte;
        break;
    case 2:
        insert(at, &byte, 1);
        break;
    case 3:
        insert(at, token, strlen(token));
        break;
    case 4:
        cut(at, len);
        break;
    case 5:
        memcpy(copy, current.bytes + at, len);
        insert(pick(current.len + 1), copy, len);
        break;
    default:
        at = pick(other->len + 1);
        len = other->len - at < sizeof(copy) ? other->len - at : sizeof(copy);
        insert(pick(current.len + 1), other->bytes + at, len);
    }
}

static int load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || seed_count == FILES_MAX) {
        fprintf(stderr, "%s: %s\n", path, file ? "too many files" : "cannot be opened");
        if (file)
            fclose(file);
        return -1;
    }
    struct input *seed = &seeds[seed_count++];
    seed->len = fread(seed->bytes, 1, INPUT_BYTES, file);
    fclose(file);
    return 0;
}

int main(int argc, char **argv)
{
    long count = 0;
    int option;
    while ((option = getopt(argc, argv, "n:s:")) != -1) {
        if (option == 'n')
            count = strtol(optarg, NULL, 10);
        else if (option == 's')
            random_state = strtoull(optarg, NULL, 10) * 2 + 1; /* the generator must not start at 0 */
        else
            return 2;
    }
    signal(SIGABRT, show_input);
    for (int i = optind; i < argc; i++) {
        if (load(argv[i]) != 0)
            return 2;
    }
    for (int i = 0; i < seed_count; i++) {
        current = seeds[i];
        run();
    }
    if (seed_count == 0)
        seed_count = 1; /* the empty input */
    for (long i = 0; i < count; i++) {
        current = seeds[pick((size_t)seed_count)];
        for (size_t k = 1 + pick(6); k > 0; k--)
            mutate();
        run();
    }
    printf("%d files, %ld mutations\n", argc - optind, count);
    return 0;
}
