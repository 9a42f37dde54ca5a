#include "server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct house house;

static void start(void)
{
    int rv = house_start(&house);
    if (rv != 0)
        fail_msg("server_start: %s", house.err.text);
}

static void stop(void)
{
    house_drain(&house);
    house_end(&house);
}

/* Plain lines are answered as RESP2, and what is no line ends the connection. */
static void lines_are_answered_and_checked(void **state)
{
    (void)state;
    house_build(&house);
    start();
    struct peer p = peer_open(&house, house.alice);
    assert_true(peer_say(&p, "PING\r\nprobe.say \"two words\"\nHELLO 3\nnonsense\n"));
    assert_true(peer_expect(&p, "+PONG\r\n$9\r\ntwo words\r\n*18\r\n"));
    assert_true(peer_expect(&p, "-ERR unknown command 'nonsense'"));
    assert_true(peer_say(&p, "QUIT\n"));
    assert_true(peer_expect(&p, "+OK\r\n"));
    assert_true(peer_closed_after(&p, 3000) >= 0);
    peer_close(&p);

    static const struct {
        struct slice bytes;
        const char *answer;
    } bad[] = {
        {{"PING \0\r\n", 8}, "-PROTO"}, {{"PING \xff\r\n", 8}, "-PROTO"}, {{"echo \"x\r\n", 9}, "-PROTO"},
        {{"\0\0\0", 3}, "-PROTO"},      {{"{}\n", 3}, "-PROTO"},          {{"\x16\x03\x01", 3}, "-PROTO"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        p = peer_open(&house, house.alice);
        assert_true(peer_send(&p, bad[i].bytes, 1000));
        assert_true(peer_expect(&p, bad[i].answer));
        assert_true(peer_closed_after(&p, 3000) >= 0);
        peer_close(&p);
    }
    stop();
}

/* HTTP is not answered at all, so that a browser cannot be made to talk to this port. */
static void http_is_not_answered(void **state)
{
    (void)state;
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.0\r\n\r\n",
                                           "Host: x\r\n"};
    house_build(&house);
    start();
    for (size_t i = 0; i < 3; i++) {
        struct peer p = peer_open(&house, house.alice);
        assert_true(peer_say(&p, requests[i]));
        assert_true(peer_closed_after(&p, 3000) >= 0);
        assert_int_equal(p.plain.len, 0);
        peer_close(&p);
    }
    stop();
}

/* A line may be long, but not for ever; before sign-in it may be short only. */
static void long_lines_end(void **state)
{
    (void)state;
    char *line = malloc(80001);
    memset(line, 'x', 80000);
    line[80000] = '\0';
    memcpy(line, "PING ", 5);
    house_build(&house);
    start();
    struct peer p = peer_open(&house, house.stranger);
    assert_true(peer_send(&p, (struct slice){line, 2000}, 5000));
    assert_true(peer_expect(&p, "-TOOBIG proto.line_bytes"));
    assert_true(peer_closed_after(&p, 3000) >= 0);
    peer_close(&p);
    p = peer_open(&house, house.alice);
    assert_true(peer_send(&p, (struct slice){line, 50000}, 5000));
    assert_true(peer_say(&p, "\n"));
    assert_true(peer_expect(&p, "$49995\r\n"));
    assert_true(peer_say(&p, line));
    assert_true(peer_expect(&p, "-TOOBIG proto.line_bytes"));
    assert_true(peer_closed_after(&p, 3000) >= 0);
    peer_close(&p);
    free(line);
    stop();
}

/* A listener that takes no lines says what to use instead. */
static void lines_can_be_off(void **state)
{
    (void)state;
    house_build(&house);
    house.options.lines = LINES_OFF;
    start();
    struct peer p = peer_open(&house, house.alice);
    assert_true(peer_say(&p, "PING\r\n"));
    assert_true(peer_expect(&p, "-PROTO proto.lines"));
    assert_true(peer_closed_after(&p, 3000) >= 0);
    peer_close(&p);
    p = peer_open(&house, house.alice);
    assert_true(peer_say(&p, "*1\r\n$4\r\nPING\r\n"));
    assert_true(peer_expect(&p, "+PONG\r\n"));
    peer_close(&p);
    stop();
}

