/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a notice says of people and places beside the matter itself, looked up in the registry as it leaves. */
#include "protocols/codec/codec.h"

typedef struct Context {
        const char *site;
        const Registry *registry;
        uint32_t grid, dwelling, resident, n_near; /* whose contacts these are */
        NoticeContact near[NOTICE_CONTACTS_MAX];
        bool known; /* they have been looked up */
} Context;

void context_registry_set(Context *, const Registry *);
/* reader: NULL for a program. people: everybody who has been told of it (engine_recipients()). */
void context_fill(Context *, const IncidentView *, const Worker *reader, const RecipientView *people,
        uint32_t n_people, NoticeContext *ret);
