# SPDX-License-Identifier: Apache-2.0
"""State in memory that contradicts itself (SEMANTICS.md section 4, Auditor): the process ends and starts again from its rows, with a
healthy store only and at most once in ten minutes, and the ladder goes on in any case.

The memory of an unmodified daemon is spoilt by fault/contradict.c."""

import contextlib
import os
import sqlite3
import time

import pytest

from net import BUILD, wait_for

LIBRARY = BUILD / "tests" / "fault" / "libcontradict.so"
DISK_FAULT = BUILD / "tests" / "fault" / "libdisk-fault.so"
# Nothing is due, and so nothing written, while the state is spoilt for the auditor's five seconds.
TIMES = {"Ladder sos": {"Tier2": "12s backup", "Tier3": "22s community", "Tier4": "150s street", "Tier5": "300s district",
                        "Receipt": "0", "Renotify": "60s", "Loop": "60s"}}
NOT_NOW = "contradicts itself; a restart is not possible now"

pytestmark = pytest.mark.skipif(not LIBRARY.exists() or os.environ.get("HUYING_SANITIZED") == "1",
                                reason="the memory is spoilt by a preloaded library, which does not go with sanitizers")


class Memory:
    def __init__(self, path):
        self.path = path
        path.write_text("0")

    def order(self, digit):
        with open(self.path, "r+") as f:
            f.write(digit)
        wait_for(lambda: self.path.read_text() == "0", what="the order to be done")

    def spoil(self):
        self.order("1")

    def mend(self):
        self.order("2")


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path / "memory")


def environment(memory, *libraries):
    return {"LD_PRELOAD": ":".join(str(x) for x in (LIBRARY, *libraries)), "CONTRADICT": str(memory.path)}


def pressed(site, bed, event):
    site.press(bed, "sos-101", event)
    incident = site.receipt(bed, "sos-101", event)["incident"]
    time.sleep(0.3)  # what follows a commit at once is over
    return incident


def starts(site):
    with contextlib.closing(sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True)) as db:
        return db.execute("select count(*) from journal where kind = 1").fetchone()[0]


def test_it_ends_once_and_the_ladder_goes_on(make_site, memory):
    site = make_site(settings=TIMES, environment=environment(memory))
    bed, w02, d01 = site.device("sos-101"), site.worker("w02"), site.worker("d01")
    incident = pressed(site, bed, "e-1")
    memory.spoil()
    wait_for(lambda: not site.daemon.running(), what="the end for a restart")
    assert site.daemon.process.returncode == 1, "its manager starts it again"
    assert "ends, to start again from the disk" in site.daemon.output()
    site.daemon.start()  # as systemd does
    site.wait_online()
    assert site.alert(w02, "w02", incident, lambda a: a["tier"] == 2)["state"] == "alerting"
    # A second time within ten minutes: what is spoilt stays, and is told; nobody loses the ladder for it.
    pid = site.daemon.pid
    memory.spoil()
    wait_for(lambda: NOT_NOW in site.daemon.output(), what="the refusal of a second end")
    memory.mend()
    assert site.alert(d01, "d01", incident, lambda a: a["tier"] == 3)["state"] == "alerting"
    assert site.daemon.running() and site.daemon.pid == pid
    assert site.act(w02, "w02", incident, "accept")["result"] == "ok"
    assert starts(site) == 2


def test_it_does_not_end_while_the_memory_is_all_there_is(make_site, memory, tmp_path):
    control = tmp_path / "disk"
    control.write_text("")
    site = make_site(settings=TIMES, environment={**environment(memory, DISK_FAULT), "DISK_FAULT_PATH": "/state/",
                                                  "DISK_FAULT_CONTROL": str(control)})
    bed, w01 = site.device("sos-101"), site.worker("w01")
    incident = pressed(site, bed, "e-1")
    control.write_text("hang")
    site.press(bed, "sos-101", "e-2")
    site.alert(w01, "w01", incident, lambda a: a["recorded"] is False)
    memory.spoil()
    wait_for(lambda: NOT_NOW in site.daemon.output(), what="the refusal of an end")
    memory.mend()
    assert site.daemon.running()
    control.write_text("")
    site.press(bed, "sos-101", "e-2")
    assert site.receipt(bed, "sos-101", "e-2")["incident"] == incident
    assert not (site.daemon.folder / "run" / "audit-end").exists()
