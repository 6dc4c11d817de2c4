/* SPDX-License-Identifier: Apache-2.0 */
/* What people wrote about requests: as it is taken while it happens, and as it is read back from the journal. Both must
 * be the same, or a restart takes words off the alerts. */
#include "texts.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "tests/unit/store-world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Wire { DEVICE, PATH, ACT, DO } Wire; /* PATH: CoAP, where the path says the kind */

static Codec *codec;
static Texts *live;
static StoreTxn *txn;
static uint64_t next_seq;

static int begin(void **state)
{
        live = NULL;
        txn = store_txn_new();
        next_seq = 1;
        assert_int_equal(texts_new(&live), 0);
        assert_int_equal(codec_new(&codec), 0);
        return setup(state);
}

static int end(void **state)
{
        live = texts_free(live);
        codec = codec_free(codec);
        store_txn_free(txn);
        return teardown(state);
}

/* A message, the row about it as the gateway writes it, and what the loop takes of it. */
static void say_of(Class class, JournalKind kind, uint64_t incident, Wire wire, const char *body)
{
        _cleanup_(freep) char *row = NULL;
        Event ev = {
                .via = VIA_MQTT, .source = "w01", .body = strdup(body), .body_size = (uint32_t)strlen(body)};
        Effect e = {.type = EFFECT_JOURNAL, .incident = incident};
        size_t cap = 0, n;

        assert_non_null(ev.body);
        switch (wire) {
        case DEVICE: codec_read_alarm(codec, &ev, NULL); break;
        case PATH: codec_read_alarm(codec, &ev, "request"); break;
        case ACT: codec_read_action(codec, &ev); break;
        case DO: codec_read_words(codec, &ev); break;
        }
        e.journal = (JournalRow){.kind = kind, .class = (uint8_t) class, .event = &ev};
        texts_take(live, &e);
        assert_int_equal(record_json(&e.journal, &(RecordContext){0}, &row, &cap, &n), 0);
        store_txn_journal(txn, &(JournalRecord){.seq = next_seq++,
                                       .incident = incident,
                                       .kind = kind,
                                       .t_us = 1790000000000000,
                                       .tb_us = 1,
                                       .boot = 1,
                                       .body = row,
                                       .body_size = (uint32_t)n});
        free(ev.body);
        free(ev.whole);
}

static void say(JournalKind kind, uint64_t incident, Wire wire, const char *body)
{
        say_of(CLASS_REQUEST, kind, incident, wire, body);
}

static void incident(uint64_t id, State state, const char *outcome, int64_t opened_us)
{
        StateRow row = state_row(id, (uint8_t)state);

        row.group = GROUP_REQUEST;
        row.class = CLASS_REQUEST_KEY;
        row.opened_us = opened_us;
        row.resolved_us = opened_us + 5;
        row.closed_us = state == STATE_CLOSED ? opened_us + 10 : 0;
        (void)str_copy(row.outcome, sizeof(row.outcome), outcome);
        store_txn_state(txn, &row);
}

static void write_down(void)
{
        Store *s = open_good(NULL);
        StoreStatus status;

        assert_int_equal(store_run(s), 0);
        store_submit(s, txn);
        WAIT_UNTIL(s, status, status.committed_seq == next_seq - 1);
        store_free(s);
        txn = store_txn_new();
}

static void same(const char *a, const char *b)
{
        if (!a || !b)
                assert_true(a == b);
        else
                assert_string_equal(a, b);
}

static void check(const Texts *t, uint64_t id, const NoticeWords *want)
{
        NoticeWords w = texts_words(t, id);

        same(w.text, want->text);
        same(w.evidence, want->evidence);
        same(w.reason, want->reason);
        same(w.note, want->note);
}

static TextsAnswer answers[8];
static char questions[8][64], notes[8][64];
static unsigned n_answers;

static void answer(void *userdata, const TextsAnswer *a)
{
        assert_true(n_answers < N_ELEMENTS(answers));
        (void)snprintf(
                questions[n_answers], sizeof(questions[0]), "%s", a->words.text ? a->words.text : "-");
        (void)snprintf(notes[n_answers], sizeof(notes[0]), "%s", a->words.note ? a->words.note : "-");
        answers[n_answers++] = *a;
}

