"""What the tests of the command line share: running shannon from an empty folder, with an environment of its own, and
small WebAssembly modules to run.

The program is the one that SHANNON names, else build/shannon; the interpreter the one that SHANNON_INTERPRETER or
PYTHON_WASI_WASM_PATH names, else wasm-interpreters/python-3.11.wasm. Its translation is kept in the usual cache; those of
the small modules in a cache that is thrown away.
"""
import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("SHANNON") or os.environ.get("SHANNON_PROGRAM") or ROOT / "build" / "shannon").resolve()
INTERPRETER = Path(os.environ.get("SHANNON_INTERPRETER") or os.environ.get("PYTHON_WASI_WASM_PATH")
                   or ROOT / "wasm-interpreters" / "python-3.11.wasm").resolve()
NOBODY = 65534

# A first run may have to translate the interpreter, on a machine that does other things too.
LIMIT_SECONDS = 600

IMPORTS = """
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
"""


def environment(**settings):
    """The caller's environment without what configures shannon, and with the settings; None removes one."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("SHANNON", "OPENAI_", "PYTHON")) and name != "LLM_MODEL"}
    if "SHANNON_CACHE_DIR" in os.environ:
        kept["SHANNON_CACHE_DIR"] = os.environ["SHANNON_CACHE_DIR"]
    for name, value in settings.items():
        kept[name] = value
    return {name: str(value) for name, value in kept.items() if value is not None}


class Result:
    """How a run of the program ended: `status`, and its output as bytes and as text."""

    def __init__(self, status, stdout, stderr):
        self.status = status
        self.bytes = stdout
        self.stdout = stdout.decode(errors="replace")
        self.stderr = stderr.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.stdout)

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.stdout[:3000]}\n--- stderr\n{self.stderr[:3000]}"


class Shannon:
    """Runs the program in an empty folder of its own."""

    def __init__(self, folder, **settings):
        self.folder = Path(folder)
        self.settings = settings

    def start(self, *words, program=PROGRAM, environ=None, before=(), **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("cwd", self.folder)
        return subprocess.Popen([*map(str, before), str(program), *map(os.fsencode, map(str, words))],
                                env=environment(**{**self.settings, **(environ or {})}), **options)

    def __call__(self, *words, input=None, timeout=LIMIT_SECONDS, **options):
        if input is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(*words, **options)
        try:
            stdout, stderr = process.communicate(input.encode() if isinstance(input, str) else input, timeout=timeout)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return Result(process.returncode, stdout or b"", stderr or b"")

    def python(self, code, *words, options=(), **more):
        """`shannon run -c CODE`."""
        return self("run", *options, "-c", code, *words, **more)


@pytest.fixture
def shannon(tmp_path):
    """The program in an empty folder, with the interpreter configured."""
    if not INTERPRETER.is_file():
        pytest.fail(f"there is no interpreter at {INTERPRETER}: run `make interpreter`")
    return Shannon(tmp_path, PYTHON_WASI_WASM_PATH=INTERPRETER)


@pytest.fixture(scope="session")
def module_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("module-cache")


@pytest.fixture
def wasi(tmp_path, module_cache):
    """The program in an empty folder, with a cache for small modules."""
    return Shannon(tmp_path, SHANNON_CACHE_DIR=module_cache)


_modules = tempfile.TemporaryDirectory(prefix="shannon-modules-")


def module(text, *options):
    """The path of the wasm file for a module in text form; one that imports and exports a memory is made of lines alone."""
    if not text.lstrip().startswith("(module"):
        text = f'(module {IMPORTS} (memory (export "memory") 1) {text})'
    name = hashlib.sha256((text + " ".join(options)).encode()).hexdigest()[:16]
    source = Path(_modules.name) / f"{name}.wat"
    target = source.with_suffix(".wasm")
    if not target.exists():
        source.write_text(text)
        subprocess.run(["wat2wasm", *options, source, "-o", target], check=True)
    return target


def start(body):
    """A module whose _start is `body`."""
    return module(f'(func (export "_start") {body})')


def wait_for(condition, limit=60, what="the condition"):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} was not met within {limit} s"
        time.sleep(0.02)


def become_subreaper():
    """Orphans below this process become its children, so that it sees them."""
    pr_set_child_subreaper = 36
    assert ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) == 0


def processes():
    """(pid, parent, command) of every process that can be seen and is no zombie."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":
                    yield int(entry.name), int(fields[1]), (entry / "cmdline").read_bytes()


def descendants(root):
    """Every living process below `root`, as {pid: command}."""
    children = {}
    commands = {}
    for pid, parent, command in processes():
        children.setdefault(parent, []).append(pid)
        commands[pid] = command
    found = {}
    rest = [root]
    while rest:
        for pid in children.get(rest.pop(), []):
            found[pid] = commands[pid]
            rest.append(pid)
    return found


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@contextlib.contextmanager
def plain_user():
    """A folder that a user without rights owns, and the words that run a command as that user: as root `nobody`, else the
    caller."""
    with tempfile.TemporaryDirectory(prefix="shannon-plain-") as folder:
        if os.geteuid() != 0:
            yield Path(folder), []
            return
        os.chmod(folder, 0o755)
        os.chown(folder, NOBODY, NOBODY)
        yield Path(folder), ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]


def copy_for_all(source, folder):
    """A copy that every user can read and run."""
    target = Path(folder) / Path(source).name
    shutil.copy(source, target)
    target.chmod(0o755)
    return target


def end(process, number=signal.SIGKILL):
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    return Result(process.returncode, stdout or b"", stderr or b"")
