/* Load generator: N connections over TLS, each keeping a pipeline of P requests, for a fixed time; prints one line of JSON.
 *
 * One thread, epoll. Handshakes come first and are timed apart; the clock of the measurement starts when every connection is open.
 * The words of the request are templates: {value:N} N random printable bytes, {key:N} a random integer in [0, N), {unique} never
 * the same twice. The same program loads Muster and Redis, so both pay the same client. A batch of P requests is sent at once and
 * the next one when all P replies are in, as redis-benchmark does; a request's latency runs from its batch's departure.
 *
 * -a TEXT (several): every reply must be one of these texts; the first other one ends the program. -t FILE: a line for each
 * reply, its time of arrival in ms UTC and its latency in ms. It ends early, in order, at SIGTERM. */
#include "base/clock.h"
#include "tls/random.h"
#include "tls/session.h"
#include "wire/reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 2000, PIPELINE_MAX = 1000, WORDS_MAX = 32, ALLOWED_MAX = 8 };

struct options {
    int port, connections, pipeline;
    double seconds, warm_seconds;
    const char *ca, *cert, *key;
    const char *words[WORDS_MAX];
    int nwords;
    const char *allowed[ALLOWED_MAX];
    int nallowed;
    const char *times;
};

struct conn {
    int fd;
    struct tls_session *tls;
    struct buf plain;
    uint64_t sent_ns;
    int waiting; /* replies of the batch still to come */
};

/* Latencies in buckets of 1/32 of a power of two of nanoseconds: 3 % wide. */
enum { SUB = 32, BUCKETS = 64 * SUB };
struct histogram {
    uint64_t count[BUCKETS], total;
};

static struct options opt = {.connections = 50, .pipeline = 1, .seconds = 10, .warm_seconds = 1};
static struct histogram latency;
static uint64_t replies, errors, unique_counter, unique_base, rng = 88172645463325252ull;
static bool counting;
static FILE *times;
static volatile sig_atomic_t ended;
static char first_error[200];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "load: %s: %s\n", what, why);
    exit(1);
}

static uint64_t next_random(void)
{
    rng ^= rng << 13; /* xorshift64, G. Marsaglia, "Xorshift RNGs", 2003 */
    rng ^= rng >> 7;
    return rng ^= rng << 17;
}

static int bucket_of(uint64_t ns)
{
    if (ns < SUB)
        return (int)ns;
    int log = 63 - __builtin_clzll(ns);
    return (log - 4) * SUB + (int)((ns >> (log - 5)) - SUB);
}

static double bucket_ms(int bucket)
{
    if (bucket < SUB)
        return bucket / 1e6;
    int log = bucket / SUB + 4, sub = bucket % SUB;
    return (double)((uint64_t)(SUB + sub) << (log - 5)) / 1e6;
}

static double quantile(const struct histogram *h, double q)
{
    uint64_t goal = (uint64_t)((double)h->total * q), seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
        seen += h->count[i];
        if (seen > goal)
            return bucket_ms(i);
    }
    return 0;
}

/* Append one template with its placeholders filled. */
static void expand(const char *template, struct buf *out)
{
    for (const char *p = template; *p != '\0';) {
        int n = 0, used = 0;
        if (sscanf(p, "{value:%d}%n", &n, &used) == 1 && used > 0) {
            for (int i = 0; i < n; i++)
                buf_byte(out, (char)('a' + next_random() % 26));
        } else if (sscanf(p, "{key:%d}%n", &n, &used) == 1 && used > 0) {
            buf_int(out, (int64_t)(next_random() % (uint64_t)n));
        } else if (strncmp(p, "{unique}", 8) == 0) {
            buf_fmt(out, "%016llx%llx", (unsigned long long)unique_base, (unsigned long long)unique_counter++);
            used = 8;
        } else {
            buf_byte(out, *p);
            used = 1;
        }
        p += used;
    }
}

static void append_request(struct buf *out)
{
    static struct buf word;
    buf_fmt(out, "*%d\r\n", opt.nwords);
    for (int i = 0; i < opt.nwords; i++) {
        buf_clear(&word);
        expand(opt.words[i], &word);
        buf_fmt(out, "$%zu\r\n", word.len);
        buf_slice(out, buf_view(&word));
        buf_text(out, "\r\n");
    }
}

