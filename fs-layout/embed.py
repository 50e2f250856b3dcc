#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turn files into a C table: embed.py OUTPUT MODE NAME FILE [MODE NAME FILE]...

The table is `struct embedded embedded_files[]` of view/embedded.h, in the order given."""
import sys


def main(output, words):
    rows = []
    with open(output, "w") as out:
        out.write('/* Made by embed.py. */\n#include "view/embedded.h"\n')
        for i in range(0, len(words), 3):
            mode, name, path = words[i : i + 3]
            with open(path, "rb") as f:
                data = f.read()
            out.write("static const unsigned char file_%d[] = {" % (i // 3))
            for at in range(0, len(data), 24):
                out.write("\n\t" + ",".join(str(b) for b in data[at : at + 24]) + ",")
            # An empty file still needs a member; its length is not counted.
            out.write("0};\n")
            rows.append('\t{"%s", file_%d, %d, %s},\n' % (name, i // 3, len(data), mode))
        out.write("const struct embedded embedded_files[] = {\n%s\t{0}};\n" % "".join(rows))


main(sys.argv[1], sys.argv[2:])
