/* SPDX-License-Identifier: Apache-2.0 */
#include "store/readings-look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

Series *series_new(int64_t from_s, int64_t to_s, uint32_t step_s)
{
        uint64_t span = to_s > from_s ? (uint64_t)(to_s - from_s) : 1;
        Series *s;

        if (span > LOOK_DAYS_MAX * SECONDS_PER_DAY)
                span = LOOK_DAYS_MAX * SECONDS_PER_DAY;
        if (step_s == 0 || span / step_s >= LOOK_STEPS_MAX)
                step_s = (uint32_t)(span / (LOOK_STEPS_MAX - 1) + 1);
        s = calloc(1, sizeof(*s) + (span / step_s + 1) * sizeof(s->cells[0]));
        NEED_MEMORY(s);
        s->from_s = from_s;
        s->to_s = from_s + (int64_t)span;
        s->step_s = step_s;
        s->n_steps = (uint32_t)((span + step_s - 1) / step_s);
        for (uint32_t i = 0; i < s->n_steps; i++)
                for (unsigned v = 0; v < VITAL_MAX; v++)
                        s->cells[i][v] = (SeriesCell){.min = INT16_MAX, .max = INT16_MIN};
        return s;
}

static SeriesCell *cells_at(Series *s, int64_t t_s)
{
        if (t_s < s->from_s || t_s >= s->to_s)
                return NULL;
        return s->cells[(uint64_t)(t_s - s->from_s) / s->step_s];
}

static void cell_widen(SeriesCell *c, int16_t v)
{
        c->min = v < c->min ? v : c->min;
        c->max = v > c->max ? v : c->max;
}

void series_add(Series *s, const ReadingRow *row)
{
        SeriesCell *cells = cells_at(s, row->t_s);

        if (!cells)
                return;
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (row->has & 1u << i) {
                        cell_widen(&cells[i], row->tenths[i]);
                        cells[i].sum += row->tenths[i];
                        cells[i].n++;
                }
}

bool series_step(
        const Series *s, uint32_t step, Vital vital, double *ret_min, double *ret_mean, double *ret_max)
{
        const SeriesCell *c = &s->cells[step][vital];

        ASSERT(step < s->n_steps && vital < VITAL_MAX);
        if (c->n == 0)
                return false;
        *ret_min = c->min / 10.0;
        *ret_mean = (double)c->sum / c->n / 10;
        *ret_max = c->max / 10.0;
        return true;
}

void look_begin(ReadingsLook *k, int directory, uint32_t resident, Series *series)
{
        int32_t first = day_of(series->from_s), last = day_of(series->to_s - 1);

        *k = (ReadingsLook){.resident = resident, .series = series};
        for (int32_t day = first; directory >= 0 && day <= last && k->n_files <= LOOK_DAYS_MAX; day++) {
                LookFile *f = &k->files[k->n_files];

                f->hours = day_open_read(&f->file, directory, day, DAY_READINGS) != 0;
                if (f->hours && day_open_read(&f->file, directory, day, DAY_HOURS) != 0)
                        continue; /* nothing, or nothing that can be read */
                series->hours |= f->hours;
                k->n_files++;
        }
}

void look_chunk(ReadingsLook *k, const Chunk *c)
{
        ChunkCursor cursor = {0};

        if (c->resident == k->resident)
                while (chunk_next(c, &cursor))
                        series_add(k->series, &cursor.row);
}

static bool on_row(void *userdata, uint32_t resident, uint32_t device, const ReadingRow *row)
{
        ReadingsLook *k = userdata;

        series_add(k->series, row);
        return true;
}

/* An hour's figures. The counts come first, so that a mean has its weight. */
static bool on_hour(void *userdata, uint32_t resident, uint32_t part, const ReadingRow *row)
{
        ReadingsLook *k = userdata;
        SeriesCell *cells = cells_at(k->series, row->t_s);
        int64_t hour = (row->t_s - (int64_t)k->files[k->at].file.day * SECONDS_PER_DAY) / 3600;

        if (!cells || hour < 0 || hour >= 24)
                return true;
        for (unsigned i = 0; i < VITAL_MAX; i++) {
                uint32_t n = k->counts[hour][i];

                if (!(row->has & 1u << i))
                        continue;
                if (part == HOURS_N)
                        k->counts[hour][i] = row->tenths[i] > 0 ? (uint32_t)row->tenths[i] : 1;
                else
                        cell_widen(&cells[i], row->tenths[i]);
                if (part == HOURS_MEAN) {
                        cells[i].sum += (int64_t)row->tenths[i] * n;
                        cells[i].n += n;
                }
        }
        return true;
}

bool look_step(ReadingsLook *k, BlockCoder *coder)
{
        _cleanup_(freep) DayBlock *blocks = NULL;
        _cleanup_(freep) uint8_t *bytes = NULL;
        const LookFile *f;
        Segment s;

        if (k->at == k->n_files)
                return false;
        f = &k->files[k->at];
        if (!day_next(&f->file, &k->offset, &s)) {
                k->at++;
                k->offset = 0;
                memset(k->counts, 0, sizeof(k->counts));
                return k->at < k->n_files;
        }
        if (k->resident < s.first || k->resident > s.last)
                return true;
        blocks = calloc(s.n_blocks, sizeof(DayBlock));
        NEED_MEMORY(blocks);
        if (!day_blocks(&f->file, &s, blocks))
                return true;
        for (uint32_t i = 0; i < s.n_blocks; i++) {
                if (k->resident < blocks[i].first || k->resident > blocks[i].last)
                        continue;
                if (!bytes)
                        bytes = malloc(BLOCK_BYTES_MAX);
                NEED_MEMORY(bytes);
                if (day_block(&f->file, &blocks[i], bytes, BLOCK_BYTES_MAX)) /* else damaged, or erased */
                        (void)block_decode(coder, bytes, blocks[i].size, blocks[i].raw_size, k->resident,
                                f->hours ? on_hour : on_row, k); /* what came before a damage counts */
        }
        return true;
}

void look_end(ReadingsLook *k)
{
        for (uint32_t i = 0; i < k->n_files; i++)
                day_close(&k->files[i].file);
        k->n_files = k->at = 0;
}

int look_all(const char *state_directory, uint32_t resident, Series *series)
{
        BlockCoder *coder;
        ReadingsLook look;
        char path[4096];
        int directory;

        if (snprintf(path, sizeof(path), "%s/readings", state_directory) >= (int)sizeof(path))
                return error_origin(-ENAMETOOLONG);
        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return errno == ENOENT ? DAY_E_NONE : error_origin(-errno);
        coder = block_coder_new();
        look_begin(&look, directory, resident, series);
        while (look_step(&look, coder))
                ;
        look_end(&look);
        block_coder_free(coder);
        close(directory);
        return 0;
}
