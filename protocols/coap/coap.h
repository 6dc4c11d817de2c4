/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The CoAP adapter: devices over UDP, and over DTLS with a pre-shared key.
 *
 * Names begin with cport_, because coap_ belongs to libcoap. The answer to an alarm is the piggybacked ACK,
 * sent when ops->receipt() brings the hold back, that is after the commit; until then nothing at all is
 * sent, so the device's own retransmission (RFC 7252 section 4.2) is what guarantees delivery.
 *
 * ret_port->via is VIA_COAP; events that came over DTLS say VIA_DTLS, and their holds belong to this port as
 * well.
 */
#include "config/config.h"
#include "protocols/coap/psk.h"
#include "protocols/codec/codec.h"
#include "protocols/port.h"

/* libcoap takes datagrams of up to 1,472 bytes; a body beyond this is recorded and answered 4.13. */
#define CPORT_BODY_MAX 1024

typedef struct CoapPort CoapPort;

/*
 * Opens the sockets of config->coap_listen and coap_listen_dtls (each empty, or addresses with spaces
 * between, such as "127.0.0.1:5683 [::1]:5683"; port 0: any free one) and reads coap_psk_file. 0, or a
 * negative errno after a line in the log that says what is wrong (-EINVAL: an address or the key file, with
 * file and line). The host and the codec must outlive the port.
 */
int cport_new(CoapPort **ret, PortHost *, const Config *, Codec *, Port *ret_port);
CoapPort *cport_free(CoapPort *);

/*
 * Other keys, from psk_read(), which are taken over; *keys is empty then. Sessions whose key is still their device's go
 * on, and so do the counters of signed requests; the other sessions end.
 */
void cport_keys_set(CoapPort *, Psk *keys);

/* The first UDP port that is listened on, for UDP or DTLS; 0: none. */
uint16_t cport_number(const CoapPort *, bool dtls);
