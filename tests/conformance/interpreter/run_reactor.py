"""Drives the interpreter's reactor exports with the wasmtime package (interpreters/cpython/guest/shannon_guest.h).

usage: run_reactor.py FILE INITIALIZE_FLAGS WORKSPACE [NAME=VALUE]... < STEPS > ANSWERS

WORKSPACE is the folder that the guest has as /workspace, or "" for none; a guest that has it has no standard input. The
variables are the guest's environment. Reads a JSON list of steps and writes a JSON list of answers, one a step.

A step runs a request in the first instance: {"raw": hex}, or a dictionary with "code" and optionally "flags",
"filename", "arguments" and "environment". With "stdin" it has that text as standard input. With "interrupt" the host
raises KeyboardInterrupt in it: at the "start"; once it has written "output"; in the call by which it is "writing"; or
when it begins to "wait", or to "read". "in" names another instance; {"copy": NAME} makes one of that name, a copy of
the instance "in", and {"refresh": NAME} calls its shannon_refresh.

An answer is {"status", "result", "stdout", "stderr", "pages"}; "status" is a number, or {"left": number} when the
program left the guest by proc_exit, which ends the list; "pages" is the size of the instance's memory in 64 KiB. When the
request has "compare", "changed" is how many 4 KiB of what the memory was before are not the same any more.
"""

import ctypes
import json
import struct
import sys
import threading
import time

import wasmtime

ABI_VERSION = 2
FLAGS, CODE, FILENAME, ARGUMENT, ENVIRONMENT = 1, 2, 3, 4, 5
RESULT_KINDS = {1: "type", 2: "message", 3: "traceback", 4: "value"}
ERRNO_SUCCESS, ERRNO_EINTR = 0, 27
CLOCK_SUBSCRIPTION, CLOCK_ABSOLUTE = 0, 1
PAGE = 4096
WASI = "wasi_snapshot_preview1"


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


class Interruption:
    """Raises KeyboardInterrupt in a run as an embedder does: from another thread, while the guest runs."""

    def __init__(self, reactor, moment):
        self.reactor, self.moment = reactor, moment
        self.reached, self.raised = threading.Event(), threading.Event()
        self.over = False
        self.thread = threading.Thread(target=self.wait_and_raise)
        self.thread.start()
        self.reach("start")

    def wait_and_raise(self):
        self.reached.wait()
        if not self.over:
            self.reactor.write_interrupt_words()
        self.raised.set()

    def reach(self, moment):
        """Whether this is its moment, which comes once. The program goes on meanwhile only where it shall."""
        if moment != self.moment or self.reached.is_set():
            return False
        self.reached.set()
        if moment != "output":
            self.raised.wait()
        return True

    def end(self):
        self.over = not self.reached.is_set()
        self.reached.set()
        self.thread.join()


