"""Drives the interpreter's reactor exports with the wasmtime package (interpreters/cpython/guest/shannon_guest.h).

usage: run_reactor.py FILE INITIALIZE_FLAGS < REQUESTS > ANSWERS

Reads a JSON list of requests and writes a JSON list of answers. A request is {"raw": hex} or a dictionary with "code"
and optionally "flags", "filename", "arguments" and "environment". An answer is {"status", "result", "stdout", "stderr"};
"status" is a number, or {"left": number} when the program left the guest by proc_exit, which ends the list.
"""

import json
import os
import struct
import sys
import tempfile

import wasmtime

FLAGS, CODE, FILENAME, ARGUMENT, ENVIRONMENT = 1, 2, 3, 4, 5
RESULT_KINDS = {1: "type", 2: "message", 3: "traceback", 4: "value"}


def record(kind, data):
    return struct.pack("<II", kind, len(data)) + data


def encode(request):
    if "raw" in request:
        return bytes.fromhex(request["raw"])
    data = record(FLAGS, struct.pack("<I", request.get("flags", 0))) + record(CODE, request["code"].encode())
    if "filename" in request:
        data += record(FILENAME, request["filename"].encode())
    for argument in request.get("arguments", []):
        data += record(ARGUMENT, argument.encode())
    for assignment in request.get("environment", []):
        data += record(ENVIRONMENT, assignment.encode())
    return data


def decode(data):
    result, offset = {}, 0
    while offset < len(data):
        kind, length = struct.unpack_from("<II", data, offset)
        result[RESULT_KINDS[kind]] = bytes(data[offset + 8 : offset + 8 + length]).decode()
        offset += 8 + length
    return result


class Reactor:
    def __init__(self, path, flags):
        self.folder = tempfile.TemporaryDirectory()
        self.streams = {name: os.path.join(self.folder.name, name) for name in ("stdout", "stderr")}
        self.read_so_far = {"stdout": 0, "stderr": 0}
        for file in self.streams.values():
            open(file, "w").close()
        wasi = wasmtime.WasiConfig()
        wasi.stdout_file = self.streams["stdout"]
        wasi.stderr_file = self.streams["stderr"]
        wasi.env = [("FROM_THE_START", "yes")]
        config = wasmtime.Config()
        config.cache = True
        engine = wasmtime.Engine(config)
        self.store = wasmtime.Store(engine)
        self.store.set_wasi(wasi)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        instance = linker.instantiate(self.store, wasmtime.Module.from_file(engine, path))
        self.exports = instance.exports(self.store)
        assert self.call("shannon_abi_version") == 1
        assert self.call("shannon_initialize", flags) == 0

    def call(self, name, *arguments):
        return self.exports[name](self.store, *arguments)

    def new_output(self, name):
        with open(self.streams[name], "rb") as stream:
            stream.seek(self.read_so_far[name])
            data = stream.read()
        self.read_so_far[name] += len(data)
        return data.decode(errors="replace")

    def run(self, request):
        data = encode(request)
        memory = self.exports["memory"]
        stack = self.exports["__stack_pointer"].value(self.store)
        address = self.call("shannon_allocate", len(data))
        assert address != 0
        memory.write(self.store, data, address)
        try:
            status = self.call("shannon_run", address, len(data))
        except wasmtime.ExitTrap as leaving:
            status = {"left": leaving.code}
        result = {}
        if isinstance(status, int):
            assert self.exports["__stack_pointer"].value(self.store) == stack
            size, start = self.call("shannon_result_size"), self.call("shannon_result_address")
            result = decode(memory.read(self.store, start, start + size)) if size else {}
        outputs = {name: self.new_output(name) for name in self.streams}
        return {"status": status, "result": result, **outputs}


def main():
    reactor = Reactor(sys.argv[1], int(sys.argv[2]))
    answers = []
    for request in json.load(sys.stdin):
        answers.append(reactor.run(request))
        if not isinstance(answers[-1]["status"], int):
            break
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
