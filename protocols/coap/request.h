/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a request asks, read from its options: whom it is about, what it carries, how it may be answered. */
#include "engine/event.h"
#include "protocols/coap/lib.h"

typedef enum RequestTarget { REQUEST_NONE, REQUEST_ALARM, REQUEST_VITALS, REQUEST_STATUS } RequestTarget;

#define REQUEST_MAC_SIZE 16

typedef struct Request {
        RequestTarget target;
        char kind[WORD_SIZE];   /* what follows v1/alarm/, cut and cleaned; "" none */
        char source[CODE_SIZE]; /* d=…, cut and cleaned; "" missing */
        char id[EVENT_ID_SIZE]; /* id=…; "" missing or unusable: a cut id could be another event's */
        char counter_text[24];  /* n=…, as it came */
        uint64_t counter;
        uint8_t mac[REQUEST_MAC_SIZE]; /* h=… */
        bool has_mac, signed_;  /* signed_: both are there, and usable */
        bool source_bad;        /* d is no registry code */
        const char *why;        /* what was wrong with d or id; NULL: nothing */
        bool crashed;           /* set by the port: a message that has crashed the gateway */
        bool block;             /* a part of a block-wise transfer */
        uint32_t format;        /* content format; CPORT_FORMAT_NONE */
        uint8_t no_response;    /* RFC 7967: bit 1 for 2.xx, bit 3 for 4.xx, bit 4 for 5.xx */
        const uint8_t *body;    /* inside the message */
        size_t body_size;
        uint64_t digest; /* of token, code, options and body: equal for a retransmission */
} Request;

void request_read(const coap_pdu_t *, uint64_t seed, Request *ret);
/* The peer's address without the port: "10.99.1.5", "2001:db8::5". */
void request_peer(const coap_session_t *, char ret[CODE_SIZE]);