static void flush_output(struct conn *c)
{
    struct buf *out = tls_session_output(c->tls);
    while (out->len > 0) {
        ssize_t n = send(c->fd, out->data, out->len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            die("send", strerror(errno));
        buf_consume(out, (size_t)n);
    }
}

static void send_batch(struct conn *c)
{
    static struct buf requests;
    struct err err = {0};
    buf_clear(&requests);
    for (int i = 0; i < opt.pipeline; i++)
        append_request(&requests);
    if (tls_session_write(c->tls, buf_view(&requests), &err) != 0)
        die("encrypt", err.text);
    c->sent_ns = clock_mono_ns();
    c->waiting = opt.pipeline;
    flush_output(c);
}

static void take_bytes(struct conn *c)
{
    static char bytes[1 << 16];
    struct err err = {0};
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
    if (n <= 0)
        die("recv", n == 0 ? "the server closed the connection" : strerror(errno));
    if (tls_session_input(c->tls, (struct slice){bytes, (size_t)n}, &c->plain, &err) != 0)
        die("TLS", err.text);
}

/* The reply is a text: `$len`, its bytes. */
static void check_reply(struct slice reply)
{
    struct slice text = {memchr(reply.data, '\n', reply.len), 0};
    if (text.data && reply.data[0] == '$') {
        text.data++;
        text.len = reply.len - (size_t)(text.data - reply.data) - 2;
        for (int i = 0; i < opt.nallowed; i++)
            if (slice_is(text, opt.allowed[i]))
                return;
    }
    fprintf(stderr, "load: not one of the allowed replies: %.*s\n", (int)(reply.len > 300 ? 300 : reply.len),
            reply.data);
    exit(1);
}

static void note_time(uint64_t took)
{
    fprintf(times, "%" PRId64 " %.3f\n", clock_now_ms(), (double)took / 1e6);
}

static void take_replies(struct conn *c)
{
    uint64_t now = clock_mono_ns();
    struct slice rest = buf_view(&c->plain);
    long n;
    while ((n = reader_measure(rest)) > 0) {
        if (counting) {
            uint64_t took = now - c->sent_ns;
            latency.count[bucket_of(took)]++;
            latency.total++;
            replies++;
            if (times)
                note_time(took);
        }
        if (opt.nallowed)
            check_reply((struct slice){rest.data, (size_t)n});
        if (rest.data[0] == '-' || rest.data[0] == '|') {
            if (errors++ == 0)
                snprintf(first_error, sizeof first_error, "%.*s", (int)strcspn(rest.data, "\r\"\\"), rest.data);
        }
        rest.data += n;
        rest.len -= (size_t)n;
        c->waiting--;
    }
    if (n < 0)
        die("reply", "not RESP");
    buf_consume(&c->plain, c->plain.len - rest.len);
}

static void open_conn(struct conn *c, struct tls_endpoint *endpoint)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct err err = {0};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->tls = tls_session_new(endpoint, "127.0.0.1");
    if (tls_session_input(c->tls, (struct slice){NULL, 0}, &c->plain, &err) != 0)
        die("handshake", err.text);
    for (;;) {
        flush_output(c);
        if (tls_session_state(c->tls) == TLS_OPEN)
            return;
        take_bytes(c);
    }
}

static void measure(struct conn *conns, int epoll_fd, double seconds)
{
    struct epoll_event events[256];
    uint64_t end = clock_mono_ns() + (uint64_t)(seconds * 1e9);
    while (!ended && clock_mono_ns() < end) {
        int n = epoll_wait(epoll_fd, events, 256, 100);
        for (int i = 0; i < n; i++) {
            struct conn *c = &conns[events[i].data.u32];
            take_bytes(c);
            take_replies(c);
            if (c->waiting == 0)
                send_batch(c);
        }
    }
}

/* Every request that was sent must be answered. */
static void drain(struct conn *conns, int epoll_fd)
{
    struct epoll_event events[256];
    uint64_t end = clock_mono_ns() + (uint64_t)10e9;
    int left = 0;
    for (int i = 0; i < opt.connections; i++)
        left += conns[i].waiting > 0;
    while (left > 0 && clock_mono_ns() < end) {
        int n = epoll_wait(epoll_fd, events, 256, 100);
        for (int i = 0; i < n; i++) {
            struct conn *c = &conns[events[i].data.u32];
            bool was = c->waiting > 0;
            take_bytes(c);
            take_replies(c);
            left -= was && c->waiting == 0;
        }
    }
    if (left > 0)
        die("drain", "requests were left without a reply for 10 s");
}

