#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks of the sources themselves: tidy.py CHECK ROOT [ARGUMENT]

Each check is a function find_CHECK(root, argument) that returns complaints, one string each. And each has a
bad_CHECK(root): it writes a small tree in which everything is wrong that the check knows, and returns how many
complaints that must give. So every run first proves that the check can fail, then looks at the real tree.

Speaks TAP: one case for the proof, one for the tree.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LAYERS = ["base", "hw", "mm", "replay", "view", "tree", "daemon"]


class Skip(Exception):
    """The check cannot be made here; the text says why."""


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def sources(root, *suffixes):
    """The C sources of the project (nothing built, nothing vendored)."""
    found = []
    for top in ("src", "include", "fs-layout", "tests", "bench", "examples", "docs"):
        if (root / top).is_dir():
            found += [p for p in (root / top).rglob("*") if p.suffix in suffixes]
    return sorted(found)


# ---- layers: a file includes its own layer or lower ones ----

OUTSIDE = {  # system headers, and the layers that may use them
    r"fuse.*|fuse3/.*|uv\.h|linux/fuse\.h": ["daemon"],
    r"pthread\.h|threads\.h|signal\.h|fcntl\.h|sys/stat\.h|sys/socket\.h|dirent\.h|sys/time\.h": ["daemon"],
    r"libfdt.*|fdt\.h": ["mm", "daemon"],
}


def layer_of(path, root):
    parts = path.relative_to(root).parts
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def find_layers(root, _):
    complaints = []
    for path in sources(root, ".c", ".h", ".def"):
        layer = layer_of(path, root)
        if layer is None:
            continue
        if layer not in LAYERS:
            complaints.append(f"{path.relative_to(root)}: src/{layer} is not one of the layers {LAYERS}")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not include:
                continue
            where = f"{path.relative_to(root)}:{number}: {include.group(2)}"
            other = include.group(2).split("/")[0]
            if include.group(1) == '"' and other in LAYERS and LAYERS.index(other) > LAYERS.index(layer):
                complaints.append(f"{where} belongs to {other}, which is above {layer}")
            part = re.match(r"mm/(\w+)/", include.group(2))
            if path.is_relative_to(root / "src/mm/core") and part and part.group(1) != "core":
                complaints.append(f"{where} is above mm/core, which calls it through mm/core/above.h")
            if include.group(1) == '"' and other == "simm" and LAYERS.index(layer) < LAYERS.index("tree"):
                complaints.append(f"{where} is the public header, above {layer}")
            for pattern, allowed in OUTSIDE.items():
                if include.group(1) == "<" and re.fullmatch(pattern, include.group(2)) and layer not in allowed:
                    complaints.append(f"{where} may be used in {', '.join(allowed)} only")
    return complaints


def bad_layers(root):
    write(root, "src/hw/walk.c", '#include "mm/machine.h"\n#include "base/text.h"\n#include "hw/tlb.h"\n')
    write(root, "src/mm/x/clock.h", "# include <uv.h>\n#include <libfdt.h>\n#include <string.h>\n")
    write(root, "src/view/v.c", '#include "simm/simm.h"\n#include "tree/row.h"\n')
    write(root, "src/attic/old.c", "")
    write(root, "src/daemon/main.c", '#include <fuse_lowlevel.h>\n#include "simm/simm.h"\n')
    write(root, "src/mm/core/log.c", '#include "mm/core/text.h"\n#include "mm/machine.h"\n#include "mm/page/zone.h"\n')
    return 6


# ---- symbols: libsimm is pure ----

