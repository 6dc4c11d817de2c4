# SPDX-License-Identifier: Apache-2.0
"""The auditor's questions to a gateway that runs: who was told, when, what they did, and who looked."""

import csv
import io
import json
import sqlite3
import time

from net import wait_for


def press(site, device, event):
    bed = site.device(device)
    site.press(bed, device, event)
    return site.receipt(bed, device, event)["incident"]


def numbers(site, *arguments):
    return [row["incident"] for row in json.loads(site.daemon.ctl("--json", "audit", *arguments).stdout)]


def test_queries_by_everything(site):
    w01, w11 = site.worker("w01"), site.worker("w11")
    a, b = press(site, "sos-101", "e-1"), press(site, "sos-201", "e-2")
    site.act(w01, "w01", a, "accept")
    site.act(w01, "w01", a, "arrived")
    site.act(w01, "w01", a, "resolve", outcome="hospital")
    site.alert(w11, "w11", b)
    assert numbers(site) == [a, b]
    for options, expected in (
            (["--resident", "r101"], [a]), (["--bed", "h101"], [a]), (["--dwelling", "h201"], [b]),
            (["--device", "sos-201"], [b]), (["--worker", "w01"], [a]), (["--worker", "w11"], [b]),
            (["--grid", "g1"], [a]), (["--community", "d1"], [a, b]), (["--community", "c1"], [a, b]),
            (["--kind", "sos"], [a, b]), (["--kind", "smoke"], []), (["--outcome", "hospital"], [a]),
            (["--open"], [b]), (["--since", "1h"], [a, b]), (["--until", "1h"], []), (["--since", "2000-01-01"], [a, b]),
            (["--resident", "r101", "--open"], []), (["--late"], [b])):
        assert numbers(site, *options) == expected, options
    assert site.daemon.ctl("audit", "--kind", "nonsense", check=False).returncode == 2
    assert site.daemon.ctl("audit", "--since", "yesterday-ish", check=False).returncode == 2
    kinds = [r["kind"] for r in json.loads(site.daemon.ctl("--json", "audit", "--events", "--incident", a).stdout)]
    assert kinds[:2] == ["event", "opened"] and {"notified", "accepted", "arrived", "resolved"} <= set(kinds)
    assert json.loads(site.daemon.ctl("--json", "audit", "--events", "--worker", "w01", "--kind", "accepted").stdout)


def test_a_clock_that_was_ahead_hides_no_rows(site):
    """For the second row it was 2098."""
    press(site, "sos-101", "e-1")
    site.daemon.stop()
    with sqlite3.connect(site.daemon.journal) as journal:
        journal.execute("INSERT INTO day(day, first_seq) VALUES (46750, 2)")
    until = time.strftime("%Y-%m-%d", time.localtime(time.time() + 2 * 86400))
    rows = json.loads(site.daemon.ctl("--json", "audit", "--events", "--until", until).stdout)
    assert "opened" in [r["kind"] for r in rows]


def test_csv_is_safe_for_spreadsheets(site):
    press(site, "sos-101", "e-1")
    text = site.daemon.ctl("audit", "--csv").stdout
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    assert rows[0][:3] == ["编号", "立案", "类别"] and len(rows) == 2
    assert all(len(row) == len(rows[0]) for row in rows)


def test_names_are_masked_until_somebody_says_why(site):
    incident = press(site, "sos-101", "e-1")
    for output in (site.daemon.ctl("audit").stdout, site.daemon.ctl("--json", "audit").stdout,
                   site.daemon.ctl("show", incident).stdout, site.daemon.ctl("audit", "--csv").stdout):
        assert "张虚构" not in output and "赵示例" not in output
    assert "张*构" in site.daemon.ctl("audit").stdout
    assert site.daemon.ctl("audit", "--unmask", check=False).returncode == 2, "a role and a reason are needed"
    shown = site.daemon.ctl("audit", "--resident", "r101", "--unmask", "--role", "民政局", "--reason", "信访核查").stdout
    assert "张虚构" in shown
    looked = json.loads(site.daemon.ctl("--json", "audit", "--access", "--resident", "r101").stdout)
    assert [(r["role"], r["reason"], r["resident"], r["what"]) for r in looked] == [
        ("民政局", "信访核查", "r101", "audit"), ("-", "-", "r101", "audit --access")], "who asks who has looked has looked too"
    other = json.loads(site.daemon.ctl("--json", "audit", "--access", "--resident", "r201").stdout)
    assert [r["resident"] for r in other] == ["r201"], "his own look, and nobody's before"
    site.daemon.ctl("audit", "--unmask", "--role", "街道", "--reason", "抽查")
    other = json.loads(site.daemon.ctl("--json", "audit", "--access", "--resident", "r201", "--role", "区", "--reason", "检查").stdout)
    assert [(r["role"], r["resident"] or "") for r in other] == [("-", "r201"), ("街道", ""), ("区", "r201")], \
        "whoever saw all saw this person"
    site.daemon.stop()
    refused = site.daemon.ctl("audit", "--unmask", "--role", "街道", "--reason", "抽查", check=False)
    assert refused.returncode == 1 and "张虚构" not in refused.stdout, "what cannot be journaled is not shown"


def test_a_closed_incident_has_its_figures(make_site):
    site = make_site(settings={"Ladder sos": {"Reopen": "1s"}})
    w01 = site.worker("w01")
    incident = press(site, "sos-101", "e-1")
    site.act(w01, "w01", incident, "accept")
    site.act(w01, "w01", incident, "arrived")
    site.act(w01, "w01", incident, "resolve", outcome="false_alarm")
    wait_for(lambda: json.loads(site.daemon.ctl("--json", "audit").stdout)[0]["state"] == "closed",
             what="the incident to close")
    row = json.loads(site.daemon.ctl("--json", "audit").stdout)[0]
    assert row["attempts"] >= 1 and row["accept_s"] >= 0 and row["arrive_s"] >= row["accept_s"]
    month = json.loads(site.daemon.ctl("--json", "kpi", "--by", "worker").stdout)
    assert [(k["who"], k["urgent"], k["in_60s"], k["false_alarm"]) for k in month] == [("w01", 1, 100.0, 100.0)]
    assert 0 <= month[0]["receipt_p50_ms"] == month[0]["receipt_p99_ms"] < 60000, "from receiving to the receipt"


def test_every_way_to_a_name_leaves_a_row(site):
    incident = press(site, "sos-101", "e-1")
    why = ("--unmask", "--role", "街道", "--reason", "抽查")
    for verb in (("show", incident), ("audit",), ("audit", "--events"), ("report", "day"), ("report", "visits"), ("visits",),
                 ("kpi", "--by", "resident")):
        masked = site.daemon.ctl(*verb).stdout
        assert "张虚构" not in masked and "赵示例" not in masked, verb
        site.daemon.ctl(*verb, *why)
    site.daemon.ctl("export")  # the notes that people wrote
    site.daemon.ctl("export", "--pseudonymise")
    looked = json.loads(site.daemon.ctl("--json", "audit", "--access").stdout)
    assert [r["what"] for r in looked] == [f"show {incident}", "audit", "audit --events", "report", "report", "visits", "kpi",
                                           "export", "audit --access"]
    assert looked[0]["resident"] == "r101" and all(r["uid"] is not None and r["role"] == "街道" for r in looked[:-2])
