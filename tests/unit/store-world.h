/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A state folder of its own for each test of the store, and a double of the engine that notes what it is given. */
#include <poll.h>

#include "store/registry.h"
#include "store/store.h"
#include "tests/lib/unit.h"

extern struct StoreWorld {
        StateRow rows[16];
        KeyRow keys[16];
        uint32_t n_rows, n_keys, n_duty, n_outbox;
        uint64_t held; /* an incident that the engine says it has */
        int result;
        struct {
                uint32_t worker;
                bool on;
        } duty[16];
        struct {
                uint64_t incident, seq;
                uint32_t worker;
        } outbox[16];
} got;

#define ENGINE ((Engine *)&got) /* never looked into */

void outbox_take(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq);

int setup(void **state);
int teardown(void **state);
/* A name in the folder; good until the fourth call after it. */
const char *path_of(const char *name);
const char *folder_of(void);
/* True: the folder holds a name that begins so. */
bool exists(const char *prefix);

int open_store(Store **ret, StoreStart *start);
/* Opens what must open; the registry is let go. */
Store *open_good(StoreStart *ret_start);
void record(StoreTxn *, uint64_t seq, uint64_t incident);
void submit(Store *, uint64_t seq, uint64_t incident);
StateRow state_row(uint64_t id, uint8_t state);
KeyRow key_row(uint8_t n);
Registry *small_registry(const char *device);
/* A journal with two rows, one open incident (2) and a registry. */
void make_history(void);
/* Rows first … last are there, in order, and the chain holds. */
void check_journal(uint64_t first, uint64_t last);
/* The first column of the first row, by another connection. */
int64_t number(const char *sql);
void edit(const char *sql);
/* How many values of this vital of the person's are in the files of the readings store, of all times around now. */
uint64_t readings_stored(uint32_t resident, Vital);

/* Waits for a change; fails after 60 s of none. */
#define WAIT_UNTIL(store, status, condition)                                                                \
        do {                                                                                                \
                store_status((store), &(status));                                                           \
                for (int _n = 0; !(condition); _n++) {                                                      \
                        struct pollfd _p = {.fd = store_fd(store), .events = POLLIN};                       \
                        if (_n > 6000)                                                                      \
                                fail_msg("never: %s (why: %s)", #condition, (status).why);                  \
                        (void)poll(&_p, 1, 10);                                                             \
                        store_status((store), &(status));                                                   \
                }                                                                                           \
        } while (0)

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
