/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Garbage on the socket: random bytes, truncated and mutated messages of all kinds, with receipts and
 * lamps in between. Nothing may end the adapter, and afterwards it answers as before. A seed as the
 * argument repeats a run; a second argument is the number of datagrams.
 */
#include "coap-world.h"

#include "base/parse.h"

static uint64_t seed = 20261128, rounds = 40000;

static Message structured(uint64_t *random, uint16_t mid)
{
        static const char *const paths[] = {"v1/alarm/sos", "v1/alarm/sos", "v1/alarm/smoke", "v1/alarm",
                "v1/vitals", "v1/status", "a/1", "a/2", ".well-known/core", "v1", "", "x/y/z"};
        static const char *const bodies[] = {"", "{}", "{\"hr\":190}", "{\"id\":\"e-1\",\"kind\":\"smoke\"}",
                "{\"id\":", "[[[[[[[", "\xff\xfe", "null"};
        static const unsigned numbers[] = {
                1, 3, 4, 5, 6, 7, 12, 14, 17, 19, 20, 23, 27, 28, 60, 252, 258, 292};
        static const uint8_t kinds[] = {CON, CON, CON, CON, CON, NON, NON, ACK, RST};
        static const char *const tokens[] = {"", "t", "token123"};
        /* Options must rise: draw which of them stand before the path (11), between it and the query
         * (15), and after. */
        unsigned extra = numbers[random_below(random, N_ELEMENTS(numbers))];
        unsigned code = random_below(random, 2)   ? POST
                        : random_below(random, 8) ? random_below(random, 8)
                                                  : random_below(random, 256);
        Message m = message(
                kinds[random_below(random, N_ELEMENTS(kinds))], code, mid, tokens[random_below(random, 3)]);
        uint8_t value[40];
        size_t n = random_below(random, 3) ? random_below(random, 4) : random_below(random, sizeof(value));

        for (size_t i = 0; i < n; i++)
                value[i] = (uint8_t)random_next(random);
        if (extra < 11)
                option(&m, extra, value, n);
        path(&m, paths[random_below(random, N_ELEMENTS(paths))]);
        if (extra >= 11 && extra < 15)
                option(&m, extra, value, n);
        option_text(&m, 15, random_below(random, 4) ? "d=sos-101" : "d=");
        char id[32];
        (void)snprintf(id, sizeof(id), "id=%u", random_below(random, 1000));
        option_text(&m, 15, id);
        if (extra >= 15)
                option(&m, extra, value, n);
        const char *body = bodies[random_below(random, N_ELEMENTS(bodies))];
        if (body[0])
                payload(&m, body, strlen(body));
        return m;
}

static void mutate(uint64_t *random, Message *m)
{
        for (unsigned i = random_below(random, 4); i > 0 && m->n > 0; i--) {
                size_t at = random_below(random, (uint32_t)m->n);

                switch (random_below(random, 5)) {
                case 0: m->bytes[at] = (uint8_t)random_next(random); break;
                case 1: m->bytes[at] ^= (uint8_t)(1u << random_below(random, 8)); break;
                case 2: m->n = at; break; /* cut */
                case 3:                   /* a byte out */
                        memmove(m->bytes + at, m->bytes + at + 1, m->n - at - 1);
                        m->n--;
                        break;
                case 4: /* a byte in */
                        if (m->n < sizeof(m->bytes)) {
                                memmove(m->bytes + at + 1, m->bytes + at, m->n - at);
                                m->bytes[at] = (uint8_t)random_next(random);
                                m->n++;
                        }
                        break;
                default: fail();
                }
        }
}

static Message datagram(uint64_t *random, uint16_t mid)
{
        Message m;

        if (random_below(random, 10) > 0) {
                m = structured(random, mid);
                mutate(random, &m);
                return m;
        }
        m = (Message){.n = random_below(random, random_below(random, 20) ? 64 : 1600)};
        for (size_t i = 0; i < m.n; i++)
                m.bytes[i] = (uint8_t)random_next(random);
        if (m.n > 0 && random_below(random, 2))
                m.bytes[0] = (uint8_t)(0x40 | (m.bytes[0] & 0x3f)); /* the right version */
        return m;
}

static void garbage(void **state)
{
        World *w = world_new();
        uint64_t random = seed;
        uint8_t sink[2048];
        int fds[8];

        w->keep = false;
        for (unsigned i = 0; i < N_ELEMENTS(fds); i++)
                fds[i] = device_new(w);
        for (uint64_t i = 0; i < rounds; i++) {
                int fd = fds[random_below(&random, N_ELEMENTS(fds))];
                Message m = datagram(&random, (uint16_t)random_below(&random, 5000));
                uint32_t before = w->n_events;

                (void)send(fd, m.bytes, m.n, 0);
                world_settle(w);
                if (w->n_events != before && w->n_events > 0 && random_below(&random, 3))
                        world_receipt(w, &w->events[w->n_events - 1], random_below(&random, 4),
                                "{\"result\":\"recorded\"}");
                if (random_below(&random, 500) == 0) {
                        Lamp lamp = (Lamp)random_below(&random, LAMP_MAX);
                        world_lamp(w, 1 + random_below(&random, 3), lamp,
                                lamp != LAMP_IDLE && lamp != LAMP_RESOLVED);
                }
                if (random_below(&random, 2000) ==
                        0) { /* a device that restarts: its observations go to nobody */
                        close(fds[0]);
                        fds[0] = device_new(w);
                }
                while (recv(fd, sink, sizeof(sink), 0) >= 0)
                        ;
        }
        assert_true(w->runs > rounds / 30); /* enough of it was well-formed to mean something */
        w->keep = true;
        w->n_events = 0;
        int fd = device_new(w);
        Message m = press(CON, 1, "after", "e-after");
        Event *e = device_alarm(w, fd, &m);
        Reply r;
        world_receipt(w, e, 1042, "{}");
        assert_true(device_receive(fd, &r));
        assert_int_equal(r.code, CODE(2, 1));
        assert_string_equal(r.location, "a/1042");
        close(fd);
        for (unsigned i = 0; i < N_ELEMENTS(fds); i++)
                close(fds[i]);
        world_free(w);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(garbage)};

        if ((argc > 1 && !parse_u64(argv[1], &seed)) || (argc > 2 && !parse_u64(argv[2], &rounds)))
                return 2;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