IMPURE = re.compile(
    r"fuse_.*|uv_.*|pthread_(?!.*@)?.*|thrd_.*|mtx_.*|sem_.*|fork|vfork|exec[vl].*|posix_spawn.*|system|popen|"
    r"clock_.*|time|times|gettimeofday|nanosleep|usleep|sleep|localtime.*|gmtime.*|ftime|"
    r"rand|srand|rand_r|random|srandom|random_r|[dejlmn]rand48.*|s?rand48.*|getrandom|getentropy|arc4random.*|"
    r"(secure_)?getenv|setenv|putenv|environ|getpid|gethostname|getcwd|getuid|sysinfo|uname|"
    r"(f|fd|fre)open(64)?|open(at)?(64)?|creat(64)?|p?read(v)?(64)?(_chk)?|p?write(v)?(64)?|close|f?l?stat.*|ioctl|"
    r"mincore|opendir|readdir.*|fread|fwrite|fgets|getline|getdelim|v?printf|puts|putchar|perror|"
    r"stdin|stdout|signal|sigaction|syscall|socket|dlopen")
# What assertions and sanitizers bring along.
RUNTIME = re.compile(r"__(asan|ubsan|sanitizer|lsan|stack_chk|gcov|llvm)_?.*|_GLOBAL_.*")


def nm(archive, *options):
    """Lines of nm, split into words."""
    out = subprocess.run(["nm", *options, str(archive)], check=True, capture_output=True, text=True).stdout
    return [line.split("|") if "|" in line else line.split() for line in out.splitlines() if line]


def find_symbols(_, archive):
    complaints = []
    # nm -u speaks of each member; what another member defines is not outside.
    seen = {words[-1] for words in nm(archive, "--defined-only") if len(words) == 3}
    for words in nm(archive, "-u"):
        if len(words) == 2 and words[0] == "U" and words[1] not in seen:
            name = words[1].split("@")[0]
            name = re.sub(r"^__(\w+)_chk$", r"\1", name)
            name = re.sub(r"^__isoc\d\d_", "", name)
            if not RUNTIME.fullmatch(name) and IMPURE.fullmatch(name) and name not in seen:
                seen.add(name)
                complaints.append(f"{archive}: refers to {name}")
    # Mutable globals: named objects in .data and .bss (constant tables with addresses lie in .data.rel.ro).
    for words in nm(archive, "-f", "sysv"):
        if len(words) == 7 and words[3].strip() == "OBJECT":
            name, section = words[0].strip(), words[6].strip()
            mutable = re.match(r"(\.data|\.bss|\.tdata|\.tbss)(?!\.rel\.ro)|\*COM\*", section)
            if mutable and not RUNTIME.fullmatch(name) and not name.startswith(("__odr_asan", "__emutls")):
                complaints.append(f"{archive}: {name} is a global that can change ({section})")
    return complaints


def bad_symbols(root):
    write(root, "bad.c", """
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <fcntl.h>
extern void fuse_reply_err(void), uv_run(void);
extern int pthread_create(void);
int counter;
static int steps = 3;
static const char *const names[] = { "constant", "table" };
const char *bad(void);
const char *bad(void)
{
	fuse_reply_err();
	uv_run();
	counter += steps++ + rand() + (int)time(NULL) + pthread_create() + open("x", O_RDONLY);
	return getenv(names[counter & 1]);
}
""")
    subprocess.run(["cc", "-fno-builtin", "-fPIC", "-w", "-c", "-o", str(root / "bad.o"), str(root / "bad.c")], check=True)
    subprocess.run(["ar", "rcs", str(root / "libbad.a"), str(root / "bad.o")], check=True)
    return 9, root / "libbad.a"


# ---- sizes: one idea a file, functions that fit on two screens ----

# clang-format holds code to 100 columns; tables, pictures and comments may be wider, up to this.
MAX_FILE, MAX_FUNCTION, MAX_COLUMNS = 700, 80, 132


def functions(lines):
    """(name, first line number, length) of functions: kernel style, so a body is { to } in the first column."""
    start = None
    for i, line in enumerate(lines):
        if line == "{":
            start = i
        elif line.startswith("}") and start is not None:
            head = start - 1
            while head > 0 and not re.match(r"\w", lines[head]):
                head -= 1
            name = re.search(r"(\w+)\(", lines[head])
            yield (name.group(1) if name else lines[head]), head + 1, i - head + 1
            start = None


