# SPDX-License-Identifier: Apache-2.0
"""Visits at the bed: check-in, check-out, what counts, who may correct it, and what the worker sees of his day."""

import json
import shutil
import sqlite3
import time

import pytest

from net import DEMO, wait_for


def day(client, site, worker, where=lambda d: True, since=0):
    return client.wait(site.topic(f"worker/{worker}/day"), lambda m: m.payload and where(m.json), since).json


def bed(picture, resident):
    return next(b for b in picture["beds"] if b["resident"] == resident)


def words(site, client, worker, text):
    since = client.mark()
    client.publish(site.topic(f"worker/{worker}/do"), text)
    return client.wait(site.topic(f"worker/{worker}/reply"), since=since).json


def visits(site, *options):
    return json.loads(site.daemon.ctl("--json", "visits", *options).stdout)


@pytest.fixture
def quick(make_site):
    return make_site(settings={"Visits": {"Minimum": "1s", "Remind": "2h", "Maximum": "3h", "Yearly": "24"}})


@pytest.mark.sanitized
def test_a_visit_is_seen_counted_and_proved(quick):
    site = quick
    w01 = site.worker("w01").subscribe(site.topic("worker/w01/day"))
    first = day(w01, site, "w01")
    assert first["visit"] is None and first["register"] == []
    assert {b["resident"] for b in first["beds"]} == {"r101", "r102", "r103", "r501"}, "the beds of his grid alone"
    assert bed(first, "r101") == {"resident": "r101", "name": "张虚构", "plan": 24, "done": 0, "hours": 0,
                                  "address": "示范区示范街道示范路1号示范小区1号楼1单元101室"}
    reply = site.act(w01, "w01", 0, "visit_in", resident="r101", service="clean", proof={"nfc": "04a1"})
    assert reply["result"] == "ok"
    at = day(w01, site, "w01", lambda d: d["visit"])["visit"]
    assert at["resident"] == "r101" and at["service"] == "clean" and at["name"] == "张虚构"
    assert site.act(w01, "w01", 0, "visit_in", resident="r101")["reason"] == "twice"
    assert site.act(w01, "w01", 0, "visit_in", resident="r102")["reason"] == "visit_open", "one worker, one bed"
    assert site.act(w01, "w01", 0, "visit_in", resident="r201")["reason"] == "not_yours", "another's grid"
    time.sleep(1.2)  # what is measured is how long it was
    assert site.act(w01, "w01", 0, "visit_out", rating=5, note="床单已换")["result"] == "ok"
    after = day(w01, site, "w01", lambda d: d["visit"] is None and bed(d, "r101")["done"] == 1)
    assert bed(after, "r101")["last"] == pytest.approx(at["since"], abs=0.01) and after["beds"][-1]["resident"] == "r101"
    assert site.act(w01, "w01", 0, "visit_out")["reason"] == "no_visit"
    row, = visits(site, "--resident", "r101")
    assert (row["counts"], row["state"], row["service"], row["rating"], row["proof"], row["worker"]) == \
        ("yes", "over", "clean", 5, "yes", "w01") and row["resident_name"] == "张*构"
    journal = sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True)
    kinds = dict(journal.execute("SELECT seq, kind FROM journal WHERE seq IN (?, ?)", (row["in_seq"], row["out_seq"])))
    assert kinds == {row["in_seq"]: 70, row["out_seq"]: 71}
    proof = journal.execute("SELECT body->>'$.payload.proof.nfc' FROM journal WHERE seq = ?", (row["in_seq"],)).fetchone()
    assert proof == ("04a1",), "what proves it stands in the record"
    assert site.daemon.ctl("verify").returncode == 0


def test_words_a_short_one_and_the_device_at_the_bed(make_site):
    site = make_site()
    w01 = site.worker("w01").subscribe(site.topic("worker/w01/day"))
    assert words(site, w01, "w01", "上门 R101 助洁")["result"] == "refused", "no such code"
    assert words(site, w01, "w01", "上门 r101 助洁")["result"] == "ok"
    assert words(site, w01, "w01", "离开了 4分")["reason"] == "visit_short"
    assert words(site, w01, "w01", "上门")["result"] == "refused"
    assert site.act(w01, "w01", 0, "visit_in", device="sos-501", service="haircut")["result"] == "ok"
    assert day(w01, site, "w01", lambda d: d["visit"] and d["visit"]["resident"] == "r501")["visit"]["service"] == "other"
    short, = visits(site, "--resident", "r101")
    assert (short["counts"], short["service"], short["rating"], short["proof"]) == ("no", "clean", 4, "no")
    assert bed(day(w01, site, "w01"), "r101")["done"] == 0


