"""What the tests of the interpreter share: where the file is, and how to run it under each runtime.

SHANNON_INTERPRETER names the file; without it, wasm-interpreters/python-3.11.wasm of the repository is taken.
SHANNON_WASMTIME_PYTHON names a Python that can import wasmtime; without it, the Python that runs the tests is tried.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
TIMEOUT = 300  # seconds; the first run under wasmtime compiles the whole interpreter

# interpreters/cpython/guest/shannon_guest.h
PRELOAD, UNBUFFERED = 1, 2
FINAL, VALUE, LINE_BUFFERED = 1, 4, 8
MALFORMED = 2
INTERRUPTED = 130


def interpreter_path():
    path = pathlib.Path(
        os.environ.get("SHANNON_INTERPRETER", REPOSITORY / "wasm-interpreters" / "python-3.11.wasm"))
    if not path.is_file():
        pytest.skip(f"no interpreter at {path}; build it with `make interpreter` or set SHANNON_INTERPRETER")
    return str(path)


def wasmtime_python():
    """A Python that can import wasmtime."""
    python = os.environ.get("SHANNON_WASMTIME_PYTHON", sys.executable)
    found = subprocess.run([python, "-c", "import wasmtime"], capture_output=True, check=False)
    if found.returncode != 0:
        pytest.skip("wasmtime is not installed; make test does it, or pip install --require-hashes -r "
                    "tests/requirements.txt, or set SHANNON_WASMTIME_PYTHON")
    return python


def node_command():
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed (Debian package nodejs)")
    return node


RUNNERS = {
    "wasmtime": lambda: [wasmtime_python(), str(HERE / "run_wasmtime.py")],
    "node": lambda: [node_command(), "--no-warnings", str(HERE / "run_node.mjs")],
}


def run_command(runtime, *arguments, options=(), stdin=""):
    """Runs the interpreter as a command and returns the finished process, its output as text."""
    command = [*RUNNERS[runtime](), *options, interpreter_path(), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=TIMEOUT, check=False)


def run_all(*steps, initialize=0, workspace="", variables=("FROM_THE_START=yes",)):
    """Takes the steps of run_reactor.py (a text is a request with that code) and returns their answers."""
    steps = [{"code": step} if isinstance(step, str) else step for step in steps]
    command = [wasmtime_python(), str(HERE / "run_reactor.py"), interpreter_path(), str(initialize), str(workspace),
               *variables]
    done = subprocess.run(command, input=json.dumps(steps), capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_one(request, initialize=0, **fields):
    return run_all({"code": request, **fields}, initialize=initialize)[0]