def find_sizes(root, _):
    complaints = []
    for path in sources(root, ".c", ".h", ".py", ".sh"):
        lines = path.read_text(encoding="utf-8").splitlines()
        where = path.relative_to(root)
        if len(lines) > MAX_FILE:
            complaints.append(f"{where}: {len(lines)} lines; a file of {MAX_FILE} wants to be two")
        if path.suffix == ".c":
            for name, number, length in functions(lines):
                if length > MAX_FUNCTION:
                    complaints.append(f"{where}:{number}: {name}() has {length} lines; {MAX_FUNCTION} is the limit")
        for number, line in enumerate(lines, 1):
            if path.suffix in (".c", ".h") and len(line.expandtabs(8)) > MAX_COLUMNS:
                complaints.append(f"{where}:{number}: {len(line.expandtabs(8))} columns; {MAX_COLUMNS} is the limit")
    return complaints


def bad_sizes(root):
    body = "\tx++;\n" * 79
    write(root, "src/base/long.c", f"static int\nlong_one(int x)\n{{\n{body}\treturn x;\n}}\n")
    write(root, "src/base/fits.c", "int fits(int x)\n{\n" + "\tx++;\n" * 70 + "}\n")
    write(root, "src/base/big.h", "/* */\n" * 701)
    write(root, "src/base/wide.h", "\t" * 16 + "xxxxx\n")
    return 3


# ---- essays: a licence line and what the file is about ----

def essay(text):
    """The words of the comment at the top, without the licence line."""
    comments = re.match(r"(?://[^\n]*\n)?(\s*/\*.*?\*/){1,2}", text, re.S)
    if not comments:
        return ""
    lines = [line.strip().removeprefix("/*").removesuffix("*/").lstrip("*").strip()
             for line in comments.group().splitlines()]
    return " ".join(line for line in lines if line and "SPDX" not in line)


def find_essays(root, _):
    complaints = []
    for path in sources(root, ".c", ".h", ".def", ".dts", ".dtsi"):
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(root)
        head = text.split("\n", 1)[0]
        if "SPDX-License-Identifier: MIT" not in head:
            complaints.append(f"{where}: the first line is not `/* SPDX-License-Identifier: MIT`")
        elif len(essay(text).split()) < 8 and not re.search(r"\(see [\w/-]+\.h\)", essay(text)):
            complaints.append(f"{where}: the top comment does not say what the file is about")
    for path in sources(root, ".sh", ".py"):
        head = "\n".join(path.read_text(encoding="utf-8").splitlines()[:3])
        if not path.name.startswith("_") and "SPDX-License-Identifier: MIT" not in head:
            complaints.append(f"{path.relative_to(root)}: no SPDX-License-Identifier in the first three lines")
    return complaints


def bad_essays(root):
    good = "/* SPDX-License-Identifier: MIT\n *\n * Pages: how they are counted, and why in this way.\n */\n"
    write(root, "src/mm/good.c", good)
    write(root, "src/mm/none.c", "int x;\n")
    write(root, "src/mm/licence_only.c", "/* SPDX-License-Identifier: MIT */\nint x;\n")
    write(root, "src/mm/words.h", "/* SPDX-License-Identifier: MIT\n *\n * Pages.\n */\n")
    write(root, "examples/x.sh", "#!/bin/bash\necho\n")
    return 4


# ---- rows: every declared file and call has its line of manual ----

ROW_DOC = {"DIR": 3, "TEXT": 5, "BLOB": 6, "LINK": 3, "ROW": 4, "ARG": 2, "CALL": 5, "SYSCTL": -1, "OPTION": 2}
# Rows of processes have the same places.
ROW_DOC |= {"TASK_" + macro: ROW_DOC[macro] for macro in ("DIR", "TEXT", "BLOB", "LINK", "ROW")}


