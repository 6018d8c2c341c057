"""Runs modules with the wasmtime package for engines.py, which writes one JSON request a line and reads one answer each:
{"build": PATH} and then {"run": ARGUMENT}. Has the WASI of checked/checked_module.c."""
import json
import sys

import wasmtime

TRAPS = {
    wasmtime.TrapCode.STACK_OVERFLOW: "call stack exhausted",
    wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS: "out of bounds memory access",
    wasmtime.TrapCode.TABLE_OUT_OF_BOUNDS: "beyond a table",
    wasmtime.TrapCode.INDIRECT_CALL_TO_NULL: "indirect call type mismatch or undefined element",
    wasmtime.TrapCode.BAD_SIGNATURE: "indirect call type mismatch or undefined element",
    wasmtime.TrapCode.INTEGER_OVERFLOW: "integer overflow",
    wasmtime.TrapCode.INTEGER_DIVISION_BY_ZERO: "integer divide by zero",
    wasmtime.TrapCode.BAD_CONVERSION_TO_INTEGER: "invalid conversion to integer",
    wasmtime.TrapCode.UNREACHABLE: "unreachable",
    wasmtime.TrapCode.OUT_OF_FUEL: "timeout",
}
SUCCESS, BADF, SPIPE = 0, 8, 70
FUEL = 3_000_000_000


class Exit(Exception):
    pass


class Host:
    """WASI for one run; each function gets the caller first."""

    def __init__(self, arguments):
        self.arguments = [argument.encode() + b"\0" for argument in arguments]
        self.output = bytearray()
        self.code = None

    def memory(self, caller):
        return caller["memory"], caller

    def get(self, caller, address, size):
        memory, store = self.memory(caller)
        return bytes(memory.read(store, address, address + size))

    def put(self, caller, address, value):
        memory, store = self.memory(caller)
        memory.write(store, value, address)

    def put_u32(self, caller, address, value):
        self.put(caller, address, value.to_bytes(4, "little"))

    def fd_write(self, caller, fd, vectors, count, written):
        if fd not in (1, 2):
            return BADF
        total = 0
        for i in range(count):
            vector = self.get(caller, vectors + 8 * i, 8)
            size = int.from_bytes(vector[4:], "little")
            text = self.get(caller, int.from_bytes(vector[:4], "little"), size)
            if fd == 1:
                self.output += text
            total += size
        self.put_u32(caller, written, total)
        return SUCCESS

    def proc_exit(self, caller, code):
        del caller
        self.code = code
        raise Exit

    def args_sizes_get(self, caller, count, size):
        self.put_u32(caller, count, len(self.arguments))
        self.put_u32(caller, size, sum(map(len, self.arguments)))
        return SUCCESS

    def args_get(self, caller, pointers, text):
        for i, argument in enumerate(self.arguments):
            self.put_u32(caller, pointers + 4 * i, text)
            self.put(caller, text, argument)
            text += len(argument)
        return SUCCESS

    def environ_sizes_get(self, caller, count, size):
        self.put_u32(caller, count, 0)
        self.put_u32(caller, size, 0)
        return SUCCESS

    def environ_get(self, caller, pointers, text):
        del caller, pointers, text
        return SUCCESS

    def fd_close(self, caller, fd):
        del caller
        return SUCCESS if fd <= 2 else BADF

    def fd_seek(self, caller, fd, offset, whence, position):
        del caller, offset, whence, position
        return SPIPE if fd <= 2 else BADF

    def fd_fdstat_get(self, caller, fd, result):
        if fd > 2:
            return BADF
        self.put(caller, result, bytes([2, *bytes(7), 64, *bytes(15)]))
        return SUCCESS


def run(engine, module, path, argument):
    store = wasmtime.Store(engine)
    store.set_fuel(FUEL)
    host = Host([path, argument])
    imports = [wasmtime.Func(store, entry.type, getattr(host, entry.name), access_caller=True) for entry in module.imports]
    try:
        instance = wasmtime.Instance(store, module, imports)
        instance.exports(store)["_start"](store)
        ending = "exit 0"
    except Exit:
        ending = f"exit {host.code}"
    except wasmtime.Trap as trap:
        kind = TRAPS.get(trap.trap_code, str(trap.trap_code))
        ending = kind if kind == "timeout" else f"trap {kind}"
    return {"ending": ending, "stdout": host.output.decode("latin-1")}


def main():
    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    module = path = None
    for line in sys.stdin:
        request = json.loads(line)
        if "build" in request:
            path = request["build"]
            try:
                module = wasmtime.Module.from_file(engine, path)
                answer = {}
            except wasmtime.WasmtimeError as error:
                answer = {"error": str(error)}
        else:
            answer = run(engine, module, path, request["run"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
