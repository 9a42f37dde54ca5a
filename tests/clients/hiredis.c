/* hiredis against Muster: sign-in by certificate, typed replies, errors, a pipeline of 1,000. With hiredis 1.0 or newer over TLS in both
 * protocols (`PORT DATA`); with an older one, which has neither TLS nor RESP3, through a tunnel (`SOCKET`). */
#include <hiredis/hiredis.h>
#ifdef WITH_TLS
#include <hiredis/hiredis_ssl.h>
#define PROTO_MAX 3
#else
#define PROTO_MAX 2
#define REDIS_REPLY_MAP REDIS_REPLY_ARRAY
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

static void check(int ok, const char *claim)
{
    if (!ok) {
        fprintf(stderr, "failed: %s\n", claim);
        failed = 1;
    }
}

static void require(const redisContext *c)
{
    if (c == NULL || c->err != 0) {
        fprintf(stderr, "cannot connect: %s\n", c != NULL ? c->errstr : "no memory");
        exit(1);
    }
}

#ifdef WITH_TLS
static redisContext *open_connection(char **argv)
{
    char ca[500], cert[500], key[500];
    redisSSLContextError why = REDIS_SSL_CTX_NONE;
    snprintf(ca, sizeof ca, "%s/ca.pem", argv[2]);
    snprintf(cert, sizeof cert, "%s/admin.pem", argv[2]);
    snprintf(key, sizeof key, "%s/admin.key", argv[2]);
    redisInitOpenSSL();
    redisSSLContext *ssl = redisCreateSSLContext(ca, NULL, cert, key, "localhost", &why);
    redisContext *c = redisConnect("127.0.0.1", atoi(argv[1]));
    require(c);
    if (ssl == NULL || redisInitiateSSLWithContext(c, ssl) != REDIS_OK) {
        fprintf(stderr, "TLS: %s\n", ssl == NULL ? redisSSLContextGetError(why) : c->errstr);
        exit(1);
    }
    return c;
}
#else
static redisContext *open_connection(char **argv)
{
    redisContext *c = redisConnectUnix(argv[1]);
    require(c);
    return c;
}
#endif

static redisReply *call(redisContext *c, const char *command, const char *arg)
{
    redisReply *r = arg != NULL ? redisCommand(c, "%s %s", command, arg) : redisCommand(c, command);
    if (r == NULL) {
        fprintf(stderr, "%s: %s\n", command, c->errstr);
        exit(1);
    }
    return r;
}

static void typed_replies(redisContext *c, int proto)
{
    redisReply *r = call(c, "notes.add", "text=from hiredis");
    check(r->type == REDIS_REPLY_INTEGER && r->integer > 0, "notes.add answers an integer");
    freeReplyObject(r);

    r = call(c, "notes.list", NULL);
    check(r->type == REDIS_REPLY_ARRAY && r->elements > 0, "notes.list answers an array");
    redisReply *row = r->element[0];
    check(row->type == (proto == 3 ? REDIS_REPLY_MAP : REDIS_REPLY_ARRAY) && row->elements == 6,
          "its rows are maps (RESP3) or flat (RESP2)");
    check(strcmp(row->element[2]->str, "text") == 0 && strcmp(row->element[3]->str, "from hiredis") == 0,
          "with the text that was sent");
    freeReplyObject(r);

    r = call(c, "notes.delete", "123456");
    check(r->type == REDIS_REPLY_ERROR && strncmp(r->str, "NOTFOUND ", 9) == 0, "an error starts with its code");
    freeReplyObject(r);
}

static void pipeline(redisContext *c)
{
    redisReply *r;
    for (int i = 0; i < 1000; i++)
        redisAppendCommand(c, i % 2 != 0 ? "echo.say text=%d" : "notes.add text=%d", i);
    for (int i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        if (redisGetReply(c, (void **)&r) != REDIS_OK) {
            fprintf(stderr, "pipeline: %s\n", c->errstr);
            exit(1);
        }
        if (i % 2 != 0)
            check(r->str != NULL && strcmp(r->str, text) == 0, "replies of a pipeline come in order");
        else
            check(r->type == REDIS_REPLY_INTEGER, "writes of a pipeline are answered");
        freeReplyObject(r);
    }
}

int main(int argc, char **argv)
{
    if (argc < PROTO_MAX)
        return 2;
    for (int proto = 2; proto <= PROTO_MAX; proto++) {
        redisContext *c = open_connection(argv);
        redisReply *r = call(c, proto == 3 ? "HELLO 3" : "HELLO 2", NULL);
        check(r->type == (proto == 3 ? REDIS_REPLY_MAP : REDIS_REPLY_ARRAY), "HELLO answers in the protocol asked for");
        freeReplyObject(r);
        typed_replies(c, proto);
        pipeline(c);
        redisFree(c);
    }
    return failed;
}
