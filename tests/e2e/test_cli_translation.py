"""From a module to native code, and the cache that keeps it: what can go wrong there, and what must never be trusted."""
import os
import shutil
import subprocess
import time

import pytest

from cli_support import PROGRAM, Shannon, copy_for_all, descendants, end, is_alive, module, plain_user, start, wait_for

EXIT_4 = "(call $exit (i32.const 4))"


@pytest.fixture
def fresh(tmp_path):
    """The program with a cache of its own that is empty."""
    return Shannon(tmp_path, SHANNON_CACHE_DIR=tmp_path / "cache")


def objects(cache):
    return sorted(cache.glob("objects/*.so"))


def path_without(*tools, folder):
    """A PATH that has everything but these programs."""
    folder.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        if os.path.isdir(directory):
            for name in os.listdir(directory):
                if not name.startswith(tools) and not (folder / name).exists():
                    try:
                        (folder / name).symlink_to(os.path.join(directory, name))
                    except FileExistsError:
                        pass
    return folder


# ---- the cache ----

def test_second_run_does_not_translate(fresh, tmp_path):
    path = start(EXIT_4)
    assert fresh("wasi", path).status == 4
    [made] = objects(tmp_path / "cache")
    before = made.stat()
    assert fresh("wasi", path).status == 4
    after = made.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_another_module_under_the_same_name_is_another_module(fresh, tmp_path):
    path = tmp_path / "module.wasm"
    for code in (4, 5, 4):
        shutil.copy(start(f"(call $exit (i32.const {code}))"), path)
        assert fresh("wasi", path).status == code
    assert len(objects(tmp_path / "cache")) == 2


def test_cache_folder_is_private(fresh, tmp_path):
    assert fresh("wasi", start(EXIT_4)).status == 4
    for name in ("objects", "digests"):
        assert (tmp_path / "cache" / name).stat().st_mode & 0o777 == 0o700
    assert {path.suffix for path in (tmp_path / "cache" / "objects").iterdir()} <= {".so", ".sha256", ""}


