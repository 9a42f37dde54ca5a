/* What the loop thread owns: one server with its listener, timers, queues and connections. Inside net/ only. */
#ifndef MUSTER_NET_LOOP_H
#define MUSTER_NET_LOOP_H

#include "base/list.h"
#include "net/ask.h"
#include "net/handshake.h"
#include "net/limits.h"
#include "net/server.h"
#include "net/throttle.h"
#include "wire/message.h"

enum { READ_BYTES = 64 * 1024, TICK_MS = 100, SURPLUS_MAX = 16 };

/* A connection is always in one of these; the deadlines are checked on lists that are ordered by time. See conn.h. */
enum conn_state { CONN_HANDSHAKE, CONN_NEW, CONN_READY, CONN_FINISHING, CONN_LINGER, CONN_CLOSING, CONN_STATES };

struct net_stats {
    int64_t accepted, refused, closed;
    int64_t handshakes, resumed, failed_handshakes, dropped_handshakes, late;
    int64_t sign_ins, failed_sign_ins;
    int64_t requests, runs, busy, unknown, bad_bytes, http, cut;
    int64_t bytes_in, bytes_out;
};

/* Something that may be logged once a minute only, because strangers can cause it at will. */
struct rarely {
    uint64_t last_ms;
    int64_t kept_back;
};

struct server {
    uv_loop_t *loop;
    uv_tcp_t listener;
    uv_async_t wake; /* finished runs wait in the lanes' mailbox */
    uv_timer_t tick; /* one for all deadlines */
    uv_idle_t again; /* runs while some connection has more to flush at once */
    uv_work_t stopping;
    int port, handles;

    char *version;
    int zone_min; /* of civil days, told in HELLO */
    struct tls_endpoint *tls;
    struct registry *registry;
    struct lanes *lanes;
    struct server_limits limits;
    struct wire_limits wire[2];              /* before, after sign-in */
    struct limit_row limit_rows[LIMIT_ROWS]; /* as they were at the start: lanes read them */
    enum server_lines lines;
    int drain_ms;
    bool draining, stopped;
    uint64_t drain_since_ms;
    int64_t started_ms;

    struct list conns;              /* all of them, oldest first */
    struct list state[CONN_STATES]; /* by state, by time of entering it (READY: of the last request) */
    struct list dirty;              /* something to flush at the end of this callback */
    struct list more;               /* something to go on with in the next iteration (same link as dirty) */
    struct list later;              /* something to do at a time, see conn_later */
    struct list slow;               /* output that the client does not take, by time since when */
    int count, open;                /* structs, and handles not yet closed */
    int surplus;                    /* connections over the cap that are told so */
    uint64_t last_id;

    struct handshakes handshakes;
    struct throttle addresses, users;
    int passwords; /* sign-ins by secret that are at a lane */

    server_answer answer; /* to what the program asked itself, or NULL */
    void *answer_arg;

    struct message message; /* the one being parsed */
    struct buf reply;       /* the canonical reply being written */
    struct net_stats stats;
    struct rarely said_http, said_full, said_sign_in, said_cut;
    char read[READ_BYTES];
};

/* Time to say it again? True at most once a minute; `kept_back` counts the others in between. */
bool server_rarely(struct server *s, struct rarely *what);
/* Flush every connection marked dirty, once each. At the end of every callback that may have produced output. */
void server_flush(struct server *s);
/* Flush and go on with this one in the next iteration, after the others had their turn. */
struct conn;
void server_again(struct conn *c);
/* A connection's handle is closed, or its struct was freed: the drain may be complete. */
void server_closed(struct server *s);
/* Push `server.draining` to those that understand pushes, then finish the connection. */
void server_farewell(struct conn *c);

/* What server_ask gave to a lane is back. ask.c */
void ask_deliver(struct server *s, struct run *run);

/* Bind and listen; connections are accepted from the next iteration on. 0 or ERR_IO. listener.c */
int listener_open(struct server *s, const char *host, int port, struct err *err);

#endif
