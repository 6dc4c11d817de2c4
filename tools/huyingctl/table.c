/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on libsmartcols, and the Chinese words for codes of the wire. */
#include "tools/huyingctl/huyingctl.h"

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"

Table *table_new(const char *const *titles)
{
        Table *t = scols_new_table();

        ASSERT(t);
        for (; *titles; titles++) {
                bool right = **titles == '>';

                ASSERT(scols_table_new_column(t, *titles + right, 0, right ? SCOLS_FL_RIGHT : 0));
        }
        return t;
}

void table_row(Table *t, const char *const *cells)
{
        struct libscols_line *line = scols_table_new_line(t, NULL);

        ASSERT(line);
        for (size_t i = 0; i < scols_table_get_ncols(t); i++)
                ASSERT(scols_line_set_data(line, i, cells[i] ? cells[i] : "") == 0);
}

Exit table_print(Table *t)
{
        int r = scols_print_table(t);

        scols_unref_table(t);
        return r < 0 ? EXIT_ERROR : EXIT_OK;
}

typedef struct Word {
        const char *word, *zh;
} Word;

static const char *word_zh(const Word *words, const char *word)
{
        for (; words->word; words++)
                if (str_equal(words->word, word))
                        return words->zh;
        return word;
}

const char *role_zh(const char *role)
{
        static const Word words[] = {
                {"worker", "网格员"},
                {"backup", "替班"},
                {"building-head", "楼栋长"},
                {"property-guard", "物业"},
                {"fire-station", "微型消防站"},
                {"nurse", "护理员"},
                {"carer", "同住照护人"},
                {"family", "家属"},
                {"neighbour", "邻居"},
                {"community", "社区"},
                {"night-desk", "夜间值班台"},
                {"street", "街道"},
                {"district", "区"},
                {"operator", "运维"},
                {"supervisor", "督导"},
                {0},
        };

        return word_zh(words, role);
}

const char *state_zh(const char *state)
{
        static const Word words[] = {
                {"alerting", "呼叫中"},
                {"accepted", "已接单"},
                {"on_scene", "已到场"},
                {"resolved", "已办结"},
                {"closed", "已归档"},
                {0},
        };

        return word_zh(words, state);
}

const char *class_zh(const char *class)
{
        static const Word words[] = {
                {"sos", "SOS 呼救"},
                {"smoke", "烟雾"},
                {"gas", "燃气"},
                {"fall", "跌倒"},
                {"vital-critical", "体征危急"},
                {"vital-urgent", "体征异常"},
                {"inactivity", "久无动静"},
                {"wandering", "离开范围"},
                {"check", "待核实"},
                {"fault", "设备故障"},
                {"battery", "电量低"},
                {"system", "网关自身"},
                {"request", "诉求"},
                {"request-key", "诉求·重"},
                {"request-hard", "诉求·难"},
                {0},
        };

        return word_zh(words, class);
}

void time_text(const char *seconds, char ret[20])
{
        double value;

        ret[0] = 0;
        if (seconds && parse_double(seconds, &value) && value > 0)
                clock_format_local((int64_t)(value * (double)USEC_PER_SEC), ret);
}
