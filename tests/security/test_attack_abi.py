"""B: hostile modules, written in WebAssembly text: whatever a guest does with the interface, it ends as its own fault,
with the status that says which, and never as a failure of shannon.

Most run as WASI commands, by `shannon wasi`; choose.wat stands in for Python in an agent-core of its own.
"""
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from attack_support import MEBIBYTE, ROOT, Target, orphans, resident_bytes

HERE = Path(__file__).resolve().parent / "wasi_abi"
SHANNON = Path(os.environ.get("SHANNON", ROOT / "build" / "shannon"))
LIMIT_SECONDS = 120
TRAPPED = 134
SHANNON_FAILED = 125
NOT_FOUND = 127
TIMEOUT = 124


class Modules:
    """The modules of wasi_abi/, compiled when they are first asked for, and their translations."""

    def __init__(self, folder):
        self.folder = folder
        self.cache = folder / "cache"

    def path(self, name):
        path = self.folder / f"{name}.wasm"
        if not path.exists():
            subprocess.run(["wat2wasm", HERE / f"{name}.wat", "-o", path], check=True, timeout=LIMIT_SECONDS)
        return path


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    if not SHANNON.is_file():
        pytest.fail(f"there is no {SHANNON}: run make first, or set SHANNON to the program")
    if shutil.which("wat2wasm") is None:
        pytest.skip("wat2wasm (Debian package wabt) is needed")
    return Modules(tmp_path_factory.mktemp("wasi-abi"))


class Commands:
    """Runs modules as WASI commands, with a folder to be shown that has ways out of it, and what lies outside."""

    def __init__(self, modules, folder):
        self.modules = modules
        self.outside = folder
        self.shown = folder / "shown"
        (self.shown / "sub").mkdir(parents=True)
        (self.shown / "hello.txt").write_text("hello")
        (self.shown / "sub" / "deep.txt").write_text("deep")
        (self.shown / "out").symlink_to("..")
        (self.shown / "root").symlink_to("/")
        (self.shown / "evil").symlink_to("..")
        (self.shown / "trick").symlink_to("evil/")
        (folder / "secret.txt").write_text("SECRET")

    def snapshot(self):
        return sorted((str(path), path.lstat().st_mtime_ns, path.lstat().st_size) for path in self.outside.rglob("*"))

    def run_path(self, path, *options, arguments=()):
        command = [str(word) for word in (SHANNON, "wasi", *options, path, *arguments)]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=LIMIT_SECONDS, env=dict(os.environ, SHANNON_CACHE_DIR=str(self.modules.cache)))

    def run(self, name, *options, **more):
        return self.run_path(self.modules.path(name), *options, **more)

    def check(self, name, folder=None):
        """The module's own checks, with the folder shown."""
        result = self.run(name, "--allow-read", folder or self.shown)
        assert result.returncode == 0, f"check {result.returncode} of {name}.wat; {result.stderr.decode()}"
        assert result.stdout == b""


@pytest.fixture
def commands(modules, tmp_path):
    """Afterwards an innocent module runs as ever, no file was changed, and no process is left."""
    found = Commands(modules, tmp_path / "commands")
    before = found.snapshot()
    yield found
    result = found.run("choose", arguments=["-", "z"])
    assert (result.returncode, result.stdout) == (0, b"hello\n"), result.stderr
    assert found.snapshot() == before
    assert orphans() == [], "processes were left behind"


class Chosen(Target):
    """An agent-core whose interpreter is choose.wat, or another module."""

    def __init__(self, folder, modules, name="choose", **settings):
        super().__init__(folder, PYTHON_WASI_WASM_PATH=modules.path(name), SHANNON_CACHE_DIR=modules.cache, **settings)

    def prove_it_works(self):
        answer = self.execute("z")
        assert (answer["status"], answer["stdout"]) == ("ok", "hello\n"), answer


