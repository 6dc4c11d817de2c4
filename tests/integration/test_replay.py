# SPDX-License-Identifier: Apache-2.0
"""The journal of a real run, once more through the engine: the same rows, and the same states."""

import json
import sqlite3


def replay(site, check=True):
    done = site.daemon.ctl("--json", "replay", check=check)
    return done, json.loads(done.stdout.splitlines()[-1])


def a_day(site):
    """Two matters, people who act and one who may not, a restart in between."""
    bed, w01, w02 = site.device("sos-101"), site.worker("w01"), site.worker("w02")
    site.press(bed, "sos-101", "e-1")
    first = site.receipt(bed, "sos-101", "e-1")["incident"]
    assert site.act(w01, "w01", first, "accept", eta=300)["result"] == "ok"
    assert site.act(w02, "w02", first, "resolve", outcome="helped")["result"] == "refused"
    site.daemon.kill9()
    site.daemon.start()
    assert site.act(w01, "w01", first, "arrived", proof="bed")["result"] == "ok"
    assert site.act(w01, "w01", first, "resolve", outcome="helped")["result"] == "ok"
    site.press(bed, "sos-101", "e-2")
    site.receipt(bed, "sos-101", "e-2")
    smoke = site.device("smoke-101")
    site.press(smoke, "smoke-101", "s-1", kind="smoke")
    second = site.receipt(smoke, "smoke-101", "s-1")["incident"]
    site.press(smoke, "smoke-101", "s-2", kind="smoke_clear")
    site.receipt(smoke, "smoke-101", "s-2")
    return first, second


def test_what_the_engine_did_it_does_again(site):
    a_day(site)
    done, said = replay(site)  # beside the running gateway, read-only
    assert said["different"] == 0 and said["states_different"] == 0, done.stdout
    assert said["inputs"] >= 7 and said["same"] + said["notes"] == said["rows"], said
    assert said["not_reproducible"] == 0, done.stdout
    assert said["states"] == 2, "the reopened one and the smoke"


def test_a_changed_row_is_found(site):
    _, second = a_day(site)
    site.daemon.stop()
    with sqlite3.connect(site.daemon.journal) as db:
        seq, = db.execute("select max(seq) from journal where incident = ? and kind = 23", (second,)).fetchone()
        for name, in db.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            db.execute(f"drop trigger {name}")
        db.execute("update journal set body = json_set(body, '$.tier', 5) where seq = ?", (seq,))
    done, said = replay(site, check=False)
    assert done.returncode == 3 and said["different"] == 1, done.stdout