static void load(Texts *t, int64_t since_us, uint32_t n)
{
        TextsPast *past = NULL;

        n_answers = 0;
        texts_load(t, codec, folder_of());
        assert_int_equal(texts_past_new(&past, folder_of(), since_us, n), 0);
        texts_past_read(past);
        texts_past_tell(past, codec, answer, NULL);
        texts_past_free(past);
}

static Texts *loaded(void)
{
        Texts *t = NULL;

        assert_int_equal(texts_new(&t), 0);
        load(t, 0, 4);
        return t;
}

static void test_the_same_after_a_restart(void **state)
{
        static const NoticeWords want[] = {[1] = {"灯坏了", "供电局: 周三来人", "电力公司管", "换了灯泡"},
                [2] = {"水龙头漏水", NULL, "不属本社区", NULL},
                [3] = {"路灯不亮", "要等零件", "太难", "修好了"},
                [4] = {"再说一遍", NULL, NULL, NULL},
                [5] = {"走路困难", NULL, "太慢", "接送了"},
                [6] = {0},
                [7] = {0}};
        Texts *t;

        say(JOURNAL_EVENT, 1, DEVICE, "{\"id\":\"1\",\"kind\":\"request\",\"text\":\" 灯坏了\\n\"}");
        say(JOURNAL_ACCEPTED, 1, ACT,
                "{\"action\":\"assign\",\"incident\":1,\"to\":\"w01\",\"note\":\"no part\"}");
        say(JOURNAL_WAITING, 1, ACT, "{\"action\":\"waiting\",\"for\":9,\"evidence\":\"供电局: 周三来人\"}");
        say(JOURNAL_WAITING, 1, ACT, "{\"action\":\"start\",\"note\":\"no part\"}");
        say(JOURNAL_ESCALATED, 1, ACT, " {\"action\":\"escalate\",\"reason\":\"电力公司管\"}");
        say(JOURNAL_RECLASSED, 1, ACT, "{\"action\":\"reclass\",\"class\":\"key\",\"note\":\"no part\"}");
        say(JOURNAL_RESOLVED, 1, ACT, "{\"action\":\"done\",\"note\":\"换了灯泡\"}");
        say(JOURNAL_NOTIFIED, 1, DO, "完成 1 no row about it");
        say(JOURNAL_REQUESTED, 2, ACT,
                "{\"action\":\"request\",\"resident\":\"r101\",\"text\":\"水龙头漏水\"}");
        say(JOURNAL_NOT_ACCEPTED, 2, DO, "不受理 2 不属本社区");
        say(JOURNAL_EVENT, 3, PATH, "{\"text\":\"路灯不亮\"}");
        say(JOURNAL_WAITING, 3, DO, "等待 3 3天 要等零件");
        say(JOURNAL_ESCALATED, 3, DO, "上报 3 太难");
        say(JOURNAL_RESOLVED, 3, DO, "完成 3 修好了");
        say(JOURNAL_EVENT, 4, DEVICE, "{\"kind\":\"request\",\"text\":\"第一遍\"}");
        say(JOURNAL_EVENT, 4, DEVICE, "{\"kind\":\"request\",\"text\":\"再说一遍\"}");
        say(JOURNAL_EVENT, 4, DEVICE, "{\"kind\":\"request\"}"); /* a press takes no words away */
        say(JOURNAL_EVENT, 4, DEVICE, "request");
        say(JOURNAL_EVENT, 5, DEVICE, "\xef\xbb\xbf {\"kind\":\"request\",\"text\":\"走路困难\"}");
        say(JOURNAL_RESOLVED, 5, ACT, "\xef\xbb\xbf{\"action\":\"done\",\"note\":\"接送了\"}");
        say(JOURNAL_RATED, 5, DO, "评价 5 2分 太慢");
        say(JOURNAL_EVENT, 6, PATH, "");
        say_of(CLASS_SOS, JOURNAL_EVENT, 7, DEVICE, "{\"kind\":\"request\",\"text\":\"not of requests\"}");
        for (uint64_t id = 1; id <= 6; id++)
                incident(id, STATE_ALERTING, "", 100);
        write_down();
        t = loaded();
        for (uint64_t id = 1; id < N_ELEMENTS(want); id++) {
                print_message("request %u\n", (unsigned)id);
                check(live, id, &want[id]);
                check(t, id, &want[id]);
        }
        load(t, 0, 4); /* and again, as when a lost database is found */
        for (uint64_t id = 1; id < N_ELEMENTS(want); id++)
                check(t, id, &want[id]);
        texts_free(t);
        assert_int_equal(n_answers, 0);
}

