"""Runs a WASI command with the wasmtime package: the other opinion on what a program prints.

usage: wasmtime_runner.py [--allow-read DIR]... [--env NAME=VALUE]... MODULE.wasm [ARGUMENT...]
"""
import argparse
import sys

import wasmtime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--allow-read", action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("module")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()

    wasi = wasmtime.WasiConfig()
    wasi.argv = [options.module, *options.arguments]
    wasi.env = [variable.split("=", 1) for variable in options.env]
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    for folder in options.allow_read:
        wasi.preopen_dir(folder, folder, fs_mutable=False)

    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, options.module))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as ending:
        return ending.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
