#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what `huyingctl export` and `huyingctl prove` print, without any code of Huying and nothing but Python.

    verify.py [--key KEY] [--checkpoint FILE]… EXPORT.jsonl…     rows, chain, tree, signed checkpoints
    verify.py [--key KEY] --proof PROOF.json                     one row, by a checkpoint that covers it
    verify.py [--key KEY] --checkpoint OLD --proof PROOF.json    that the journal goes on from OLD

KEY is the verifier key that you got from the gateway's owner at the beginning; without it the key in the export is
taken, which proves nothing against whoever made the export. Checkpoints that you kept (from MQTT, the district, an alert
on a phone) are the witnesses. Several exports, or archives, continue one another. Exit code 0: everything fits; 1: not.

Formats: the head of tools/huyingctl/export.c; the record: daemon/store/journal.h; checkpoints: daemon/store/note.h;
Ed25519: RFC 8032 section 6.
"""
import argparse, base64, hashlib, json, struct, sys  # noqa: E401: this file is kept short to be read

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)

Bad = type("Bad", (Exception,), {"__doc__": "Something does not fit."})

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

# Ed25519, points as (X, Y, Z, T)
def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P

def times(n, p):
    q = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            q = add(q, p)
        p = add(p, p)
        n >>= 1
    return q

def point(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise Bad("a key or a signature is no point of the curve")
    return (x := P - x if x & 1 != sign else x), y, 1, x * y % P

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def signed(key, text, signature):
    r, s = point(signature[:32]), int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    a, b = times(s, BASE), add(r, times(h, point(key)))
    return s < L and (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0

def open_note(note, verifier):
    """The checkpoint in a signed note: (size, root, first row, Unix time)."""
    name, key_id, key = verifier.strip().split("+", 2)
    key = base64.b64decode(key)
    if sha256(name.encode(), b"\n", key)[:4].hex() != key_id or key[0] != 1 or len(key) != 33:
        raise Bad("the verifier key contradicts itself")
    text, _, signatures = note.partition("\n\n")
    for line in signatures.splitlines():
        mark, _, raw = line.rpartition(" ")
        raw = base64.b64decode(raw)
        if mark == f"\u2014 {name}" and raw[:4].hex() == key_id:
            if not signed(key[1:], (text + "\n").encode(), raw[4:]):
                raise Bad("a checkpoint's signature does not fit its text")
            origin, size, root, first, when = text.split("\n")
            if origin != name:
                raise Bad("a checkpoint of another journal")
            return int(size), base64.b64decode(root), int(first.split()[1]), int(when.split()[1])
    raise Bad("a checkpoint is not signed by this key")

def of_alert(text):  # not signed: who kept the alert is the witness
    c = json.loads(text)["checkpoint"]
    return c["size"], base64.b64decode(c["root"]), c["first"], c["time"]

def row_hash(row, prev):
    if row["body"] is not None:
        if sha256(bytes.fromhex(row["salt"]), row["body"].encode()).hex() != row["bh"]:
            raise Bad(f"row {row['seq']}: the body does not fit its hash")
    record = struct.pack(">BQ32sqQIBHQ32s", 1, row["seq"], prev, row["t"], row["tb"], row["boot"], row["tq"], row["kind"],
                         row["incident"], bytes.fromhex(row["bh"]))
    h = sha256(b"\x00", record)
    if h.hex() != row["h"]:
        raise Bad(f"row {row['seq']}: it does not fit the chain")
    return h

class Tree:
    """The frontier: [level, root] of complete subtrees, largest first."""

    def __init__(self, nodes):
        self.nodes = [(level, base64.b64decode(h)) for level, h in nodes]
        self.size = sum(1 << level for level, _ in self.nodes)

    def append(self, h):
        level = 0
        while self.nodes and self.nodes[-1][0] == level:
            h, level = sha256(b"\x01", self.nodes.pop()[1], h), level + 1
        self.nodes.append((level, h))
        self.size += 1

    def root(self):
        root = self.nodes[-1][1]
        for _, h in self.nodes[-2::-1]:
            root = sha256(b"\x01", h, root)
        return root

def check_export(paths, key, witnesses):
    tree, last, prev, rows, erased, notes, due = None, None, None, 0, 0, 0, {}
    for path in paths:
        for line in open(path, encoding="utf-8"):
            item = json.loads(line)
            if "huying" in item:
                key = key or item["key"]
                if last is not None and item["from"] != last + 1:
                    raise Bad(f"{path}: rows {last + 1} to {item['from'] - 1} are missing")
                if last is None:
                    tree, first = Tree(item["nodes"]), item["first"]
                    if tree.size != item["from"] - first:
                        raise Bad("the tree before the export has another size")
                    prev, last = bytes.fromhex(item["prev"] or "00" * 32), item["from"] - 1
                    for text in witnesses:
                        size, root, of, _ = of_alert(text) if text[:1] == "{" else open_note(text, key)
                        if of != first or size <= tree.size:
                            raise Bad("a given checkpoint is of another journal or lies before the export")
                        due[size] = root
            elif "checkpoint" in item:
                size, root, _, _ = open_note(item["checkpoint"], key)
                if size != tree.size or root != tree.root():
                    raise Bad(f"checkpoint {size}: the rows are not those that it has signed")
                notes += 1
            else:
                if item["seq"] != last + 1:
                    raise Bad(f"row {last + 1} is missing")
                prev, last = row_hash(item, prev), item["seq"]
                tree.append(prev)
                rows, erased = rows + 1, erased + (item["body"] is None)
                if tree.size in due and due.pop(tree.size) != tree.root():
                    raise Bad(f"the first {tree.size} rows are not those that the given checkpoint has signed")
    if due:
        raise Bad(f"the end was cut off: a given checkpoint has signed {max(due)} rows, there are {tree.size}")
    print(f"good: {rows} rows, {erased} without a body, {notes} checkpoints, {len(witnesses)} witnesses, head {prev.hex()}")

def check_proof(proof, key, witnesses):
    size, root, first, _ = open_note(proof["checkpoint"], key)
    path, sn = [base64.b64decode(h) for h in proof["path"]], size - 1
    if size != proof["size"]:
        raise Bad("the proof is for another checkpoint")
    if proof["huying"] == "proof-1":
        r, fn, both = row_hash(proof, bytes.fromhex(proof["prev"] or "00" * 32)), proof["index"], None
        if proof["index"] != proof["seq"] - first or fn >= size:
            raise Bad("the proof is for another row")
    else:
        before, old = open_note(witnesses[0], key)[:2]
        if before != proof["before"] or not 0 < before <= size:
            raise Bad("the proof is for another old checkpoint")
        both = r = old if before & before - 1 == 0 else path.pop(0)
        fn = before - 1
    while both and fn & 1:
        fn, sn = fn >> 1, sn >> 1
    for h in path:
        if fn & 1 or fn == sn:
            r, both = sha256(b"\x01", h, r), both and sha256(b"\x01", h, both)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01", r, h)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or r != root or (both and both != old):
        raise Bad("the proof does not lead to the checkpoint's root")
    print(f"good: {'row %d' % proof['seq'] if not both else 'the journal of %d rows goes on' % before} in {size} rows")

def main():
    parser = argparse.ArgumentParser()
    many = {"--checkpoint": {"action": "append", "default": []}, "exports": {"nargs": "*"}}
    for name in ("--key", "--proof", *many):
        parser.add_argument(name, **many.get(name, {}))
    o = parser.parse_args()
    try:
        witnesses = [open(path, encoding="utf-8").read() for path in o.checkpoint]
        if o.proof:
            check_proof(json.load(open(o.proof, encoding="utf-8")), o.key or sys.exit("--proof needs --key"), witnesses)
        else:
            check_export(o.exports, o.key, witnesses)
    except (Bad, KeyError, ValueError, TypeError, IndexError, struct.error) as error:
        print(f"BAD: {error!r}" if not isinstance(error, Bad) else f"BAD: {error}")
        return 1

if __name__ == "__main__":
    sys.exit(main())
