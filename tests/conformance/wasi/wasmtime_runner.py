"""Runs a WASI command with the wasmtime package: the other opinion on what a program prints.

usage: wasmtime_runner.py [--allow-read DIR]... [--env NAME=VALUE]... MODULE.wasm [ARGUMENT...]

As with shannon, the program has /tmp and /workspace, the latter as "." too: here folders that are removed afterwards.
"""
import argparse
import os
import sys
import tempfile

import wasmtime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--allow-read", action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("module")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        return run(options, scratch)


def run(options, scratch):
    wasi = wasmtime.WasiConfig()
    wasi.argv = [options.module, *options.arguments]
    wasi.env = [variable.split("=", 1) for variable in options.env]
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    for folder in options.allow_read:
        wasi.preopen_dir(folder, folder, fs_mutable=False)
    for name in ("tmp", "workspace"):
        os.mkdir(os.path.join(scratch, name))
        wasi.preopen_dir(os.path.join(scratch, name), "/" + name)
    wasi.preopen_dir(os.path.join(scratch, "workspace"), ".")

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