class Reactor:
    def __init__(self, engine, module, workspace, variables):
        self.engine, self.module, self.workspace, self.variables = engine, module, workspace, variables
        self.output = {"stdout": bytearray(), "stderr": bytearray()}
        self.stdin = b""
        self.interruption = None
        wasi = wasmtime.WasiConfig()
        wasi.env = variables
        wasi.stdout_custom = lambda data: self.take_output("stdout", data)
        wasi.stderr_custom = lambda data: self.take_output("stderr", data)
        if workspace:
            wasi.preopen_dir(workspace, "/workspace")
        self.store = wasmtime.Store(engine)
        self.store.set_wasi(wasi)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        if not workspace:
            self.take_over(linker, "fd_read", self.fd_read)
        self.take_over(linker, "poll_oneoff", self.poll_oneoff)
        self.exports = linker.instantiate(self.store, module).exports(self.store)
        self.memory = self.exports["memory"]

    def take_over(self, linker, name, function):
        """Puts a function of ours in the place of wasmtime's own."""
        linker.allow_shadowing = True
        linker.define_func(WASI, name, linker.get(self.store, WASI, name).type(self.store), function)

    def take_output(self, name, data):
        self.output[name] += data
        if self.interruption is not None and name == "stdout":
            self.interruption.reach("output")
            self.interruption.reach("writing")

    # ---- the host's functions that wasmtime has no hook for ----

    def unpack(self, layout, address):
        return struct.unpack(layout, self.memory.read(self.store, address, address + struct.calcsize(layout)))

    def fd_read(self, fd, vectors, count, done):
        assert fd == 0  # there are no files
        if self.interruption is not None and self.interruption.reach("read"):
            return ERRNO_EINTR
        total = 0
        for i in range(count):
            address, size = self.unpack("<II", vectors + 8 * i)
            data, self.stdin = self.stdin[:size], self.stdin[size:]
            self.memory.write(self.store, data, address)
            total += len(data)
        self.memory.write(self.store, struct.pack("<I", total), done)
        return ERRNO_SUCCESS

    def poll_oneoff(self, subscriptions, events, count, done):
        """Waits for a moment only, and so that an interruption ends it, as shannon_guest.h asks of a host."""
        userdata, kind, _clock, timeout, _precision, flags = self.unpack("<QB7xI4xQQH", subscriptions)
        assert (count, kind, flags & CLOCK_ABSOLUTE) == (1, CLOCK_SUBSCRIPTION, 0)
        if self.interruption is not None and timeout > 0 and self.interruption.reach("wait"):
            return ERRNO_EINTR
        time.sleep(timeout / 1e9)
        self.memory.write(self.store, struct.pack("<QHB21x", userdata, 0, CLOCK_SUBSCRIPTION), events)
        self.memory.write(self.store, struct.pack("<I", 1), done)
        return ERRNO_SUCCESS

    # ---- the interface ----

    def call(self, name, *arguments):
        return self.exports[name](self.store, *arguments)

    def initialize(self, flags):
        assert self.call("shannon_abi_version") == ABI_VERSION
        assert self.call("shannon_initialize", flags) == 0, self.output
        self.find_interrupt_words()

    def find_interrupt_words(self):
        """A thread that writes the words while the guest runs can ask neither the guest nor wasmtime."""
        address = self.call("shannon_interrupt_words")
        count, = self.unpack("<I", address)
        assert 1 <= count <= 8
        start = ctypes.addressof(self.memory.data_ptr(self.store).contents)
        self.interrupt_words = [start + word for word in self.unpack(f"<{count}I", address + 4)]

    def write_interrupt_words(self):
        for word in self.interrupt_words:
            ctypes.c_uint32.from_address(word).value = 1

    def copy(self):
        """Another instance, made from what shannon_guest.h says the whole interpreter is."""
        copy = Reactor(self.engine, self.module, self.workspace, self.variables)
        copy.memory.grow(copy.store, self.memory.size(self.store) - copy.memory.size(copy.store))
        ctypes.memmove(copy.memory.data_ptr(copy.store), self.memory.data_ptr(self.store), self.memory.data_len(self.store))
        copy.exports["__stack_pointer"].set_value(copy.store, self.exports["__stack_pointer"].value(self.store))
        copy.find_interrupt_words()
        return copy

    def contents(self, size):
        return bytes(self.memory.read(self.store, 0, size))

    def answer(self, status, result):
        outputs = {name: data.decode(errors="replace") for name, data in self.output.items()}
        for data in self.output.values():
            data.clear()
        return {"status": status, "result": result, "pages": self.memory.size(self.store), **outputs}

    def refresh(self):
        return self.answer(self.call("shannon_refresh"), {})

    def run(self, request):
        data = encode(request)
        before = self.contents(self.memory.data_len(self.store)) if "compare" in request else b""
        stack = self.exports["__stack_pointer"].value(self.store)
        address = self.call("shannon_allocate", len(data))
        assert address != 0
        self.memory.write(self.store, data, address)
        self.stdin = request.get("stdin", "").encode()
        if "interrupt" in request:
            self.interruption = Interruption(self, request["interrupt"])
        try:
            status = self.call("shannon_run", address, len(data))
        except wasmtime.ExitTrap as leaving:
            status = {"left": leaving.code}
        finally:
            if self.interruption is not None:
                self.interruption.end()
                self.interruption = None
        result = {}
        if isinstance(status, int):
            assert self.exports["__stack_pointer"].value(self.store) == stack
            size, start = self.call("shannon_result_size"), self.call("shannon_result_address")
            result = decode(self.memory.read(self.store, start, start + size)) if size else {}
        answer = self.answer(status, result)
        if before:
            now = self.contents(len(before))
            answer["changed"] = sum(before[i : i + PAGE] != now[i : i + PAGE] for i in range(0, len(before), PAGE))
        return answer


def main():
    path, flags, workspace, *variables = sys.argv[1:]
    config = wasmtime.Config()
    config.cache = True  # compiling the interpreter takes seconds
    engine = wasmtime.Engine(config)
    module = wasmtime.Module.from_file(engine, path)
    variables = [tuple(variable.split("=", 1)) for variable in variables]
    instances = {"first": Reactor(engine, module, workspace, variables)}
    instances["first"].initialize(int(flags))
    answers = []
    for step in json.load(sys.stdin):
        reactor = instances[step.get("in", "first")]
        if "copy" in step:
            instances[step["copy"]] = reactor.copy()
            answers.append(None)
        elif "refresh" in step:
            answers.append(instances[step["refresh"]].refresh())
        else:
            answers.append(reactor.run(step))
            if not isinstance(answers[-1]["status"], int):
                break
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
