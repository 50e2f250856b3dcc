#!/usr/bin/env python3
"""Count cases in meson's testlog.json: prints `passed failed skipped`.

A test that speaks TAP counts as its cases; any other counts as one. A test that ended badly without a failing case
(it crashed, or ran out of time) counts as one failure. Meson does not show what a failing TAP test printed, so this
does, on stderr.
"""
import json
import re
import sys

GOOD = {"OK", "EXPECTEDFAIL"}


def count(record):
    """(passed, failed, skipped) of one line of testlog.json."""
    passed = failed = skipped = 0
    tap = record.get("stdout") or ""
    if re.search(r"^(TAP version \d+|1\.\.\d+)\b", tap, re.M):
        for line in tap.splitlines():
            case = re.match(r"(not )?ok\b(.*)", line)
            if not case:
                continue
            if re.search(r"#\s*SKIP", case.group(2), re.I):
                skipped += 1
            elif case.group(1) and not re.search(r"#\s*TODO", case.group(2), re.I):
                failed += 1
            else:
                passed += 1
        if re.search(r"^1\.\.0\b", tap, re.M) and passed + failed + skipped == 0:
            skipped = 1
    result = record["result"]
    if result not in GOOD and result != "SKIP":
        if passed + failed + skipped:
            print(f"---- {record['name']}", *tap.splitlines()[-80:], sep="\n", file=sys.stderr)
        return passed, max(failed, 1), skipped
    if passed + failed + skipped == 0:
        return (0, 0, 1) if result == "SKIP" else (1, 0, 0)
    return passed, failed, skipped


def main():
    totals = [0, 0, 0]
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            if line.strip():
                totals = [a + b for a, b in zip(totals, count(json.loads(line)))]
    print(*totals)


main()
