/* Switching generations as clients see it: whoever gets the reply to the switch can use what is new, and connections stay. */
#include "flip.h"
#include "server.h"

static struct house house;

static void begin(struct peer *p)
{
    struct err err = {0};
    flip_make(0);
    flip_make(1);
    house_build(&house);
    registry_unref(house.registry);
    if (flip_registry(1, &house.registry, &err) != 0)
        fail_msg("%s", err.text);
    house.options.registry = house.registry;
    house.options.drain_ms = 20000;
    if (house_start(&house) != 0)
        fail_msg("server_start: %s", house.err.text);
    *p = peer_open(&house, house.alice);
    assert_true(peer_say(p, "t.begin\nflip.put a\n"));
    assert_true(peer_expect(p, "*3\r\n:1\r\n:1\r\n:1\r\n"));
}

static void end(struct peer *p)
{
    peer_close(p);
    house_drain(&house);
    house_end(&house);
    flip_remove(0);
    flip_remove(1);
}

static void new_command_is_known_with_the_reply_to_the_switch(void **state)
{
    (void)state;
    struct peer p;
    begin(&p);
    struct peer idle = peer_open(&house, house.alice);
    assert_true(peer_say(&idle, "flip.only1\n"));
    assert_true(peer_expect(&idle, "*3\r\n:1\r\n:1\r\n:1\r\n"));
    /* In one packet: what is unknown as yet waits for what stands before it. */
    assert_true(peer_say(&p, "flip.only2\nt.stage 2\nt.activate 2\nflip.only2\nCOMMAND DOCS flip.turn\nINFO server\n"));
    assert_true(peer_expect(&p, "-ERR unknown command 'flip.only2'"));
    assert_true(peer_expect(&p, "; did you mean flip.only1?"));
    assert_true(peer_expect(&p, ":2\r\n:2\r\n*3\r\n:2\r\n:2\r\n:1\r\n"));
    assert_true(peer_expect(&p, "$4\r\nmode\r\n$5\r\nwrite\r\n"));
    assert_true(peer_expect(&p, "\r\ngeneration:2\r\n"));
    assert_true(peer_say(&idle, "flip.read\nflip.only1\n"));
    assert_true(peer_expect(&idle, "*3\r\n:2\r\n:2\r\n:1\r\n-ERR unknown command 'flip.only1'"));
    peer_close(&idle);
    end(&p);
}

static void slow_commands_are_described_as_such(void **state)
{
    (void)state;
    struct peer p;
    begin(&p);
    assert_true(peer_say(&p, "COMMAND DOCS t.stage\nCOMMAND INFO t.stage\nINFO lanes\n"));
    assert_true(peer_expect(&p, "$4\r\nmode\r\n$4\r\nslow\r\n"));
    assert_true(peer_expect(&p, "*1\r\n+slow\r\n"));
    assert_true(peer_expect(&p, "\r\nslow:0\r\nslow_queue:0\r\nswitches:0\r\n"));
    end(&p);
}

/* A slow command gets to know of the drain, and its client of its end. */
static void drain_ends_a_slow_command(void **state)
{
    (void)state;
    struct peer p;
    begin(&p);
    assert_true(peer_say(&p, "t.slumber 60000\n"));
    struct peer q = peer_open(&house, house.alice);
    /* Others are answered meanwhile. */
    assert_true(peer_say(&q, "flip.read\n"));
    assert_true(peer_expect(&q, "*3\r\n:1\r\n:1\r\n:1\r\n"));
    house_drain(&house);
    assert_true(peer_expect(&p, "-BUSY "));
    assert_true(peer_closed_after(&p, 15000) >= 0);
    peer_close(&q);
    peer_close(&p);
    house_end(&house);
    flip_remove(0);
    flip_remove(1);
}

int main(void)
{
    log_set_level(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_command_is_known_with_the_reply_to_the_switch),
        cmocka_unit_test(slow_commands_are_described_as_such),
        cmocka_unit_test(drain_ends_a_slow_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
