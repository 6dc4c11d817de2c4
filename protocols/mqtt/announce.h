/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The gateway announces itself in Home Assistant's manner: PREFIX/COMPONENT/huying-SITE/OBJECT/config, retained.
 * What is announced are topics that are there anyway: status, board, event. Numbers and kinds, no names.
 */
#include "link.h"

/* On each new connection: the broker may have forgotten. */
void announce(Link *, const char *prefix, const char *site);
/* Is this topic such an announcement of a gateway? A gateway does not take itself for a device. */
bool announce_is_ours(const char *prefix, const char *topic);
