/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The only place that reads a clock. Everything else is given a Now.
 *
 * Within a boot, CLOCK_BOOTTIME decides (immune to clock steps, goes on in suspend); across boots the wall
 * clock does, if it can be trusted (SEMANTICS.md section 4).
 */
#include <stdbool.h>
#include <stdint.h>

#define USEC_PER_MSEC 1000ull
#define USEC_PER_SEC  1000000ull
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (3600 * USEC_PER_SEC)
#define USEC_PER_DAY  (86400 * USEC_PER_SEC)

typedef struct Now {
        int64_t wall_us;  /* CLOCK_REALTIME, microseconds since 1970 */
        uint64_t boot_us; /* CLOCK_BOOTTIME, microseconds; never 0 */
        uint32_t boot;    /* ordinal of this boot, given by the store */
        bool trusted;     /* the wall clock may be believed */
        int32_t utc_s;    /* local time = wall time + this many seconds */
} Now;

/* Reads both clocks. boot and trusted are those last set with clock_boot_set() and clock_trust(). */
Now clock_now(void);
/* Ordinal of this boot in the store's table of boots. */
void clock_boot_set(uint32_t boot);
/*
 * Decides whether the wall clock can be believed, and remembers it: the kernel says it is synchronised, or it
 * lies within [floor_us, build date + 10 years] where floor_us is the last trusted journal time (0: the build
 * date). Returns what clock_now() will say. Source: SEMANTICS.md section 4.
 */
bool clock_trust(int64_t floor_us);
/* CLOCK_MONOTONIC, which systemd's reload protocol asks for. */
uint64_t clock_monotonic_us(void);
/* The kernel's boot id, 32 lower-case hex digits and NUL. 0 or a negative errno. */
int clock_boot_id(char ret_id[33]);
/* "2026-11-28 03:00:00" in local time (TZ), 20 bytes with NUL. */
void clock_format_local(int64_t wall_us, char ret_text[20]);
/* Local weekday (0 Sunday), minute of the day and date at `now`; pure (proleptic Gregorian calendar). */
void clock_local(Now now, uint32_t *ret_weekday, uint32_t *ret_minute, uint32_t *ret_yyyymmdd);
