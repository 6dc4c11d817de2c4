/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bytes ⇄ events, without I/O. JSON is read by SQLite's own functions with bound paths on a private :memory:
 * connection (json.c alone includes sqlite3.h here), and written by base/str.
 *
 * Readers never fail: what cannot be read becomes ALARM_UNPARSED, ACTION_UNKNOWN, a status with .fault, and the
 * reason in event->why. They fill type, the typed part, id, device_us, why and body_json; the adapter has filled
 * via, retained, hold, source and the body before. The body is never changed and need not end with NUL.
 *
 * In general: of duplicate members the first counts; a member of a wrong type is as good as absent; unknown members
 * are ignored. "ts" is Unix seconds, or milliseconds when above 1e11; before 2020 or more than ten years ahead:
 * device_us is 0. A byte order mark and white space around a message are passed over. Whatever is above LIMIT_BODY,
 * not UTF-8, not JSON, deeper than 2,000 levels, or no object, is unreadable. body_json is set for every valid JSON
 * text, but not when it has more than 1,000 brackets: a record around it might be too deep for its reader.
 */
#include "engine/effect.h"

#include <stddef.h>

/* Buffers that always suffice: texts of the registry are cut to fit. */
#define NOTICE_JSON_MAX 40960
#define NOTICE_TEXT_MAX 768
#define ANSWER_JSON_MAX 768 /* receipts and replies */

/* One for a thread: it holds statements that are in use during a call. */
typedef struct Codec Codec;

int codec_new(Codec **ret);
Codec *codec_free(Codec *);

/*
 * up/<device>/alarm: {"id":…,"kind":…,"ts":…}. `kind_hint` (CoAP path, or NULL) stands in for a missing kind; an
 * empty body with a hint is a whole message (the adapter then sets id from the query, after this call). The id is a
 * text or an integer (as it is written), 1 to 63 bytes, else there is none. Capitals count as small letters in the
 * kind. An object without a kind, or with one that is not ours, is ALARM_UNKNOWN. A body that is only a word, bare or
 * in JSON's quotes, and that word is a known kind, is that alarm without an id: simple buttons send "sos". Anything
 * else is ALARM_UNPARSED.
 */
void codec_read_alarm(Codec *, Event *, const char *kind_hint);
/* up/<device>/vitals: {"hr":72,"spo2":97,"sys":128,"dia":80,"temp":36.6,"resp":16,"ts":…}. Wrong types and values
 * outside what a body can have are left out; nothing left → EVENT_STATUS with .fault. No id is read: readings are
 * not folded. */
void codec_read_vitals(Codec *, Event *);
/* up/<device>/status: {"battery":80,"rssi":-70,"mains":true,"worn":true}; {} is a heartbeat, and so
 * is an empty body. mains, worn, tamper may be 0 and 1.
 * Any of the three may say signs of life and a place besides: {"motion":true,"bed":"in","water":true,"door":"open",
 * "lat":34.27,"lon":108.94,"accuracy":15}. */
void codec_read_status(Codec *, Event *);
/*
 * worker/<w>/act: {"incident":1042,"action":"accept","nonce":"x1","seq":…,"eta":300,"outcome":…,"note":…,"to":…,
 * "agency":…,"ref":…,"proof":…,"yes":…}, and about requests "resident", "class", "text", "evidence", "reason", "for"
 * (seconds), "score" (1 … 5) and "public" (only true, 1, "true" and "yes" are: a wall shows it to everybody). incident and seq may be texts of digits. eta: seconds, up to a week. proof,
 * yes: true, a text that is neither "no" nor "false", or (proof) an object with what proves it. A word that is too
 * long is cut, so that it equals no word of ours.
 */
void codec_read_action(Codec *, Event *);
/*
 * worker/<w>/do: 接单 1042, accept 1042, 到达, arrived, 办结 [outcome], resolve [outcome], 在岗, on, 离岗, off, 拒绝,
 * decline, 退单, release, 重开, reopen; also 正在赶来, coming, 增援, backup. Full-width digits and spaces count; so do
 * #1042, 编号1042, 接单1042, 1042 接单. resolve without an outcome: "helped"; Chinese words for the default outcomes
 * become those, another word stays as it is; the rest is the note. About requests: 受理, 指派 1042 w01, 办理中, 等待 1042
 * 3天 EVIDENCE, 完成 [NOTE], 不受理 1042 REASON, 上报 1042 REASON, 评价 1042 5 [NOTE]; the words stand apart from a verb without a number
 * (完成不了 is not done), and they and codes keep their capitals. Text after any other command makes it
 * ACTION_UNKNOWN: "接单不了" is no acceptance. No nonce.
 */
void codec_read_words(Codec *, Event *);
/* worker/<w>/presence: online, offline. False: neither (count it); the event is as it was. */
bool codec_read_presence(Event *);

