#include "cli/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* What the command line says wins over the environment, and that over the data folder. A user's name means sign-in by
 * password or token: the administrator's certificate of the data folder is then left out.
 */

#define SECRET_BYTES 4096

static void wipe(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static void set(char **field, const char *value)
{
    free(*field);
    *field = mem_dup(value);
}

static int set_number(int *field, const char *name, const char *value, int max, struct err *err)
{
    char *end;
    errno = 0;
    long n = strtol(value, &end, 10);
    if (errno != 0 || *value == '\0' || *end != '\0' || n < 1 || n > max)
        return err_rule(err, ERR_ARG, "arg.range", name, "%s must be a number from 1 to %d, not \"%s\"", name, max,
                        value);
    *field = (int)n;
    return 1;
}

int connect_option(struct connect *c, int option, const char *value, struct err *err)
{
    switch (option) {
    case CONNECT_HOST:
        set(&c->host, value);
        return 1;
    case CONNECT_CA:
        set(&c->ca, value);
        return 1;
    case CONNECT_CERT:
        set(&c->cert, value);
        return 1;
    case CONNECT_KEY:
        set(&c->key, value);
        return 1;
    case CONNECT_USER:
        set(&c->user, value);
        return 1;
    case CONNECT_PASSWORD_FILE:
    case CONNECT_TOKEN_FILE:
        set(&c->secret_file, value);
        return 1;
    case CONNECT_DATA:
        set(&c->data, value);
        return 1;
    case CONNECT_PORT:
        return set_number(&c->port, "--port", value, 65535, err);
    case CONNECT_TIMEOUT: {
        int seconds, rv = set_number(&seconds, "--timeout", value, 86400, err);
        c->timeout_ms = rv > 0 ? seconds * 1000 : 0;
        return rv;
    }
    default:
        return 0;
    }
}

int connect_first_line(const char *path, char **out, struct err *err)
{
    char line[SECRET_BYTES];
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    setvbuf(f, NULL, _IONBF, 0); /* no copy of a secret stays in a buffer */
    char *got = fgets(line, sizeof line, f);
    fclose(f);
    if (got == NULL)
        return err_set(err, ERR_IO, "%s: empty", path);
    line[strcspn(line, "\r\n")] = '\0';
    *out = mem_dup(line);
    explicit_bzero(line, sizeof line);
    return 0;
}

/* Ask on the terminal itself, so that standard input may be something else. */
static int ask(const char *user, char **out, struct err *err)
{
    char line[SECRET_BYTES];
    struct termios shown, hidden;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    FILE *tty = fd < 0 ? NULL : fdopen(fd, "r+");
    if (tty == NULL) {
        if (fd >= 0)
            close(fd);
        return err_set(err, ERR_NOAUTH,
                       "no terminal to ask for the password of %s; use --password-file or --token-file", user);
    }
    setvbuf(tty, NULL, _IONBF, 0);
    fprintf(tty, "Password of %s: ", user);
    bool quiet = tcgetattr(fd, &shown) == 0;
    hidden = shown;
    if (quiet) {
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(fd, TCSAFLUSH, &hidden);
    }
    char *got = fgets(line, sizeof line, tty);
    if (quiet)
        tcsetattr(fd, TCSAFLUSH, &shown);
    fputs("\n", tty);
    fclose(tty);
    if (got == NULL)
        return err_set(err, ERR_NOAUTH, "no password given");
    line[strcspn(line, "\n")] = '\0';
    *out = mem_dup(line);
    explicit_bzero(line, sizeof line);
    return 0;
}

static void from_folder(struct connect *c, char **field, const char *file)
{
    struct buf path = {0};
    buf_fmt(&path, "%s/%s", c->data, file);
    if (*field == NULL)
        *field = mem_dup(buf_cstr(&path));
    buf_close(&path);
}

static void from_environment(char **field, const char *name)
{
    const char *value = getenv(name);
    if (*field == NULL && value != NULL && *value != '\0')
        *field = mem_dup(value);
}

int connect_settle(struct connect *c, struct err *err)
{
    const char *port = getenv("MUSTER_PORT");
    int rv;
    from_environment(&c->data, "MUSTER_DATA");
    from_environment(&c->host, "MUSTER_HOST");
    if (c->host == NULL)
        c->host = mem_dup("127.0.0.1");
    if (c->port == 0 && port != NULL && *port != '\0' &&
        (rv = set_number(&c->port, "MUSTER_PORT", port, 65535, err)) < 0)
        return rv;
    if (c->port == 0)
        c->port = 7878;
    if (c->data != NULL) {
        from_folder(c, &c->ca, "ca.pem");
        if (c->user == NULL && c->cert == NULL && c->key == NULL) {
            from_folder(c, &c->cert, "admin.pem");
            from_folder(c, &c->key, "admin.key");
        }
    }
    if (c->ca == NULL)
        return err_set(err, ERR_ARG, "which server? Say --data DIR (or set MUSTER_DATA), or --ca FILE");
    if ((c->cert == NULL) != (c->key == NULL))
        return err_set(err, ERR_ARG, "--cert and --key belong together");
    if (c->user == NULL)
        return 0;
    return c->secret_file != NULL ? connect_first_line(c->secret_file, &c->secret, err) : ask(c->user, &c->secret, err);
}

struct client_options connect_options(const struct connect *c)
{
    return (struct client_options){
        .host = c->host,
        .port = c->port,
        .ca = c->ca,
        .cert = c->cert,
        .key = c->key,
        .user = c->user,
        .password = c->secret,
        .timeout_ms = c->timeout_ms,
    };
}

void connect_close(struct connect *c)
{
    wipe(&c->secret);
    free(c->host);
    free(c->ca);
    free(c->cert);
    free(c->key);
    free(c->user);
    free(c->secret_file);
    free(c->data);
    *c = (struct connect){0};
}
