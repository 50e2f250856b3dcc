#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the presets' devicetree blobs as one C file: embed.py OUT.c NAME.dtb ..."""
import pathlib
import re
import sys


def array(index, path):
    data = path.read_bytes()
    rows = [", ".join(f"0x{byte:02x}" for byte in data[i:i + 16]) for i in range(0, len(data), 16)]
    return f"static const _Alignas(8) unsigned char blob{index}[] = {{\n\t" + ",\n\t".join(rows) + "\n};\n"


def doc(name):
    source = (pathlib.Path(__file__).parent / (name + ".dts")).read_text()
    return re.search(r'^\tmodel = ("[^"]*");', source, re.M).group(1)


def main():
    out, *paths = map(pathlib.Path, sys.argv[1:])
    text = "/* Generated from examples/machines by embed.py. */\n#include \"mm/boot/preset.h\"\n\n#include <stddef.h>\n\n"
    for index, path in enumerate(paths):
        text += array(index, path) + "\n"
    text += "const struct preset presets[] = {\n"
    for index, path in enumerate(paths):
        text += f"\t{{\"{path.stem}\", {doc(path.stem)}, {{blob{index}, sizeof(blob{index})}}}},\n"
    text += "\t{NULL, NULL, {NULL, 0}},\n};\n"
    out.write_text(text)


main()
