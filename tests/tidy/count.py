#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The closing line of ./test is counted rightly: count.py ROOT feeds .ci/count.py with logs of which the count is known."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TAP = "TAP version 13\n1..3\nok - a\nok - b\nok - c\n"
LOGS = [
    ("nothing ran", [], "0 0 0"),
    ("TAP counts as its cases", [("OK", TAP), ("OK", "plain text\n")], "4 0 0"),
    ("a failing case", [("ERROR", "1..2\nok 1 - a\nnot ok 2 - b\n")], "1 1 0"),
    ("a crash after good cases", [("FAIL", TAP)], "3 1 0"),
    ("a crash before any case", [("ERROR", "TAP version 13\n"), ("TIMEOUT", None)], "0 2 0"),
    ("skipped cases and tests", [("OK", "1..2\nok 1 - a # SKIP no folder\nok 2 - b\n"), ("SKIP", ""),
                                 ("SKIP", "1..0 # SKIP nothing here\n")], "1 0 3"),
    ("a skip does not hide a failure", [("ERROR", "1..2\nok 1 - a # SKIP\nnot ok 2 - b\n")], "0 1 1"),
    ("expected failures", [("EXPECTEDFAIL", "x\n"), ("UNEXPECTEDPASS", "x\n")], "1 1 0"),
    ("words of a case that look like a directive", [("OK", "1..1\nok 1 - skips # of pages\n")], "1 0 0"),
]


def main():
    failed = 0
    print(f"TAP version 13\n1..{len(LOGS)}")
    for number, (name, records, want) in enumerate(LOGS, 1):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
            for result, stdout in records:
                log.write(json.dumps({"name": name, "result": result, "stdout": stdout}) + "\n")
            log.flush()
            run = subprocess.run([sys.executable, str(Path(sys.argv[1]) / ".ci/count.py"), log.name],
                                 capture_output=True, text=True, check=False)
        got = run.stdout.strip()
        if got != want:
            print(f"# {name}: got `{got}`, expected `{want}` {run.stderr}")
            failed += 1
        print(f"{'ok' if got == want else 'not ok'} {number} - {name.replace('#', '')}")
    sys.exit(1 if failed else 0)


main()
