# SPDX-License-Identifier: Apache-2.0
"""Everyday requests from the key to the echo wall, over a real broker, with kill -9 in between."""

import json
import sqlite3
import time

import pytest

from net import wait_for

# By day only is a matter of unit tests: here everybody is called at any hour.
SETTINGS = {f"Ladder {name}": {"Priority": "3"} for name in ("request", "request-key", "request-hard")}


@pytest.fixture
def site(make_site):
    return make_site(settings=SETTINGS)


def alert(site, client, worker, incident, where=lambda r: True, since=0):
    topic = site.topic(f"worker/{worker}/alert/{incident}")
    return client.wait(topic, lambda m: m.payload and where(m.json["request"]), since).json


def board(client, site, where, since=0):
    return client.wait(site.topic("board"), lambda m: m.payload and where(m.json), since).json


def listed(site, *options):
    return {i["incident"]: i for i in json.loads(site.daemon.ctl("--json", "requests", *options).stdout)}


def words(site, client, worker, text):
    since = client.mark()
    client.publish(site.topic(f"worker/{worker}/do"), text)
    return client.wait(site.topic(f"worker/{worker}/reply"), since=since).json


@pytest.mark.sanitized
def test_from_the_key_to_the_echo_wall(site):
    key, d01, w01, s01 = site.device("sos-101"), site.worker("d01"), site.worker("w01"), site.worker("s01")
    wall = site.client("wall").subscribe(site.topic("board"))
    site.press(key, "sos-101", "e-1", kind="request", text="水龙头漏水")
    n = site.receipt(key, "sos-101", "e-1")["incident"]
    opened = alert(site, d01, "d01", n)
    assert opened["kind"] == "request" and opened["needs"] == "accept" and opened["state"] == "alerting"
    assert {k: opened["request"][k] for k in ("class", "state", "level", "by", "text", "overdue")} == \
        {"class": "easy", "state": "open", "level": "community", "by": "device", "text": "水龙头漏水", "overdue": False}
    assert abs(opened["request"]["due"] - opened["opened"] - 48 * 3600) < 1, "48 h from OPEN"
    problem, = board(wall, site, lambda b: b["problems"])["problems"]
    assert problem["incident"] == n and problem["name"] == "张*构" and "text" not in problem, "masked, and not public"

    assert site.act(d01, "d01", n, "assign")["reason"] == "unknown_worker"
    reply = site.act(d01, "d01", n, "assign", to="w01", public=True)
    assert (reply["result"], reply["state"], reply["request"], reply["owner"]) == ("ok", "accepted", "assigned", "w01")
    mine = alert(site, w01, "w01", n, lambda r: r["state"] == "assigned")
    assert mine["needs"] == "start" and mine["request"]["text"] == "水龙头漏水"
    assert site.act(w01, "w01", n, "start")["request"] == "in_progress"
    assert site.act(w01, "w01", n, "waiting", **{"for": 86400})["reason"] == "no_text", "evidence is needed"
    assert site.act(w01, "w01", n, "waiting", evidence="已下单", **{"for": 6 * 86400})["reason"] == "too_long"
    assert site.act(w01, "w01", n, "waiting", evidence="配件已下单", **{"for": 2 * 86400})["request"] == "waiting"

    site.daemon.kill9()
    site.daemon.start()
    since = d01.mark()
    site.daemon.ctl("--as", "w01", "start", str(n))
    again = alert(site, d01, "d01", n, lambda r: r["state"] == "in_progress", since)["request"]
    assert again["text"] == "水龙头漏水" and again["evidence"] == "配件已下单", "read back from the journal"
    assert "waiting_until" not in again and abs(again["due"] - opened["request"]["due"]) < 60, "as if it had not waited"
    assert words(site, w01, "w01", f"完成 {n} 换了垫片")["result"] == "ok"
    rate = alert(site, d01, "d01", n, lambda r: r["state"] == "done")
    assert rate["needs"] == "rate" and rate["request"]["note"] == "换了垫片"
    w01.wait(site.topic(f"worker/w01/alert/{n}"), lambda m: not m.payload), "is over for who did it"

    reply = site.act(d01, "d01", n, "rate", score=2, note="还在滴水")
    assert (reply["result"], reply["state"], reply["request"]) == ("ok", "alerting", "open")
    street = alert(site, s01, "s01", n)
    assert street["request"]["level"] == "street" and street["request"]["rating"] == 2
    assert street["request"]["reason"] == "还在滴水"
    site.daemon.kill9()
    site.daemon.start()
    assert listed(site)[n]["request"]["state"] == "open"
    site.daemon.ctl("--as", "s01", "done", str(n), "街道已换水管")
    since = wall.mark()
    site.daemon.ctl("--as", "s01", "rate", str(n), "5")
    answer, = board(wall, site, lambda b: b["answers"], since)["answers"]
    assert (answer["incident"], answer["score"], answer["level"], answer["name"], answer["question"], answer["done"]) == \
        (n, 5, "street", "张*构", "水龙头漏水", "街道已换水管")
    assert listed(site) == {} and listed(site, "--all")[n]["request"]["rating"] == 5
    since = wall.mark()
    site.daemon.kill9()
    site.daemon.start()
    assert board(wall, site, lambda b: b["answers"] and b["answers"][0]["question"] == "水龙头漏水", since), "outlives a restart"
    assert site.daemon.ctl("verify").returncode == 0
    assert site.daemon.ctl("replay").returncode == 0


