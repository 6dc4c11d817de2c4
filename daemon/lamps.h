/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The lamps by the beds, said again to adapters that may have forgotten them. */
#include "protocols/port.h"
#include "turn.h"

/* Those of what is open, where nothing uncommitted is about to change them anyway. */
void lamps_resend(Engine *, Turn *, const Port *ports, size_t n_ports);
