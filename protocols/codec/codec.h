/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bytes ⇄ events, without I/O. JSON is read by SQLite's own functions with bound paths on a private :memory:
 * connection (json.c alone includes sqlite3.h here), and written by base/str.
 *
 * Readers never fail: what cannot be read becomes ALARM_UNPARSED, ACTION_UNKNOWN, a status with .fault, and the
 * reason in event->why. They fill the typed part, id, device_us, why and body_json; the adapter has filled via,
 * retained, hold, source and the body before.
 */
#include "engine/effect.h"

#include <stddef.h>

typedef struct Codec Codec;

int codec_new(Codec **ret);
Codec *codec_free(Codec *);

/* up/<device>/alarm: {"id":…,"kind":…,"ts":…}. `kind_hint` (CoAP path, or NULL) stands in for a missing kind; an
 * empty body with a hint is a whole message. Duplicate or wrong-typed id: no id. */
void codec_read_alarm(Codec *, Event *, const char *kind_hint);
/* up/<device>/vitals: {"hr":72,"spo2":97,"sys":128,"dia":80,"temp":36.6,"resp":16,"ts":…}. Wrong types and values
 * outside what a body can have are left out; nothing left → EVENT_STATUS with .fault. */
void codec_read_vitals(Codec *, Event *);
/* up/<device>/status: {"battery":80,"rssi":-70,"mains":true,"worn":true}; {} is a heartbeat. */
void codec_read_status(Codec *, Event *);
/* worker/<w>/act: {"incident":1042,"action":"accept","nonce":"x1","seq":…,"eta":300,"outcome":…,…}. */
void codec_read_action(Codec *, Event *);
/* worker/<w>/do: 接单 1042, accept 1042, 到达, arrived, 办结 [outcome], resolve [outcome], 在岗, on, 离岗, off, 拒绝,
 * decline, 退单, release, 重开, reopen. Full-width digits and spaces count. resolve without an outcome: "helped". */
void codec_read_words(Codec *, Event *);
/* worker/<w>/presence: online, offline. False: neither (count it). */
bool codec_read_presence(Event *);

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
} NoticeContext;

/* The alert of DESIGN.md section 5, one line of JSON. False: did not fit (never for the sizes in limits.h). */
bool notice_json(const IncidentView *, const NoticeContext *, char *ret, size_t cap, size_t *ret_size);
/* One line in Chinese: "SOS 张三(虚构) 1号楼501 已等待72秒 编号1042 请接单". */
bool notice_text(const IncidentView *, const NoticeContext *, char *ret, size_t cap);
/* What happened, for a person: Chinese first, English by the flag. "SOS 呼叫", "心率 190 高于上限 120". */
void notice_what(const IncidentView *, bool english, char *ret, size_t cap);
/* Chinese and English words of the things that people read. */
const char *notice_reason(Reason, bool english);
const char *notice_journal_kind(JournalKind, bool english);

bool receipt_json(const char *event_id, ReceiptResult, uint64_t incident, uint64_t seq, char *ret, size_t cap, size_t *ret_size);
/* recorded = false (degraded mode) adds "recorded":false. */
bool reply_json(const char *nonce, ReplyResult, State, Reason, const char *owner, uint64_t incident, uint64_t seq, bool recorded, char *ret, size_t cap, size_t *ret_size);

/* Registry codes for a journal row; NULL: none. */
typedef struct RecordContext {
        const char *device, *dwelling, *resident, *grid, *worker, *to_worker;
} RecordContext;

/*
 * The body of a journal row: UTF-8 JSON that names device, dwelling, worker by registry code; a device's payload
 * stands in "payload" as it came when it is JSON, in "payload_base64" when it is not. ret: grows by realloc.
 */
int record_json(const JournalRow *, const RecordContext *, char **buffer, size_t *cap, size_t *ret_size);
