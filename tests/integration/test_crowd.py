# SPDX-License-Identifier: Apache-2.0
"""Matters that collect the presses of many have figures like any other: a full table's, and a flood of strangers."""

import json
import sqlite3
import sys
import time

import net

sys.path.insert(0, str(net.SOURCE / "tools" / "bench"))

import community  # noqa: E402

SETTINGS = {"Gateway": {"IncidentsMax": 64}, "Ladder sos": {"Reopen": "1s"}}


def press_all(site, presses):
    """(device, age in seconds or None), one after the other. Returns the incident of each, as its receipt says."""
    beds = site.client("beds")
    beds.subscribe(site.topic("down/+/receipt"))
    since = beds.mark()
    for n, (device, age) in enumerate(presses):
        site.press(beds, device, f"e-{n}", **({} if age is None else {"ts": time.time() - age}))
    return [beds.wait(site.topic(f"down/{device}/receipt"), lambda m, n=n: m.json["id"] == f"e-{n}", since).json["incident"]
            for n, (device, _) in enumerate(presses)]


def resolve(site, worker, incident):
    app = site.worker(worker)
    site.alert(app, worker, incident)
    for action, members in (("accept", {}), ("arrived", {}), ("resolve", {"outcome": "helped"})):
        assert site.act(app, worker, incident, action, **members)["result"] == "ok"


def closed(site, incident):
    """The row of its figures, and its rows in the journal: (kind, time, body)."""
    db = sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    row = net.wait_for(lambda: db.execute("SELECT * FROM kpi WHERE incident = ?", (incident,)).fetchone(), what="figures")
    rows = [(kind, t, json.loads(body)) for kind, t, body in
            db.execute("SELECT kind, t, body FROM journal WHERE incident = ? ORDER BY seq", (incident,))]
    db.close()
    return dict(row), rows


def check_figures(row, rows):
    """The same, once more: from the rows, and as the engine has measured them."""
    opened = next(t for kind, t, _ in rows if kind == 20)

    def ms(wanted):
        times = [t for kind, t, _ in rows if kind == wanted]
        return (times[0] - opened) // 1000 if times else None
    assert row["opened"] == opened
    assert (row["call_ms"], row["delivered_ms"], row["accept_ms"], row["arrive_ms"], row["resolve_ms"]) == \
        (ms(23), ms(25), ms(27), ms(30), ms(33))
    assert row["attempts"] == sum(kind == 23 for kind, _, _ in rows)
    assert row["tiers"] == max(body.get("tier", 0) for kind, _, body in rows if 20 <= kind <= 23)
    said = rows[-1][2]["figures"]
    assert rows[-1][0] == 35 and row["class"] == row["test"] == row["reopened"] == 0 and row["outcome"] == "helped"
    for name in ("attempts", "tiers", "rounds", "reopened", "late_ms"):
        assert row[name] == said[name], name
    for name in ("device_ms", "call_ms", "delivered_ms", "accept_ms", "arrive_ms", "resolve_ms", "receipt_ms"):
        assert (row[name] is None) == (name not in said), name
        assert row[name] is None or abs(row[name] - said[name]) <= 1, name  # one rounds, the other cuts


def test_a_full_table(make_site, tmp_path):
    site = make_site(registry=community.write(tmp_path / "c", 80), settings=SETTINGS)
    got = press_all(site, [(f"ls{n}", None) for n in range(64)] + [("ls70", 3), ("ls71", 50), ("ls72", None), ("ls70", None)])
    crowd = got[-1]
    assert len(set(got[:64])) == 64 and crowd not in got[:64] and got[64:] == [crowd] * 4
    resolve(site, "w01", crowd)
    row, rows = closed(site, crowd)
    check_figures(row, rows)
    assert sum(kind == 10 for kind, _, _ in rows) == 4, "every press has its row"
    assert 3000 <= row["device_ms"] < 40000, "of the press that opened it, not of one that came late"
    kpi = json.loads(site.daemon.ctl("--json", "kpi").stdout)[-1]
    assert (kpi["never"], kpi["not_attended"]) == (kpi["urgent"] - 1, kpi["urgent"] - 1), "one of them all was attended"


def test_a_flood_of_strangers(make_site):
    site = make_site(settings=SETTINGS)
    got = press_all(site, [(f"x{n}", None) for n in range(5)] + [("x5", None), ("x6", 70), ("x7", None)])
    flood = got[-1]
    assert len(set(got[:5])) == 5 and flood not in got[:5] and got[5:] == [flood] * 3
    resolve(site, "d01", flood)
    row, rows = closed(site, flood)
    check_figures(row, rows)
    assert row["resident"] == row["dwelling"] == 0 and row["device_ms"] is None
    kpi = json.loads(site.daemon.ctl("--json", "kpi").stdout)[-1]
    assert kpi["all"] == 6 and kpi["in_60s"] > 0 and kpi["p50_s"] is not None