@pytest.fixture(scope="module")
def chosen_service(modules, tmp_path_factory):
    with Chosen(tmp_path_factory.mktemp("chosen"), modules) as service:
        for _ in range(10):
            service.prove_it_works()
        yield service


@pytest.fixture
def chosen(chosen_service):
    with chosen_service.unharmed():
        yield chosen_service


# ---- modules that are not run ----


@pytest.mark.parametrize("name, word", [
    ("unknown_import", "sock_open"),
    ("foreign_import", "env"),
    ("wrong_signature", "fd_write"),
    ("wrong_parameter_type", "fd_seek"),
    ("imported_memory", "memory"),
    ("no_memory", "memory"),
    ("no_start", "_start"),
])
def test_a_module_that_does_not_fit_is_refused(commands, name, word):
    result = commands.run(name)
    assert result.returncode == SHANNON_FAILED
    assert word in result.stderr.decode()
    assert result.stdout == b""


@pytest.mark.parametrize("content", [b"", b"\0", b"\0asm", b"\0asm\2\0\0\0", b"#!/bin/sh\necho hi\n", b"\x7fELF" + bytes(60),
                                     b"\0asm\1\0\0\0\xff\xff\xff\xff\xff"])
def test_what_is_no_module_is_refused(commands, tmp_path, content):
    path = tmp_path / "not.wasm"
    path.write_bytes(content)
    result = commands.run_path(path)
    assert result.returncode == SHANNON_FAILED
    assert str(path) in result.stderr.decode()


