/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Pieces of a notice; shared by the files of this folder only. */
#include "base/str.h"
#include "protocols/codec/codec.h"

/* Unix seconds with up to three decimals. */
void notice_time(Str *, int64_t us);
/* A piece of the text line, one space before it. */
void notice_piece(Str *, const char *text, size_t max);
void notice_span(Str *, int64_t us);
const char *notice_owner(const NoticeContext *);

/* request.c: what is different for an everyday request. */
void request_text_state(Str *, const IncidentView *, const NoticeContext *);
void request_text_ask(Str *, const IncidentView *, const NoticeContext *);
void request_json(Str *, const IncidentView *, const NoticeWords *);