def test_a_desk_writes_down_refuses_and_raises(site):
    d01 = site.worker("d01")
    reply = site.act(d01, "d01", 0, "request", resident="r101", text="")
    assert reply["reason"] == "no_text"
    reply = site.act(d01, "d01", 0, "request", resident="r101", text="想修轮椅", **{"class": "hard"})
    n = reply["incident"]
    assert (reply["result"], reply["request"]) == ("ok", "open")
    two = site.act(d01, "d01", 0, "request", resident="r101", text="想换灯泡")["incident"]
    assert two != n, "a desk may write down several of one resident"
    assert listed(site)[n]["request"]["class"] == "hard" and listed(site)[n]["request"]["by"] == "desk"
    assert words(site, d01, "d01", f"不受理 {n}")["reason"] == "no_text"
    assert site.act(d01, "d01", n, "not_accepted", reason="已有轮椅")["request"] == "not_accepted"
    assert words(site, d01, "d01", f"上报 {two} 要街道的电工")["request"] == "open"
    assert listed(site)[two]["request"]["level"] == "street"
    row = site.daemon.ctl("--json", "show", str(n)).stdout
    assert "已有轮椅" in row, "the reason stands in the journal"
    log = site.daemon.output()
    for text in ("轮椅", "灯泡", "电工", "张虚构"):
        assert text not in log, "what people write is never logged"


def test_words_of_an_emergency_call_an_sos_besides(site):
    key, w01 = site.device("sos-102"), site.worker("w01")
    site.press(key, "sos-102", "e-1", kind="request", text="老伴晕倒了")
    sos = site.receipt(key, "sos-102", "e-1")["incident"]
    assert site.alert(w01, "w01", sos)["kind"] == "sos"
    held = wait_for(lambda: listed(site), what="the request beside it")
    assert len(held) == 1 and sos not in held
    journal = sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True)
    assert journal.execute("SELECT count(*) FROM journal WHERE kind = 55 AND incident = ?", (next(iter(held)),)).fetchone() == (1,)


def test_the_forms_agree_with_the_journal(site):
    d01 = site.worker("d01")
    for kind, score in (("easy", 5), ("key", 1), ("hard", None)):
        n = site.act(d01, "d01", 0, "request", resident="r101", text="灯不亮", **{"class": kind})["incident"]
        if score:
            site.act(d01, "d01", n, "done")
            site.act(d01, "d01", n, "rate", score=score)
        else:
            site.act(d01, "d01", n, "not_accepted", reason="重复")
    wait_for(lambda: len(listed(site, "--all")) == 3, what="all of them on the disk")
    day, = {time.strftime("%Y-%m-%d")}
    files = site.daemon.ctl("report", "day", day).stdout.split()
    rows = [json.loads(line) for line in open(next(f for f in files if f.endswith("jsonl")), encoding="utf-8")]
    cases = [(r["class"], r["satisfaction"], r["outcome"], r["source"]) for r in rows if r.get("class")]
    assert [tuple(str(x or "") for x in c) for c in cases] == \
        [("易", "5", "已办完", "诉求"), ("重", "", "", "诉求"), ("难", "", "不受理", "诉求")]
    files = site.daemon.ctl("report", "month", day[:7]).stdout.split()
    facts = {r["what"]: r["value"] for r in map(json.loads, open(next(f for f in files if f.endswith("jsonl")), encoding="utf-8"))
             if "how" in r}
    journal = sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True)
    opened, = journal.execute("SELECT count(*) FROM journal WHERE kind = 20 AND body->>'$.class' LIKE 'request%'").fetchone()
    scores = [s for s, in journal.execute("SELECT body->>'$.score' FROM journal WHERE kind = 82")]
    closed = dict(journal.execute("SELECT body->>'$.outcome', count(*) FROM journal WHERE kind = 35 GROUP BY 1"))
    assert facts["诉求受理"] == opened == 3 and facts["诉求不受理"] == closed["not_accepted"] == 1
    assert facts["诉求办结"] == closed["rated_5"] == 1 and facts["诉求超时"] == 0
    assert sorted(scores) == [1, 5] and facts["满意度"] == 50
