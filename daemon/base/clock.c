/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that reads a clock.
 *
 * Two clocks at once, because neither suffices: CLOCK_BOOTTIME cannot be stepped and goes on in suspend, but
 * means nothing after a restart of the machine; the wall clock survives that, but a gateway whose clock chip
 * has lost its battery wakes up in 1970 or at the image's build. So every reading carries both, the boot it
 * belongs to, and whether the wall clock may be believed.
 *
 * The offset to local time is looked up once in a quarter of an hour of wall time: that is the grain of
 * every zone's changes, and it keeps the zone file out of the path of an alarm. The cache belongs to a
 * thread, since the store's thread reads the clock as well.
 */
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"

#ifndef BUILD_EPOCH
#error "the build defines BUILD_EPOCH, seconds since 1970"
#endif
#define BUILD_US   ((int64_t)(BUILD_EPOCH) * (int64_t)USEC_PER_SEC)
#define BELIEVE_US (3653 * (int64_t)USEC_PER_DAY) /* ten years */
#define SLOT_US    (15 * (int64_t)USEC_PER_MIN)

#define DAY_S 86400

static _Atomic uint32_t clock_boot;
static _Atomic bool clock_trusted;

static _Thread_local struct {
        bool valid;
        int64_t slot;
        int32_t utc_s;
} offset, shown; /* now; a time that is shown, of which a list has many */

/* C's division rounds towards zero; times before 1970 need the floor. b > 0. */
static int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}

static int64_t read_us(clockid_t id)
{
        struct timespec ts;
        int r = clock_gettime(id, &ts);

        ASSERT(r == 0); /* both clocks exist since Linux 2.6.39 */
        return (int64_t)ts.tv_sec * (int64_t)USEC_PER_SEC + ts.tv_nsec / 1000;
}

static int32_t offset_at(int64_t wall_us)
{
        int64_t slot = floor_div(wall_us, SLOT_US);

        if (!offset.valid || offset.slot != slot) {
                time_t s = (time_t)floor_div(wall_us, (int64_t)USEC_PER_SEC);
                struct tm tm;
                tzset(); /* notices a changed TZ and a replaced /etc/localtime, which localtime_r() does not
                          */
                offset.utc_s = localtime_r(&s, &tm) ? (int32_t)tm.tm_gmtoff : 0;
                offset.slot = slot;
                offset.valid = true;
        }
        return offset.utc_s;
}

Now clock_now(void)
{
        int64_t wall_us = read_us(CLOCK_REALTIME), boot_us = read_us(CLOCK_BOOTTIME);

        return (Now){
                .wall_us = wall_us,
                .boot_us = boot_us > 0 ? (uint64_t)boot_us : 1,
                .boot = atomic_load_explicit(&clock_boot, memory_order_relaxed),
                .trusted = atomic_load_explicit(&clock_trusted, memory_order_relaxed),
                .utc_s = offset_at(wall_us),
        };
}

uint64_t clock_monotonic_us(void)
{
        return (uint64_t)read_us(CLOCK_MONOTONIC);
}

void clock_boot_set(uint32_t boot)
{
        atomic_store_explicit(&clock_boot, boot, memory_order_relaxed);
}

bool clock_trust(int64_t floor_us)
{
        struct timex tx = {.modes = 0}; /* only reads: needs no privilege */
        int state = adjtimex(&tx);
        bool synchronised = state >= 0 && state != TIME_ERROR && !(tx.status & STA_UNSYNC);
        int64_t wall_us = read_us(CLOCK_REALTIME);
        /* The journal may be older than this build (an upgrade) or younger: the later of the two counts. */
        int64_t from_us = floor_us > BUILD_US ? floor_us : BUILD_US;
        bool plausible = wall_us >= from_us && wall_us <= BUILD_US + BELIEVE_US;
        bool trusted = synchronised || plausible;

        atomic_store_explicit(&clock_trusted, trusted, memory_order_relaxed);
        return trusted;
}

int clock_boot_id(char ret_id[33])
{
        char text[64], id[33];
        size_t n = 0;
        _cleanup_(closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return error_origin(-errno);

        ssize_t got = read(fd, text, sizeof text);
        if (got < 0)
                return error_origin(-errno);
        for (ssize_t i = 0; i < got && text[i] != '\n'; i++) {
                if (text[i] == '-')
                        continue;
                if (n == 32 || !strchr("0123456789abcdef", text[i]))
                        return error_origin(-EBADMSG);
                id[n++] = text[i];
        }
        if (n != 32)
                return error_origin(-EBADMSG);
        id[32] = '\0';
        memcpy(ret_id, id, sizeof id);
        return 0;
}

/*
 * Days since 1970-01-01 to a date of the proleptic Gregorian calendar. Years are counted from March, so that
 * the leap day is a year's last, and in eras of 400 years, which all have 146,097 days. 719,468 days lie
 * between 0000-03-01 and the epoch.
 */
static void date_of(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
        int64_t z = days + 719468, era = floor_div(z, 146097);
        int64_t day_of_era = z - era * 146097;
        int64_t year_of_era =
                (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int64_t from_march = (5 * day_of_year + 2) / 153;

        *ret_day = (unsigned)(day_of_year - (153 * from_march + 2) / 5 + 1);
        *ret_month = (unsigned)(from_march < 10 ? from_march + 3 : from_march - 9);
        *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

static char *two_digits(char *p, unsigned value)
{
        p[0] = (char)('0' + value / 10 % 10);
        p[1] = (char)('0' + value % 10);
        return p + 2;
}

void clock_format_local(int64_t wall_us, char ret_text[20])
{
        time_t s = (time_t)floor_div(wall_us, (int64_t)USEC_PER_SEC);
        int64_t slot = floor_div(wall_us, SLOT_US), local_s, year;
        unsigned month, day;
        char *p = ret_text;
        struct tm tm;

        if (!shown.valid || shown.slot != slot) {
                shown.utc_s = localtime_r(&s, &tm) ? (int32_t)tm.tm_gmtoff : 0;
                shown.slot = slot;
                shown.valid = true;
        }
        local_s = s + shown.utc_s;
        int64_t days = floor_div(local_s, DAY_S);
        unsigned in_day = (unsigned)(local_s - days * DAY_S);
        date_of(days, &year, &month, &day);
        /* Four digits hold every year that a wall clock can mean; beyond, the nearest that fits. */
        year = year < 0 ? 0 : year > 9999 ? 9999 : year;
        p = two_digits(two_digits(p, (unsigned)year / 100), (unsigned)year % 100);
        *p++ = '-';
        p = two_digits(p, month);
        *p++ = '-';
        p = two_digits(p, day);
        *p++ = ' ';
        p = two_digits(p, in_day / 3600);
        *p++ = ':';
        p = two_digits(p, in_day / 60 % 60);
        *p++ = ':';
        *two_digits(p, in_day % 60) = '\0';
}

void clock_local(Now now, uint32_t *ret_weekday, uint32_t *ret_minute, uint32_t *ret_yyyymmdd)
{
        int64_t local_s = floor_div(now.wall_us, (int64_t)USEC_PER_SEC) + now.utc_s;
        int64_t days = floor_div(local_s, DAY_S), year;
        unsigned month, day;

        date_of(days, &year, &month, &day);
        year = year < 0 ? 0 : year > 9999 ? 9999 : year;
        *ret_weekday = (uint32_t)(days + 4 - floor_div(days + 4, 7) * 7); /* the epoch was a Thursday */
        *ret_minute = (uint32_t)((local_s - days * DAY_S) / 60);
        *ret_yyyymmdd = (uint32_t)year * 10000 + month * 100 + day;
}