def test_forgotten_is_reminded_does_not_count_and_is_corrected_with_a_reason(make_site):
    site = make_site(settings={"Visits": {"Minimum": "1s", "Remind": "2s", "Maximum": "4s"}})
    w01 = site.worker("w01").subscribe(site.topic("worker/w01/day"))
    site.act(w01, "w01", 0, "visit_in", resident="r101", service="bath")
    w01.wait(site.topic("worker/w01/reply"), lambda m: m.json.get("reason") == "visit_forgotten")
    assert day(w01, site, "w01", lambda d: d["visit"] and d["visit"]["reminded"])
    assert day(w01, site, "w01", lambda d: d["visit"] is None, w01.mark() - 1)
    row, = wait_for(lambda: visits(site, "--resident", "r101"), what="the visit")
    assert (row["state"], row["counts"]) == ("forgotten", "no")
    assert site.daemon.ctl("visit", "fix", row["visit"], "90min", check=False).returncode == 2, "a reason is needed"
    assert site.daemon.ctl("--as", "w01", "visit", "fix", row["visit"], "90min", "--reason", "忘了", check=False).returncode == 1
    site.daemon.ctl("visit", "fix", row["visit"], "90min", "--reason", "与老人和网格员核实")
    fixed, = visits(site, "--resident", "r101")
    assert (fixed["state"], fixed["counts"], fixed["minutes"]) == ("fixed", "yes", 90) and fixed["fix_seq"] > fixed["out_seq"]
    assert bed(day(w01, site, "w01", lambda d: bed(d, "r101")["done"] == 1), "r101")["hours"] == 1.5
    site.daemon.ctl("visit", "fix", row["visit"], "0", "--reason", "未上门")
    assert bed(day(w01, site, "w01", lambda d: bed(d, "r101")["done"] == 0, w01.mark() - 1), "r101")["hours"] == 0


def test_an_open_visit_outlives_kill_9_and_the_replay_agrees(quick):
    site = quick
    w01 = site.worker("w01").subscribe(site.topic("worker/w01/day"))
    bedside = site.device("sos-101")
    site.act(w01, "w01", 0, "visit_in", resident="r101", service="meals")
    site.press(bedside, "sos-101", "e-1")
    incident = site.receipt(bedside, "sos-101", "e-1")["incident"]
    for action, more in (("accept", {}), ("arrived", {}), ("resolve", {"outcome": "helped"})):
        site.act(w01, "w01", incident, action, **more)
    since = w01.mark()
    site.daemon.kill9()
    site.daemon.start()
    again = day(w01, site, "w01", lambda d: d["visit"], since)
    assert again["visit"]["resident"] == "r101"
    entry, = again["register"]
    assert entry["incident"] == incident and entry["outcome"] == "helped" and entry["state"] == "resolved"
    assert entry["kind"] == "sos" and entry["name"] == "张虚构" and entry["accepted"] >= entry["opened"]
    time.sleep(1.1)
    assert site.act(w01, "w01", 0, "visit_out")["result"] == "ok"
    wait_for(lambda: visits(site)[0]["counts"] == "yes", what="the visit over two lives of the gateway")
    replayed = json.loads(site.daemon.ctl("--json", "replay").stdout)
    assert replayed["different"] == 0 and replayed["states_different"] == 0


def test_a_desk_checks_a_worker_in_and_nobody_else_does(quick):
    site = quick
    site.daemon.ctl("visit", "in", "r201", "--worker", "w11", "--service", "company")
    assert site.daemon.ctl("--as", "w01", "visit", "out", "--worker", "w11", check=False).returncode == 1
    assert site.daemon.ctl("--as", "f201", "visit", "in", "r201", check=False).returncode == 1, "family is no visit"
    site.daemon.ctl("visit", "out", "--worker", "w11", "--rating", "3")
    row, = visits(site, "--worker", "w11")
    assert (row["resident"], row["rating"], row["service"]) == ("r201", 3, "company")


