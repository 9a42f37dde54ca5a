/* One connection and its rule: what it is answered, when, and what it may cost the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server.h"

static struct house house;

static void start(void)
{
    if (house_start(&house) != 0)
        fail_msg("the server did not start: %s", house.err.text);
}

static void stop(void)
{
    house_drain(&house);
    house_end(&house);
}

static void ask(struct peer *p, const char *line, const char *reply)
{
    if (!peer_say(p, line) || !peer_expect(p, reply))
        fail_msg("%s", line);
}

/* A user without any role, signed in by password. */
static struct peer clerk_open(struct peer *admin)
{
    ask(admin, "user.add clerk methods=password\r\n", ":1\r\n");
    ask(admin, "user.password clerk password=correct-horse\r\n", ":1\r\n");
    struct peer clerk = peer_open(&house, house.stranger);
    ask(&clerk, "*3\r\n$4\r\nAUTH\r\n$5\r\nclerk\r\n$13\r\ncorrect-horse\r\n", "+OK\r\n");
    return clerk;
}

/* The right was granted after the connection had last looked: what it remembers may not refuse a request early. */
static void new_right_holds_for_a_long_request(void **state)
{
    (void)state;
    char *text = malloc(3001);
    memset(text, 'x', 3000);
    text[3000] = '\0';
    house_build(&house);
    start();
    struct peer admin = peer_open(&house, house.alice), clerk = clerk_open(&admin);
    ask(&clerk, "*2\r\n$9\r\nprobe.say\r\n$1\r\na\r\n", "-NOPERM access.permission");
    ask(&admin, "role.define sayer grants=probe.say\r\n", ":1\r\n");
    ask(&admin, "role.grant clerk sayer\r\n", ":1\r\n");
    assert_true(peer_say(&clerk, "*2\r\n$9\r\nprobe.say\r\n$3000\r\n"));
    assert_true(peer_send(&clerk, (struct slice){text, 2000}, 5000));
    assert_int_equal(peer_take(&clerk, 1000), 0);
    assert_true(peer_send(&clerk, (struct slice){text, 1000}, 5000));
    ask(&clerk, "\r\n", text);
    free(text);
    peer_close(&clerk);
    peer_close(&admin);
    stop();
}

/* Whoever is shut out has no rights left, not even over connections, and does not get them back unasked. */
static void shut_out_user_is_signed_out(void **state)
{
    (void)state;
    house_build(&house);
    start();
    struct peer admin = peer_open(&house, house.alice), clerk = clerk_open(&admin);
    ask(&admin, "role.grant clerk administrator\r\n", ":1\r\n");
    ask(&clerk, "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n", " user=admin ");
    ask(&admin, "role.revoke clerk administrator\r\n", ":1\r\n");
    ask(&clerk, "*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n$1\r\n1\r\n", ":0\r\n");
    ask(&admin, "user.disable clerk\r\n", ":1\r\n");
    ask(&clerk, "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n", "-NOAUTH ");
    ask(&admin, "user.enable clerk\r\n", ":1\r\n");
    ask(&clerk, "*3\r\n$4\r\nAUTH\r\n$5\r\nclerk\r\n$13\r\ncorrect-horse\r\n", "+OK\r\n");
    ask(&admin, "user.disable clerk\r\n", ":1\r\n");
    ask(&clerk, "*1\r\n$6\r\nlimits\r\n", "-NOAUTH user.disabled");
    ask(&admin, "user.enable clerk\r\n", ":1\r\n");
    ask(&clerk, "*1\r\n$6\r\nlimits\r\n", "-NOAUTH Authentication required");
    peer_close(&clerk);
    peer_close(&admin);
    stop();
}

/* What comes behind a sign-in, refused or not, waits for it. */
static void requests_behind_a_sign_in_keep_their_place(void **state)
{
    (void)state;
    house_build(&house);
    start();
    struct peer admin = peer_open(&house, house.alice), clerk = clerk_open(&admin);
    struct peer p = peer_open(&house, house.stranger);
    ask(&p,
        "PING a\r\nAUTH clerk wrong\r\nlimits\r\nAUTH clerk correct-horse\r\nPING b\r\nprobe.say a\r\nQUIT\r\nPING c\r\n",
        "$1\r\na\r\n-WRONGPASS");
    assert_true(peer_expect(&p, "\r\n-NOAUTH Authentication required"));
    assert_true(peer_expect(&p, "\r\n+OK\r\n$1\r\nb\r\n-NOPERM"));
    assert_true(peer_expect(&p, "\r\n+OK\r\n"));
    assert_true(peer_closed_after(&p, 3000) >= 0);
    assert_int_equal(p.plain.len, 0);
    peer_close(&p);
    peer_close(&clerk);
    peer_close(&admin);
    stop();
}

