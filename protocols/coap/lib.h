/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * libcoap, as it must be included for all of 4.3.1 to 4.3.5.
 *
 * <syslog.h> stands before it: until 4.3.2 coap.h defines the LOG_ names itself when they are missing, and
 * then they differ from the system's. <limits.h> and <sys/param.h> as well: 4.3.5 asks for UINT_MAX and BSD
 * without including them. Log levels are passed through CPORT_LOG(), because coap_log_t became an enumeration
 * of its own.
 *
 * Only functions that all these versions export are used; no coap_async (the handler would be called twice,
 * and the empty ACK tells the device to stop), no block-wise transfer (two datagrams of 12 bytes end the
 * process, see tests/unit/coap.c).
 */
#include <limits.h>
#include <sys/param.h>
#include <syslog.h>

#include <coap3/coap.h>

#define CPORT_LOG(level) ((coap_log_t)(level))

#define CPORT_OPTION_NO_RESPONSE 258 /* RFC 7967 */
#define CPORT_FORMAT_NONE        0xffffffffu
#define CPORT_FORMAT_TEXT        0
#define CPORT_FORMAT_LINKS       40
#define CPORT_FORMAT_JSON        50
#define CPORT_FORMAT_SENML_JSON  110 /* RFC 8428 section 12.4 */
#define CPORT_FORMAT_SENML_CBOR  112
