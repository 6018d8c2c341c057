"""CPython's own tests in the sandbox: which modules there are, and what becomes of one when it is run.

Every module runs in a guest of its own, in one of two ways that users meet: "fresh", an interpreter started for it
(shannon run), and "forked", a copy of one that was started before and has the common modules imported (agent-core). In
a forked copy nothing that existed before is freed or counted (interpreters/cpython/patches/python-immortal-objects.patch).
"""
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
FOLDER = Path(__file__).resolve().parent
RUNNER = FOLDER / "module_runner.py"
SHANNON = Path(os.environ.get("SHANNON") or REPOSITORY / "build" / "shannon")
INTERPRETER = Path(os.environ.get("SHANNON_INTERPRETER") or REPOSITORY / "wasm-interpreters" / "python-3.11.wasm")

WAYS = ("fresh", "forked")
# Processor time is the limit that counts, for the machine may be busy; the other is for what hangs.
PROCESSOR_LIMIT_SECONDS = 300
LIMIT_SECONDS = 1200
# Four times the default: tests of large values are part of the suite.
MEMORY_LIMIT_BYTES = 1 << 30
OUTPUT_LIMIT_BYTES = 128 << 20

# Packages whose modules are run one by one, since some of them need what the sandbox does not have.
TAKEN_APART = ("test_asyncio",)
# What the table calls a failure that is none of a single test's: an import that fails, an end before the last test.
WHOLE_MODULE = "the whole module"


def suite_folder():
    """Where the tests are, or None."""
    folder = os.environ.get("SHANNON_CPYTHON_TESTS")
    return Path(folder) if folder else None


def find_modules(suite):
    """The names of all modules and packages of tests, as regrtest finds them."""
    folder = suite / "test"
    names = {path.name.removesuffix(".py") for path in folder.iterdir()
             if path.name.startswith("test_") and (path.suffix == ".py" or (path / "__init__.py").is_file())}
    for package in names.intersection(TAKEN_APART):
        names.remove(package)
        names.update(f"{package}.{path.stem}" for path in (folder / package).glob("test_*.py"))
    return sorted(names)


def source_of(suite):
    """The version of CPython's source that the tests are of, in Debian's words."""
    return (suite / "source").read_text().strip()


@dataclasses.dataclass
class ModuleResult:
    """What became of a module in one way of running it."""
    module: str
    way: str
    passed: int = 0
    skipped: list = dataclasses.field(default_factory=list)  # (test, reason)
    failed: dict = dataclasses.field(default_factory=dict)  # test: what Python wrote of it
    skip_reason: str | None = None  # when the module as a whole skipped itself
    processor_seconds: float = 0.0
    peak_memory_bytes: int = 0


def read_report(module, way, word, answer):
    """Makes a ModuleResult of agent-core's answer; lines of the report begin with `word`."""
    result = ModuleResult(module, way, processor_seconds=answer["usage"]["cpu_ms"] / 1000,
                          peak_memory_bytes=answer["usage"]["peak_memory_bytes"])
    running, ended = None, False
    for line in answer["stdout"].split("\n"):
        if not line.startswith(word):
            continue
        event = json.loads(line.removeprefix(word))
        if "begin" in event:
            running = event["begin"]
        elif "test" in event:
            running = None
            if event["outcome"] == "passed":
                result.passed += 1
            elif event["outcome"] == "skipped":
                result.skipped.append((event["test"], event["detail"]))
            else:
                result.failed[event["test"]] = event["detail"]
        else:
            ended = True
            if event["module"] == "skipped":
                result.skip_reason = event["detail"]
            elif event["module"] == "failed":
                result.failed[WHOLE_MODULE] = event["detail"]
    if not ended or answer["status"] != "ok" or answer["stdout_truncated"]:
        error = answer["error"] or {}
        result.failed[WHOLE_MODULE] = (f"ended with {answer['status']}: {error.get('message')}\n"
                                       f"the test that ran then: {running}\n{answer['stderr'][-4000:]}")
    return result


class FreshInterpreters:
    """Runs each module with `shannon run`."""

    way = "fresh"

    def __init__(self, suite):
        self.suite = suite

    def run(self, module, patterns=()):
        word = "@" + secrets.token_hex(8)
        # The folder of the program is granted too, for Python's tools read the source of what runs.
        command = [SHANNON, "run", "--interpreter", INTERPRETER, "--json", "--timeout", f"{LIMIT_SECONDS}s", "--memory",
                   str(MEMORY_LIMIT_BYTES), "--allow-read", self.suite, "--allow-read", RUNNER.parent, RUNNER, self.suite,
                   module, word, *patterns]
        environment = dict(os.environ, SHANNON_AGENT_CORE_OUTPUT_LIMIT_BYTES=str(OUTPUT_LIMIT_BYTES),
                           SHANNON_WASI_CPU_LIMIT_MS=str(1000 * PROCESSOR_LIMIT_SECONDS))
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, env=environment, check=False)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise RuntimeError(f"shannon run gave no answer for {module}: {done.stderr[-2000:]}") from None
        return read_report(module, self.way, word, answer)


class ForkedInterpreters:
    """Runs each module by agent-core's POST /v1/execute."""

    way = "forked"

    def __init__(self, suite, service):
        self.suite, self.service = suite, service
        self.program = RUNNER.read_text()

    def run(self, module, patterns=()):
        word = "@" + secrets.token_hex(8)
        answer = self.service.execute(self.program, timeout=LIMIT_SECONDS + 60, argv=[str(self.suite), module, word, *patterns],
                                      timeout_ms=1000 * LIMIT_SECONDS, memory_limit_bytes=MEMORY_LIMIT_BYTES)
        return read_report(module, self.way, word, answer)


@contextlib.contextmanager
def interpreters(way, suite, jobs):
    """Something with a method run(module), which `jobs` threads may call at the same time."""
    if way == "fresh":
        yield FreshInterpreters(suite)
        return
    sys.path.insert(0, str(REPOSITORY / "tests" / "e2e"))
    from agent_core_service import AgentCore
    with tempfile.TemporaryDirectory(prefix="shannon-cpython-") as folder:
        service = AgentCore(folder, SHANNON_WASI_ALLOWED_PATHS=json.dumps([str(suite)]),
                            SHANNON_WASI_CPU_LIMIT_MS=1000 * PROCESSOR_LIMIT_SECONDS,
                            SHANNON_AGENT_CORE_MAX_TIMEOUT_MS=1000 * LIMIT_SECONDS,
                            SHANNON_AGENT_CORE_OUTPUT_LIMIT_BYTES=OUTPUT_LIMIT_BYTES,
                            SHANNON_AGENT_CORE_MAX_CONCURRENT=jobs)
        try:
            yield ForkedInterpreters(suite, service)
        finally:
            service.stop()


def run_modules(way, suite, modules, jobs):
    """Runs modules, `jobs` at a time, and yields their results as they come."""
    with interpreters(way, suite, jobs) as interpreter, concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(interpreter.run, module) for module in modules]
        try:
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