@pytest.mark.parametrize("damage", ["truncate", "empty", "flip", "append", "remove digest", "other digest", "garbage"])
def test_damaged_object_is_made_again(fresh, tmp_path, damage):
    path = start(EXIT_4)
    assert fresh("wasi", path).status == 4
    [made] = objects(tmp_path / "cache")
    digest = made.with_name(made.name + ".sha256")
    good = made.read_bytes()
    if damage == "truncate":
        made.write_bytes(good[:len(good) // 2])
    elif damage == "empty":
        made.write_bytes(b"")
    elif damage == "flip":
        made.write_bytes(good[:5000] + bytes([good[5000] ^ 1]) + good[5001:])
    elif damage == "append":
        made.write_bytes(good + b"\0")
    elif damage == "remove digest":
        digest.unlink()
    elif damage == "other digest":
        digest.write_text("0" * 64 + "\n")
    else:
        made.write_bytes(b"\x7fELF" + os.urandom(3000))
    result = fresh("wasi", path)
    assert result.status == 4, result
    assert made.read_bytes() == good


def test_altered_object_is_noticed_although_its_times_are_set_back(fresh, tmp_path):
    """A program can set a file's modification time, not its change time."""
    path = start(EXIT_4)
    assert fresh("wasi", path).status == 4
    [made] = objects(tmp_path / "cache")
    good = made.read_bytes()
    time.sleep(2.1)  # until the digest may be remembered: two ticks of a clock, which no condition shows
    assert fresh("wasi", path).status == 4
    status = made.stat()
    with open(made, "r+b") as file:
        file.seek(5000)
        file.write(bytes([good[5000] ^ 1]))
    os.utime(made, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert fresh("wasi", path).status == 4
    assert made.read_bytes() == good


def test_left_over_work_of_a_process_that_died(fresh, tmp_path):
    path = start(EXIT_4)
    assert fresh("wasi", path).status == 4
    [made] = objects(tmp_path / "cache")
    made.unlink()
    work = made.with_name(made.name + ".making")
    work.mkdir()
    (work / "object.so").write_bytes(b"half of it")
    assert fresh("wasi", path).status == 4
    assert not work.exists()


def test_two_at_once_translate_once(fresh, tmp_path):
    """Both give the right answer, and one waits for the other."""
    body = "".join(f"(i32.store (i32.const {i * 4}) (i32.const {i}))" for i in range(3000)) + EXIT_4
    path = start(body)
    running = [fresh.start("wasi", path) for _ in range(4)]
    assert [process.wait(timeout=120) for process in running] == [4] * 4
    for process in running:
        process.communicate()
    assert len(objects(tmp_path / "cache")) == 1


def test_cache_folder_that_others_may_write_to_is_not_trusted(fresh, tmp_path):
    path = start(EXIT_4)
    assert fresh("wasi", path).status == 4
    (tmp_path / "cache" / "objects").chmod(0o777)
    result = fresh("wasi", path)
    assert result.status == 125
    assert "cannot be trusted" in result.stderr
    assert "chmod go-w" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_cache_folder_of_another_user_is_not_trusted(fresh, tmp_path):
    path = start(EXIT_4)
    assert fresh("wasi", path).status == 4
    os.chown(tmp_path / "cache" / "objects", 65534, 65534)
    result = fresh("wasi", path)
    assert result.status == 125
    assert "cannot be trusted" in result.stderr


def test_no_place_for_a_cache(tmp_path):
    result = Shannon(tmp_path, SHANNON_CACHE_DIR=None, XDG_CACHE_HOME=None, HOME=None)("wasi", start(EXIT_4))
    assert result.status == 125
    assert "SHANNON_CACHE_DIR" in result.stderr


@pytest.mark.parametrize("settings, place", [
    ({"XDG_CACHE_HOME": "{0}/xdg", "HOME": "{0}/home", "SHANNON_CACHE_DIR": None}, "xdg/shannon"),
    ({"XDG_CACHE_HOME": None, "HOME": "{0}/home", "SHANNON_CACHE_DIR": None}, "home/.cache/shannon"),
    ({"XDG_CACHE_HOME": "relative", "HOME": "{0}/home", "SHANNON_CACHE_DIR": None}, "home/.cache/shannon"),
    ({"SHANNON_CACHE_DIR": "{0}/a folder/with a space"}, "a folder/with a space"),
])
def test_where_the_cache_is(tmp_path, settings, place):
    values = {name: value and value.format(tmp_path) for name, value in settings.items()}
    assert Shannon(tmp_path, **values)("wasi", start(EXIT_4)).status == 4
    assert len(objects(tmp_path / place)) == 1


def test_folder_that_cannot_be_written():
    """As a plain user: a new translation fails with one clear error, a kept one runs."""
    with plain_user() as (folder, as_user):
        path = copy_for_all(start(EXIT_4), folder)
        program = copy_for_all(PROGRAM, folder)
        shannon = Shannon(folder, SHANNON_CACHE_DIR=folder / "cache")
        assert shannon("wasi", path, program=program, before=as_user).status == 4
        for name in ("objects", "digests"):
            (folder / "cache" / name).chmod(0o500)
        try:
            assert shannon("wasi", path, program=program, before=as_user).status == 4
            other = copy_for_all(start("(call $exit (i32.const 5))"), folder)
            result = shannon("wasi", other, program=program, before=as_user)
            assert result.status == 125
            assert "cannot write to the cache folder" in result.stderr
            assert "SHANNON_CACHE_DIR" in result.stderr
            missing = Shannon(folder, SHANNON_CACHE_DIR="/proc/no/cache")("wasi", path, program=program, before=as_user)
            assert missing.status == 125
            assert "/proc/no/cache" in missing.stderr
        finally:
            for name in ("objects", "digests"):
                (folder / "cache" / name).chmod(0o700)


def test_full_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", disk], stderr=subprocess.PIPE)
    if mounted.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.decode().strip()}")
    try:
        result = Shannon(tmp_path, SHANNON_CACHE_DIR=disk / "cache")("wasi", start(EXIT_4))
        assert result.status == 125
        assert "space" in result.stderr
        assert "SHANNON_CACHE_DIR" in result.stderr
        assert list(disk.rglob("*.making")) == []
        assert objects(disk / "cache") == []
    finally:
        subprocess.run(["umount", disk], check=True)


# ---- the tools ----

@pytest.mark.parametrize("tools, package", [(("clang",), "clang-19"), (("wasm2c",), "wabt")])
def test_missing_tool(fresh, tmp_path, tools, package):
    result = fresh("wasi", start(EXIT_4), environ={"PATH": path_without(*tools, folder=tmp_path / "bin")})
    assert result.status == 125
    assert "not found" in result.stderr
    assert "apt-get install" in result.stderr
    assert package in result.stderr


def test_kept_object_needs_no_tools(fresh, tmp_path):
    path = start(EXIT_4)
    assert fresh("wasi", path).status == 4
    assert fresh("wasi", path, environ={"PATH": path_without("clang", "wasm2c", folder=tmp_path / "bin")}).status == 4
    assert fresh("wasi", path, environ={"PATH": "/nonexistent"}).status == 4


def test_tool_that_fails(fresh, tmp_path):
    """A compiler that cannot compile: its words are in the message, and nothing is kept."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "clang-19").write_text("#!/bin/sh\necho 'error: this compiler is broken' >&2\nexit 1\n")
    (tools / "clang-19").chmod(0o755)
    result = fresh("wasi", start(EXIT_4), environ={"PATH": f"{tools}:{os.environ['PATH']}"})
    assert result.status == 125
    assert "this compiler is broken" in result.stderr
    assert list((tmp_path / "cache" / "objects").glob("*.making")) == []
    assert objects(tmp_path / "cache") == []
    assert fresh("wasi", start(EXIT_4)).status == 4


def test_tools_are_not_looked_for_in_the_working_folder(fresh, tmp_path):
    """An empty or relative item of PATH means the working folder, which may be anybody's."""
    (tmp_path / "wasm2c").write_text("#!/bin/sh\ntouch was-run\nexit 1\n")
    (tmp_path / "wasm2c").chmod(0o755)
    assert fresh("wasi", start(EXIT_4), environ={"PATH": f":.:{os.environ['PATH']}"}).status == 4
    assert not (tmp_path / "was-run").exists()


# ---- modules that are refused ----

def refused(result, *words):
    assert result.status == 125, result
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr, result


@pytest.mark.parametrize("content, word", [
    (b"", "not a WebAssembly module"),
    (b"\0as", "not a WebAssembly module"),
    (b"print('hello')\n", "not a WebAssembly module"),
    (b"\x7fELF" + bytes(200), "not a WebAssembly module"),
    (b"\0asm\x0d\0\1\0" + bytes(20), "component"),
    (b"\0asm\1\0\0\0", "exports no memory"),
    (b"\0asm\1\0\0\0\x63\1\0", "damaged"),
    (b"\0asm\1\0\0\0\1\x7f\0", "damaged"),
])
def test_file_that_is_no_module(fresh, tmp_path, content, word):
    (tmp_path / "module.wasm").write_bytes(content)
    refused(fresh("wasi", "module.wasm"), "module.wasm", word)


def test_truncated_module(fresh, tmp_path):
    good = start(EXIT_4).read_bytes()
    for size in range(8, len(good), 7):
        (tmp_path / "module.wasm").write_bytes(good[:size])
        result = fresh("wasi", "module.wasm")
        assert result.status == 125, (size, result)
        assert len([line for line in result.stderr.splitlines() if line.startswith("shannon wasi:")]) == 1


def test_module_whose_code_is_invalid(fresh, tmp_path):
    path = module("(func (export \"_start\") (drop (i32.const 1)))")
    broken = path.read_bytes().replace(b"\x41\x01\x1a", b"\x41\x01\x6a")
    assert broken != path.read_bytes()
    (tmp_path / "module.wasm").write_bytes(broken)
    refused(fresh("wasi", "module.wasm"), "translating WebAssembly to C failed")


@pytest.mark.parametrize("text, words", [
    ('(module (import "env" "system" (func)) (memory (export "memory") 1) (func (export "_start")))',
     ["system", "env", "only wasi_snapshot_preview1"]),
    ('(module (import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32))) (memory (export "memory") 1)'
     ' (func (export "_start")))', ["wasi_unstable", "only wasi_snapshot_preview1"]),
    ('(module (import "wasi_snapshot_preview1" "no_such" (func)) (memory (export "memory") 1) (func (export "_start")))',
     ["no_such"]),
    ('(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))) (memory (export "memory") 1)'
     ' (func (export "_start")))', ["proc_exit", "signature"]),
    ('(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32) (result i32))) (memory (export "memory") 1)'
     ' (func (export "_start")))', ["proc_exit", "signature"]),
    ('(module (import "wasi_snapshot_preview1" "memory" (memory 1)) (func (export "_start")))', ["not a function"]),
    ('(module (import "env" "g" (global i32)) (memory (export "memory") 1) (func (export "_start")))', ["not a function"]),
    ('(module (import "env" "t" (table 1 funcref)) (memory (export "memory") 1) (func (export "_start")))',
     ["not a function"]),
    ('(module (memory 1) (func (export "_start")))', ["exports no memory"]),
    ('(module (func (export "_start")))', ["exports no memory"]),
    ('(module (memory (export "memory") 1) (func (export "run")))', ["_start"]),
    ('(module (memory (export "memory") 1) (func (export "_start") (param i32)))', ["_start"]),
])
def test_module_that_asks_for_something_else(fresh, text, words):
    refused(fresh("wasi", module(text)), *words)


def test_names_in_messages_cannot_command_a_terminal(fresh):
    text = '(module (import "env\\1b[2J" "f\\1b]0;title\\07" (func)) (memory (export "memory") 1) (func (export "_start")))'
    result = fresh("wasi", module(text))
    refused(result, "env?[2J")
    assert not set(result.stderr) & {"\x1b", "\x07"}


@pytest.mark.parametrize("name", [
    # Each would be C of the module's choosing in the object, run by the host while it loads it.
    "a*/ extern long write(int, const void *, unsigned long); __attribute__((constructor)) static void f(void)"
    " { write(1, \\22ESCAPED\\22, 7); } /*",
    "a*/\\0aextern long write(int, const void *, unsigned long); __attribute__((constructor)) static void f(void)"
    " { write(1, \\22ESCAPED\\22, 7); }\\0a/*",
    "a\\0a#include </etc/passwd>\\0a",
    "a\\0d\\0a*/ int x; /*",
    "a\\5c\\0a",
    "a*/",
])
def test_names_of_a_module_never_become_code(fresh, tmp_path, name):
    text = f'(module (memory (export "memory") 1) (func (export "{name}")) (func (export "_start")))'
    result = fresh("wasi", module(text))
    assert "ESCAPED" not in result.stdout
    refused(result, "the name of export")
    assert objects(tmp_path / "cache") == []


@pytest.mark.parametrize("name", [
    "instance", "instance->x", "(instance)", ", instance, ", "Zz", "_Z", "main", "guest_state", "a.module_instance", "?",
    "%s%n", "\\5c", "\\22", "'", "/*", "//", "#define if while", "\\c3\\a4", "x" * 3000, "??/",
])
def test_odd_names_are_only_names(fresh, name):
    """Of a function, a global and a table, called and not."""
    text = (f'(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)'
            f'(func $f (export "{name}") (param i32) (result i32) (local.get 0))'
            f'(global (export "{name}1") (mut i32) (i32.const 1)) (table (export "{name}2") 3 funcref)'
            '(func (export "_start") (call $exit (call $f (i32.const 6)))))')
    assert fresh("wasi", module(text)).status == 6


def test_file_that_cannot_be_read_as_one(fresh, tmp_path):
    (tmp_path / "folder.wasm").mkdir()
    result = fresh("wasi", "folder.wasm")
    assert result.status == 125
    assert "folder.wasm" in result.stderr
    os.mkfifo(tmp_path / "pipe.wasm")
    result = fresh("wasi", "pipe.wasm", timeout=20)
    assert result.status == 125
    assert "regular file" in result.stderr


# ---- interrupted ----

def large_module():
    """One whose compilation takes several seconds."""
    functions = "".join(
        f"(func $f{i} (param i32) (result i32) " + "".join(
            f"(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const {i * 31 + j + 3})) (i32.load (local.get 0))))"
            for j in range(120)) + "(local.get 0))" for i in range(400))
    calls = "".join(f"(drop (call $f{i} (i32.const 0)))" for i in range(400))
    return module(f'{functions} (func (export "_start") {calls})')


@pytest.mark.parametrize("number, status", [(2, 130), (15, 143), (1, 129)])
def test_signal_while_translating(fresh, tmp_path, number, status):
    """It ends soon, with what it started, and leaves nothing half made."""
    process = fresh.start("wasi", large_module())
    tools = wait_for(lambda: descendants(process.pid), what="a tool to run")
    started = time.monotonic()
    result = end(process, number)
    assert result.status == status, result
    assert time.monotonic() - started < 5
    assert "interrupted" in result.stderr
    assert [pid for pid in tools if is_alive(pid)] == []
    assert list((tmp_path / "cache" / "objects").glob("*.making")) == []


def test_tools_die_with_the_process_that_started_them(fresh):
    process = fresh.start("wasi", large_module())
    tools = wait_for(lambda: descendants(process.pid), what="a tool to run")
    process.kill()
    process.communicate()
    wait_for(lambda: not any(is_alive(pid) for pid in tools), limit=10, what="the end of the tools")


def test_signal_while_waiting_for_another_that_translates(fresh):
    first = fresh.start("wasi", large_module())
    wait_for(lambda: descendants(first.pid), what="a tool to run")
    second = fresh.start("wasi", large_module())
    wait_for(lambda: "objects/lock" in "".join(
        os.readlink(f"/proc/{second.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{second.pid}/fd")), what="waiting")
    result = end(second, 2)
    assert result.status == 130
    assert "waiting for another process" in result.stderr
    assert end(first, 15).status == 143
