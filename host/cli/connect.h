/* The connection options that call, shell and play share, and connecting by them. */
#ifndef MUSTER_CLI_CONNECT_H
#define MUSTER_CLI_CONNECT_H

#include "client.h"

#include <getopt.h>

enum {
    CONNECT_HOST = 1000,
    CONNECT_PORT,
    CONNECT_CA,
    CONNECT_CERT,
    CONNECT_KEY,
    CONNECT_USER,
    CONNECT_PASSWORD_FILE,
    CONNECT_TOKEN_FILE,
    CONNECT_DATA,
    CONNECT_TIMEOUT,
};

#define CONNECT_LONG_OPTIONS                                                                                           \
    {"host", required_argument, NULL, CONNECT_HOST}, {"port", required_argument, NULL, CONNECT_PORT},                  \
        {"ca", required_argument, NULL, CONNECT_CA}, {"cert", required_argument, NULL, CONNECT_CERT},                  \
        {"key", required_argument, NULL, CONNECT_KEY}, {"user", required_argument, NULL, CONNECT_USER},                \
        {"password-file", required_argument, NULL, CONNECT_PASSWORD_FILE},                                             \
        {"token-file", required_argument, NULL, CONNECT_TOKEN_FILE}, {"data", required_argument, NULL, CONNECT_DATA},  \
    {                                                                                                                  \
        "timeout", required_argument, NULL, CONNECT_TIMEOUT                                                            \
    }

/* For the manuals of the subcommands. */
#define CONNECT_MANUAL                                                                                                 \
    "Connection:\n"                                                                                                    \
    "  --data DIR            use ca.pem, admin.pem and admin.key of this folder (or MUSTER_DATA)\n"                    \
    "  --host HOST           default 127.0.0.1 (or MUSTER_HOST)\n"                                                     \
    "  --port PORT           default 7878 (or MUSTER_PORT)\n"                                                          \
    "  --ca FILE             PEM file of the CA that signed the server's certificate\n"                                \
    "  --cert FILE --key FILE  sign in by this client certificate\n"                                                   \
    "  --user NAME           sign in by name: the password is asked for, or read from\n"                               \
    "  --password-file FILE  the first line of this file; or --token-file FILE for a token\n"                          \
    "  --timeout SECONDS     for connecting and for each reply; default 30\n"

/* Zero-initialise; connect_close frees and wipes. */
struct connect {
    char *host, *ca, *cert, *key, *user, *secret, *secret_file, *data;
    int port;
    int timeout_ms;
};

/* Take one option that getopt_long returned. 1 when it was one of ours, 0 when not, ERR_ARG. */
int connect_option(struct connect *c, int option, const char *value, struct err *err);
/* Fill in what the environment and the data folder say, and read or ask for the password. 0 or a negative code. */
int connect_settle(struct connect *c, struct err *err);
/* What client_open wants; points into `c`. */
struct client_options connect_options(const struct connect *c);
void connect_close(struct connect *c);
/* The first line of a file (at most 4 KiB), without its line end. Caller frees. 0 or ERR_IO. */
int connect_first_line(const char *path, char **out, struct err *err);

#endif