/* As many as there are; those that are closed are let go, in any order. */
static void test_kept_and_let_go(void **state)
{
        enum { N = 1000 };
        char body[96];

        for (uint64_t i = 0; i < N; i++) {
                uint64_t id = 1 + i * 7 % N; /* not in order */

                (void)snprintf(body, sizeof(body), "{\"kind\":\"request\",\"text\":\"t%u\"}", (unsigned)id);
                say(JOURNAL_EVENT, id, DEVICE, body);
        }
        texts_drop(live, N + 1);
        texts_drop(live, 0);
        for (uint64_t id = 2; id <= N; id += 2)
                texts_drop(live, id);
        texts_drop(live, 2);
        for (uint64_t id = 1; id <= N; id++) {
                (void)snprintf(body, sizeof(body), "t%u", (unsigned)id);
                check(live, id, &(NoticeWords){.text = id % 2 ? body : NULL});
        }
        say(JOURNAL_EVENT, 2, DEVICE, "{\"kind\":\"request\",\"text\":\"again\"}");
        check(live, 2, &(NoticeWords){.text = "again"});
        check(NULL, 2, &(NoticeWords){0});
        assert_null(texts_free(NULL));
}

/* More than is kept: cut between two characters. */
static void test_long_texts(void **state)
{
        static char body[8192];
        Texts *t;

        for (unsigned lead = 0; lead < 3; lead++) {
                Str s = STR_BUFFER(body);

                str_add(&s, "{\"kind\":\"request\",\"text\":\"");
                str_addn(&s, "ab", lead);
                while (s.n < 4000)
                        str_add(&s, "字");
                str_add(&s, "\"}");
                say(JOURNAL_EVENT, 1 + lead, DEVICE, body);
                incident(1 + lead, STATE_ACCEPTED, "", 100);
        }
        write_down();
        t = loaded();
        for (unsigned lead = 0; lead < 3; lead++) {
                NoticeWords w = texts_words(live, 1 + lead);

                assert_int_equal(strlen(w.text), lead + (TEXT_SIZE - 1 - lead) / 3 * 3);
                assert_true(str_utf8(w.text, strlen(w.text)));
                check(t, 1 + lead, &w);
        }
        texts_free(t);
}

static void closed(uint64_t id, const char *outcome, int64_t opened_us, bool open)
{
        char body[128];

        (void)snprintf(body, sizeof(body), "{\"action\":\"request\",\"text\":\"q%u\",\"public\":%s}",
                (unsigned)id, open ? "true" : "false");
        say(JOURNAL_REQUESTED, id, ACT, body);
        say(JOURNAL_RESOLVED, id, ACT, "{\"action\":\"done\",\"note\":\"mended\"}");
        incident(id, STATE_CLOSED, outcome, opened_us);
}