#define NOTICE_CONTACTS_MAX 6
#define NOTICE_TOLD_MAX     8

/* Somebody near the resident whom the reader may ring. */
typedef struct NoticeContact {
        Role role;
        const char *name, *phone;
} NoticeContact;

/* Somebody else who was told, and what is known of him: owner, helper, declined, seen, delivered, sent, failed. */
typedef struct NoticeTold {
        const char *code, *name, *state;
} NoticeTold;

/* What people wrote about a request. NULL: nothing. */
typedef struct NoticeWords {
        const char *text, *evidence, *reason, *note; /* note: what was done */
} NoticeWords;

/* Names for what is written. Pointers may be NULL: unknown. */
typedef struct NoticeContext {
        const char *site;
        const char *resident, *birth, *phone, *notes;
        const char *grid, *address, *building, *floor, *access;
        const char *device, *owner_code, *owner_name, *worker_code;
        Client client;
        bool recorded;   /* everything the notice says is committed */
        bool accessible; /* this reader may see how to get in (has accepted) */
        const char *needs; /* "accept", "arrive", "resolve", "" */
        int64_t now_us;
        int64_t notice_seq;
        Reason reason;
        const char *checkpoint; /* the newest signed one as JSON, for witnesses; NULL: none yet */
        const char *to_phone; /* not NULL: for a program that reaches worker_code at this number */
        NoticeContact contacts[NOTICE_CONTACTS_MAX];
        NoticeTold told[NOTICE_TOLD_MAX];
        uint32_t n_contacts, n_told;
        NoticeWords words;
} NoticeContext;

/*
 * The alert of protocols/README.md, one line of JSON. False: did not fit (never with NOTICE_JSON_MAX).
 *
 * checkpoint is left out when there is none. null: device, event, name, address, grid, phone, notes, owner when there is none. Left out: age when the birth is
 * not known, access unless accessible, condition when no sensor has one, vital, value and limit unless kind is
 * "vital", cause unless kind is "system", to (worker, phone) but for a person's program, owner_name, contacts and told
 * when there are none, and those of limits that do not
 * run. sent is when it was written. links is the number of other open
 * incidents of the dwelling. kind is the device's word, or vital, inactivity, system, battery. reason is the
 * context's, or the incident's newest.
 */
bool notice_json(const IncidentView *, const NoticeContext *, char *ret, size_t cap, size_t *ret_size);
/* One line in Chinese: "SOS 呼救 张虚构 1号楼501 已等待72秒 编号1042 请接单". False: cut (never with NOTICE_TEXT_MAX). */
bool notice_text(const IncidentView *, const NoticeContext *, char *ret, size_t cap);
/* What happened, as the word of the wire: the device's, or vital, inactivity, system, battery. */
const char *notice_kind(const IncidentView *);
/* What happened, for a person: Chinese first, English by the flag. "SOS 呼救", "心率 190 次/分, 高于上限 120". */
void notice_what(const IncidentView *, bool english, char *ret, size_t cap);
/* Chinese and English words of the things that people read. */
const char *notice_reason(Reason, bool english);
const char *notice_journal_kind(JournalKind, bool english);

/* {"id":…,"result":…,"incident":…,"seq":…}; id and incident are left out when there is none. */
bool receipt_json(const char *event_id, ReceiptResult, uint64_t incident, uint64_t seq, char *ret, size_t cap, size_t *ret_size);
/* {"nonce":…,"result":…,"incident":…,"state":…,"request":…,"owner":…,"reason":…,"seq":…,"text":…}; what there is not is left out,
 * and so is text (one line in Chinese) where it does not fit. recorded = false (degraded mode) adds "recorded":false. */
bool reply_json(const char *nonce, ReplyResult, State, Reason, const char *owner, uint64_t incident, uint64_t seq, bool recorded, RequestState, char *ret, size_t cap, size_t *ret_size);

/* Registry codes for a journal row; NULL: none. */
typedef struct RecordContext {
        const char *device, *dwelling, *resident, *grid, *worker, *to_worker;
        const char *around; /* JSON: the person's readings before a READING */
} RecordContext;

/*
 * The body of a journal row: UTF-8 JSON that names device, dwelling, worker by registry code; a device's payload
 * stands in "payload" as it came when it is JSON (line breaks between its tokens become spaces), in "payload_base64"
 * when it is not; with "cut":true when it was longer than LIMIT_BODY. The payload stands once, in the row that took
 * it in. *buffer and *cap: NULL and 0 at first, grows by realloc, belongs to the caller. 0 or -ENOMEM.
 */
int record_json(const JournalRow *, const RecordContext *, char **buffer, size_t *cap, size_t *ret_size);
