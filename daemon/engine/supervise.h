/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Devices between their alarms: supervision.c (beat, battery, health), area.c (many lost at once), testbox.c (test
 * presses), shelf.c (put aside, away).
 *
 * Memory: one DeviceState for each id up to Limits.devices_max, 96 bytes, and 32 in the heap. It is zeroed memory
 * that costs nothing until a device of that id exists: 10,000 devices take 1.3 MB. Nothing of it is in the rows of
 * incidents; what must outlive a restart goes out as marks (EFFECT_MARK) and comes back by engine_restore_mark().
 */
#include "base/heap.h"
#include "engine/engine.h"

/* Bits of Source.active in GROUP_FAULT, and of DeviceState.levels. */
enum {
        LEVEL_TAMPER = 1 << 0,
        LEVEL_FAULT = 1 << 1,
        LEVEL_GARBAGE = 1 << 2,
        LEVEL_STRANGER = 1 << 3,
        LEVEL_LOST = 1 << 4,
        LEVEL_BATTERY = 1 << 5,
        LEVEL_EMPTY = 1 << 6,
        LEVEL_MAINS = 1 << 7,
        LEVEL_NOT_WORN = 1 << 8,
        LEVEL_SIGNAL = 1 << 9,
        LEVEL_SKEW = 1 << 10,
        LEVEL_NO_DATA = 1 << 11,
        LEVEL_PROOF = 1 << 12,
        LEVEL_END = 1 << 13,
};

typedef struct DeviceState {
        int64_t heard_us;       /* CLOCK_BOOTTIME of the last sign of life, or of the start; 0: not armed */
        int64_t lost_us;        /* lost since, CLOCK_BOOTTIME; valid with LEVEL_LOST */
        int64_t lost_wall;      /* … original wall time; 0: not lost */
        int64_t data_us;        /* last readings; 0: none in this run */
        int64_t off_us;         /* not worn since; 0: worn, or not said */
        int64_t mains_off_us;   /* without mains since; 0: not, or not said */
        int64_t proof_wall;     /* last proof test, or first heard; 0: neither */
        int64_t trend_wall;     /* battery was `trend` percent then */
        int64_t shelved_wall;   /* its faults rest until; 0: they do not */
        int64_t vital_due_us;   /* what its readings have begun is decided; 0: nothing waits */
        uint32_t interval_s;    /* between readings, learned */
        uint16_t levels;        /* what is wrong now */
        uint8_t battery, trend; /* percent + 1; 0: never said */
        uint8_t weak, skewed;   /* in a row */
        uint8_t bed, door;      /* SignSaid: the newest word of this sensor */
        bool heard, by_coap, area, tried;
        bool gone; /* its bridge cannot reach it, and nothing was heard of it since */
} DeviceState;

#define AREAS_MAX 64
#define BOXES_MAX 16

typedef enum AreaPhase { AREA_FREE, AREA_FOLD, AREA_HOLD, AREA_RETURN } AreaPhase;

/* Many devices of one place lost at once. FOLD: their own faults become its children, one a step. RETURN: those
 * still silent are faults again. */
typedef struct Area {
        uint64_t incident;
        uint32_t grid, dwelling;     /* dwelling: any of the building; 0: the whole grid */
        uint32_t lost, most, cursor; /* members that are its children now; and at most */
        int64_t due_us, end_us;
        uint8_t phase;
} Area;

typedef struct TestBox {
        uint32_t device, worker; /* 0: free */
        int64_t until_wall;
        bool renewed;
} TestBox;

/* The course of one vital. Times are tenths of a second of CLOCK_BOOTTIME, 0: never. */
typedef struct VitalTrack {
        double last, ref;
        uint32_t last_ds, ref_ds;
        uint32_t since_ds, clear_ds; /* beyond since; back inside by the margin since */
        uint32_t beyond_ds;          /* the last time */
        float scatter;               /* mean step from reading to reading, of late */
        uint8_t recent, gross;       /* bit 0 the newest of eight readings: was beyond, was gross */
        uint8_t n;                   /* readings so far, few are no course */
} VitalTrack;

typedef struct ResidentState {
        int64_t until_wall;
        uint8_t away; /* Away */
        bool told_critical;
        uint8_t rate_recent, score_recent; /* as VitalTrack.recent */
        uint16_t latched;                  /* what was called for and has not been over since */
        uint16_t noted;                    /* what is beyond, and has been called for or recorded */
        uint8_t hushed;                    /* … only recorded */
        uint8_t told_above;                /* … called for above its limit, else below */
        uint32_t told_ds, due_ds;          /* due: the earliest that waits */
        VitalTrack vitals[VITAL_MAX];
} ResidentState;

typedef struct Supervision {
        DeviceState *devices; /* by id */
        ResidentState *residents;
        Heap due;              /* by device id */
        const Registry *armed; /* for this registry */
        int64_t losses_us[5];  /* the newest ones, a ring */
        unsigned losses_at;
        bool deaf; /* the broker is away: silence says nothing */
        Area areas[AREAS_MAX];
        uint32_t n_areas; /* of them in use: asked for at every deadline */
        TestBox boxes[BOXES_MAX];
} Supervision;
