"""Hostile modules, written in WebAssembly text: whatever a guest does with the interface, it ends as its own fault, with
the exit status that says which, and never as a failure of shannon."""
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SHANNON = Path(os.environ.get("SHANNON", HERE.parents[2] / "build" / "shannon"))
LIMIT_SECONDS = 120
TRAPPED = 134
SHANNON_FAILED = 125
NOT_FOUND = 127
TIMEOUT = 124


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A function from the name of a .wat file here to its module."""
    if not SHANNON.is_file():
        pytest.fail(f"there is no {SHANNON}: run make first, or set SHANNON to the program")
    if shutil.which("wat2wasm") is None:
        pytest.skip("wat2wasm (Debian package wabt) is needed")
    folder = tmp_path_factory.mktemp("wasi-abi")

    def get(name):
        path = folder / f"{name}.wasm"
        if not path.exists():
            subprocess.run(["wat2wasm", HERE / f"{name}.wat", "-o", path], check=True, timeout=LIMIT_SECONDS)
        return path

    return get


@pytest.fixture
def shown(tmp_path):
    """A folder to be shown, with ways out of it, and what lies outside."""
    folder = tmp_path / "shown"
    (folder / "sub").mkdir(parents=True)
    (folder / "hello.txt").write_text("hello")
    (folder / "sub" / "deep.txt").write_text("deep")
    (folder / "out").symlink_to("..")
    (folder / "root").symlink_to("/")
    (folder / "evil").symlink_to("..")
    (folder / "trick").symlink_to("evil/")
    (tmp_path / "secret.txt").write_text("SECRET")
    return folder


def snapshot(folder):
    return sorted((str(path), path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*"))


def run(module, *options, folder=None):
    shown = ["--allow-read", folder] if folder else []
    command = [str(word) for word in (SHANNON, "wasi", *options, *shown, module)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=LIMIT_SECONDS)


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
def test_a_module_that_does_not_fit_is_refused(module, name, word):
    result = run(module(name))
    assert result.returncode == SHANNON_FAILED
    assert word in result.stderr.decode()
    assert result.stdout == b""


@pytest.mark.parametrize("content", [b"", b"\0", b"\0asm", b"\0asm\2\0\0\0", b"#!/bin/sh\necho hi\n", b"\x7fELF" + bytes(60),
                                     b"\0asm\1\0\0\0\xff\xff\xff\xff\xff"])
def test_what_is_no_module_is_refused(tmp_path, module, content):
    assert module is not None
    path = tmp_path / "not.wasm"
    path.write_bytes(content)
    result = run(path)
    assert result.returncode == SHANNON_FAILED
    assert str(path) in result.stderr.decode()


def test_a_cut_module_is_refused(tmp_path, module):
    whole = module("escape").read_bytes()
    for size in range(1, len(whole), max(1, len(whole) // 20)):
        path = tmp_path / "cut.wasm"
        path.write_bytes(whole[:size])
        result = run(path)
        assert result.returncode == SHANNON_FAILED, f"cut to {size} bytes"


def test_a_missing_module_is_not_found(tmp_path, module):
    assert module is not None
    result = run(tmp_path / "missing.wasm")
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
def test_a_trap_is_named(module, name, trap):
    result = run(module(name))
    assert result.returncode == TRAPPED
    assert re.search(trap, result.stderr.decode())
    assert result.stdout == b""


@pytest.mark.parametrize("name, trap", [
    ("start_section_traps", "unreachable"),
    ("data_out_of_bounds", "out of bounds"),
    ("table_out_of_bounds", "out of bounds"),
])
def test_a_module_that_traps_before_its_start_is_a_bad_module(module, name, trap):
    result = run(module(name))
    assert result.returncode in (SHANNON_FAILED, TRAPPED)
    assert trap in result.stderr.decode()


def test_a_stack_that_ends_inside_the_host_is_the_guests(module, shown):
    for _ in range(3):
        result = run(module("recursion_into_host"), folder=shown)
        assert result.returncode == TRAPPED
        assert "stack" in result.stderr.decode()


# ---- ends ----


@pytest.mark.parametrize("name, status", [("exit_0", 0), ("exit_1", 1), ("exit_126", 126), ("exit_255", 255),
                                          ("exit_259", 3), ("exit_minus_1", 255)])
def test_an_exit_code_is_passed_on(module, name, status):
    result = run(module(name))
    assert (result.returncode, result.stdout) == (status, b"")


@pytest.mark.parametrize("name", ["endless", "sleep_for_ever", "poll_for_ever"])
def test_the_time_limit_holds(module, name):
    run(module(name), "--timeout", "1ms")  # translates
    started = time.monotonic()
    result = run(module(name), "--timeout", "300ms")
    assert result.returncode == TIMEOUT
    assert 0.25 < time.monotonic() - started < 5


# ---- memory ----


def test_memory_grows_to_the_limit_and_no_further(module):
    result = run(module("grow"), "--memory", "1M")
    assert result.returncode == 0, f"check {result.returncode} of grow.wat; {result.stderr.decode()}"


def test_a_module_that_needs_more_than_the_limit_is_refused(module):
    result = run(module("too_large"), "--memory", "1M")
    assert result.returncode in (SHANNON_FAILED, 137)
    assert "Memory limit" in result.stderr.decode()
    assert run(module("too_large"), "--memory", "2M").returncode == 0


# ---- calls with any integers ----


@pytest.mark.parametrize("name", ["addresses", "descriptors", "values", "amounts", "escape", "renumber", "reopen_lots"])
def test_calls_answer_as_they_should_and_change_nothing(module, shown, name):
    before = snapshot(shown.parent)
    result = run(module(name), folder=shown)
    assert result.returncode == 0, f"check {result.returncode} of {name}.wat; {result.stderr.decode()}"
    assert snapshot(shown.parent) == before
    assert (shown / "hello.txt").read_text() == "hello"