def from_the_journal(path):
    """Each visit by the rows alone: what its worker said last, or the desk after him."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    begun = {seq: (json.loads(body)["resident"], seq, None) for seq, body in
             db.execute("SELECT seq, body FROM journal WHERE kind = 70")}
    counted = {}
    for kind, text in db.execute("SELECT kind, body FROM journal WHERE kind IN (71, 73) ORDER BY seq"):
        body = json.loads(text)
        counted[body["visit"]] = (body["seconds"], body["counts"])
    beds = {}
    for number, (resident, _, _) in begun.items():
        seconds, counts = counted.get(number, (0, False))
        done, total = beds.get(resident, (0, 0))
        beds[resident] = (done + counts, total + seconds * counts)
    return begun, beds


def test_the_report_of_visits_adds_up(quick):
    site = quick
    w01, w11, w02 = site.worker("w01"), site.worker("w11"), site.worker("w02")
    for worker, client, bed_code, proof in (("w01", w01, "r101", "code-101"), ("w11", w11, "r201", None), ("w02", w02, "r102", None)):
        more = {"proof": proof} if proof else {}
        assert site.act(client, worker, 0, "visit_in", resident=bed_code, service="clean", **more)["result"] == "ok"
    time.sleep(1.1)
    site.act(w01, "w01", 0, "visit_out", rating=4)
    site.act(w11, "w11", 0, "visit_out")
    site.act(w01, "w01", 0, "visit_in", resident="r103", service="meals")
    site.act(w01, "w01", 0, "visit_out", rating=2)  # too short
    number = next(v["visit"] for v in visits(site, "--resident", "r103"))
    site.daemon.ctl("visit", "fix", number, "2h", "--reason", "手机没电")
    files = site.daemon.ctl("report", "visits").stdout.split()
    assert [name.rsplit(".")[-1] for name in files] == ["xlsx", "csv", "jsonl", "html"]
    rows = [json.loads(line) for line in open(files[2], encoding="utf-8")]
    beds = {row["resident"]: row for row in rows if "plan" in row}
    begun, expected = from_the_journal(site.daemon.journal)
    assert set(beds) == {"r101", "r102", "r103", "r201", "r501"} and len(begun) == 4
    for code, row in beds.items():
        done, seconds = expected.get(code, (0, 0))
        assert (row["done"], row["plan"]) == (done, 24), code
        assert row["hours"] == pytest.approx(seconds / 3600, abs=0.006), code
        assert row["missing"] == 24 - done and row["share"] == pytest.approx(100 * done / 24, abs=0.06)
    assert beds["r101"]["unproved"] == 0 and beds["r201"]["unproved"] == 1 and beds["r103"]["fixed"] == 1
    assert beds["r101"]["resident_name"] == "张*构"
    listed = {row["visit"]: row for row in rows if "in_seq" in row}
    assert set(listed) == set(begun) and all(row["in_seq"] == number for number, row in listed.items())
    assert sum(row["state"] == "进行中" for row in listed.values()) == 1, "who is still there counts nothing"
    page = open(files[3], encoding="utf-8").read()
    assert "上门明细与证明记录" in page and "没有到场凭证" in page and "张虚构" not in page


def without_w02(folder):
    shutil.copytree(DEMO, folder)
    for name in "workers.csv", "duty.csv":
        path = folder / name
        path.write_text("".join(line for line in path.open() if not line.startswith("w02,")))
    return folder


def test_who_left_while_the_gateway_was_down_leaves_nothing_behind(make_site, tmp_path):
    """The machine is lost, and the next one has a newer registry and no record of him."""
    site = make_site(settings={"Ladder sos": {"Tier2": "1s backup"}})
    heard = site.client().subscribe(site.topic("worker/+/day")).subscribe(site.topic("worker/w02/text"))
    day(heard, site, "w02")
    site.press(site.device("sos-101"), "sos-101", "e-1")
    heard.wait(site.topic("worker/w02/text"), lambda m: m.payload)
    site.daemon.kill9()
    for name in "journal.db", "journal.db-wal", "journal.db-shm", "registry.export":
        (site.daemon.state / name).unlink(missing_ok=True)
    site.daemon.settings["Gateway"]["Registry"] = str(without_w02(tmp_path / "registry"))
    since = heard.mark()
    heard.publish(site.topic("worker/s01/day"), {"beds": []}, retain=True)  # a street desk has no day: he had another role
    site.daemon.start()
    for worker in "w02", "s01":
        heard.wait(site.topic(f"worker/{worker}/day"), lambda m: m.payload == b"", since)
    assert day(heard, site, "w01", since=since)["beds"]

    def kept():
        late = site.client().subscribe(site.topic("worker/w02/#")).subscribe(site.topic("worker/w01/day"))
        day(late, site, "w01")  # has come after all that is retained of the other
        return [m.topic for m in late.received() if m.payload and "/w02/" in m.topic and not m.topic.endswith("presence")]

    wait_for(lambda: not kept(), what=lambda: f"nothing of him to be kept: {kept()}")


def test_who_has_left_leaves_no_day_behind(quick, tmp_path):
    site = quick
    heard = site.client().subscribe(site.topic("worker/+/day"))
    day(heard, site, "w02")
    registry = without_w02(tmp_path / "registry")
    residents = registry / "residents.csv"
    lines = residents.read_text().splitlines()
    residents.write_text("\n".join([lines[0] + ",visits"] + [line + (",52" if line.startswith("r101,") else ",") for line in lines[1:]]) + "\n")
    since = heard.mark()
    site.daemon.ctl("import", registry)
    heard.wait(site.topic("worker/w02/day"), lambda m: m.payload == b"", since)
    planned = day(heard, site, "w01", lambda d: bed(d, "r101")["plan"] == 52, since)
    assert bed(planned, "r102")["plan"] == 24, "what the registry does not say is as the site has it"
