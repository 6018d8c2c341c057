"""Building the small C and Rust programs of this folder and running them, with shannon and with wasmtime."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
SHANNON = Path(os.environ.get("SHANNON", REPOSITORY / "build" / "shannon"))
# A Python that has the wasmtime package; tests/fetch_dependencies.sh makes one.
WASMTIME_PYTHON = os.environ.get("SHANNON_WASMTIME_PYTHON")
LIMIT_SECONDS = 120


def c_program(source, folder):
    """The path of c/SOURCE.c compiled for WASI, in `folder`; None when this machine cannot."""
    if shutil.which("clang-19") is None or not Path("/usr/lib/wasm32-wasi").is_dir():
        return None
    module = folder / f"{source}.wasm"
    command = ["clang-19", "--target=wasm32-wasi", "-O1", "-Wall", "-Wextra", "-Werror", "-o", module,
               HERE / "c" / f"{source}.c"]
    subprocess.run(command, check=True, timeout=LIMIT_SECONDS)
    return module


def rustc_for_wasi():
    """A Rust compiler that has WASI's standard library, or None. Debian's has it in a package of its own."""
    candidates = [os.path.join(folder, "rustc") for folder in os.environ["PATH"].split(os.pathsep)]
    for compiler in [*candidates, "/usr/bin/rustc"]:
        if not os.access(compiler, os.X_OK):
            continue
        answer = subprocess.run([compiler, "--print", "sysroot"], stdout=subprocess.PIPE, text=True, check=False,
                                timeout=LIMIT_SECONDS)
        if (Path(answer.stdout.strip()) / "lib" / "rustlib" / "wasm32-wasi" / "lib").is_dir():
            return compiler
    return None


def rust_program(source, folder):
    """The path of rust/SOURCE.rs compiled for WASI, in `folder`; None when this machine cannot."""
    compiler = rustc_for_wasi()
    if compiler is None or shutil.which("wasm-ld-19") is None or shutil.which("llvm-ar-19") is None:
        return None
    module = folder / f"{source}.wasm"
    command = [compiler, "--edition", "2021", "--target", "wasm32-wasi", "-O", "-C", "strip=debuginfo",
               "-C", f"linker={HERE / 'rust_linker.sh'}", "-C", "linker-flavor=wasm-ld", "-o", module,
               HERE / "rust" / f"{source}.rs"]
    subprocess.run(command, check=True, timeout=LIMIT_SECONDS)
    return module


def shannon_command(module, *arguments, folders=(), variables=(), options=()):
    command = [SHANNON, "wasi", *options]
    for folder in folders:
        command += ["--allow-read", folder]
    for variable in variables:
        command += ["--env", variable]
    return [str(word) for word in [*command, module, *arguments]]


def wasmtime_command(module, *arguments, folders=(), variables=()):
    command = [WASMTIME_PYTHON or sys.executable, HERE / "wasmtime_runner.py"]
    for folder in folders:
        command += ["--allow-read", folder]
    for variable in variables:
        command += ["--env", variable]
    return [str(word) for word in [*command, module, *arguments]]


def run(command, stdin=b""):
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=LIMIT_SECONDS)


def translate(module):
    """Makes shannon translate the module, so that a test's own run prints only what the program prints."""
    run(shannon_command(module))