def arguments(text):
    """Split the text between a macro's parentheses at commas of the outermost level."""
    parts, depth, quoted, start, i = [], 0, False, 0, 0
    while i < len(text):
        c = text[i]
        if quoted:
            i += c == "\\"
            quoted = c != '"'
        elif c == '"':
            quoted = True
        elif c in "({":
            depth += 1
        elif c in ")}":
            if depth == 0 and c == ")":
                return parts + [text[start:i].strip()], i
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
        i += 1
    return parts, i


def rows(text):
    """(macro, arguments, line number) of the rows in a .def file."""
    plain = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)
    plain = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", lambda m: re.sub(r"[^\n]", " ", m.group()), plain, flags=re.M)
    at = 0
    while True:
        row = re.compile(r"^\s*([A-Z][A-Z0-9_]*)\(", re.M).search(plain, at)
        if not row:
            return
        args, length = arguments(plain[row.end():])
        yield row.group(1), args, plain.count("\n", 0, row.start(1)) + 1
        at = row.end() + length


def find_rows(root, _):
    complaints = []
    for path in sorted((root / "fs-layout").glob("*.def")) + sorted((root / "src").glob("**/option.def")):
        for macro, args, number in rows(path.read_text(encoding="utf-8")):
            where = f"{path.relative_to(root)}:{number}: {macro}({args[0] if args else ''})"
            at = ROW_DOC.get(macro)
            if at is None:
                complaints.append(f"{where}: the macro is not known to this check (ROW_DOC)")
                continue
            doc = args[at] if at < len(args) else ""
            words = " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', doc)).split()
            if not words:
                complaints.append(f"{where} has no line of manual")
            elif len(" ".join(words)) > 200:
                complaints.append(f"{where}: its line of manual has {len(' '.join(words))} letters, 200 is the limit")
    return complaints


def bad_rows(root):
    write(root, "fs-layout/proc.def", '/* TEXT("in a comment") */\n#define TEXT(a, b)\n'
          'DIR("proc", 0555, ALWAYS, "the process file system")\n'
          'TEXT("proc/a", 0444, ALWAYS, show_a, NULL, "")\nTEXT("proc/b", 0444, ALWAYS,\n\tshow_b, NULL)\n'
          'ROW("proc/c", ROW_TEXT, 0444, ALWAYS, "what c is, (really)", .show = c)\n')
    write(root, "fs-layout/calls.def", 'CALL(f, "page:page", CALL_SIM, call_f, ALWAYS, "", "zh words", "more of it")\n'
          'CALL(g, "", CALL_SIM, call_g, ALWAYS, "does g", "", "")\n')
    write(root, "fs-layout/sysctl.def", 'SYSCTL(min_free_kbytes, ALWAYS, "proc/path", 0)\nNEW(x, "what")\n')
    return 5


# ---- paths: what the documents name exists ----