def test_a_cut_module_is_refused(commands, modules, tmp_path):
    whole = modules.path("escape").read_bytes()
    path = tmp_path / "cut.wasm"
    for size in range(1, len(whole), max(1, len(whole) // 20)):
        path.write_bytes(whole[:size])
        result = commands.run_path(path)
        assert result.returncode == SHANNON_FAILED, f"cut to {size} bytes"


def test_a_missing_module_is_not_found(commands, tmp_path):
    result = commands.run_path(tmp_path / "missing.wasm")
    assert result.returncode == NOT_FOUND
    assert str(tmp_path / "missing.wasm") in result.stderr.decode()
    assert "not found" in result.stderr.decode()


# ---- traps ----


@pytest.mark.parametrize("name, trap", [
    ("unreachable", "unreachable"),
    ("load_out_of_bounds", "out of bounds memory access"),
    ("load_farthest", "out of bounds memory access"),
    ("store_out_of_bounds", "out of bounds memory access"),
    ("copy_out_of_bounds", "out of bounds memory access"),
    ("fill_out_of_bounds", "out of bounds memory access"),
    ("divide_by_zero", "integer divide by zero"),
    ("divide_overflow", "integer overflow"),
    ("convert_nan", "invalid conversion to integer"),
    ("call_wrong_type", "indirect call"),
    ("call_nothing", "indirect call|undefined|uninitialized"),
    ("call_beyond_table", "indirect call|undefined|out of bounds"),
    ("recursion", "stack"),
])
def test_B17_a_trap_is_named(commands, name, trap):
    result = commands.run(name)
    assert result.returncode == TRAPPED
    assert re.search(trap, result.stderr.decode())
    assert result.stdout == b""


@pytest.mark.parametrize("name, trap", [
    ("start_section_traps", "unreachable"),
    ("data_out_of_bounds", "out of bounds"),
    ("table_out_of_bounds", "out of bounds"),
])
def test_B17_a_trap_before_the_start_is_the_modules(commands, name, trap):
    result = commands.run(name)
    assert result.returncode in (SHANNON_FAILED, TRAPPED)
    assert trap in result.stderr.decode()


@pytest.mark.parametrize("letter, status, message", [
    ("a", "trap", "unreachable"),
    ("b", "trap", "out of bounds memory access"),
    ("c", "stack_exhausted", "stack"),
    ("h", "trap", "indirect call"),
    ("i", "trap", "indirect call"),
    ("j", "trap", "indirect call"),
    ("q", "trap", "out of bounds memory access"),
    ("r", "trap", "integer divide by zero"),
])
def test_B17_a_trap_in_a_service(chosen, letter, status, message):
    zygote = chosen.zygote()
    answer = chosen.execute(letter)
    assert (answer["status"], answer["exit_code"]) == (status, TRAPPED), answer
    assert message in answer["error"]["message"]
    # It is explained, so that the process from which all are forked stays.
    assert chosen.zygote() == zygote


def test_B17_an_interpreter_that_traps_at_its_start(modules, tmp_path):
    with Chosen(tmp_path, modules, "start_section_traps", ready=False) as core:
        for _ in range(3):
            answer = core.execute("z")
            assert answer["status"] in ("trap", "internal"), answer
        assert core.process.poll() is None


def test_B17_a_stack_that_ends_inside_the_host(commands):
    for _ in range(3):
        result = commands.run("recursion_into_host", "--allow-read", commands.shown)
        assert result.returncode == TRAPPED
        assert "stack" in result.stderr.decode()


# ---- calls with any integers; each module has its own controls ----


def test_B01_addresses(commands):
    commands.check("addresses")


def test_B02_lengths_and_counts(commands):
    commands.check("amounts")


def test_B03_a_buffer_that_ends_where_memory_does(commands):
    """Checks 8 to 13 of it: the last vector that fits, and one byte further."""
    commands.check("amounts")


def test_B04_buffers_over_each_other(commands):
    commands.check("overlap")


def test_B05_no_place_for_the_result(commands):
    commands.check("open_result")


def test_B06_unknown_bits(commands):
    commands.check("values")


def test_B07_descriptors_that_are_none(commands):
    commands.check("descriptors")


def test_B08_renumbering(commands):
    commands.check("renumber")


def test_B08_renumbering_everything_leaves_the_service_its_channel(chosen):
    """1 onto every number, every number onto 3, all closed: what the host says comes through all the same."""
    answer = chosen.execute("k")
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("python_error", 7, ""), answer


def test_B09_bytes_between_the_fields(commands, tmp_path):
    folder = tmp_path / "listed"  # three names, and "." and ".."
    folder.mkdir()
    for name in ("hello.txt", "second", "third"):
        (folder / name).write_text("")
    commands.check("padding", folder)


def test_B10_numbers_of_subscriptions(commands):
    """Checks 17 to 22 of it: none, one too many, 2^26, and one whose event does not fit."""
    commands.check("amounts")


@pytest.mark.parametrize("name", ["endless", "sleep_for_ever", "poll_for_ever", "yield_for_ever"])
def test_B11_the_time_limit_holds(commands, name):
    commands.run(name, "--timeout", "1ms")  # translates
    started = time.monotonic()
    result = commands.run(name, "--timeout", "300ms")
    assert result.returncode == TIMEOUT
    assert 0.25 < time.monotonic() - started < 5


@pytest.mark.parametrize("letter", ["l", "n"])
def test_B11_the_processor_limit_holds(chosen, letter):
    answer = chosen.execute(letter, cpu_limit_ms=200, timeout_ms=20000)
    assert (answer["status"], answer["exit_code"]) == ("timeout", TIMEOUT), answer
    assert "processor time" in answer["error"]["message"]
    assert 150 <= answer["usage"]["cpu_ms"] <= 1500


def test_B11_waiting_is_ended_by_the_wall_limit(chosen):
    answer = chosen.execute("m", cpu_limit_ms=10000, timeout_ms=300)
    assert answer["status"] == "timeout", answer
    assert "processor time" not in answer["error"]["message"]
    assert answer["usage"]["cpu_ms"] < 250 <= answer["usage"]["wall_ms"]


def test_B12_random_bytes(commands):
    commands.check("random")


def test_B13_positions_at_the_ends_of_64_bits(commands):
    commands.check("offsets")


def test_B14_clocks_that_are_none(commands):
    """Checks 28 to 41 of it."""
    commands.check("values")


def test_B14_times_before_1970(commands):
    path = commands.shown / "hello.txt"
    status = path.stat()
    os.utime(path, (-1e9, -1e9))
    commands.check("old_times")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("name, status", [("exit_0", 0), ("exit_1", 1), ("exit_126", 126), ("exit_255", 255),
                                          ("exit_256", 1), ("exit_259", 3), ("exit_minus_1", 255)])
def test_B15_an_exit_code_is_passed_on(commands, name, status):
    """A process has eight bits for it: the lower ones, but never the 0 of a success that was none."""
    result = commands.run(name)
    assert (result.returncode, result.stdout) == (status, b"")


@pytest.mark.parametrize("letter, exit_code", [("d", 256), ("e", -1), ("z", 0)])
def test_B15_an_exit_code_in_a_service(chosen, letter, exit_code):
    """There it is told as it was given, as a number of 32 bits with a sign."""
    answer = chosen.execute(letter)
    assert (answer["status"], answer["exit_code"]) == ("python_error" if exit_code else "ok", exit_code), answer


def test_B16_signals_and_sockets(commands):
    """Checks 42 to 51 of it: proc_raise of anything is not supported, and nothing is a socket."""
    commands.check("values")


def test_G04_no_number_is_a_socket(commands):
    commands.check("sockets")


def test_B17_memory_grows_to_the_limit_and_no_further(commands):
    # 16 pages, and what an empty scratch takes.
    result = commands.run("grow", "--memory", str(MEBIBYTE + 4096))
    assert result.returncode == 0, f"check {result.returncode} of grow.wat; {result.stderr.decode()}"


def test_B17_a_module_that_needs_more_than_the_limit_is_refused(commands):
    result = commands.run("too_large", "--memory", "1M")
    assert result.returncode == 137
    assert "Memory limit" in result.stderr.decode()
    assert commands.run("too_large", "--memory", str(2 * MEBIBYTE + 4096)).returncode == 0


# ---- what several of the above could do together ----


def test_calls_that_lead_out_of_the_folder(commands):
    commands.check("escape")


def test_descriptors_until_there_are_none(commands):
    commands.check("reopen_lots")


@pytest.mark.parametrize("letter, stream", [("f", "stdout"), ("g", "stderr")])
def test_E02_a_flood_from_a_module(chosen, letter, stream):
    """Without Python between, which would take an interrupt as the end: what is over the limit never leaves the process."""
    before = resident_bytes(chosen.process.pid)
    answer = chosen.execute(letter, timeout_ms=1000)
    assert answer["status"] == "timeout", answer["status"]
    assert answer[stream] == "x" * MEBIBYTE and answer[stream + "_truncated"]
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    assert answer[other] == "" and not answer[other + "_truncated"]
    assert resident_bytes(chosen.process.pid) - before < 16 * MEBIBYTE


def test_C07_memory_grows_page_by_page_to_the_limit(chosen):
    """What is refused is counted as what it is: grow answers -1, and the module ends as it likes."""
    answer = chosen.execute("p", memory_limit_bytes=64 * MEBIBYTE, timeout_ms=60000)
    assert answer["status"] == "ok", answer
    assert 64 * MEBIBYTE - 131072 <= answer["usage"]["peak_memory_bytes"] <= 64 * MEBIBYTE


def test_C09_memory_of_a_run_before(chosen):
    """A run paints all its memory, up to the limit; those after it find nothing of that anywhere in theirs."""
    for _ in range(3):
        painted = chosen.execute("o", memory_limit_bytes=64 * MEBIBYTE, timeout_ms=60000)
        assert painted["exit_code"] == 66, "the control: the run itself finds it"
        for _ in range(3):
            found = chosen.execute("p", memory_limit_bytes=64 * MEBIBYTE, timeout_ms=60000)
            assert (found["status"], found["exit_code"]) == ("ok", 0), found
            assert found["usage"]["peak_memory_bytes"] >= 63 * MEBIBYTE
