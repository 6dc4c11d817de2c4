# SPDX-License-Identifier: Apache-2.0
"""Yearly archives that stay verifiable, and what can be saved of a damaged database."""

import json
import random
import sqlite3
import subprocess
import sys
import time

import pytest
from net import BUILD, SOURCE

CTL = BUILD / "tools" / "huyingctl" / "huyingctl"
PAGE = 4096


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Two years of a small community, signed now and then."""
    folder = tmp_path_factory.mktemp("history")
    subprocess.run([str(BUILD / "tools" / "bench" / "make-journal"), str(folder), "--rows", "40000", "--months", "24",
                    "--beds", "80"], check=True, capture_output=True)
    (folder / "huyingd.conf").write_text(f"[Gateway]\nSite=demo\nStateDirectory={folder}\nRuntimeDirectory={folder}\n"
                                         "[MQTT]\nHost=\n")
    return folder


def ctl(folder, *arguments, code=0):
    done = subprocess.run([str(CTL), "--config", str(folder / "huyingd.conf"), *map(str, arguments)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def independent(folder, *files):
    key = (folder / "checkpoint.pub").read_text().strip()
    return subprocess.run([sys.executable, str(SOURCE / "tools" / "verify.py"), "--key", key, *map(str, files)],
                          capture_output=True, text=True, check=False)


def test_a_year_leaves_the_machine_and_stays_verifiable(history, tmp_path):
    last, this = time.localtime().tm_year - 1, time.localtime().tm_year
    for year in (last - 1, last):
        ctl(history, "archive", year)
    files = [history / "archive" / f"journal-{year}.jsonl" for year in (last - 1, last)]
    verdict = json.loads(ctl(history, "--json", "verify", "--archive", files[1]))
    assert verdict["good"] and verdict["rows"] > 1000 and verdict["covered"] == verdict["size"], "all of it is signed"
    db = sqlite3.connect(f"file:{history / 'journal.db'}?mode=ro", uri=True)
    lo, hi = (int(time.mktime((y, 1, 1, 0, 0, 0, 0, 0, -1)) * 1e6) for y in (last, this))
    seqs = {json.loads(line)["seq"] for line in open(files[1], encoding="utf-8") if line.startswith('{"seq"')}
    both = seqs | {json.loads(line)["seq"] for line in open(files[0], encoding="utf-8") if line.startswith('{"seq"')}
    assert not {s for (s,) in db.execute("SELECT seq FROM journal WHERE t >= ? AND t < ?", (lo, hi))} - both
    done = independent(history, *files)
    assert done.returncode == 0, done.stdout
    assert independent(history, files[1]).returncode == 0
    assert "not written again" in subprocess.run([str(CTL), "--config", str(history / "huyingd.conf"), "archive", str(last)],
                                                 capture_output=True, text=True, check=False).stderr
    ctl(history, "archive", this, code=3)  # it is not over
    ctl(history, "archive", last, "--pseudonymise", "--output", tmp_path)
    nameless = json.loads(ctl(history, "--json", "verify", "--archive", tmp_path / files[1].name))
    assert nameless["good"] and nameless["erased"] == nameless["rows"] == verdict["rows"]
    assert independent(history, tmp_path / files[1].name).returncode == 0
    assert files[1].stat().st_mode & 0o077 == 0, "people are named in it"
    lines = files[1].read_text(encoding="utf-8").splitlines(keepends=True)
    row = next(n for n, line in enumerate(lines) if '"kind":27' in line)
    forged = tmp_path / "forged.jsonl"
    for change in (lambda: lines[:row] + [lines[row].replace("w0", "w1").replace("tq\":1", "tq\":0")] + lines[row + 1:],
                   lambda: lines[:row] + lines[row + 1:],
                   lambda: [lines[0].replace('"first":1,', '"first":2,')] + lines[1:]):
        forged.write_text("".join(change()), encoding="utf-8")
        assert not json.loads(ctl(history, "--json", "verify", "--archive", forged, code=3))["good"]
        assert independent(history, forged).returncode == 1
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(lines[:-30]), encoding="utf-8")
    witness = tmp_path / "witness"
    witness.write_text(next(json.loads(line)["checkpoint"] for line in reversed(lines) if "checkpoint" in line))
    assert "cut off" in json.loads(ctl(history, "--json", "verify", "--archive", cut, "--checkpoint", witness, code=3))["why"]


def test_what_is_left_of_a_damaged_database(history, tmp_path):
    whole = dict((seq, (t, kind, body)) for seq, t, kind, body in sqlite3.connect(
        f"file:{history / 'journal.db'}?mode=ro", uri=True).execute("SELECT seq, t, kind, body FROM journal"))
    damaged, out = tmp_path / "damaged.db", tmp_path / "left.jsonl"
    with sqlite3.connect(f"file:{history / 'journal.db'}?mode=ro", uri=True) as db, sqlite3.connect(damaged) as copy:
        db.backup(copy)
    chance = random.Random(7)
    with open(damaged, "r+b") as file:
        pages = file.seek(0, 2) // PAGE
        for page in [0, 1, *chance.sample(range(2, pages), 20)]:
            file.seek(page * PAGE)
            file.write(bytes(PAGE) if chance.random() < 0.5 else chance.randbytes(PAGE))
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(damaged).execute("SELECT max(seq) FROM journal").fetchone()
    said = json.loads(ctl(history, "--json", "salvage", damaged, out))
    rows = [json.loads(line) for line in open(out, encoding="utf-8")]
    assert said["rows"] == len(rows) > len(whole) * 0.9 and said["proved"] > len(rows) * 0.9
    assert said["lost"] > 0 and rows[-1]["seq"] - said["lost"] == len(rows)
    for row in rows:
        if row["proved"]:
            assert whole[row["seq"]] == (row["t"], row["kind"], row["body"])
    assert ctl(history, "salvage", damaged, out, code=1) == "", "nothing is overwritten"
    honest = tmp_path / "honest.jsonl"
    said = json.loads(ctl(history, "--json", "salvage", history / "journal.db", honest))
    assert said["proved"] == said["rows"] == len(whole) and said["lost"] == 0
