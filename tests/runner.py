"""Runs every kind of test and counts. Called by tests/run, which installs what is needed first.

Each kind is a stage. A stage runs one program, shows what it prints, and learns from the report the program writes (or,
for programs that write none, from exit statuses) how many tests passed, failed and were skipped. A stage whose program
breaks off counts as one failed test, so that nothing that did not run looks like success.
"""
import argparse
import contextlib
import dataclasses
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
STAGE_LIMIT_SECONDS = 40 * 60
FUZZ_SECONDS = int(os.environ.get("FUZZ_SECONDS", "10"))


@dataclasses.dataclass
class Count:
    passed: int = 0
    failures: list = dataclasses.field(default_factory=list)
    skips: list = dataclasses.field(default_factory=list)  # (test, reason)

    def add(self, other):
        self.passed += other.passed
        self.failures += other.failures
        self.skips += other.skips


def take_signals():
    """Signals that end a program do so in tests, also where this runner was started to ignore them (nohup, `&`)."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def run(command, *, environment=None, folder=REPOSITORY, user=None):
    """Runs a command to its end, in a session of its own, and returns its exit status."""
    if user is not None:
        command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--", *command]
    process = subprocess.Popen([str(word) for word in command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                               start_new_session=True, preexec_fn=take_signals)
    try:
        return process.wait(timeout=STAGE_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"stopped after {STAGE_LIMIT_SECONDS // 60} minutes: {command[0]}", flush=True)
        return -1
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def read_junit(report, status):
    """Counts a JUnit report, as meson and pytest write it."""
    count = Count()
    try:
        root = xml.etree.ElementTree.parse(report).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        count.failures.append(f"no report; the program ended with status {status}")
        return count
    for case in root.iter("testcase"):
        name = "::".join(part for part in (case.get("classname"), case.get("name")) if part)
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            count.failures.append(name)
        elif skipped is not None:
            # pytest says it in the message, meson in the output of the case.
            count.skips.append((name, skipped.get("message") or case.findtext("system-out") or "no reason given"))
        else:
            count.passed += 1
    if status != 0 and not count.failures:
        count.failures.append(f"the program ended with status {status}")
    return count


def by_status(name, status):
    return Count(passed=1) if status == 0 else Count(failures=[f"{name} (exit status {status})"])


class Tests:
    def __init__(self):
        self.environment = dict(os.environ, CI="true", PYTHONDONTWRITEBYTECODE="1")
        self.stages = []  # (name, Count, seconds)
        # What is configured on this machine is not under test.
        for name in list(self.environment):
            if name.startswith(("OPENAI_", "SHANNON_")) and name != "SHANNON_CACHE_DIR" \
                    and not name.startswith("SHANNON_CPYTHON_"):
                del self.environment[name]
        for name in ("LLM_MODEL", "PYTHON_WASI_WASM_PATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            self.environment.pop(name, None)
        self.environment["SHANNON"] = self.environment["SHANNON_PROGRAM"] = str(REPOSITORY / "build" / "shannon")
        self.environment["SHANNON_INTERPRETER"] = str(REPOSITORY / "wasm-interpreters" / "python-3.11.wasm")
        cache = os.environ.get("SHANNON_CACHE_DIR")
        if not cache:
            cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shannon"
        self.cache = Path(cache)

    @contextlib.contextmanager
    def stage(self, name):
        """Announces a stage and times it; the body counts into what it is given."""
        print(f"\n==== {name}", flush=True)
        started = time.monotonic()
        total = Count()
        try:
            yield total
        except OSError as error:
            total.failures.append(str(error))
        self.stages.append((name, total, time.monotonic() - started))

    # ---- what everything else needs ----

    def prepare(self):
        with self.stage("build") as total:
            total.add(by_status("make", run(["make", "--no-print-directory"], environment=self.environment)))
        with self.stage("interpreter") as total:
            command = ["make", "--no-print-directory", "interpreter"]
            total.add(by_status("make interpreter", run(command, environment=self.environment)))
            if not total.failures:
                command = [self.environment["SHANNON"], "run", "--interpreter", self.environment["SHANNON_INTERPRETER"],
                           "-c", "print('translated')"]
                total.add(by_status("shannon run", run(command, environment=self.environment)))
        answer = subprocess.run([REPOSITORY / "tests" / "fetch_dependencies.sh"], stdout=subprocess.PIPE, text=True,
                                env=self.environment, stdin=subprocess.DEVNULL, check=False)
        self.environment.update(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)
        return not any(count.failures for _, count, _ in self.stages)

    # ---- stages ----

    def lint(self):
        with self.stage("lint") as total:
            total.add(by_status("make lint", run(["make", "--no-print-directory", "lint"], environment=self.environment)))

    def meson_test(self, total, folder, environment, *, user=None, suite=None):
        """Runs the tests of a build folder."""
        report = Path(folder) / "meson-logs" / "testlog.junit.xml"
        report.unlink(missing_ok=True)
        status = run(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "--num-processes",
                      str(os.cpu_count() or 1), *(["--suite", suite] if suite else [])], environment=environment, user=user)
        total.add(read_junit(report, status))

    def unit(self):
        with self.stage("unit tests") as total:
            status = run(["ninja", "-k", "0", "-C", "build"], environment=self.environment)
            if status != 0:
                total.add(by_status("the unit tests' build", status))
            self.meson_test(total, REPOSITORY / "build", self.environment)

    def configure(self, folder, *options):
        """Sets up and compiles a build folder of its own; returns the exit status."""
        environment = dict(self.environment, CC="clang-19")
        if not (folder / "build.ninja").exists():
            status = run(["meson", "setup", folder, *options], environment=environment)
            if status != 0:
                return status
        return run(["ninja", "-C", folder], environment=environment)

    def sanitized(self):
        with self.stage("unit tests with AddressSanitizer and UndefinedBehaviorSanitizer") as total:
            folder = REPOSITORY / "build-sanitized"
            status = self.configure(folder, "-Db_sanitize=address,undefined", "-Db_lundef=false")
            if status != 0:
                total.add(by_status("the sanitized build", status))
                return
            environment = dict(self.environment, UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
                               ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=0")
            # Not the suite "security": beneath a system call filter, the sanitizers' own calls are what it kills.
            self.meson_test(total, folder, environment, suite="unit")

    def fuzz(self):
        with self.stage(f"fuzzing, {FUZZ_SECONDS} s each") as total:
            if not (REPOSITORY / "tests" / "fuzz").is_dir():
                total.skips.append(("fuzzing", "there is no tests/fuzz"))
                return
            folder = REPOSITORY / "build-fuzzing"
            status = self.configure(folder, "-Dfuzzing=true")
            if status != 0:
                total.add(by_status("the fuzzing build", status))
                return
            targets = sorted(p for p in (folder / "tests" / "fuzz").glob("fuzz_*") if p.is_file() and os.access(p, os.X_OK))
            if not targets:
                total.failures.append("the fuzzing build has no targets")
            for target in targets:
                self.fuzz_target(target, total)

    def fuzz_target(self, target, total):
        """Fuzzes from the kept corpus; what is found new stays out of the repository."""
        corpus = REPOSITORY / "tests" / "fuzz" / "corpus" / target.name.removeprefix("fuzz_")
        with tempfile.TemporaryDirectory(prefix="shannon-fuzz-") as found:
            folders = [found] + ([corpus] if corpus.is_dir() else [])
            print(f"-- {target.name}", flush=True)
            status = run([target, f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048",
                          "-verbosity=0", "-print_funcs=0", f"-artifact_prefix={target}-", *folders],
                         environment=self.environment)
        total.add(by_status(target.name, status))

    def pytest(self, name, folders, *, environment=None, root=REPOSITORY, user=None, options=()):
        with self.stage(name) as total:
            folders = [folder for folder in folders if (root / folder).is_dir()]
            with tempfile.TemporaryDirectory(prefix="shannon-pytest-") as scratch:
                if user is not None:
                    os.chown(scratch, user.pw_uid, user.pw_gid)
                report = Path(scratch) / "report.xml"
                status = run([PYTHON, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-r", "fEs", "--durations=5",
                              f"--junitxml={report}", *options, *folders],
                             environment=environment or self.environment, folder=root, user=user)
                total.add(read_junit(report, status))

    def plain_user(self):
        """As root, a part of the tests again as a user without any rights, from a copy of the repository."""
        if os.geteuid() != 0:
            return
        user = pwd.getpwnam("nobody")
        with tempfile.TemporaryDirectory(prefix="shannon-nobody-") as home:
            root = Path(home) / "shannon"
            self.copy_for(home, root)
            run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", home])
            environment = {"HOME": home, "PATH": os.environ["PATH"], "LANG": os.environ.get("LANG", "C.UTF-8"),
                           "CI": "true", "PYTHONDONTWRITEBYTECODE": "1", "SHANNON": str(root / "build" / "shannon"),
                           "SHANNON_INTERPRETER": str(root / "wasm-interpreters" / "python-3.11.wasm")}
            with self.stage("as a plain user: build and unit tests") as total:
                status = run(["make", "--no-print-directory"], environment=environment, folder=root, user=user)
                if status == 0:
                    status = run(["ninja", "-C", "build"], environment=environment, folder=root, user=user)
                if status != 0:
                    total.add(by_status("make", status))
                    return
                self.meson_test(total, root / "build", environment, user=user)
            self.pytest("as a plain user: security and end to end", ["tests/security", "tests/e2e"], root=root, user=user,
                        environment=environment, options=["--deselect", "tests/e2e/test_demo.py"])

    def copy_for(self, home, root):
        """The repository's files, the interpreter and its translation."""
        shutil.copytree(REPOSITORY, root, symlinks=True,
                        ignore=shutil.ignore_patterns(".git", "build", "build-*", "wasm-interpreters", "__pycache__"))
        interpreter = Path(self.environment["SHANNON_INTERPRETER"])
        (root / "wasm-interpreters").mkdir()
        shutil.copy2(interpreter, root / "wasm-interpreters")
        digest = subprocess.run(["sha256sum", interpreter], stdout=subprocess.PIPE, check=True).stdout.decode()
        objects = Path(home) / ".cache" / "shannon" / "objects"
        objects.mkdir(parents=True)
        for path in (self.cache / "objects").glob(digest[:32] + "*"):
            shutil.copy2(path, objects)
        for folder in (objects, objects.parent, objects.parent.parent):
            folder.chmod(0o700)

    # ---- the end ----

    def summary(self):
        total = Count()
        print("\n==== summary")
        for name, count, seconds in self.stages:
            total.add(count)
            print(f"{name:70} {count.passed:5} passed {len(count.failures):3} failed {len(count.skips):3} skipped {seconds:6.0f} s")
        for test, reason in total.skips:
            print(f"skipped: {test}: {reason}")
        for name, count, _ in self.stages:
            for failure in count.failures:
                print(f"FAILED: {name}: {failure}")
        tail = f", {len(total.skips)} skipped" if total.skips else ""
        print(f"{total.passed} passed, {len(total.failures)} failed{tail}", flush=True)
        return 1 if total.failures else 0


def main():
    stages = ["lint", "unit", "sanitized", "conformance", "security", "e2e", "plain_user", "fuzz"]
    parser = argparse.ArgumentParser(prog="tests/run", description="Runs the tests; the last line is the count.")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"only these: {', '.join(stages)} (all by default)")
    chosen = parser.parse_args().stages or stages
    unknown = [name for name in chosen if name not in stages]
    if unknown:
        parser.error(f"there is no stage {unknown[0]}; there are {', '.join(stages)}")
    tests = Tests()
    # Ctrl-C and kill reach the stage's processes through the `finally` of run().
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ready = tests.prepare()
    for name in stages:
        if name not in chosen or (not ready and name not in ("lint",)):
            continue
        if name in ("conformance", "security", "e2e"):
            titles = {"conformance": "conformance", "security": "security", "e2e": "end to end"}
            tests.pytest(titles[name], [f"tests/{name}"])
        else:
            getattr(tests, name)()
    return tests.summary()


if __name__ == "__main__":
    sys.exit(main())
