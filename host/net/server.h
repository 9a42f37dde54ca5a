/* The server: listens, routes, drains. All of net/ runs on one thread, the loop's. */
#ifndef MUSTER_NET_SERVER_H
#define MUSTER_NET_SERVER_H

#include "tls/endpoint.h"
#include "work/lanes.h"

#include <uv.h>

/* Every number has a default (0) and is shown by `limits`; see protocol in api/PROTOCOL.md. */
struct server_limits {
    int connections;              /* 4096 */
    int connections_per_address;  /* 0: no limit of its own */
    int handshake_ms, sign_in_ms; /* 5000, 10000 */
    int64_t idle_ms;              /* 0: never */
    int handshakes;               /* waiting for the worker at once: 1024, newest first; the oldest is dropped */
    size_t line_bytes_before, line_bytes;       /* 1 KiB, 64 KiB */
    size_t message_bytes_before, message_bytes; /* 16 KiB, 8 MiB */
    int args_before, args;                      /* 10, 1024 */
    size_t output_before;                       /* 16 KiB, then close */
    size_t output_hard, output_soft;            /* 32 MiB; 8 MiB for output_soft_ms */
    int output_soft_ms;                         /* 60000 */
    int run_commands;                           /* of one hand-off: 128 */
    size_t run_bytes;                           /* of one hand-off: 256 KiB, at least one request */
};

enum server_lines { LINES_OFF, LINES_LOCAL, LINES_ALL };

struct server_options {
    const char *host; /* address to listen on */
    int port;         /* 0: any free one */
    struct tls_files tls;
    struct registry *registry;  /* a reference is taken */
    struct lanes_options lanes; /* wake and arg are filled in here */
    struct server_limits limits;
    enum server_lines lines;
    int drain_ms; /* running work may finish; then connections are cut; 0: 10000 */
    const char *version;
};

struct server;

/* Start lanes, TLS and the listener on `loop`. 0 or an error with nothing left running. */
int server_start(uv_loop_t *loop, const struct server_options *options, struct server **out, struct err *err);
int server_port(const struct server *s);
/* Take new certificates from the same files; connections keep theirs. On an error the old ones stay. */
int server_reload(struct server *s, const struct tls_files *files, const struct server_limits *limits, struct err *err);
/* Stop accepting, let runs finish, say goodbye, close; uv_run returns when all is closed. */
void server_drain(struct server *s);
/* Did it stop by itself, because nothing could be written any more? Whoever started it should start it again. */
bool server_fenced(const struct server *s);
void server_free(struct server *s); /* after uv_run has returned */

#endif
