#!/usr/bin/env python3
"""Copies CPython's _sysconfigdata module without the names of this machine's folders.

usage: clean_sysconfig.py FOLDER=NAME... FILE TARGET_FOLDER

Each FOLDER is replaced by NAME wherever a value holds it, so that the same build in another folder gives the same file.
The module is written under both names it may be looked for: Debian's CPython leaves the platform out of the name.
"""

import os
import pprint
import runpy
import sys

NAMES = ("_sysconfigdata__wasi_wasm32-wasi.py", "_sysconfigdata__wasm32-wasi.py")


def main():
    *replacements, path, target = sys.argv[1:]
    variables = runpy.run_path(path)["build_time_vars"]
    for replacement in replacements:
        old, new = replacement.rsplit("=", 1)
        for name, value in variables.items():
            if isinstance(value, str):
                variables[name] = value.replace(old, new)
    for name in NAMES:
        with open(os.path.join(target, name), "w", encoding="utf-8") as stream:
            stream.write("# system configuration generated and used by the sysconfig module\nbuild_time_vars = ")
            pprint.pprint(variables, stream=stream)


if __name__ == "__main__":
    main()
