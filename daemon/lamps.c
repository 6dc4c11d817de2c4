/* SPDX-License-Identifier: Apache-2.0 */
#include "lamps.h"

#include "base/assert.h"

void lamps_resend(Engine *engine, Turn *turn, const Port *ports, size_t n_ports)
{
        Now now = clock_now();

        for (uint64_t id = engine_next_open(engine, 0); id; id = engine_next_open(engine, id)) {
                IncidentView v;
                const char *device;

                if (!engine_view_numbers(engine, id, now, &v) || v.last_seq > turn_committed(turn))
                        continue;
                for (uint32_t n = 0; (device = engine_device(engine, id, n)); n++)
                        for (size_t i = 0; i < n_ports; i++)
                                if (ports[i].ops->lamp)
                                        ports[i].ops->lamp(
                                                ports[i].port, device, id, state_lamp(v.state), true);
        }
}
