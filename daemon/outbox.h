/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who has been told what: sends alerts through the ports and remembers what is still to be sent.
 *
 * A row is (incident, recipient, channel, seq). The payload is encoded at the moment of sending from the engine's
 * state, so a delayed message never says something old. Rows live in the store too, so that a restart sends what
 * had not left; dropping a row rides on the next transaction.
 */
#include "engine/engine.h"
#include "protocols/port.h"
#include "store/store.h"
#include "texts.h"

typedef struct Outbox Outbox;

int outbox_new(Outbox **ret, const Engine *, const char *site);
Outbox *outbox_free(Outbox *);
void outbox_ports_set(Outbox *, const Port *ports, size_t n_ports); /* kept by reference */
void outbox_registry_set(Outbox *, const Registry *);
/* The newest signed checkpoint (a note): whoever gets an alert from now on is a witness of it. */
void outbox_checkpoint_set(Outbox *, const char *note);
void outbox_texts_set(Outbox *, Texts *); /* NULL at first: nothing is known of what people wrote */
/* A row that has just been made, before anything is sent: its words. */
void outbox_words(Outbox *, const Effect *journal);

/* A row that the store kept: sent again when a port is there for it. */
void outbox_restore(Outbox *, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq);
/* Everybody that the engine knows to have been told of its open incidents: after a restart or a merge. */
void outbox_adopt(Outbox *, Now now);

/* RAISE: sends now, before the disk, or as soon as the port has room; the row goes into txn. */
void outbox_notify(Outbox *, const Effect *, Now now, StoreTxn *txn);
/* The calls of one step have all been made: they leave. */
void outbox_raised(Outbox *);
/* CALM: when `seq` is committed, everybody told of the incident gets its alert as it is then, or has it cleared. */
void outbox_refresh(Outbox *, uint64_t incident, uint64_t seq, bool changed);
/* Sends the refreshes whose time has come; true: rows of what is over were dropped in txn. committed: durable; released: may be shown (greater in degraded mode). */
bool outbox_pump(Outbox *, uint64_t committed, uint64_t released, Now now, StoreTxn *txn);
/* A port has taken the message for good, or never will. True: the row was ours (and is dropped in txn). */
bool outbox_sent(Outbox *, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq, StoreTxn *txn);
/* The way to the workers is open (again): every alert of every open incident goes out once more, as there is room. */
void outbox_resend(Outbox *, Now now);
/* Of that there is more, and nothing else keeps the next pump coming: it should come at once. */
bool outbox_busy(const Outbox *);
/* A retained alert was read back from the broker: cleared unless this person has been told of this open incident. */
void outbox_read_back(Outbox *, const char *worker_code, uint64_t incident);

/* The same for the line of text: cleared unless this person has an open alert. */
void outbox_read_back_text(Outbox *, const char *worker_code);

/* How long the oldest message to a person has not been taken, SYSTEM apart; 0: none waits. */
uint64_t outbox_oldest(const Outbox *, Now now);
/* Messages that no port has taken yet. */
uint32_t outbox_waiting(const Outbox *);
