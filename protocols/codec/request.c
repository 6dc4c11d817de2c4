/* SPDX-License-Identifier: Apache-2.0 */
/* What is different in the notices of an everyday request: its states, its words, and what is asked of the reader. */
#include "base/assert.h"
#include "protocols/codec/common.h"
#include "protocols/codec/notice.h"
#include "protocols/codec/words.h"

#include <inttypes.h>
#include <string.h>

#define WORDS_CUT 960 /* bytes of each in an alert */
#define LINE_CUT  120 /* … and of the text in its line */

void request_text_state(Str *s, const IncidentView *view, const NoticeContext *context)
{
        static const char *const levels[] = {"社区", "街道", "区"};

        ASSERT(view->request != REQUEST_STATE_NONE);
        if (view->class != CLASS_REQUEST) /* an easy one needs no word for it */
                notice_piece(s, view->class == CLASS_REQUEST_KEY ? "重" : "难", 8);
        if (view->tier > 1)
                notice_piece(s, levels[view->tier == 2 ? 1 : 2], 8);
        notice_piece(s, words_request(view->request, false), 40);
        if (view->state == STATE_ACCEPTED || view->state == STATE_ON_SCENE)
                notice_piece(s, notice_owner(context), 64);
        str_add(s, " ");
        notice_span(s, context->now_us - view->opened_us);
        str_add(s, "前");
        if (view->presses > 1)
                str_addf(s, " 已按%" PRIu32 "次", view->presses);
        if (view->rating > 0 && view->state == STATE_ALERTING)
                str_addf(s, " 上次评价%u分", view->rating);
}

void request_text_ask(Str *s, const IncidentView *view, const NoticeContext *context)
{
        static const struct {
                const char *needs, *text;
        } asks[] = {{"accept", "请受理或指派"}, {"start", "请办理"}, {"done", "办完请报完成"},
                {"rate", "请回访并评价"}};
        const char *needs = context->needs ? context->needs : "";

        ASSERT(view->request != REQUEST_STATE_NONE);
        if (view->overdue)
                notice_piece(s, "已超时", 40);
        for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++)
                if (str_equal(needs, asks[i].needs))
                        notice_piece(s, asks[i].text, 60);
        notice_piece(s, context->words.text, LINE_CUT);
}

void request_json(Str *s, const IncidentView *view, const NoticeWords *words)
{
        ASSERT(view->request != REQUEST_STATE_NONE && view->request < REQUEST_STATE_MAX);
        str_addf(s, ",\"request\":{\"class\":\"%s\",\"state\":\"%s\",\"level\":\"%s\",\"by\":\"%s\"",
                request_class_word(view->class), request_state_word(view->request),
                request_level_word(view->tier), view->by_desk ? "desk" : "device");
        if (view->due_us > 0) {
                str_add(s, ",\"due\":");
                notice_time(s, view->due_us);
        }
        if (view->waiting_us > 0) {
                str_add(s, ",\"waiting_until\":");
                notice_time(s, view->waiting_us);
        }
        if (view->rating > 0)
                str_addf(s, ",\"rating\":%u", view->rating);
        str_addf(s, ",\"overdue\":%s,\"public\":%s", view->overdue ? "true" : "false",
                view->open_words ? "true" : "false");
        words_json(s, "text", words->text, WORDS_CUT);
        words_json(s, "evidence", words->evidence, WORDS_CUT);
        words_json(s, "reason", words->reason, WORDS_CUT);
        words_json(s, "note", words->note, WORDS_CUT);
        str_add(s, "}");
}
