#!/usr/bin/env python3
"""Packs Python's standard library into the archive described in guest/stdlib_archive.h.

usage: make_archive.py --epoch SECONDS --output FILE TREE...

The trees are laid over each other, later ones winning. Every .py file gets a .pyc beside it in __pycache__ whose hash
is not checked at import, so that importing reads one stored file and compares nothing. The output depends only on
the trees, the epoch, and this Python: files are taken in sorted order, and one process with a fixed hash seed compiles
them all.
"""

import argparse
import importlib.util
import marshal
import os
import struct
import sys
import zlib

MOUNT = "/usr/local/lib/python3.11"  # as in guest/guest_fs_tree.c
MAGIC, VERSION = 0x53464853, 1
DIRECTORY, STORED, DEFLATED, NULL_DEVICE = 0, 1, 2, 3
HEADER = struct.Struct("<IIIIQ")
ENTRY = struct.Struct("<IHHIIII")

# What cannot work in a WASI guest, and the tests, which would only weigh.
EXCLUDED_DIRECTORIES = {
    "__phello__", "__pycache__", "ctypes", "curses", "ensurepip", "idlelib", "lib2to3/tests", "msilib", "test", "tests",
    "tkinter", "turtledemo",
}
EXCLUDED_FILES = {"__phello__.foo.py", "turtle.py", "LICENSE.txt"}
# Compiled modules are stored as they are, for speed; except these, which few programs import and none in a hurry.
RARELY_IMPORTED = {
    "_aix_support", "_bootsubprocess", "_markupbase", "_osx_support", "_pydecimal", "_pyio", "aifc", "cgi", "chunk",
    "dbm", "distutils", "doctest", "ftplib", "imaplib", "lib2to3", "mailbox", "mailcap", "modulefinder",
    "multiprocessing", "nntplib", "ntpath", "nturl2path", "pdb", "pickletools", "poplib", "pstats", "pyclbr", "pydoc",
    "pydoc_data", "smtplib", "sndhdr", "socketserver", "sunau", "telnetlib", "trace", "venv", "wave", "wsgiref",
    "xdrlib", "xmlrpc", "zipapp",
}
EXCLUDED_SUFFIXES = (".pyc", ".pyo", ".exe", ".bat", ".ico", ".orig", ".rej")


def is_excluded_directory(path):
    return path in EXCLUDED_DIRECTORIES or os.path.basename(path) in EXCLUDED_DIRECTORIES


def collect(trees):
    """{relative path: file on this machine} of all files to pack."""
    files = {}
    for tree in trees:
        for folder, subfolders, names in os.walk(tree):
            relative = os.path.relpath(folder, tree)
            prefix = "" if relative == "." else relative + "/"
            subfolders[:] = [name for name in subfolders if not is_excluded_directory(prefix + name)]
            for name in names:
                if name not in EXCLUDED_FILES and not name.endswith(EXCLUDED_SUFFIXES):
                    files[prefix + name] = os.path.join(folder, name)
    return files


def compile_module(path, source):
    """The .pyc file for `path`. A source that does not compile (lib2to3's test data and templates) has none."""
    try:
        code = compile(source, f"{MOUNT}/{path}", "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return None
    # Flags 1: hash-based, not checked. The hash stays true all the same.
    flags_and_hash = struct.pack("<I", 1) + importlib.util.source_hash(source)
    return importlib.util.MAGIC_NUMBER + flags_and_hash + marshal.dumps(code)


def deflate(data):
    """As a zlib stream, unless that gains little."""
    deflated = zlib.compress(data, 9)
    if len(deflated) < len(data) * 9 // 10:
        return DEFLATED, deflated, len(data)
    return STORED, data, len(data)


def read_contents(files):
    """{archive path: (kind, stored bytes, size when read)}"""
    contents = {}
    for path in sorted(files):
        with open(files[path], "rb") as stream:
            data = stream.read()
        contents[path] = deflate(data)
        if path.endswith(".py"):
            compiled = compile_module(path, data)
            if compiled is not None:
                folder, name = os.path.split(path)
                cached = os.path.join(folder, "__pycache__", f"{name[:-3]}.cpython-311.pyc")
                module = path.partition("/")[0].removesuffix(".py")
                contents[cached] = deflate(compiled) if module in RARELY_IMPORTED else (STORED, compiled, len(compiled))
    return contents


class Directory:
    def __init__(self):
        self.children = {}


def build_tree(contents, empty_directories):
    contents = {f"lib/{path}": content for path, content in contents.items()}
    contents["dev/null"] = (NULL_DEVICE, b"", 0)
    root = Directory()
    for path in [*contents, *(f"lib/{folder}/" for folder in empty_directories)]:
        *folders, name = path.split("/")
        directory = root
        for folder in folders:
            directory = directory.children.setdefault(folder, Directory())
        if name:
            directory.children[name] = contents[path]
    return root


def write_archive(contents, epoch, output):
    root = build_tree(contents, ["lib-dynload", "site-packages"])
    # Breadth first, so that the children of a directory stand side by side.
    numbered = [("", 0, root)]
    first_child = {}
    for number, (_, _, node) in enumerate(numbered):
        if isinstance(node, Directory):
            first_child[number] = len(numbered)
            numbered += [(name, number, node.children[name]) for name in sorted(node.children, key=os.fsencode)]
    names = bytearray()
    name_offsets = {}
    for name, _, _ in numbered:
        if name not in name_offsets:
            name_offsets[name] = len(names)
            names += os.fsencode(name)
    blobs = bytearray()
    start = HEADER.size + ENTRY.size * len(numbered) + len(names)
    entries = bytearray()
    for number, (name, parent, node) in enumerate(numbered):
        if isinstance(node, Directory):
            fields = (DIRECTORY, parent, first_child[number], len(node.children), 0)
        else:
            kind, data, size = node
            fields = (kind, parent, start + len(blobs), len(data), size)
            blobs += data
        entries += ENTRY.pack(name_offsets[name], len(os.fsencode(name)), *fields)
    output.write(HEADER.pack(MAGIC, VERSION, len(numbered), len(names), epoch * 1_000_000_000))
    output.write(entries + names + blobs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epoch", type=int, required=True, help="modification time of every file")
    parser.add_argument("--output", required=True)
    parser.add_argument("trees", nargs="+", metavar="TREE")
    arguments = parser.parse_args()
    if sys.version_info[:2] != (3, 11):
        sys.exit(f"make_archive.py: needs Python 3.11 to compile for 3.11, not {sys.version.split()[0]}")
    contents = read_contents(collect(arguments.trees))
    with open(arguments.output, "wb") as output:
        write_archive(contents, arguments.epoch, output)


if __name__ == "__main__":
    main()
