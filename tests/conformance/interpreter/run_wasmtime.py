"""Runs a WASI command with the wasmtime package, as `wasmtime run` would: arguments and standard streams passed on.

usage: run_wasmtime.py [--dir HOST::GUEST]... [--env NAME=VALUE]... FILE [ARGUMENT]...

The exit status is the command's own.
"""

import sys

import wasmtime


def main():
    arguments = sys.argv[1:]
    config = wasmtime.WasiConfig()
    environment = []
    while arguments and arguments[0] in ("--dir", "--env"):
        option, value, *arguments = arguments
        if option == "--dir":
            host, guest = value.split("::")
            config.preopen_dir(host, guest)
        else:
            environment.append(tuple(value.split("=", 1)))
    config.argv = arguments
    config.env = environment
    config.inherit_stdin()
    config.inherit_stdout()
    config.inherit_stderr()
    engine_config = wasmtime.Config()
    engine_config.cache = True  # compiling the interpreter takes seconds
    engine = wasmtime.Engine(engine_config)
    store = wasmtime.Store(engine)
    store.set_wasi(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, arguments[0]))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as leaving:
        sys.exit(leaving.code)


if __name__ == "__main__":
    main()
