# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set by years in the middle of a ladder, or begins in 1970: the ladder does not notice, the journal does.

The clock is set for the daemon alone (fault/clock-shift.c); the time since boot is the machine's."""

import json
import os
import sqlite3
import struct
import time

import pytest

from net import BUILD, wait_for

LIBRARY = BUILD / "tests" / "fault" / "libclock-shift.so"
TIMES = {"Ladder sos": {"Tier2": "2s backup", "Tier3": "5s community", "Tier4": "8s street", "Tier5": "11s district",
                        "Receipt": "0", "Renotify": "60s", "Loop": "60s"}}
YEARS = 10 * 365 * 86400

pytestmark = pytest.mark.skipif(not LIBRARY.exists() or os.environ.get("HUYING_SANITIZED") == "1",
                                reason="the clock is set by a preloaded library, which does not go with sanitizers")


class Clock:
    def __init__(self, path):
        self.path = path
        path.write_bytes(struct.pack("q", 0))

    def set(self, seconds, gone_by=0):
        """So many seconds from the truth; as many more since boot."""
        with open(self.path, "r+b") as f:
            f.write(struct.pack("qq", int(seconds * 1e6), int(gone_by * 1e6)))

    def environment(self):
        return {"LD_PRELOAD": str(LIBRARY), "CLOCK_SHIFT": str(self.path)}


def rows(site, kind):
    with sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True) as db:
        found = db.execute("select t, tb, tq, incident, body from journal where kind = ? order by seq", (kind,)).fetchall()
    return [dict(t=t / 1e6, tb=tb / 1e6, trusted=tq, incident=incident, body=json.loads(body))
            for t, tb, tq, incident, body in found]


def steps_of(site, incident):
    """Seconds since boot at which each tier was entered, from opening; waits for the rows, which follow the calls."""
    wait_for(lambda: 5 in {r["body"]["tier"] for r in rows(site, 21) if r["incident"] == incident})
    opened = next(r["tb"] for r in rows(site, 20) if r["incident"] == incident)
    return {r["body"]["tier"]: r["tb"] - opened for r in rows(site, 21) if r["incident"] == incident}


@pytest.mark.parametrize("first, then", [(YEARS, -YEARS), (-YEARS, YEARS)])
def test_steps_of_years_delay_no_tier(make_site, tmp_path, first, then):
    clock = Clock(tmp_path / "clock")
    site = make_site(settings=TIMES, environment=clock.environment())
    bed, w02, s01, c01 = site.device("sos-101"), site.worker("w02"), site.worker("s01"), site.worker("c01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    site.alert(w02, "w02", incident)
    clock.set(first)
    site.alert(s01, "s01", incident)
    clock.set(then)
    site.alert(c01, "c01", incident)
    steps = steps_of(site, incident)
    assert sorted(steps) == [2, 3, 4, 5]
    for tier, due in ((2, 2), (3, 5), (4, 8), (5, 11)):
        assert due <= steps[tier] + 0.1, "never early"
        assert steps[tier] < due + 5, "I10: no step of a priority 1 ladder later than 5 s"
    wait_for(lambda: len(rows(site, 5)) >= 2)
    moved = [r["body"]["to"] - r["body"]["from"] for r in rows(site, 5)]
    assert abs(moved[0] - first) < 60 and abs(moved[1] - (then - first)) < 60, moved
    assert site.act(c01, "c01", incident, "accept")["result"] == "ok"


def test_a_clock_that_begins_in_1970(make_site, tmp_path):
    clock = Clock(tmp_path / "clock")
    clock.set(10 - time.time())
    site = make_site(settings=TIMES, environment=clock.environment())
    status = json.loads(site.daemon.ctl("--json", "status", check=False).stdout)
    assert status["clock_trusted"] is False
    bed, c01 = site.device("sos-101"), site.worker("c01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    site.alert(c01, "c01", incident)
    for tier, seconds in steps_of(site, incident).items():
        assert seconds < {2: 2, 3: 5, 4: 8, 5: 11}[tier] + 5
    assert all(r["trusted"] == 0 for r in rows(site, 21))
    clock.set(0)  # somebody sets it: believed from now on
    site.press(bed, "sos-101", "e-2")
    site.receipt(bed, "sos-101", "e-2")
    wait_for(lambda: any(r["body"]["trusted"] for r in rows(site, 5)))
    assert json.loads(site.daemon.ctl("--json", "status", check=False).stdout)["clock_trusted"] is True


def test_a_restart_after_a_start_in_1970_knows_its_ladder(make_site, tmp_path):
    clock = Clock(tmp_path / "clock")
    clock.set(10 - time.time())
    site = make_site(settings=TIMES, environment=clock.environment())
    bed, w02, c01 = site.device("sos-101"), site.worker("w02"), site.worker("c01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    site.alert(w02, "w02", incident)
    site.daemon.kill9()
    clock.set(YEARS)
    site.daemon.start()
    site.alert(c01, "c01", incident, lambda a: a["tier"] == 5)
    steps = steps_of(site, incident)
    assert all(steps[tier] < due + 5 for tier, due in ((4, 8), (5, 11)))


def test_a_clock_that_nobody_sets_is_an_incident_after_ten_minutes(make_site, tmp_path):
    clock = Clock(tmp_path / "clock")
    clock.set(10 - time.time())
    site = make_site(settings=TIMES, environment=clock.environment())
    bed, o01 = site.device("sos-101"), site.worker("o01")

    def causes():
        return [r["body"].get("on") for r in rows(site, 8) if r["body"]["cause"] == "clock"]

    site.press(bed, "sos-101", "e-1", kind="test")
    site.receipt(bed, "sos-101", "e-1")
    assert not causes()
    clock.set(10 - time.time() + 660 + 5, gone_by=660)  # eleven minutes, and still 1970
    site.press(bed, "sos-101", "e-2", kind="test")
    assert site.alert(o01, "o01")["kind"] == "system", "the operator is called"
    wait_for(lambda: causes() == [True], what=lambda: f"{rows(site, 8)}")
    clock.set(660, gone_by=660)  # somebody sets it
    site.press(bed, "sos-101", "e-3", kind="test")
    wait_for(lambda: False in causes(), what=lambda: f"{rows(site, 8)}")
