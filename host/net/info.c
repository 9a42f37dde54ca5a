#include "net/intrinsic.h"

#include "base/clock.h"

#include <fnmatch.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* INFO in the form of Redis ("# Section", then key:value), and CONFIG GET. All counters belong to the loop thread, apart from the
 * lanes', which are read through their own function. */

static void put(struct buf *out, const char *key, int64_t value)
{
    buf_fmt(out, "%s:%lld\r\n", key, (long long)value);
}

static void server_section(const struct server *s, struct buf *out)
{
    int64_t up = (clock_now_ms() - s->started_ms) / 1000;
    buf_fmt(out, "muster_version:%s\r\nredis_mode:standalone\r\nrole:master\r\n", s->version);
    put(out, "process_id", getpid());
    put(out, "tcp_port", s->port);
    put(out, "uptime_in_seconds", up);
    put(out, "uptime_in_days", up / 86400);
    put(out, "generation", registry_generation(s->registry));
    put(out, "loading", 0); /* a server that answers has loaded everything */
    put(out, "draining", s->draining);
}

static void clients_section(const struct server *s, struct buf *out)
{
    int64_t by_state[CONN_STATES] = {0}, waiting = 0;
    for (const struct list *l = s->conns.next; l != &s->conns; l = l->next) {
        const struct conn *c = list_entry(l, struct conn, all);
        by_state[c->state]++;
        waiting += (int64_t)conn_waiting(c);
    }
    put(out, "connected_clients", s->open);
    put(out, "maxclients", s->limits.connections);
    put(out, "in_handshake", by_state[CONN_HANDSHAKE]);
    put(out, "not_signed_in", by_state[CONN_NEW]);
    put(out, "signed_in", by_state[CONN_READY]);
    put(out, "output_waiting_bytes", waiting);
}

static void stats_section(const struct server *s, struct buf *out)
{
    const struct net_stats *n = &s->stats;
    put(out, "total_connections_received", n->accepted);
    put(out, "rejected_connections", n->refused);
    put(out, "closed_connections", n->closed);
    put(out, "total_commands_processed", n->requests);
    put(out, "unknown_commands", n->unknown);
    put(out, "runs", n->runs);
    put(out, "busy_runs", n->busy);
    put(out, "sign_ins", n->sign_ins);
    put(out, "failed_sign_ins", n->failed_sign_ins);
    put(out, "missed_deadlines", n->late);
    put(out, "bad_bytes", n->bad_bytes);
    put(out, "http", n->http);
    put(out, "cut_for_output", n->cut);
    put(out, "total_net_input_bytes", n->bytes_in);
    put(out, "total_net_output_bytes", n->bytes_out);
}

static void lanes_section(const struct server *s, struct buf *out)
{
    struct lanes_stats l = {0};
    lanes_stats(s->lanes, &l);
    put(out, "batches", l.batches);
    put(out, "commands", l.commands);
    put(out, "reads", l.reads);
    put(out, "refused", l.refused);
    put(out, "replayed", l.replayed);
    put(out, "replays_after_loss", l.replays_after_loss);
    put(out, "commits", l.commits);
    put(out, "pages_written", l.pages_written);
    put(out, "writer_queue", l.writer_queue);
    put(out, "reader_queue", l.reader_queue);
    put(out, "slow", l.slow);
    put(out, "slow_queue", l.slow_queue);
    put(out, "switches", l.switches);
}

static void memory_section(const struct server *s, struct buf *out)
{
    (void)s;
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%ld %ld", &pages, &resident) != 2)
            resident = 0;
        fclose(f);
    }
    struct mallinfo2 heap = mallinfo2();
    put(out, "used_memory", (int64_t)(heap.uordblks + heap.hblkhd));
    put(out, "used_memory_rss", (int64_t)resident * sysconf(_SC_PAGESIZE));
}

static void tls_section(const struct server *s, struct buf *out)
{
    char until[36];
    clock_format_instant(tls_endpoint_expires_ms(s->tls), 0, until);
    put(out, "handshakes", s->stats.handshakes);
    put(out, "handshakes_resumed", s->stats.resumed);
    put(out, "handshakes_failed", s->stats.failed_handshakes);
    put(out, "handshakes_dropped", s->stats.dropped_handshakes);
    put(out, "handshakes_waiting", s->handshakes.count);
    buf_fmt(out, "certificate_valid_until:%s\r\n", until);
}

static const struct {
    const char *name, *title;
    void (*write)(const struct server *s, struct buf *out);
} sections[] = {
    {"server", "Server", server_section}, {"clients", "Clients", clients_section}, {"memory", "Memory", memory_section},
    {"stats", "Stats", stats_section},    {"lanes", "Lanes", lanes_section},       {"tls", "TLS", tls_section},
};

static bool wanted(const struct message *m, const char *name)
{
    bool any = m->nargs == 1;
    for (int i = 1; i < m->nargs; i++)
        any |= intrinsic_word(m->args[i], name) || intrinsic_word(m->args[i], "all") ||
               intrinsic_word(m->args[i], "everything") || intrinsic_word(m->args[i], "default");
    return any;
}

void info_answer(struct conn *c, const struct message *m, struct buf *reply)
{
    struct buf text = {0};
    struct reply r;
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
        if (!wanted(m, sections[i].name))
            continue;
        buf_fmt(&text, "%s# %s\r\n", text.len ? "\r\n" : "", sections[i].title);
        sections[i].write(c->server, &text);
    }
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX);
    reply_text(&r, buf_view(&text));
    reply_finish(&r);
    buf_close(&text);
}

/* -- CONFIG -- */

static void setting(const char *pattern, const char *name, int64_t value, struct reply *r)
{
    char text[24];
    if (fnmatch(pattern, name, 0) != 0)
        return;
    snprintf(text, sizeof(text), "%lld", (long long)value);
    reply_key_cstr(r, name, text); /* texts, as Redis has them */
}

static void settings(const struct server *s, const char *pattern, struct reply *r)
{
    struct limit_row rows[LIMIT_ROWS];
    limits_rows(&s->limits, rows);
    setting(pattern, "port", s->port, r);
    setting(pattern, "drain_ms", s->drain_ms, r);
    for (int i = 0; i < LIMIT_ROWS; i++)
        setting(pattern, rows[i].name, rows[i].value, r);
}

void config_answer(struct conn *c, const struct message *m, struct buf *reply)
{
    struct err err = {0};
    struct reply r;
    if (!intrinsic_word(m->args[1], "GET") || m->nargs != 3 || m->args[2].len > 64) {
        err_rule(
            &err, ERR_POLICY, "config.read_only", NULL,
            "CONFIG GET pattern shows the listener's limits; settings are changed in the configuration file and taken up on SIGHUP");
        reply_error(reply, &err);
        return;
    }
    char *pattern = mem_dup_slice(m->args[2]);
    reply_begin(&r, reply, INTRINSIC_REPLY_MAX);
    reply_map_open(&r);
    settings(c->server, pattern, &r);
    reply_close(&r);
    reply_finish(&r);
    free(pattern);
}