/* Where the lanes take no more, each request is told so in its place. */
static void busy_keeps_its_place(void **state)
{
    (void)state;
    house_build(&house);
    house.options.lanes.mailbox = 1;
    house.options.lanes.readers = 1;
    start();
    struct peer a = peer_open(&house, house.alice), b = peer_open(&house, house.alice),
                c = peer_open(&house, house.alice);
    ask(&b, "PING\r\n", "+PONG\r\n");
    ask(&c, "PING\r\n", "+PONG\r\n");
    assert_true(peer_say(&a, "probe.spin 40000000\r\n"));
    usleep(50000); /* at the lane; the next one waits in the mailbox */
    assert_true(peer_say(&b, "probe.say b\r\n"));
    usleep(50000);
    ask(&c, "PING 1\r\nprobe.say x\r\nprobe.say y\r\nPING 2\r\nprobe.say z\r\nPING 3\r\n",
        "$1\r\n1\r\n-BUSY busy.queue");
    assert_true(peer_expect(&c, "\r\n-BUSY busy.queue"));
    assert_true(peer_expect(&c, "\r\n$1\r\n2\r\n-BUSY busy.queue"));
    assert_true(peer_expect(&c, "\r\n$1\r\n3\r\n"));
    assert_true(peer_expect(&a, "$-1\r\n") && peer_expect(&b, "$1\r\nb\r\n"));
    peer_close(&a);
    peer_close(&b);
    peer_close(&c);
    stop();
}

/* Thousands of requests that the loop answers itself wait behind a slow one; when it is done, others get an answer in
 * between. */
static void loop_serves_others_in_between(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    long answered = 0;
    struct buf flood = {0};
    buf_text(&flood, "probe.spin 10000000\r\n");
    for (int i = 0; i < MANY; i++)
        buf_text(&flood, "probe.sayprobe.sayprobe.say1\r\n");
    buf_text(&flood, "ECHO enough\r\n");
    house_build(&house);
    start();
    struct peer greedy = peer_open(&house, house.alice), other = peer_open(&house, house.alice);
    assert_true(peer_send(&greedy, buf_view(&flood), 20000));
    while (answered == 0) {
        ask(&other, "INFO stats\r\n", "unknown_commands:");
        answered = strtol(buf_cstr(&other.plain), NULL, 10);
    }
    assert_true(answered < MANY);
    assert_true(peer_expect(&greedy, "enough\r\n"));
    peer_close(&greedy);
    peer_close(&other);
    buf_close(&flood);
    stop();
}

/* Signing out leaves the replies to what was asked before, however long they are. */
static void reset_keeps_long_replies(void **state)
{
    (void)state;
    int room = 65536;
    house_build(&house);
    start();
    struct peer p = peer_open(&house, house.alice);
    assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    for (int i = 0; i < 7; i++)
        assert_true(peer_say(&p, "probe.long 1000000\r\n"));
    assert_true(peer_say(&p, "RESET\r\n"));
    usleep(300000); /* the kernel takes no more, and the connection is nobody's */
    ask(&p, "PING\r\n", "+RESET\r\n+PONG\r\n");
    peer_close(&p);
    stop();
}

/* Sixty megabytes of replies for a client that always has a few on the way, and takes them as they come. */
static void long_output_in_a_window_is_not_cut(void **state)
{
    (void)state;
    enum { BYTES = 60000, WINDOW = 120, REQUESTS = 1000, ROOM = 65536 };
    const size_t one = BYTES + 10; /* with "$60000" and two line ends */
    size_t got = 0;
    int sent = 0, room = ROOM;
    house_build(&house);
    start();
    struct peer p = peer_open(&house, house.alice);
    assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    ask(&p, "*1\r\n$4\r\nPING\r\n", "+PONG\r\n");
    while (got < REQUESTS * one) {
        for (; sent < REQUESTS && (size_t)sent < got / one + WINDOW; sent++)
            assert_true(peer_say(&p, "*2\r\n$10\r\nprobe.long\r\n$5\r\n60000\r\n"));
        if (got == 0)
            usleep(300000); /* the window is full before the first reply is taken */
        if (peer_take(&p, 5000) <= 0)
            fail_msg("nothing more after %zu replies", got / one);
        got += p.plain.len;
        buf_clear(&p.plain);
    }
    peer_close(&p);
    stop();
}

/* More replies at once than may wait for a client: they come as it takes them, none is refused. */
static void long_replies_of_a_deep_pipeline_all_come(void **state)
{
    (void)state;
    enum { BYTES = 1000000, REQUESTS = 80 };
    const size_t one = BYTES + 12;
    house_build(&house);
    start();
    struct peer p = peer_open(&house, house.alice);
    for (int i = 0; i < REQUESTS; i++)
        assert_true(peer_say(&p, "probe.long 1000000\r\n"));
    assert_true(peer_say(&p, "PING end\r\n"));
    while (p.plain.len < REQUESTS * one + 9)
        if (peer_take(&p, 10000) <= 0)
            fail_msg("nothing more after %zu bytes", p.plain.len);
    for (int i = 0; i < REQUESTS; i++)
        assert_memory_equal(p.plain.data + i * one, "$1000000\r\nx", 11);
    assert_true(peer_expect(&p, "$3\r\nend\r\n"));
    peer_close(&p);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_right_holds_for_a_long_request),
        cmocka_unit_test(shut_out_user_is_signed_out),
        cmocka_unit_test(requests_behind_a_sign_in_keep_their_place),
        cmocka_unit_test(busy_keeps_its_place),
        cmocka_unit_test(loop_serves_others_in_between),
        cmocka_unit_test(reset_keeps_long_replies),
        cmocka_unit_test(long_output_in_a_window_is_not_cut),
        cmocka_unit_test(long_replies_of_a_deep_pipeline_all_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
