# SPDX-License-Identifier: Apache-2.0
"""Forgeries of the journal, each found by the level that should find it; and those that nothing can find, said so.

The levels: the chain alone (no key), the signed checkpoints of the database, a checkpoint that a witness kept. Every
forgery is made by somebody who may write the file, as completely as his means allow: he rehashes what follows, mends
the tree, and (with the key) signs again. `tools/verify.py` has to say the same as `huyingctl verify`.
"""

import base64
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys

import pytest
from net import BUILD, SOURCE, Broker, Daemon, Site, wait_for

sys.path.insert(0, str(SOURCE / "tools"))
import verify  # noqa: E402

CTL = BUILD / "tools" / "huyingctl" / "huyingctl"


class Record:
    """A state folder that was recorded by a real gateway, to be copied and forged."""

    def __init__(self, folder, site="demo"):
        self.folder = folder
        self.site = site
        self.config = folder / "huyingd.conf"
        self.config.write_text(f"[Gateway]\nSite={site}\nStateDirectory={folder / 'state'}\n"
                               f"RuntimeDirectory={folder / 'run'}\n[MQTT]\nHost=\n")

    def copy(self, folder):
        shutil.copytree(self.folder / "state", folder / "state")
        return Record(folder, self.site)

    def open(self):
        db = sqlite3.connect(self.folder / "state" / "journal.db", isolation_level=None)
        for trigger in ("journal_update", "journal_delete"):
            db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        return db

    def ctl(self, *arguments):
        return subprocess.run([str(CTL), "--config", str(self.config), *map(str, arguments)], capture_output=True,
                              text=True, timeout=60, check=False)

    def verify(self, *arguments):
        done = self.ctl("--json", "verify", *arguments)
        assert done.returncode in (0, 3), done.stderr
        return json.loads(done.stdout)

    def export(self, *arguments):
        path = self.folder / "export.jsonl"
        done = self.ctl("export", *arguments)
        assert done.returncode == 0, done.stderr
        path.write_text(done.stdout)
        return path

    def independent(self, *arguments, key=None):
        """tools/verify.py on an export; True when it says that all fits."""
        return subprocess.run([sys.executable, str(SOURCE / "tools" / "verify.py"), "--key", key or self.key(),
                               *map(str, arguments), str(self.export())], capture_output=True, text=True,
                              check=False).returncode == 0

    def key(self):
        return (self.folder / "state" / "checkpoint.pub").read_text().strip()


def row_hash(db, seq, prev):
    t, tb, boot, tq, kind, incident, bh = db.execute(
        "SELECT t, tb, boot, tq, kind, coalesce(incident, 0), bh FROM journal WHERE seq = ?", (seq,)).fetchone()
    return verify.sha256(b"\0", verify.struct.pack(">BQ32sqQIBHQ32s", 1, seq, prev, t, tb, boot, tq, kind, incident, bh))


def set_body(db, seq, body):
    salt, = db.execute("SELECT salt FROM journal WHERE seq = ?", (seq,)).fetchone()
    db.execute("UPDATE journal SET body = ?, bh = ? WHERE seq = ?", (body, verify.sha256(salt, body.encode()), seq))


def rehash(db, seq):
    """From this row to the end, and the tree after it."""
    (prev,) = db.execute("SELECT h FROM journal WHERE seq = ?", (seq - 1,)).fetchone() or (bytes(32),)
    for (n,) in db.execute("SELECT seq FROM journal WHERE seq >= ? ORDER BY seq", (seq,)).fetchall():
        prev = row_hash(db, n, prev)
        db.execute("UPDATE journal SET h = ? WHERE seq = ?", (prev, n))
    mend_tree(db)


