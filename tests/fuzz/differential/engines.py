"""The ways to run a module: our translation, the reference with every access checked, and wasmtime where there is one.

Each engine builds a module once and runs it with several arguments. What comes of a run is an Outcome.
"""
import contextlib
import dataclasses
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
WABT_RUNTIME = Path("/usr/share/wabt/wasm2c")
BUILD_SECONDS = 600
RUN_SECONDS = 10
MEMORY = "3G"

TRAPPED = 134
REFUSED = 125
OUR_TRAP = r"(?:WebAssembly trap: |start function ended with: |the program's stack is exhausted \()([^)\n]*)"


class BuildError(Exception):
    """An engine refuses the module; the text says why."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    ending: str  # "exit 0", "trap unreachable", "timeout", "signal 11", "failure: ..."
    stdout: bytes

    def lines(self):
        return self.stdout.count(b"\n")

    def __str__(self):
        return f"{self.ending}\n{self.stdout.decode(errors='replace')}"


def check(command, **options):
    """Runs a command that must succeed."""
    options.setdefault("timeout", BUILD_SECONDS)
    result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False, **options)
    if result.returncode != 0:
        raise BuildError(f"{Path(command[0]).name} ended with {result.returncode}: {result.stdout.decode(errors='replace')[-2000:]}")


def run(command, trap_pattern, **options):
    try:
        result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, check=False, timeout=RUN_SECONDS + 5, **options)
    except subprocess.TimeoutExpired as expired:
        return Outcome("timeout", expired.stdout or b"")
    errors = result.stderr.decode(errors="replace")
    if result.returncode < 0:
        return Outcome(f"signal {-result.returncode}", result.stdout)
    if result.returncode == TRAPPED:
        trap = re.search(trap_pattern, errors)
        return Outcome(f"trap {trap.group(1)}" if trap else f"failure: {errors.strip()}", result.stdout)
    if result.returncode >= 64 or errors:  # the programs exit with less and say nothing
        return Outcome("timeout" if result.returncode == 124 else f"failure: {result.returncode} {errors.strip()}",
                       result.stdout)
    return Outcome(f"exit {result.returncode}", result.stdout)


class Shannon:
    """The real program, with a cache of its own that is emptied with each module."""
    name = "shannon"

    def __init__(self, folder):
        self.program = Path(os.environ.get("SHANNON") or REPOSITORY / "build" / "shannon").resolve()
        self.cache = Path(folder) / "cache"
        self.cache.mkdir(mode=0o700)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHANNON", "OPENAI_"))}
        self.environment = dict(kept, SHANNON_CACHE_DIR=str(self.cache))
        self.folder = Path(folder) / "empty"  # no .env, no config/
        self.folder.mkdir()
        self.module = None

    def build(self, module):
        """Translates, which has no time limit, with a run that has next to no time."""
        self.module = Path(module).resolve()
        shutil.rmtree(self.cache / "objects", ignore_errors=True)
        result = subprocess.run([self.program, "wasi", "--timeout", "1ms", "--memory", MEMORY, self.module],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
                                timeout=BUILD_SECONDS, env=self.environment, cwd=self.folder)
        if result.returncode == REFUSED:
            raise BuildError(result.stderr.decode(errors="replace").strip())

    def run(self, argument):
        return run([self.program, "wasi", "--timeout", f"{RUN_SECONDS}s", "--memory", MEMORY, self.module, argument],
                   OUR_TRAP, env=self.environment, cwd=self.folder)

    def close(self):
        pass


class Checked:
    """wasm2c's output as it stands, without a signal handler, so that every access is compared with the memory's size."""
    name = "checked"
    defines = ["-DWASM_RT_MEMCHECK_SIGNAL_HANDLER=0", "-DWASM_RT_USE_STACK_DEPTH_COUNT=0"]

    def __init__(self, folder, optimization="-O0", sanitize=False):
        self.folder = Path(folder) / "checked"
        self.folder.mkdir()
        self.flags = ["-std=gnu17", optimization, "-w", "-ffp-contract=off", "-fno-strict-aliasing", *self.defines,
                      f"-I{WABT_RUNTIME}"]
        if sanitize:
            # wasm2c copies no bytes from NULL for an empty segment, and shifts a 1 into the sign, which clang defines.
            self.flags += ["-fsanitize=undefined", "-fno-sanitize-recover=all",
                           "-fno-sanitize=function,nonnull-attribute,pointer-overflow,shift-base"]
        self.runtime = self.folder / "runtime.o"
        check(["clang-19", *self.flags, "-c", WABT_RUNTIME / "wasm-rt-impl.c", "-o", self.runtime])
        self.program = self.folder / "module"

    def build(self, module):
        self.program.unlink(missing_ok=True)
        check(["wasm2c", "--no-debug-names", "-n", "guest", "-o", self.folder / "guest.c", Path(module).resolve()])
        check(["clang-19", *self.flags, f"-I{self.folder}", HERE / "checked" / "checked_module.c", self.runtime,
               "-o", self.program, "-lm"])

    def run(self, argument):
        return run([self.program, argument], r"trap: (.*)", cwd=self.folder)

    def close(self):
        pass


class Wasmtime:
    """The third opinion: another compiler, another reading of the specification."""
    name = "wasmtime"

    def __init__(self, python):
        self.process = subprocess.Popen([python, "-B", HERE / "wasmtime_worker.py"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("the wasmtime worker has ended")
        return json.loads(answer)

    def build(self, module):
        answer = self.ask(build=str(Path(module).resolve()))
        if "error" in answer:
            raise BuildError(answer["error"])

    def run(self, argument):
        answer = self.ask(run=argument)
        return Outcome(answer["ending"], answer["stdout"].encode("latin-1"))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=60)


def wasmtime_python():
    """A Python that has wasmtime, or None; see tests/fetch_dependencies.sh."""
    return os.environ.get("SHANNON_WASMTIME_PYTHON") or None


@contextlib.contextmanager
def engines(optimization="-O0", sanitize=False, wasmtime=True):
    """The engines there are, our own first, the reference second."""
    with tempfile.TemporaryDirectory(prefix="shannon-differential-") as folder:
        chosen = [Shannon(folder), Checked(folder, optimization, sanitize)]
        if wasmtime and wasmtime_python():
            chosen.append(Wasmtime(wasmtime_python()))
        try:
            yield chosen
        finally:
            for engine in chosen:
                engine.close()
