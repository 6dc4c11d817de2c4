/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The National Early Warning Score 2 (Royal College of Physicians, 2017), from what devices can say.
 *
 * Seven parts make the score: respiration, oxygen saturation (scale 1), air or oxygen, systolic pressure, pulse,
 * consciousness, temperature. No device of ours knows air or consciousness, and a wristband knows two or three of
 * the others: a score of ours is a lower bound, and says that it is partial. The diastolic pressure has no row.
 */
#include "engine/internal.h"

uint8_t news2_points(Vital vital, double v)
{
        switch (vital) {
        case VITAL_RESP: return v <= 8 || v >= 25 ? 3 : v >= 21 ? 2 : v <= 11 ? 1 : 0;
        case VITAL_SPO2: return v <= 91 ? 3 : v <= 93 ? 2 : v <= 95 ? 1 : 0;
        case VITAL_SYS: return v <= 90 || v >= 220 ? 3 : v <= 100 ? 2 : v <= 110 ? 1 : 0;
        case VITAL_HR: return v <= 40 || v >= 131 ? 3 : v >= 111 ? 2 : v <= 50 || v >= 91 ? 1 : 0;
        case VITAL_TEMP: return v <= 35.0 ? 3 : v >= 39.1 ? 2 : v <= 36.0 || v >= 38.1 ? 1 : 0;
        case VITAL_DIA: return 0;
        case VITAL_MAX: break;
        }
        ASSERT(!"a vital outside its range");
        return 0;
}