def find_paths(root, _):
    complaints = []
    documents = [root / n for n in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")] + sorted((root / "docs").glob("**/*.md"))
    for path in documents:
        if not path.exists():
            complaints.append(f"{path.relative_to(root)}: missing")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            named = [m for m in re.findall(r"`([^`\s]+)`", line)
                     if re.match(r"(src|include|tests|bench|examples|fs-layout|docs|subprojects|\.ci)(/|$)", m)]
            named += [m.split("#")[0] for m in re.findall(r"\]\(([^)\s]+)\)", line) if not re.match(r"https?:|#|mailto:", m)]
            for name in named:
                base = path.parent if f"]({name}" in line else root
                if re.search(r"[{}*<>]|NAME|\.\.\.", name):
                    if not list(root.glob(re.sub(r"\{[^}]*\}|<[^>]*>|NAME|NN|\.\.\.", "*", name).rstrip("/"))):
                        complaints.append(f"{path.relative_to(root)}:{number}: nothing matches {name}")
                elif not (base / name).exists():
                    complaints.append(f"{path.relative_to(root)}:{number}: {name} does not exist")
    return complaints


def bad_paths(root):
    write(root, "README.md", "See `src/base/text.c`, `src/gone.c` and [the map](ARCHITECTURE.md), [no](docs/no.md).\n")
    write(root, "ARCHITECTURE.md", "`examples/*.sh` are lessons; https://example.org and [x](https://example.org) are fine.\n")
    write(root, "src/base/text.c", "")
    return 4  # gone.c, docs/no.md, examples/*.sh, no CONTRIBUTING.md


# ---- errnos: sim/errors has a name for each that a line is refused with ----

def find_errnos(root, _):
    named = set(re.findall(r"NAME\((E\w+)\)", (root / "src/base/refuse.c").read_text(encoding="utf-8")))
    complaints = []
    for path in sources(root, ".c", ".h"):
        if path.is_relative_to(root / "src"):
            for errno in sorted(set(re.findall(r"refuse(?:_at)?\([^;\"]*?\b(E[A-Z0-9]{3,}),", path.read_text(encoding="utf-8"))) - named):
                complaints.append(f"{path.relative_to(root)}: errno_name() does not know {errno}")
    return complaints


def bad_errnos(root):
    write(root, "src/base/refuse.c", "\t\tNAME(ENOMEM);\n")
    write(root, "src/mm/a.c", "return refuse(&m->why, ENOMEM, \"EIO, no\");\nreturn refuse_at(why,\n\tECHILD, 1, 2, \"x\");\n")
    return 1


# ---- format: .clang-format holds ----

FORMAT_VERSION = "14."


def find_format(root, _):
    try:
        version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True, check=True).stdout
    except OSError:
        raise Skip("clang-format is not installed") from None
    if f"version {FORMAT_VERSION}" not in version:
        raise Skip(f"{version.strip()}: only {FORMAT_VERSION}x formats exactly as the tree is")
    complaints = []
    files = [p for p in sources(root, ".c") if p.relative_to(root).parts[0] in ("src", "tests", "bench")]
    for start in range(0, len(files), 50):
        run = subprocess.run(["clang-format", "--style=file", "--dry-run", *map(str, files[start:start + 50])],
                             capture_output=True, text=True, check=False)
        seen = set()
        for line in run.stderr.splitlines():
            if "[-Wclang-format-violations]" in line:
                path, number = line.split(":")[:2]
                if path not in seen:
                    seen.add(path)
                    complaints.append(f"{Path(path).relative_to(root)}:{number}: run clang-format -i on it")
    return complaints


def bad_format(root):
    write(root, ".clang-format", (Path(sys.argv[2]) / ".clang-format").read_text(encoding="utf-8"))
    write(root, "src/base/bad.c", "int  f( int x ){ return x;}\n")
    write(root, "src/base/good.c", "int f(int x)\n{\n\treturn x;\n}\n")
    return 1


def prove(check):
    """Run the check on its bad sample."""
    with tempfile.TemporaryDirectory() as folder:
        bad = globals()[f"bad_{check}"](Path(folder))
        want, argument = bad if isinstance(bad, tuple) else (bad, None)
        found = globals()[f"find_{check}"](Path(folder), argument)
    if len(found) == want:
        return []
    return [f"the bad sample gave {len(found)} complaints, {want} expected:", *found]


def main():
    check, root = sys.argv[1], Path(sys.argv[2])
    argument = sys.argv[3] if len(sys.argv) > 3 else None
    failed = False
    print("TAP version 13\n1..2")
    cases = ((f"{check} finds what is wrong in a bad sample", lambda: prove(check)),
             (f"{check} of the tree", lambda: globals()[f"find_{check}"](root, argument)))
    for number, (name, run) in enumerate(cases, 1):
        try:
            complaints = run()
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}")
            continue
        for complaint in complaints:
            print(f"# {complaint}")
        print(f"{'not ok' if complaints else 'ok'} {number} - {name}")
        failed = failed or bool(complaints)
    sys.exit(1 if failed else 0)


main()
