#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 40

const struct cli_command cli_commands[] = {
    {"init", "make a data folder: CA, certificates, administrator, database", cli_init},
    {"serve", "run the server", cli_serve},
    {"call", "send one command and print its reply", cli_call},
    {"shell", "type commands, with history and completion", cli_shell},
    {"console", "run Lua on the server, and see what it would change", cli_console},
    {"play", "run a Lua script that sends commands", cli_play},
    {"plugin", "make, check, sign and install plugins; `muster plugin` lists how", cli_plugin},
    {"doctor", "say what is wrong in a data folder, and what to do", cli_doctor},
    {"version", "print the versions of Muster and its libraries", cli_version},
    {"help", "this list, or the manual of one subcommand", cli_help},
    {NULL, NULL, NULL},
};

/* Levenshtein's distance in one row. Source: Wagner and Fischer, "The String-to-String Correction Problem", 1974. */
static int distance(const char *a, const char *b)
{
    int row[WORD_MAX + 1], blen = (int)strlen(b);
    if (blen > WORD_MAX || strlen(a) > WORD_MAX)
        return WORD_MAX;
    for (int j = 0; j <= blen; j++)
        row[j] = j;
    for (int i = 1; a[i - 1] != '\0'; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= blen; j++) {
            int replaced = diagonal + (a[i - 1] != b[j - 1]);
            int other = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = replaced < other ? replaced : other;
        }
    }
    return row[blen];
}

const char *cli_nearest(const char *word, const char *(*next)(const void *arg, int i), const void *arg)
{
    const char *best = NULL, *candidate;
    int least = 4, len = (int)strlen(word);
    if (len < least)
        least = len;
    for (int i = 0; (candidate = next(arg, i)) != NULL; i++) {
        int d = distance(word, candidate);
        if (d < least) {
            least = d;
            best = candidate;
        }
    }
    return best;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Does `word` stand in the text, not as part of a longer one? */
static bool says_word(const char *text, const char *word, size_t len)
{
    for (const char *at = text; (at = strstr(at, word)); at++) {
        if ((at == text || !is_word(at[-1])) && !is_word(at[len]))
            return true;
    }
    return false;
}

/* Has the text said all of `list` (comma separated) already? */
static bool says_all(const char *text, const char *list)
{
    char words[sizeof(((struct err *)0)->allowed)], *rest = words, *word;
    snprintf(words, sizeof words, "%s", list);
    while ((word = strtok_r(rest, ",", &rest)) != NULL) {
        word += strspn(word, " ");
        if (*word != '\0' && !says_word(text, word, strlen(word)))
            return false;
    }
    return true;
}

static void print_detail(const struct err *err, const char *name, const char *detail)
{
    if (!says_all(err->text, detail))
        fprintf(stderr, "  %s: %s\n", name, detail);
}

int cli_fail(const char *name, const struct err *err)
{
    fprintf(stderr, "muster %s: %s %s%s%s\n", name, err_token(err->code), err->rule, err->rule[0] != '\0' ? ": " : "",
            err->text);
    print_detail(err, "argument", err->arg);
    print_detail(err, "state", err->state);
    print_detail(err, "possible", err->allowed);
    return err_exit_status(err->code);
}

int cli_misuse(const char *name, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "muster %s: ", name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n  muster help %s shows how it is used\n", name);
    return 2;
}

static const char *command_name(const void *unused, int i)
{
    (void)unused;
    return cli_commands[i].name;
}

static void print_list(FILE *to)
{
    fputs("Usage: muster SUBCOMMAND [OPTIONS]\n\n", to);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        fprintf(to, "  %-9s %s\n", c->name, c->summary);
    fputs("\nmuster help SUBCOMMAND prints its manual.\n", to);
}

int cli_help(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-') {
        print_list(stdout);
        return 0;
    }
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        if (strcmp(c->name, argv[1]) != 0)
            continue;
        if (c->run == cli_help) {
            print_list(stdout);
            return 0;
        }
        char help[] = "--help", *words[] = {argv[1], help, NULL, NULL};
        if (c->run != cli_plugin || argc < 3)
            return c->run(2, words);
        words[1] = argv[2];
        words[2] = help;
        return c->run(3, words);
    }
    const char *near = cli_nearest(argv[1], command_name, NULL);
    fprintf(stderr, "muster: there is no subcommand \"%s\"%s%s%s\n", argv[1], near != NULL ? "; did you mean \"" : "",
            near != NULL ? near : "", near != NULL ? "\"?" : "");
    print_list(stderr);
    return 2;
}
