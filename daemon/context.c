/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a notice says of people and places.
 *
 * Whom a reader may ring is the same for everybody who is told of one matter, and they are told one after the other: it
 * is looked up for the first of them. A registry that is replaced takes its names with it, and what was looked up.
 */
#include "context.h"

#include "base/assert.h"

#include <string.h>

void context_registry_set(Context *c, const Registry *registry)
{
        c->registry = registry;
        c->known = false;
}

static void contacts_look(Context *c, const IncidentView *v)
{
        static const uint32_t near = 1u << ROLE_CARER | 1u << ROLE_FAMILY | 1u << ROLE_NEIGHBOUR |
                                     1u << ROLE_BUILDING_HEAD | 1u << ROLE_PROPERTY_GUARD;

        if (c->known && c->grid == v->grid && c->dwelling == v->dwelling && c->resident == v->resident)
                return;
        c->known = true;
        c->grid = v->grid;
        c->dwelling = v->dwelling;
        c->resident = v->resident;
        c->n_near = 0;
        for (uint32_t i = 0; c->n_near < NOTICE_CONTACTS_MAX &&
                             (i = roster_near(c->registry, i, v->dwelling, v->resident));) {
                const Worker *w = registry_worker(c->registry, i);

                if (w && (near & (1u << w->role)) && w->phone && w->phone[0] &&
                        roster_covers(c->registry, w, v->grid, v->dwelling, v->resident))
                        c->near[c->n_near++] =
                                (NoticeContact){.role = w->role, .name = w->name, .phone = w->phone};
        }
}

/* Whom the reader may ring: those who live with the resident, family, neighbours, who has the keys. */
static void contacts_fill(Context *c, const IncidentView *v, NoticeContext *ret)
{
        if (v->group == GROUP_SYSTEM || (v->dwelling == 0 && v->resident == 0))
                return;
        contacts_look(c, v);
        ASSERT(c->n_near <= NOTICE_CONTACTS_MAX);
        memcpy(ret->contacts, c->near, c->n_near * sizeof(NoticeContact));
        ret->n_contacts = c->n_near;
}

static const char *told_state(const RecipientView *rv)
{
        return rv->owner       ? "owner"
               : rv->helper    ? "helper"
               : rv->declined  ? "declined"
               : rv->seen      ? "seen"
               : rv->delivered ? "delivered"
               : rv->failed    ? "failed"
                               : "sent";
}

/* Who else has been told: a person on two channels once. */
static void told_fill(const Context *c, const Worker *reader, const RecipientView *people, uint32_t n_people,
        NoticeContext *ret)
{
        for (uint32_t n = 0; n < n_people && ret->n_told < NOTICE_TOLD_MAX; n++) {
                const Worker *w = registry_worker(c->registry, people[n].worker);
                bool known = !w || w == reader;

                for (uint32_t i = 0; !known && i < ret->n_told; i++)
                        known = ret->told[i].code == w->code;
                if (!known)
                        ret->told[ret->n_told++] = (NoticeTold){
                                .code = w->code, .name = w->name, .state = told_state(&people[n])};
        }
}

void context_fill(Context *c, const IncidentView *v, const Worker *reader, const RecipientView *people,
        uint32_t n_people, NoticeContext *ret)
{
        const Resident *r = registry_resident(c->registry, v->resident);
        const Dwelling *d = registry_dwelling(c->registry, v->dwelling);
        const Grid *g = registry_grid(c->registry, v->grid);
        const Worker *owner = registry_worker(c->registry, v->owner);

        ASSERT(v->id && ret);
        *ret = (NoticeContext){
                .site = c->site,
                .resident = r ? r->name : NULL,
                .birth = r ? r->birth : NULL,
                .phone = r ? r->phone : NULL,
                .notes = r ? r->notes : NULL,
                .grid = g ? g->code : NULL,
                .address = d ? d->address : NULL,
                .building = d ? d->building : NULL,
                .floor = d ? d->floor : NULL,
                .access = d ? d->access : NULL,
                .device = v->source,
                .owner_code = owner ? owner->code : NULL,
                .owner_name = owner ? owner->name : NULL,
                .worker_code = reader ? reader->code : NULL,
                .client = reader ? reader->client : CLIENT_APP,
                .reason = v->reason,
        };
        contacts_fill(c, v, ret);
        told_fill(c, reader, people, n_people, ret);
}
