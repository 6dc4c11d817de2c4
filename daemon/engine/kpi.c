/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures of an incident (SEMANTICS.md section 11), collected while it lives and said with its CLOSED row.
 *
 * The same can be derived from the incident's rows (store/figures.c does), by anybody who has them; here they are
 * measured in CLOCK_BOOTTIME, so a clock that was set in between does not falsify them. Milliseconds from
 * opening. What happened never stays NO_FIGURE, and counts as infinite.
 */
#include "engine/internal.h"

static uint32_t since_opening(const Engine *e, const Incident *in)
{
        int64_t ms = (e->at - in->opened_us) / 1000;

        ASSERT(in->id);
        return ms < 0 ? 0 : ms < NO_FIGURE ? (uint32_t)ms : NO_FIGURE - 1;
}

void kpi_clear(Incident *in)
{
        in->figures = (Figures){0};
        for (unsigned i = 0; i < FIGURE_MAX; i++)
                in->figures.ms[i] = NO_FIGURE;
}

/* A device's own time is believed when it lies in the day before. */
void kpi_begin(Engine *e, Incident *in, const Event *ev)
{
        int64_t ms = ev && ev->device_us ? (e->now.wall_us - ev->device_us) / 1000 : -1;

        in->opened_us = e->at;
        if (ms >= 0 && ms < (int64_t)(USEC_PER_DAY / 1000))
                in->figures.ms[FIGURE_DEVICE] = (uint32_t)ms;
}

static void first(const Engine *e, Incident *in, Figure figure)
{
        if (in->figures.ms[figure] == NO_FIGURE)
                in->figures.ms[figure] = since_opening(e, in);
}

/* Of the event that opened it: its row stands right before the opening. A device that repeats waits all the while. */
bool engine_receipted(Engine *e, uint64_t incident, uint64_t seq, Now now)
{
        Incident *in = table_get(e, incident);
        int64_t ms;

        ASSERT(!e->list && seq > 0);
        if (!in || in->state == STATE_CLOSED || in->reopenings > 0 || seq + 1 != in->opening_seq ||
                in->figures.ms[FIGURE_RECEIPT] != NO_FIGURE)
                return false;
        ms = ((int64_t)now.boot_us - in->opened_us) / 1000;
        in->figures.ms[FIGURE_RECEIPT] = ms < 0 ? 0 : ms < NO_FIGURE ? (uint32_t)ms : NO_FIGURE - 1;
        return true;
}

void kpi_step(Engine *e, Incident *in, JournalKind kind)
{
        Figures *f = &in->figures;

        switch ((int)kind) {
        case JOURNAL_NOTIFIED:
                f->attempts++;
                first(e, in, FIGURE_CALL);
                break;
        case JOURNAL_DELIVERED:
        case JOURNAL_SEEN: first(e, in, FIGURE_DELIVERED); break;
        case JOURNAL_ACCEPTED: first(e, in, FIGURE_ACCEPT); break;
        case JOURNAL_ARRIVED: first(e, in, FIGURE_ARRIVE); break;
        case JOURNAL_RESOLVED: f->ms[FIGURE_RESOLVE] = since_opening(e, in); break; /* the last one */
        }
        if (in->tier > f->tiers)
                f->tiers = in->tier;
        ASSERT(f->tiers <= TIERS_MAX);
}

void kpi_late(Engine *e, Incident *in, JournalKind kind, int64_t due)
{
        int64_t ms = (e->at - due) / 1000;

        if ((kind == JOURNAL_TIER || kind == JOURNAL_LOOP) && ms > in->figures.late_ms)
                in->figures.late_ms = ms < NO_FIGURE ? (uint32_t)ms : NO_FIGURE - 1;
}

void kpi_tell(const Incident *in, JournalRow *row)
{
        ASSERT(row->kind == JOURNAL_CLOSED);
        row->figures = in->figures;
        row->figures.rounds = in->round;
        row->figures.reopened = in->reopenings;
        row->figures.test = in->test;
}