static void parse(int argc, char **argv)
{
    int at;
    while ((at = getopt(argc, argv, "+p:c:P:s:w:C:E:K:a:t:")) != -1) {
        switch (at) {
        case 'p':
            opt.port = atoi(optarg);
            break;
        case 'c':
            opt.connections = atoi(optarg);
            break;
        case 'P':
            opt.pipeline = atoi(optarg);
            break;
        case 's':
            opt.seconds = atof(optarg);
            break;
        case 'w':
            opt.warm_seconds = atof(optarg);
            break;
        case 'C':
            opt.ca = optarg;
            break;
        case 'E':
            opt.cert = optarg;
            break;
        case 'K':
            opt.key = optarg;
            break;
        case 'a':
            if (opt.nallowed == ALLOWED_MAX)
                die("usage", "at most 8 allowed replies");
            opt.allowed[opt.nallowed++] = optarg;
            break;
        case 't':
            opt.times = optarg;
            break;
        default:
            die("usage",
                "load -p port -c connections -P pipeline -s seconds -w warm-up -C ca [-E cert -K key] [-a text]… [-t file] word…");
        }
    }
    opt.nwords = argc - optind;
    if (opt.port <= 0 || opt.nwords < 1 || opt.nwords > WORDS_MAX || opt.connections < 1 ||
        opt.connections > CONNECTIONS_MAX || opt.pipeline < 1 || opt.pipeline > PIPELINE_MAX)
        die("usage", "a number is out of range");
    for (int i = 0; i < opt.nwords; i++)
        opt.words[i] = argv[optind + i];
}

static void end(int number)
{
    (void)number;
    ended = 1;
}

int main(int argc, char **argv)
{
    static struct conn conns[CONNECTIONS_MAX];
    struct err err = {0};
    struct tls_endpoint *endpoint;
    parse(argc, argv);
    signal(SIGTERM, end);
    if (opt.times && !(times = fopen(opt.times, "we")))
        die(opt.times, strerror(errno));
    random_bytes(&unique_base, sizeof unique_base);
    rng ^= unique_base;
    struct tls_files files = {opt.ca, opt.cert, opt.key};
    if (tls_client_new(&files, &endpoint, &err) != 0)
        die("certificates", err.text);

    uint64_t start = clock_mono_ns();
    int epoll_fd = epoll_create1(0);
    for (int i = 0; i < opt.connections; i++) {
        open_conn(&conns[i], endpoint);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conns[i].fd, &event);
    }
    double handshake_ms = (double)(clock_mono_ns() - start) / 1e6 / opt.connections;

    for (int i = 0; i < opt.connections; i++)
        send_batch(&conns[i]);
    measure(conns, epoll_fd, opt.warm_seconds);
    printf("go\n"); /* the driver reads its counters now */
    fflush(stdout);
    counting = true;
    start = clock_mono_ns();
    measure(conns, epoll_fd, opt.seconds);
    double took = (double)(clock_mono_ns() - start) / 1e9;
    counting = false;
    printf(
        "{\"rps\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"replies\": %llu, \"errors\": %llu, "
        "\"first_error\": \"%s\", \"seconds\": %.3f, \"handshake_ms\": %.2f, \"cipher\": \"%s\"}\n",
        (double)replies / took, quantile(&latency, 0.5), quantile(&latency, 0.99), quantile(&latency, 0.999),
        (unsigned long long)replies, (unsigned long long)errors, first_error, took, handshake_ms,
        tls_session_cipher(conns[0].tls));
    fflush(stdout);
    drain(conns, epoll_fd);
    for (int i = 0; i < opt.connections; i++) {
        close(conns[i].fd);
        tls_session_free(conns[i].tls);
        buf_close(&conns[i].plain);
    }
    tls_endpoint_unref(endpoint);
    if (times && fclose(times) != 0)
        die(opt.times, strerror(errno));
    return errors > 0;
}