def mend_tree(db):
    db.execute("DELETE FROM tree")
    hashes = [h for (h,) in db.execute("SELECT h FROM journal ORDER BY seq")]
    for block in range(len(hashes) // 256):
        tree = verify.Tree([])
        for h in hashes[256 * block:256 * (block + 1)]:
            tree.append(h)
        db.execute("INSERT INTO tree VALUES(?, ?)", (block, tree.root()))


def sign(secret, text):
    """Ed25519 of RFC 8032, from the gateway's own key file: what its owner can do."""
    digest = hashlib.sha512(secret).digest()
    a = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254

    def encode(p):
        z = pow(p[2], verify.P - 2, verify.P)
        x, y = p[0] * z % verify.P, p[1] * z % verify.P
        return (y | (x & 1) << 255).to_bytes(32, "little")

    public = encode(verify.times(a, verify.BASE))
    r = int.from_bytes(hashlib.sha512(digest[32:] + text).digest(), "little") % verify.L
    point = encode(verify.times(r, verify.BASE))
    h = int.from_bytes(hashlib.sha512(point + public + text).digest(), "little") % verify.L
    return point + ((r + h * a) % verify.L).to_bytes(32, "little")


def sign_again(record, db):
    """Every checkpoint anew, over the rows as they are now."""
    _, _, name, key_id, secret = (record.folder / "state" / "checkpoint.key").read_text().strip().split("+", 4)
    secret = base64.b64decode(secret)[1:]
    hashes = [h for (h,) in db.execute("SELECT h FROM journal ORDER BY seq")]
    for size, note in db.execute("SELECT size, note FROM checkpoint").fetchall():
        if size > len(hashes):
            db.execute("DELETE FROM checkpoint WHERE size = ?", (size,))
            continue
        tree = verify.Tree([])
        for h in hashes[:size]:
            tree.append(h)
        lines = note.partition("\n\n")[0].split("\n")
        lines[2] = base64.b64encode(tree.root()).decode()
        text = "\n".join(lines) + "\n"
        signature = base64.b64encode(bytes.fromhex(key_id) + sign(secret, text.encode())).decode()
        db.execute("UPDATE checkpoint SET note = ? WHERE size = ?", (f"{text}\n\u2014 {name} {signature}\n", size))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A record with alarms before and after a checkpoint that a witness has kept."""
    broker = Broker().start()
    daemon = Daemon(broker).start()
    site = Site(broker, daemon)
    try:
        site.wait_online()
        witness = site.client()
        witness.subscribe(site.topic("checkpoint"))
        bed, w01 = site.device("sos-101"), site.worker("w01")
        for n in range(3):
            site.press(bed, "sos-101", f"e-{n}")
            incident = site.receipt(bed, "sos-101", f"e-{n}")["incident"]
            site.act(w01, "w01", incident, "accept")
            site.act(w01, "w01", incident, "arrived")
            site.act(w01, "w01", incident, "resolve", outcome="helped", note="由网格员扶起")
            if n == 1:
                seen = witness.mark()
                kept = witness.wait(site.topic("checkpoint"), since=seen).text
                seen = w01.mark()
        alert = site.alert(w01, "w01", incident, lambda a: "checkpoint" in a, seen)
        folder = tmp_path_factory.mktemp("recorded")
        assert daemon.stop() == 0
        daemon.check()
        shutil.copytree(daemon.state, folder / "state")
        record = Record(folder)
        record.note = folder / "kept.checkpoint"
        record.note.write_text(kept)
        record.kept = int(kept.split("\n")[1])
        record.alert = folder / "alert.json"
        record.alert.write_text(json.dumps(alert))
        yield record
    except AssertionError:
        print(daemon.output()[-4000:])
        raise
    finally:
        site.close()
        daemon.clean()
        broker.clean()


@pytest.fixture
def forged(recorded, tmp_path):
    record = recorded.copy(tmp_path)
    record.note, record.kept, record.alert = recorded.note, recorded.kept, recorded.alert
    record.db = record.open()
    yield record
    record.db.close()


def found(record):
    """By which levels."""
    no_key = record.verify("--key", "none")["good"]
    return {
        "chain": not no_key,
        "checkpoints": not record.verify()["good"],
        "witness": not record.verify("--checkpoint", record.note)["good"],
        "independent": not record.independent("--checkpoint", record.note),
    }


def last(db):
    return db.execute("SELECT max(seq) FROM journal").fetchone()[0]


def accepted(db):
    return db.execute("SELECT seq FROM journal WHERE kind = 27 ORDER BY seq LIMIT 1").fetchone()[0]


NOTHING = {"chain": False, "checkpoints": False, "witness": False, "independent": False}
ALL = {"chain": True, "checkpoints": True, "witness": True, "independent": True}
BY_CHECKPOINT = {**ALL, "chain": False}
BY_WITNESS = {**NOTHING, "witness": True, "independent": True}


def test_an_honest_record(recorded):
    verdict = recorded.verify("--checkpoint", recorded.note)
    assert verdict["good"] and verdict["witness"] and verdict["checkpoints"] >= 2
    assert verdict["covered"] == verdict["size"], "a clean stop signs the end"
    assert found(recorded) == NOTHING
    assert recorded.verify("--incident", 1)["good"]
    assert recorded.verify("--from", 5, "--to", 9)["good"]


def test_an_edited_row(forged):
    seq = accepted(forged.db)
    forged.db.execute("UPDATE journal SET body = replace(body, 'w01', 'w02') WHERE seq = ?", (seq,))
    assert found(forged) == ALL
    assert forged.verify()["bad"] == seq
    assert not forged.verify("--incident", 1)["good"]
    assert not forged.verify("--from", seq, "--to", seq)["good"]


def test_an_edited_time(forged):
    seq = accepted(forged.db)
    forged.db.execute("UPDATE journal SET t = t - 60000000 WHERE seq = ?", (seq,))
    assert found(forged) == ALL


def test_edited_and_rehashed_without_the_key(forged):
    seq = accepted(forged.db)
    set_body(forged.db, seq, '{"worker":"w02"}')
    rehash(forged.db, seq)
    assert found(forged) == BY_CHECKPOINT
    assert not forged.verify("--incident", 1)["good"], "one incident is anchored in the newest checkpoint"


def test_and_later_checkpoints_deleted(forged):
    seq = accepted(forged.db)
    set_body(forged.db, seq, '{"worker":"w02"}')
    rehash(forged.db, seq)
    forged.db.execute("DELETE FROM checkpoint WHERE size >= ?", (seq,))
    assert found(forged) == BY_WITNESS


def test_a_row_deleted_and_the_rest_renumbered(forged):
    seq = accepted(forged.db)
    forged.db.execute("DELETE FROM journal WHERE seq = ?", (seq,))
    for (n,) in forged.db.execute("SELECT seq FROM journal WHERE seq > ? ORDER BY seq", (seq,)).fetchall():
        forged.db.execute("UPDATE journal SET seq = ? WHERE seq = ?", (n - 1, n))
    rehash(forged.db, seq)
    assert found(forged) == BY_CHECKPOINT


def test_a_row_deleted(forged):
    forged.db.execute("DELETE FROM journal WHERE seq = ?", (accepted(forged.db),))
    assert found(forged) == ALL


def cut(record, size):
    record.db.execute("DELETE FROM journal WHERE seq > ?", (size,))
    record.db.execute("DELETE FROM checkpoint WHERE size > ?", (size,))
    mend_tree(record.db)


def test_the_end_cut_off_below_the_kept_checkpoint(forged):
    cut(forged, forged.kept - 2)
    assert found(forged) == BY_WITNESS
    assert "cut off" in forged.verify("--checkpoint", forged.note)["why"]


def test_the_end_cut_off_and_the_checkpoints_left(forged):
    forged.db.execute("DELETE FROM journal WHERE seq > ?", (last(forged.db) - 2,))
    mend_tree(forged.db)
    assert found(forged) == {**NOTHING, "checkpoints": True, "witness": True}


def test_the_owner_of_the_key_rewrites_history(forged):
    seq = accepted(forged.db)
    set_body(forged.db, seq, '{"worker":"w02"}')
    rehash(forged.db, seq)
    sign_again(forged, forged.db)
    assert found(forged) == BY_WITNESS


def test_the_owner_of_the_machine_makes_a_new_key(forged, recorded):
    """Whoever trusts the key on the machine sees nothing; whoever was given the key at the beginning does."""
    good = recorded.key()
    for name in ("checkpoint.key", "checkpoint.pub"):
        (forged.folder / "state" / name).unlink()
    forged.db.execute("DELETE FROM checkpoint")
    assert forged.verify()["good"] and forged.verify()["checkpoints"] == 0
    assert forged.ctl("verify", "--key", good, "--checkpoint", forged.note).returncode == 0, "the rows are the same"


def test_an_alert_on_a_phone_is_a_witness(forged):
    alert = json.loads(forged.alert.read_text())
    assert alert["checkpoint"]["size"] >= forged.kept and alert["checkpoint"]["first"] == 1
    verdict = forged.verify("--checkpoint", forged.alert)
    assert verdict["good"] and verdict["witness"] and forged.independent("--checkpoint", forged.alert)
    seq = accepted(forged.db)
    set_body(forged.db, seq, '{"worker":"w02"}')
    rehash(forged.db, seq)
    sign_again(forged, forged.db)
    assert forged.verify()["good"] and not forged.verify("--checkpoint", forged.alert)["good"]
    assert forged.independent() and not forged.independent("--checkpoint", forged.alert)
    cut(forged, forged.kept - 2)
    assert "cut off" in forged.verify("--checkpoint", forged.alert)["why"]


# What no level can find: README, "查证 Checking the record".

def test_nothing_finds_a_cut_behind_the_kept_checkpoint(forged):
    cut(forged, forged.kept)
    assert found(forged) == NOTHING


def test_nothing_finds_rows_rewritten_behind_the_kept_checkpoint(forged):
    seq = last(forged.db)
    assert seq > forged.kept
    set_body(forged.db, seq, '{"forged":true}')
    rehash(forged.db, seq)
    sign_again(forged, forged.db)
    assert found(forged) == NOTHING


def append(db, seconds_ago):
    seq = last(db)
    t, = db.execute("SELECT t FROM journal WHERE seq = ?", (seq,)).fetchone()
    db.execute("INSERT INTO journal(seq, t, tb, boot, tq, kind, salt, body, bh, h) SELECT ?, ?, tb, boot, 1, 27, salt,"
               " '', bh, h FROM journal WHERE seq = ?", (seq + 1, t - seconds_ago * 1000000, seq))
    set_body(db, seq + 1, '{"worker":"w01"}')
    rehash(db, seq + 1)


def test_a_back_dated_row_is_found_by_the_witness_and_its_time(forged):
    append(forged.db, 1800)
    assert found(forged)["checkpoints"] is False
    assert not forged.verify("--checkpoint", forged.note)["good"]


def test_nothing_finds_a_row_back_dated_by_less_than_the_interval(forged):
    append(forged.db, 0)
    assert found(forged) == NOTHING


# Proofs

def test_one_row_is_proved_to_a_stranger(recorded, tmp_path):
    proof = tmp_path / "proof.json"
    proof.write_text(recorded.ctl("prove", 7).stdout)
    program = [sys.executable, str(SOURCE / "tools" / "verify.py"), "--key", recorded.key()]
    assert subprocess.run([*program, "--proof", str(proof)], check=False).returncode == 0
    forged = json.loads(proof.read_text())
    forged["body"] = forged["body"].replace("{", "{ ", 1)
    proof.write_text(json.dumps(forged))
    assert subprocess.run([*program, "--proof", str(proof)], check=False).returncode == 1
    proof.write_text(recorded.ctl("prove", "--checkpoint", recorded.note).stdout)
    consistent = [*program, "--checkpoint", str(recorded.note), "--proof", str(proof)]
    assert subprocess.run(consistent, check=False).returncode == 0
    assert recorded.ctl("prove", 100000).returncode == 1


def test_increments_fit_together(recorded, tmp_path):
    parts = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    parts[0].write_text(recorded.ctl("export", "--to", 10).stdout)
    parts[1].write_text(recorded.ctl("export", "--from", 11).stdout)
    program = [sys.executable, str(SOURCE / "tools" / "verify.py"), "--key", recorded.key()]
    for files in (parts, parts[:1], parts[1:]):
        done = subprocess.run([*program, *map(str, files)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert subprocess.run([*program, str(parts[1]), str(parts[0])], check=False).returncode == 1


def test_a_pseudonymised_export_still_verifies(recorded):
    path = recorded.export("--pseudonymise")
    text = path.read_text()
    for secret in ("sos-101", "w01", "h101", "r101", "扶起"):
        assert secret not in text, secret
    done = subprocess.run([sys.executable, str(SOURCE / "tools" / "verify.py"), "--key", recorded.key(), str(path)],
                          check=False)
    assert done.returncode == 0


# Lawful erasure, backup and its drill, on a gateway that runs

def test_erasure_leaves_the_chain_valid(site, tmp_path):
    bed, w01 = site.device("sos-101"), site.worker("w01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    site.act(w01, "w01", incident, "accept")
    assert site.daemon.ctl("erase", "r101", check=False).returncode == 2, "a reason is needed"
    refused = site.daemon.ctl("erase", "r101", "--reason", "依申请", check=False)
    assert refused.returncode == 1 and "not closed" in refused.stderr
    backup = tmp_path / "copy.db"
    site.daemon.ctl("backup", backup)
    assert site.daemon.ctl("backup", backup, check=False).returncode == 1, "nothing is overwritten"
    assert site.daemon.ctl("restore", "--check", backup).returncode == 0
    site.press(bed, "sos-102", "e-2")
    assert site.daemon.ctl("erase", "r501", "--reason", "依申请 2026-11").returncode == 0
    assert json.loads(site.daemon.ctl("--json", "verify").stdout)["good"]
    rows = sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True).execute(
        "SELECT body FROM journal WHERE kind = 7").fetchall()
    assert any('"erase"' in body and "依申请 2026-11" in body for (body,) in rows)


def test_erased_rows_have_no_content(make_site, tmp_path):
    """A person who has left: closed incidents, out of the registry."""
    registry = tmp_path / "registry"
    shutil.copytree(SOURCE / "config" / "demo", registry)
    daemon = make_site(settings={"Ladder sos": {"Reopen": "1s"}}).daemon
    daemon.ctl("drill", "sos-501", "--call", "--yes")
    for verb in (("accept", 1), ("arrived", 1), ("resolve", 1, "helped", "陈样本已转院")):
        daemon.ctl(*verb, worker="d01")
    wait_for(lambda: "closed" in daemon.ctl("list", "--all").stdout, what="the incident to close")
    for name, keep in (("residents", "r501"), ("devices", "h501,"), ("devices", "r501")):
        path = registry / f"{name}.csv"
        path.write_text("".join(line for line in path.open() if keep not in line))
    daemon.ctl("import", registry)
    assert "陈样本已转院" in daemon.ctl("show", 1).stdout
    assert daemon.ctl("erase", "r501", "--reason", "家属申请").returncode == 0
    shown = daemon.ctl("show", 1).stdout
    assert "陈样本" not in shown and "lawfully erased" in shown
    verdict = json.loads(daemon.ctl("--json", "verify").stdout)
    assert verdict["good"] and verdict["erased"] > 5
    daemon.stop()
    with open(daemon.journal, "rb") as file:
        assert "陈样本已转院".encode() not in file.read(), "nor in the file's free space"
