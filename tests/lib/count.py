#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up what test runs left behind: `count.py [--failed WHAT]… FILE…`.

FILE: meson's testlog.json (a test that is a cmocka or TAP program counts as many as it has cases) or a JUnit XML file of
pytest. --failed: something that failed without leaving a file, as a build does. Names every failure; the last line is
"N passed, N failed[, N skipped]". Exits with 1 when anything failed or nothing ran.
"""

import argparse
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def cmocka(output):
    """(passed, failed, skipped) of a cmocka program's own report, or None when it has made none."""
    if "[==========]" not in output:
        return None
    def of(word):
        return sum(int(n) for n in re.findall(rf"\[\s+{word}\s+\] (\d+) test\(s\)", output))
    return of("PASSED"), of("FAILED"), of("SKIPPED")


def tap(output):
    lines = [line for line in output.splitlines() if re.match(r"(not )?ok\b", line)]
    if not lines or not re.search(r"^1\.\.\d+", output, re.M):
        return None
    skipped = sum(1 for line in lines if re.search(r"# *skip", line, re.I))
    failed = sum(1 for line in lines if line.startswith("not ok"))
    return len(lines) - failed - skipped, failed, skipped


def meson(path, failures):
    total = [0, 0, 0]
    for line in path.read_text().splitlines():
        test = json.loads(line)
        result = test["result"]
        good = result in ("OK", "EXPECTEDFAIL")
        output = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
        counts = cmocka(output) or tap(output)
        if result == "SKIP" and counts is None:
            counts = (0, 0, 1)
        elif counts is None or sum(counts) == 0:
            counts = (1, 0, 0) if good else (0, 1, 0)
        elif not good and result != "SKIP" and counts[1] == 0:
            # ended by a signal, a sanitizer or the time limit, after cases that had passed
            counts = (counts[0], 1, counts[2])
        if counts[1]:
            failures.append(f"{test['name']} ({result.lower()}, {path.parent.parent.name})")
        total = [a + b for a, b in zip(total, counts)]
    return total


def junit(path, failures):
    worst = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        rank = 2 if kinds & {"failure", "error"} else 1 if "skipped" in kinds else 0
        worst[name] = max(worst.get(name, 0), rank)
    failures += [f"{name} ({path.parent.parent.name})" for name, rank in worst.items() if rank == 2]
    return [sum(1 for rank in worst.values() if rank == r) for r in (0, 2, 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failed", action="append", default=[])
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    failures = list(arguments.failed)
    total = [0, len(failures), 0]
    for path in arguments.files:
        counts = junit(path, failures) if path.suffix == ".xml" else meson(path, failures)
        total = [a + b for a, b in zip(total, counts)]
    for name in failures:
        print(f"FAILED {name}")
    passed, failed, skipped = total
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