/* The newest that were rated, oldest first; their words do not stay. */
static void test_answers(void **state)
{
        Texts *t = NULL;

        closed(1, "rated_5", 100, true);
        closed(2, "rated_4", 200, false);
        closed(3, "not_accepted", 300, true);
        closed(4, "rated_3", 400, true);
        closed(5, "ratedx5", 500, true);
        incident(6, STATE_CLOSED, "rated_5", 50); /* erased: nothing is left of it but the figures */
        say(JOURNAL_REQUESTED, 7, ACT, "{\"action\":\"request\",\"text\":\"q7\"}");
        say(JOURNAL_RESOLVED, 7, ACT,
                "{\"action\":\"done\",\"note\":\"n7\",\"public\":true}"); /* said later */
        incident(7, STATE_CLOSED, "rated_5", 600);
        write_down();
        assert_int_equal(texts_new(&t), 0);
        load(t, 60, 8);
        assert_int_equal(n_answers, 4);
        assert_int_equal(answers[0].incident, 1);
        assert_int_equal(answers[0].score, 5);
        assert_int_equal(answers[0].class, CLASS_REQUEST_KEY);
        assert_int_equal(answers[0].tier, 2);
        assert_int_equal(answers[0].resident, 5);
        assert_int_equal(answers[0].grid, 7);
        assert_int_equal(answers[0].opened_us, 100);
        assert_int_equal(answers[0].resolved_us, 105);
        assert_int_equal(answers[0].closed_us, 110);
        assert_true(answers[0].open_words);
        assert_string_equal(questions[0], "q1");
        assert_string_equal(notes[0], "mended");
        assert_int_equal(answers[1].incident, 2);
        assert_false(answers[1].open_words);
        assert_int_equal(answers[2].incident, 4);
        assert_int_equal(answers[2].score, 3);
        assert_int_equal(answers[3].incident, 7);
        assert_true(answers[3].open_words);
        for (uint64_t id = 1; id <= 7; id++)
                check(t, id, &(NoticeWords){0});
        load(t, 0, 8);
        assert_int_equal(n_answers, 5);
        assert_int_equal(answers[0].incident, 6);
        assert_string_equal(questions[0], "-");
        assert_false(answers[0].open_words);
        load(t, 0, 2);
        assert_int_equal(n_answers, 2);
        assert_int_equal(answers[0].incident, 4);
        assert_int_equal(answers[1].incident, 7);
        texts_free(t);
}

/* An erasure takes the body of a row; damage may leave anything there. The rows after it are read all the same. */
static void test_rows_that_cannot_be_read(void **state)
{
        static const struct {
                const char *body;
        } rows[] = {{"NULL"}, {"''"}, {"'{\"payload\":{\"kind\":\"request\",\"te'"}, {"'no JSON'"}, {"'7'"},
                {"'[]'"}, {"'{}'"}, {"'{\"payload\":null}'"}, {"'{\"payload\":7}'"},
                {"'{\"payload\":[\"request\"]}'"}, {"'{\"payload\":{\"kind\":\"request\",\"text\":7}}'"},
                {"'{\"payload_base64\":\"\"}'"}, {"'{\"payload_base64\":\"====\"}'"},
                {"'{\"payload_base64\":\"@@@@\"}'"}, {"'{\"payload_base64\":\"AAA\"}'"},
                {"'{\"payload_base64\":\"AAAA\"}'"}, {"'{\"payload_base64\":7}'"},
                {"'{\"payload_base64\":{\"a\":1}}'"}, {"CAST(x'ff00fe' AS TEXT)"}};

        for (uint64_t id = 1; id <= N_ELEMENTS(rows) + 1; id++) {
                say(JOURNAL_EVENT, id, DEVICE, "{\"kind\":\"request\",\"text\":\"a word\"}");
                incident(id, STATE_ALERTING, "", 100);
        }
        closed(100, "rated_5", 100, true);
        closed(101, "rated_5", 101, true);
        write_down();
        edit("DROP TRIGGER journal_update");
        for (unsigned i = 0; i < N_ELEMENTS(rows); i++) {
                char sql[256];

                (void)snprintf(sql, sizeof(sql), "UPDATE journal SET body = %s WHERE incident = %u",
                        rows[i].body, i + 1);
                edit(sql);
        }
        edit("UPDATE journal SET body = '{' WHERE incident = 100");
        Texts *t = loaded();
        for (uint64_t id = 1; id <= N_ELEMENTS(rows); id++)
                check(t, id, &(NoticeWords){0});
        check(t, N_ELEMENTS(rows) + 1, &(NoticeWords){.text = "a word"});
        assert_int_equal(n_answers, 2);
        assert_string_equal(questions[0], "-");
        assert_string_equal(questions[1], "q101");
        texts_free(t);
}

static void test_no_journal(void **state)
{
        Texts *t = loaded();

        assert_int_equal(n_answers, 0);
        check(t, 1, &(NoticeWords){0});
        texts_free(t);
}

#define TEXTS(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
        const struct CMUnitTest tests[] = {TEXTS(test_the_same_after_a_restart), TEXTS(test_kept_and_let_go),
                TEXTS(test_long_texts), TEXTS(test_answers), TEXTS(test_rows_that_cannot_be_read),
                TEXTS(test_no_journal)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
