/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Signs of people being about, and where they are: activity.c (silence), geofence.c (places).
 *
 * A subject is a resident, or a dwelling whose sensors belong to nobody alone. Memory: one Activity for each id of
 * both up to Limits.devices_max, zeroed, which costs nothing until a sensor speaks for it.
 */
#include "base/heap.h"
#include "engine/event.h"

/* Bits of Source.active in GROUP_INACTIVITY. */
enum {
        QUIET_ALL = 1 << 0,    /* no sign of any kind */
        QUIET_MOTION = 1 << 1, /* … of this kind */
        QUIET_WATER = 1 << 2,
        QUIET_DOOR = 1 << 3,
        QUIET_BED = 1 << 4, /* in bed past the hour */
        LEFT_HOME = 1 << 5, /* outside of his circle */
};

#define QUIETS 5 /* rules about silence, in the order of the bits */

typedef struct Activity {
        int64_t last_us[SIGN_MAX]; /* silence counts from here, CLOCK_BOOTTIME; 0: never */
        int64_t wall_us[SIGN_MAX]; /* when the sign was */
        int64_t told_us[QUIETS];   /* when it was called for; 0: not */
        int64_t from_us;           /* silence before this is no news: he was away */
        int64_t retry_us;          /* not looked at before */
        int64_t bed_us;            /* in bed, or out of it, since */
        uint32_t device[SIGN_MAX]; /* which gave the newest sign */
        uint32_t spoke[SIGN_MAX];  /* … and which spoke last */
        uint32_t marked_s[SIGN_MAX];
        uint8_t kinds; /* bit SignKind: such a sensor has spoken */
        uint8_t bed;   /* SignSaid */
        /* A fall that waits for its wearer (residents only). */
        int64_t fall_due, fall_wall; /* 0: none */
        uint32_t fall_device, fall_wait_s;
        /* The circle (residents only). */
        uint8_t outside;     /* positions outside of it in a row: 1; 2 believed, and called for */
        int64_t outside_us;  /* the first of them; then when it was called for */
        int64_t outside_due; /* one is believed; 0: nothing waits */
        uint32_t band;       /* the device that gave the position */
        double lat, lon, far_m;
        float accuracy_m;
} Activity;

typedef struct Activities {
        Activity *subjects; /* residents by id, then dwellings by id */
        Heap due;
        uint32_t n; /* of each */
        bool armed;
        int64_t deaf_us;    /* the broker is away since; 0: it is there */
        int64_t alive_us;   /* when MARK_ALIVE is to be written; 0: nobody is watched */
        int64_t alive_wall; /* of the run before; 0: none */
        uint32_t unheard_s; /* time in which nobody listened, all together */
} Activities;
