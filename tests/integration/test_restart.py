# SPDX-License-Identifier: Apache-2.0
"""A restart in the middle of a ladder: the ladder goes on where it was."""

import json
import sqlite3
import time

from net import wait_for

TIMES = {"Ladder sos": {"Tier2": "2s backup", "Tier3": "6s community", "Tier4": "60s street", "Tier5": "120s district",
                        "Receipt": "0", "Renotify": "60s", "Loop": "60s"}}


def tier_rows(site, incident, there):
    """The rows about the ladder, when `there` finds what it looks for: people are called before it is on the disk."""
    def read():
        with sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True) as db:
            found = db.execute("select kind, t, body from journal where incident = ? and kind in (20, 21, 22, 23)"
                               " order by seq", (incident,)).fetchall()
        rows = [(kind, t, json.loads(body)) for kind, t, body in found]
        return rows if there(rows) else None
    return wait_for(read, what="the rows of the ladder")


def test_a_restart_in_tier_2_calls_tier_3_at_its_original_time(make_site):
    site = make_site(settings=TIMES)
    bed, w02, d01 = site.device("sos-101"), site.worker("w02"), site.worker("d01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    site.alert(w02, "w02", incident)
    site.daemon.kill9()
    time.sleep(0.5)
    site.daemon.start()
    assert site.alert(d01, "d01", incident)["tier"] == 3
    rows = tier_rows(site, incident, lambda rows: any(kind == 21 and body["tier"] == 3 for kind, _, body in rows))
    opened = next(t for kind, t, _ in rows if kind == 20)
    third = next((t, body) for kind, t, body in rows if kind == 21 and body["tier"] == 3)
    # to the due time itself, which the journal names: not a measure of this machine's speed
    assert abs(third[1]["due"] - (opened / 1e6 + 6)) < 0.05, (opened, third)
    assert not third[1].get("late")


def test_down_for_longer_than_the_ladder_one_catch_up_round_marked_late(make_site):
    fast = {"Ladder sos": {"Tier2": "1s backup", "Tier3": "2s community", "Tier4": "3s street", "Tier5": "4s district",
                           "Receipt": "0", "Renotify": "60s", "Loop": "60s"}}
    site = make_site(settings=fast)
    bed = site.device("sos-101")
    people = ["w01", "w02", "d01", "s01", "c01"]
    client = site.client()
    for code in people:
        client.subscribe(site.topic(f"worker/{code}/alert/+"))
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    site.daemon.kill9()
    time.sleep(11)  # more than 5 s late, which is what counts as late
    site.daemon.start()
    for code in people:
        assert site.alert(client, code, incident, lambda a: a["late"])["tier"] == 5
    rows = tier_rows(site, incident, lambda rows: any(kind == 23 and body.get("late") for kind, _, body in rows))
    late = [body for kind, _, body in rows if kind == 21 and body.get("late")]
    assert [body["tier"] for body in late] == [2, 3, 4, 5]
    after = [body["worker"] for kind, _, body in rows if kind == 23 and body.get("late")]
    assert sorted(after) == sorted(people), "each person once"


def test_accepted_stays_accepted(make_site):
    site = make_site(settings=TIMES)
    bed, w01 = site.device("sos-101"), site.worker("w01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    reply = site.act(w01, "w01", incident, "accept", nonce="once")
    site.daemon.kill9()
    site.daemon.start()
    assert site.act(w01, "w01", incident, "accept", nonce="once") == reply, "the same nonce, also after a restart"
    assert site.act(w01, "w01", incident, "arrived")["state"] == "on_scene"


def test_alerts_that_no_open_incident_owns_are_cleared(make_site):
    site = make_site()
    ghost = site.client()
    ghost.publish(site.topic("worker/w01/alert/777"), {"incident": 777, "needs": "accept"}, retain=True)
    site.daemon.kill9()
    w01 = site.worker("w01")
    w01.wait(site.topic("worker/w01/alert/777"), lambda m: m.payload)
    site.daemon.start()
    w01.wait(site.topic("worker/w01/alert/777"), lambda m: m.payload == b"")


def test_a_second_daemon_is_refused(site):
    import subprocess
    done = subprocess.run(site.daemon.command(), capture_output=True, text=True, timeout=60, check=False,
                          env={**site.daemon.environment(), "NOTIFY_SOCKET": ""})
    assert done.returncode != 0 and "state folder" in done.stderr, done.stderr
    assert site.coap("v1/alarm/sos?d=sos-101&id=still").code == "2.01"
