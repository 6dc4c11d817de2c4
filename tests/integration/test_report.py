# SPDX-License-Identifier: Apache-2.0
"""The forms against an independent count: plain SQL over the journal's own rows, and none of the store's figures."""

import csv
import json
import sqlite3
import subprocess
import time
import zipfile

import pytest
from net import BUILD

CTL = BUILD / "tools" / "huyingctl" / "huyingctl"
STANDARD = ("sos", "smoke", "fall")  # P1 and P2 of the invented history


@pytest.fixture(scope="module")
def community(tmp_path_factory):
    """803 beds, 40 days."""
    folder = tmp_path_factory.mktemp("community")
    subprocess.run([str(BUILD / "tools" / "bench" / "make-journal"), str(folder), "--rows", "20000", "--months", "2"],
                   check=True, capture_output=True)
    (folder / "huyingd.conf").write_text(f"[Gateway]\nSite=demo\nStateDirectory={folder}\nRuntimeDirectory={folder}\n"
                                         "[MQTT]\nHost=\n")
    return folder


def ctl(folder, *arguments):
    done = subprocess.run([str(CTL), "--config", str(folder / "huyingd.conf"), *arguments], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cases(folder, start, end):
    """From the journal: what was opened in this period, and when the first one accepted and arrived."""
    db = sqlite3.connect(f"file:{folder / 'journal.db'}?mode=ro", uri=True)
    found = db.execute("""
        SELECT json_extract(o.body, '$.grid'), json_extract(o.body, '$.class'),
               (SELECT json_extract(body, '$.device_time') FROM journal WHERE incident = o.incident AND kind = 10),
               (SELECT min(t) FROM journal WHERE incident = o.incident AND kind = 27),
               (SELECT min(t) FROM journal WHERE incident = o.incident AND kind = 30),
               (SELECT count(*) FROM journal WHERE incident = o.incident AND kind = 60),
               (SELECT json_extract(body, '$.outcome') FROM journal WHERE incident = o.incident AND kind = 33)
        FROM journal o WHERE o.kind = 20 AND o.t >= ? AND o.t < ?""", (start * 1000000, end * 1000000)).fetchall()
    return [dict(zip(("grid", "class", "device", "accepted", "arrived", "test", "outcome"), row)) for row in found]


def last_month():
    now = time.localtime()
    year, month = (now.tm_year, now.tm_mon - 1) if now.tm_mon > 1 else (now.tm_year - 1, 12)
    start = time.mktime((year, month, 1, 0, 0, 0, 0, 0, -1))
    end = time.mktime((year, month + 1, 1, 0, 0, 0, 0, 0, -1))
    return f"{year:04}-{month:02}", start, end


def test_the_month_adds_up(community):
    month, start, end = last_month()
    files = ctl(community, "report", "month", month).split()
    assert [name.rsplit(".")[-1] for name in files] == ["xlsx", "csv", "jsonl", "html"]
    rows = [json.loads(line) for line in open(files[2], encoding="utf-8")]
    grids = {row["grid"]: row for row in rows if "p97_5_s" in row}
    expected = cases(community, start, end)
    real = [c for c in expected if not c["test"]]
    urgent = [c for c in real if c["class"] in STANDARD]
    assert len(urgent) > 300
    total = grids.pop("合计")
    assert (total["all"], total["urgent"], total["tests"]) == (len(real), len(urgent), len(expected) - len(real))
    waited = sorted((c["accepted"] / 1e6 - c["device"]) if c["accepted"] else float("inf") for c in urgent)
    assert total["overdue"] == sum(w > 60 for w in waited)
    assert total["never"] == sum(w == float("inf") for w in waited)
    assert total["in_60s"] == pytest.approx(100 * sum(w <= 60 for w in waited) / len(waited), abs=0.06)
    assert total["p50_s"] == pytest.approx(waited[-(-len(waited) // 2) - 1], abs=0.06)
    for name, row in grids.items():
        code = "g" + name[1:-2]  # 第3网格
        mine = [c for c in urgent if c["grid"] == code]
        assert row["urgent"] == len(mine), name
        assert row["all"] == sum(c["grid"] == code for c in real), name
    with open(files[1], encoding="utf-8-sig", newline="") as file:
        head = next(csv.reader(file))
    assert head[0] == "网格" or head[0] == "序号"
    page = open(files[3], encoding="utf-8").read()
    assert "<svg" in page and "未采集" in page and "<script" not in page
    with zipfile.ZipFile(files[0]) as book:
        sheets = book.read("xl/workbook.xml").decode()
        assert "各网格汇总" in sheets and "依据与未知" in sheets
    assert f"month-{month}.html" in ctl(community, "report", "list")


def test_the_day_lists_every_case(community):
    month, start, _ = last_month()
    day = time.strftime("%Y-%m-%d", time.localtime(start + 20 * 86400 + 7200))
    begin = time.mktime(time.strptime(day, "%Y-%m-%d"))
    files = ctl(community, "report", "day", day).split()
    with open(files[1], encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = cases(community, begin, begin + 86400)
    assert len(rows) == len(expected) > 0
    assert list(rows[0]) == ["序号", "警情编号", "时间", "来源", "老人", "住址", "网格", "类别(易/重/难)", "内容", "接单人",
                             "接单用时(秒)", "到达用时(秒)", "处置", "结果", "满意度", "备注"]
    assert not any("张虚构" in row["老人"] for row in rows), "names are masked"
    assert {row["来源"] for row in rows} <= {"呼叫", "烟感", "手环"}
    assert sum(not row["接单用时(秒)"] for row in rows) == sum(c["accepted"] is None for c in expected)


def test_kpis_say_the_same_as_the_report(community):
    month, start, end = last_month()
    kpi, = json.loads(ctl(community, "--json", "kpi", "--month", month))
    grids = [json.loads(line) for line in ctl(community, "--jsonl", "kpi", "--month", month, "--by", "grid").splitlines()]
    assert any(g["never"] and g["p99_s"] is None for g in grids), "infinite, which no number of JSON is"
    urgent = [c for c in cases(community, start, end) if not c["test"] and c["class"] in STANDARD]
    assert kpi["urgent"] == len(urgent)
    assert kpi["not_attended"] == sum(c["arrived"] is None for c in urgent)


def test_a_wrong_period_is_refused(community):
    done = subprocess.run([str(CTL), "--config", str(community / "huyingd.conf"), "report", "month", "2026-13"],
                          capture_output=True, check=False)
    assert done.returncode == 2


def test_what_protects_people_is_counted(community):
    """Availability, overdue tests and hours without protection, each by plain SQL."""
    month, start, end = last_month()
    db = sqlite3.connect(f"file:{community / 'journal.db'}?mode=ro", uri=True)
    faults = db.execute("""
        SELECT o.device, o.t, (SELECT max(t) FROM journal WHERE incident = o.incident AND kind = 33), i.grid
        FROM journal o JOIN incident i ON i.id = o.incident WHERE o.kind = 20 AND json_extract(o.body, '$.class') = 'fault'
        AND NOT EXISTS (SELECT 1 FROM journal x WHERE x.incident = o.incident AND x.kind = 60)""").fetchall()
    now = time.time()
    lo, hi = start * 1e6, end * 1e6

    def down(chosen):
        return sum(max(0, min(b or now * 1e6, hi) - max(a, lo)) for _, a, b, _ in chosen) / 1e6
    kpi, = json.loads(ctl(community, "--json", "kpi", "--month", month))
    devices, = db.execute("SELECT count(*) FROM device WHERE retired = 0").fetchone()
    assert kpi["devices"] == devices
    assert kpi["available"] == pytest.approx(100 - 100 * down(faults) / (devices * (end - start)), abs=0.02)
    grids = json.loads(ctl(community, "--json", "kpi", "--month", month, "--by", "grid"))
    assert sum(g["devices"] or 0 for g in grids) == devices
    for row in json.loads(ctl(community, "--json", "kpi", "--month", month, "--by", "resident"))[:200]:
        assert row["unprotected_h"] is None or row["unprotected_h"] <= (end - start) / 3600