/* Over the cap a client is told so, and the others stay. A place that becomes free can be taken. */
static void connection_cap_is_told(void **state)
{
    (void)state;
    house_build(&house);
    house.options.limits.connections = 2;
    start();
    struct peer a = peer_open(&house, house.alice), b = peer_open(&house, house.alice),
                c = peer_open(&house, house.alice);
    assert_true(peer_expect(&c, "-LIMIT limit.connections"));
    assert_true(peer_closed_after(&c, 3000) >= 0);
    assert_true(peer_say(&a, "PING\r\n") && peer_expect(&a, "+PONG\r\n"));
    assert_true(peer_say(&b, "PING\r\n") && peer_expect(&b, "+PONG\r\n"));
    peer_close(&c);
    peer_close(&b);
    for (int tries = 0; tries < 50; tries++) {
        b = peer_open(&house, house.alice);
        bool served = peer_say(&b, "PING\r\n") && peer_take(&b, 2000) > 0 && b.plain.data[0] == '+';
        if (served)
            break;
        peer_close(&b);
        assert_true(tries < 49);
        usleep(20000);
    }
    peer_close(&a);
    peer_close(&b);
    stop();
}

/* Who does not shake hands, or does not sign in, is let go at the deadline; who is signed in stays. */
static void deadlines_end_strangers(void **state)
{
    (void)state;
    house_build(&house);
    house.options.limits.handshake_ms = 300;
    house.options.limits.sign_in_ms = 400;
    start();
    struct peer stays = peer_open(&house, house.alice);
    struct peer silent = {.fd = peer_dial(&house), .tls = tls_session_new(house.stranger, "127.0.0.1")};
    int after = peer_closed_after(&silent, 3000);
    assert_in_range(after, 250, 1500);
    struct peer stranger = peer_open(&house, house.stranger);
    assert_true(peer_say(&stranger, "PING\r\n") && peer_expect(&stranger, "+PONG\r\n"));
    after = peer_closed_after(&stranger, 3000);
    assert_in_range(after, 250, 1500);
    assert_true(peer_say(&stays, "PING\r\n") && peer_expect(&stays, "+PONG\r\n"));
    peer_close(&silent);
    peer_close(&stranger);
    peer_close(&stays);
    stop();
}

/* An idle connection is closed where a setting says so; one that asks now and then is not idle. */
static void idle_connections_end(void **state)
{
    (void)state;
    house_build(&house);
    house.options.limits.idle_ms = 600;
    start();
    struct peer idle = peer_open(&house, house.alice), busy = peer_open(&house, house.alice);
    for (int i = 0; i < 5; i++) {
        usleep(250000);
        assert_true(peer_say(&busy, "PING\r\n") && peer_expect(&busy, "+PONG\r\n"));
    }
    assert_true(peer_closed_after(&idle, 100) >= 0);
    peer_close(&idle);
    peer_close(&busy);
    stop();
}

/* A client that sends and never reads is held back, then cut; its replies take no more memory than they may. */
static void reader_that_never_reads_is_cut(void **state)
{
    (void)state;
    char *request = malloc(60100), want[64];
    int head = sprintf(request, "*2\r\n$4\r\nECHO\r\n$60000\r\n");
    memset(request + head, 'x', 60000);
    memcpy(request + head + 60000, "\r\n", 2);
    house_build(&house);
    house.options.limits.output_soft = 256 * 1024;
    house.options.limits.output_soft_ms = 1000;
    start();
    struct peer lazy = peer_open(&house, house.alice), other = peer_open(&house, house.alice);
    size_t sent = 0;
    while (sent < 64u << 20 && peer_send(&lazy, (struct slice){request, (size_t)head + 60002}, 500))
        sent += 60000;
    assert_true(sent < 64u << 20);
    assert_true(peer_say(&other, "*2\r\n$4\r\nINFO\r\n$7\r\nclients\r\n") &&
                peer_expect(&other, "output_waiting_bytes:"));
    assert_true(strtol(buf_cstr(&other.plain), NULL, 10) < 1024 * 1024);
    for (int tries = 0; tries < 40; tries++) {
        usleep(100000);
        assert_true(peer_say(&other, "*2\r\n$4\r\nINFO\r\n$5\r\nstats\r\n") && peer_expect(&other, "cut_for_output:"));
        snprintf(want, sizeof(want), "%s", buf_cstr(&other.plain));
        if (want[0] == '1')
            break;
        assert_true(tries < 39);
    }
    peer_close(&lazy);
    peer_close(&other);
    free(request);
    stop();
}

