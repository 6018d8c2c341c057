#!/usr/bin/env python3
"""Puts an archive into a linked WebAssembly module as a passive data segment.

usage: embed_archive.py [--keep-names] MODULE ARCHIVE OUTPUT

A passive segment is part of the file but not of linear memory; a memory.init instruction copies from it. C cannot say
that, so the module is linked with a placeholder function, stdlib_archive_read(destination, offset, length), and this
tool replaces its body. The placeholder is found through the name section; all custom sections are then dropped.
Format: WebAssembly core specification 2.0, chapter "Binary Format".
"""

import argparse
import sys

PLACEHOLDER = b"stdlib_archive_read"
CUSTOM, IMPORT, CODE, DATA, DATA_COUNT = 0, 2, 10, 11, 12
LOCAL_GET, END, MEMORY_INIT = b"\x20", b"\x0b", b"\xfc\x08"


class Reader:
    def __init__(self, data):
        self.data, self.position = data, 0

    def bytes(self, count):
        if count > len(self.data) - self.position:
            raise ValueError("the module ends inside a section")
        self.position += count
        return self.data[self.position - count : self.position]

    def byte(self):
        return self.bytes(1)[0]

    def unsigned(self):
        """An unsigned LEB128 number."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def vector(self):
        return self.bytes(self.unsigned())

    def at_end(self):
        return self.position == len(self.data)


def unsigned(value):
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_sections(module):
    if module[:8] != b"\0asm\x01\0\0\0":
        raise ValueError("not a WebAssembly module of version 1")
    reader = Reader(module[8:])
    sections = []
    while not reader.at_end():
        kind = reader.byte()
        sections.append((kind, reader.vector()))
    return sections


def skip_limits(reader):
    if reader.byte() & 1:
        reader.unsigned()
    reader.unsigned()


def count_imported_functions(section):
    reader = Reader(section)
    functions = 0
    for _ in range(reader.unsigned()):
        reader.vector()
        reader.vector()
        kind = reader.byte()
        if kind == 0:
            reader.unsigned()
            functions += 1
        elif kind == 1:
            reader.byte()
            skip_limits(reader)
        elif kind == 2:
            skip_limits(reader)
        else:
            reader.bytes(2)
    return functions


def find_function(sections, name):
    """The index of the function called `name` in the name section."""
    for kind, content in sections:
        reader = Reader(content)
        if kind != CUSTOM or reader.vector() != b"name":
            continue
        while not reader.at_end():
            subsection = reader.byte()
            names = Reader(reader.vector())
            if subsection != 1:
                continue
            for _ in range(names.unsigned()):
                index = names.unsigned()
                if names.vector() == name:
                    return index
    raise ValueError(f"no function is named {name.decode()}; was the module stripped?")


def replace_body(section, number, body):
    """The code section with function body `number` (imports not counted) replaced."""
    reader = Reader(section)
    count = reader.unsigned()
    bodies = [reader.vector() for _ in range(count)]
    bodies[number] = body
    return unsigned(count) + b"".join(unsigned(len(body)) + body for body in bodies)


def embed(module, archive, keep_names):
    sections = read_sections(module)
    contents = {kind: content for kind, content in sections if kind != CUSTOM}
    placeholder = find_function(sections, PLACEHOLDER) - count_imported_functions(contents.get(IMPORT, b"\0"))
    data = Reader(contents[DATA])
    segment = data.unsigned()
    contents[DATA] = unsigned(segment + 1) + data.data[data.position :] + b"\x01" + unsigned(len(archive)) + archive
    contents[DATA_COUNT] = unsigned(segment + 1)
    arguments = b"".join(LOCAL_GET + unsigned(index) for index in range(3))
    body = b"\0" + arguments + MEMORY_INIT + unsigned(segment) + b"\0" + END
    contents[CODE] = replace_body(contents[CODE], placeholder, body)
    # The order of sections: as numbered, but the data count stands before the code.
    order = sorted(contents, key=lambda kind: 9.5 if kind == DATA_COUNT else kind)
    output = bytearray(module[:8])
    for kind in order:
        output += bytes([kind]) + unsigned(len(contents[kind])) + contents[kind]
    if keep_names:
        for kind, content in sections:
            if kind == CUSTOM and Reader(content).vector() == b"name":
                output += bytes([kind]) + unsigned(len(content)) + content
    return bytes(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep-names", action="store_true", help="keep the name section, for profiling")
    parser.add_argument("module")
    parser.add_argument("archive")
    parser.add_argument("output")
    arguments = parser.parse_args()
    with open(arguments.module, "rb") as stream:
        module = stream.read()
    with open(arguments.archive, "rb") as stream:
        archive = stream.read()
    try:
        result = embed(module, archive, arguments.keep_names)
    except ValueError as error:
        sys.exit(f"embed_archive.py: {arguments.module}: {error}")
    with open(arguments.output, "wb") as stream:
        stream.write(result)


if __name__ == "__main__":
    main()