/* Before the server stops it answers what lanes have, tells those that understand pushes, and lets everybody go. */
static void drain_says_goodbye(void **state)
{
    (void)state;
    house_build(&house);
    start();
    struct peer three = peer_open(&house, house.alice), two = peer_open(&house, house.alice);
    assert_true(peer_say(&three, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n") && peer_expect(&three, "%9\r\n"));
    assert_true(peer_say(&two, "*1\r\n$4\r\nPING\r\n") && peer_expect(&two, "+PONG\r\n"));
    buf_clear(&three.plain);
    assert_true(peer_closed_after(&three, 200) < 0);
    buf_clear(&three.plain);
    house_drain(&house);
    assert_true(peer_expect(&three, ">2\r\n$15\r\nserver.draining\r\n"));
    assert_true(peer_closed_after(&three, 3000) >= 0);
    assert_true(peer_closed_after(&two, 3000) >= 0);
    assert_int_equal(two.plain.len, 0);
    peer_close(&three);
    peer_close(&two);
    house_end(&house);
}

/* New certificates hold for new connections; those that stand are not touched. Wrong ones change nothing. */
static void reload_takes_new_certificates(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", NULL};
    struct tls_peer before, after;
    house_build(&house);
    start();
    struct peer old = peer_open(&house, house.alice);
    tls_session_peer(old.tls, &before);
    pki_issue(&house.pki, "server", hosts, 10);
    assert_int_equal(house_reload(&house), 0);
    struct peer fresh = peer_open(&house, house.alice);
    tls_session_peer(fresh.tls, &after);
    assert_string_not_equal(before.fingerprint, after.fingerprint);
    assert_true(peer_say(&old, "PING\r\n") && peer_expect(&old, "+PONG\r\n"));
    assert_true(peer_say(&fresh, "PING\r\n") && peer_expect(&fresh, "+PONG\r\n"));
    peer_close(&fresh);
    house_write(house.pki.dir, "server.pem", "no certificate\n");
    assert_true(house_reload(&house) < 0);
    fresh = peer_open(&house, house.alice);
    assert_true(peer_say(&fresh, "PING\r\n") && peer_expect(&fresh, "+PONG\r\n"));
    peer_close(&fresh);
    peer_close(&old);
    stop();
}

/* A server that cannot start says why and leaves nothing behind. */
static void start_fails_cleanly(void **state)
{
    (void)state;
    static struct house second;
    house_build(&house);
    start();
    house_build(&second);
    second.options.port = server_port(house.server);
    assert_int_equal(house_start(&second), ERR_IO);
    assert_non_null(strstr(second.err.text, "address already in use"));
    pthread_join(second.thread, NULL);
    second.options.port = 0;
    second.options.lanes.db_path = house.db;
    assert_int_equal(house_start(&second), ERR_BUSY);
    assert_non_null(strstr(second.err.text, house.pki.dir));
    house_end(&second);
    house_build(&second);
    second.options.tls.key = "/nonexistent.key";
    assert_true(house_start(&second) < 0);
    assert_non_null(strstr(second.err.text, "/nonexistent.key"));
    house_end(&second);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_answered_and_checked),
        cmocka_unit_test(http_is_not_answered),
        cmocka_unit_test(long_lines_end),
        cmocka_unit_test(lines_can_be_off),
        cmocka_unit_test(connection_cap_is_told),
        cmocka_unit_test(deadlines_end_strangers),
        cmocka_unit_test(idle_connections_end),
        cmocka_unit_test(reader_that_never_reads_is_cut),
        cmocka_unit_test(drain_says_goodbye),
        cmocka_unit_test(reload_takes_new_certificates),
        cmocka_unit_test(start_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
