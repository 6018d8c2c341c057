"""Small C and Rust programs, compiled for WASI, print the same with shannon as with wasmtime."""
import contextlib
import os
import re
import signal
import subprocess
import time

import pytest

from programs import LIMIT_SECONDS, run, shannon_command

# ---- arguments, variables, exit codes ----


def test_arguments_and_variables_arrive(runtime, c_program):
    command = runtime(c_program("arguments"), "one", "", "two words", "-c", "ünï", "7",
                      variables=["A=1", "B=x=y", "EMPTY="])
    result = run(command)
    assert result.stdout.decode() == """\
argument 1: <one>
argument 2: <>
argument 3: <two words>
argument 4: <-c>
argument 5: <ünï>
argument 6: <7>
variable: <A=1>
variable: <B=x=y>
variable: <EMPTY=>
HOME is not set
"""
    assert result.stderr == b""
    assert result.returncode == 7


@pytest.mark.parametrize("code", [0, 1, 2, 42, 100, 125])
def test_the_exit_code_is_the_programs(runtime, c_program, code):
    assert run(runtime(c_program("arguments"), str(code))).returncode == code


@pytest.mark.parametrize("code, status", [(255, 255), (126, 126), (256 + 3, 3)])
def test_an_exit_code_keeps_its_lowest_byte(c_program, code, status):
    assert run(shannon_command(c_program("arguments"), str(code))).returncode == status


# ---- standard streams ----


def test_input_is_filtered(runtime, c_program):
    result = run(runtime(c_program("filter")), stdin="eins\nzwei\n\0ß\n".encode())
    assert result.stdout == "EINS\nZWEI\n\0ß\n".encode()
    assert result.stderr == b"3 lines\n"
    assert result.returncode == 0


def test_a_megabyte_passes_through(runtime, c_program):
    text = b"0123456789abcde\n" * 65536
    result = run(runtime(c_program("filter")), stdin=text)
    assert result.stdout == text.upper()
    assert result.stderr == b"65536 lines\n"


def test_no_input_is_the_end(runtime, c_program):
    result = run(runtime(c_program("filter")))
    assert (result.stdout, result.stderr, result.returncode) == (b"", b"0 lines\n", 0)


def test_a_reader_that_goes_ends_the_program(c_program):
    """Writing to a pipe without a reader is an error for the program, not a signal."""
    with subprocess.Popen(shannon_command(c_program("filter")), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        process.stdout.close()
        # The program may be gone before it was given all.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"x" * 1000000)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        assert process.wait(timeout=LIMIT_SECONDS) in (2, 3)


def test_input_is_waited_for(runtime, c_program):
    with subprocess.Popen(runtime(c_program("wait_input")), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for text in ("one", "two", "three"):
            process.stdin.write(text.encode())
            process.stdin.flush()
            assert process.stdout.readline().decode() == f"got <{text}>\n"
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(timeout=LIMIT_SECONDS) == 0


# ---- files ----

FILES_OUTPUT = """\
read 13: hello, world

last three: ld
, then the end
position 13
size 13, regular, link count 1
read 4: deep
last three: eep, then the end
position 4
size 4, regular, link count 1
read 13: hello, world

last three: ld
, then the end
position 13
size 13, regular, link count 1
read 0: 
last three: , then the end
position 0
size 0, regular, link count 1
no file: No such file or directory
pread 4: llo,
seek 100
read beyond the end 0
write -1: Bad file descriptor
read of a closed descriptor -1: Bad file descriptor
6 entries
  . (folder)
  .. (folder)
  empty.txt
  hello.txt
  link.txt (link)
  sub (folder)
3 entries
  . (folder)
  .. (folder)
  deep.txt
stat: 0, folder 1
lstat: 0, link 1
readlink 9: hello.txt
access: 0 -1
"""


def test_a_shown_folder_is_read(runtime, c_program, shown):
    result = run(runtime(c_program("files"), shown, folders=[shown]))
    assert result.stdout.decode() == FILES_OUTPUT
    assert (result.stderr, result.returncode) == (b"", 0)


def test_two_folders_can_be_shown(runtime, c_program, shown, tmp_path):
    other = tmp_path / "other"
    (other / "sub").mkdir(parents=True)
    (other / "hello.txt").write_text("the other one")
    result = run(runtime(c_program("files"), other, folders=[shown, other]))
    assert b"read 13: the other one" in result.stdout
    result = run(runtime(c_program("files"), shown, folders=[shown, other]))
    assert b"read 13: hello, world" in result.stdout


def test_nothing_is_there_that_was_not_shown(c_program, shown, tmp_path):
    result = run(shannon_command(c_program("files"), shown))
    assert b"hello" not in result.stdout
    assert b"0 entries" in result.stdout or b"-1 entries" in result.stdout
    # Neither is a folder's neighbour or its parent.
    result = run(shannon_command(c_program("files"), tmp_path, folders=[shown]))
    assert b"SECRET" not in result.stdout and b"secret" not in result.stdout


def snapshot(folder):
    return sorted((str(path.relative_to(folder)), path.lstat().st_mtime_ns, path.lstat().st_size, path.lstat().st_ino)
                  for path in folder.rglob("*"))


READ_ONLY = "Read-only file system"
OUTSIDE = "Capabilities insufficient"
NOT_THERE = "No such file or directory"
# A command takes what lies in no folder that it has to be beneath ".", which is /workspace, in memory and empty.
DENIED = {
    "open /etc/passwd": NOT_THERE,
    "open etc/passwd": NOT_THERE,
    "open ../etc/passwd": OUTSIDE,
    "open /tmp/../etc/passwd": OUTSIDE,
    "list /": "0 entries",
    "list .": "0 entries",
    "list /etc": NOT_THERE,
    "list /tmp": "0 entries",
    "open ..": OUTSIDE,
    "open sub/../..": OUTSIDE,
    "open through a link": OUTSIDE,
    "open a link": OUTSIDE,
    "open an absolute link": OUTSIDE,
    "open a loop": "Symbolic link loop",
    "open a pipe": "Permission denied",
    "open for writing": READ_ONLY,
    "open for both": READ_ONLY,
    "open for appending": READ_ONLY,
    "open and cut": READ_ONLY,
    "create": READ_ONLY,
    "mkdir": READ_ONLY,
    "rmdir": READ_ONLY,
    "unlink": READ_ONLY,
    "rename": READ_ONLY,
    "link": READ_ONLY,
    "symlink": READ_ONLY,
    "symlink in memory": "Operation not permitted",
    "symlink out of memory": OUTSIDE,
    "set times": READ_ONLY,
    "shutdown of a socket": "Not supported",
    "receive": "Not supported",
    "send": "Not supported",
}


def test_what_is_denied_says_why_and_changes_nothing(c_program, shown):
    (shown / "out").symlink_to("..")
    (shown / "secret-link").symlink_to("../secret.txt")
    (shown / "passwd-link").symlink_to("/etc/passwd")
    (shown / "loop").symlink_to("loop")
    os.mkfifo(shown / "fifo")
    before = snapshot(shown.parent)
    result = run(shannon_command(c_program("denied"), shown, folders=[shown]))
    answers = dict(line.split(": ", 1) for line in result.stdout.decode().splitlines())
    assert answers == DENIED
    assert snapshot(shown.parent) == before
    assert (shown / "hello.txt").read_text() == "hello, world\n"


def test_a_folder_that_does_not_exist_cannot_be_shown(c_program, tmp_path):
    result = run(shannon_command(c_program("files"), tmp_path, folders=[tmp_path / "missing"]))
    assert result.returncode == 125
    assert str(tmp_path / "missing") in result.stderr.decode()


SCRATCH_OUTPUT = """\
/tmp: ./ ../
.: ./ ../
notes.txt: 13
notes.txt: File exists
/workspace/notes.txt: 5
notes.txt: <one two three four> 18 of 18
./notes.txt: <one two three four> 18 of 18
notes.txt: 3
/workspace/notes.txt: <ONE two three four> 18 of 18
notes.txt: 5
notes.txt: <short> 5 of 5
/tmp/missing.txt: No such file or directory
seek: 100000
write at the end: 3
pwrite: 6
pread: 6
text middle
pread in a hole: 4
zero 1
cut: 0
lengthen: 0
pread what was cut: 6
text mid, zero 1
size 60000
remove an open file: 0
stat: No such file or directory
read it all the same: 3
mkdir: 0
mkdir again: File exists
mkdir in nothing: No such file or directory
mkdir deeper: 0
/tmp/a/b/file: 7
/tmp/a: ./ ../ b/
rmdir of a full one: Directory not empty
rmdir of a file: Not a directory
move a file: 0
moved: <content> 7 of 7
move over a file: 0
notes.txt: <content> 7 of 7
move a folder: 0
sub/inner.txt: 5
move a folder over a full one: Directory not empty
move a file over a folder: Is a directory
move a folder into itself: Invalid argument
move what is not there: No such file or directory
open a folder for writing: Is a directory
open a file as a folder: Not a directory
a file in a file: Not a directory
.: ./ ../ notes.txt sub/
/workspace/sub: ./ ../ inner.txt
/tmp: ./ ../ a/
unlink: 0
rmdir: 0
rmdir again: No such file or directory
rmdir: 0
/workspace: ./ ../ notes.txt
"""


def test_files_are_made_changed_moved_and_removed(runtime, c_program):
    result = run(runtime(c_program("scratch")))
    assert result.stdout.decode() == SCRATCH_OUTPUT
    assert (result.stderr, result.returncode) == (b"", 0)


def test_files_in_memory_are_the_runs_own(c_program, tmp_path):
    """Each run begins with empty folders, and the host's folder of the same name sees nothing of it."""
    module = c_program("scratch")
    for _ in range(2):
        result = subprocess.run(shannon_command(module), cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                check=True, timeout=LIMIT_SECONDS)
        assert result.stdout.decode() == SCRATCH_OUTPUT
    assert list(tmp_path.iterdir()) == []


# ---- time and chance ----


def test_clocks_and_sleeping(runtime, c_program):
    # An input that neither ends nor has anything.
    read_end, write_end = os.pipe()
    try:
        result = subprocess.run(runtime(c_program("clocks")), stdin=read_end, stdout=subprocess.PIPE, check=False,
                                timeout=LIMIT_SECONDS)
    finally:
        os.close(read_end)
        os.close(write_end)
    lines = result.stdout.decode().splitlines()
    assert len(lines) == 10
    assert [line for line in lines if not line.endswith(": yes")] == []


def test_random_bytes_differ_between_runs(runtime, c_program):
    outputs = {run(runtime(c_program("random"))).stdout for _ in range(5)}
    assert len(outputs) == 5
    assert all(re.fullmatch(rb"[0-9a-f]{32}\n", output) for output in outputs)


# ---- limits and traps ----


def test_the_time_limit_ends_a_loop(c_program):
    module = c_program("crash")
    started = time.monotonic()
    result = run(shannon_command(module, "loop", options=["--timeout", "500ms"]))
    assert time.monotonic() - started < 10
    assert result.returncode == 124
    assert result.stdout == b"before\n"
    assert b"timeout" in result.stderr


def test_the_time_limit_ends_a_wait(c_program):
    read_end, write_end = os.pipe()
    try:
        result = subprocess.run(shannon_command(c_program("wait_input"), options=["--timeout", "500ms"]),
                                stdin=read_end, stderr=subprocess.PIPE, check=False, timeout=LIMIT_SECONDS)
    finally:
        os.close(read_end)
        os.close(write_end)
    assert result.returncode == 124


def test_the_memory_limit_is_seen_by_the_program(c_program):
    """A program that copes with malloc failing runs on."""
    result = run(shannon_command(c_program("memory"), options=["--memory", "64M"]))
    assert (result.stdout, result.returncode) == (b"refused\n", 0)
    small = int(result.stderr)
    result = run(shannon_command(c_program("memory"), options=["--memory", "128M"]))
    large = int(result.stderr)
    assert 40 <= small <= 64 and 100 <= large <= 128


@pytest.mark.parametrize("how, trap", [
    ("abort", "unreachable"),
    ("address", "out of bounds memory access"),
    ("divide", "integer divide by zero"),
    ("call", "indirect call"),
])
def test_a_trap_is_named(c_program, how, trap):
    result = run(shannon_command(c_program("crash"), how))
    assert result.stdout == b"before\n"
    assert result.returncode == 134
    assert trap in result.stderr.decode()


def test_endless_recursion_exhausts_a_stack(c_program):
    """The program's own stack lies below its data: running out of it is an access out of bounds, unless the native
    stack ends first."""
    result = run(shannon_command(c_program("crash"), "stack"))
    assert result.returncode == 134
    assert re.search("out of bounds memory access|stack", result.stderr.decode())


def test_ctrl_c_leaves_nothing_behind(c_program):
    with subprocess.Popen(shannon_command(c_program("crash"), "loop"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        assert process.stdout.readline() == b"before\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=LIMIT_SECONDS) != 0
        # Its output ends: no process holds the other end any more.
        assert process.stdout.read() == b""


# ---- Rust ----


def test_a_rust_program_uses_all_of_it(runtime, rust_program, shown):
    command = runtime(rust_program("tour"), shown, "x", "y z", folders=[shown], variables=["GREETING=hi"])
    result = run(command, stdin=b"one\ntwo\nthree\n")
    assert result.stdout.decode() == """\
arguments: ["x", "y z"]
GREETING: Ok("hi")
HOME: true
hello.txt: "hello, world\\n"
from 6: " world\\n", 13 bytes
names: empty.txt hello.txt link.txt sub
sub is a folder: true
missing: NotFound
writing was refused: true
outside was refused: true
/etc was refused: true
input: ["one", "two", "three"]
slept: true
after 2020: true
distinct lengths: 2
"""
    assert result.stderr == b"to standard error\n"
    assert result.returncode == 42
    assert sorted(path.name for path in shown.iterdir()) == ["empty.txt", "hello.txt", "link.txt", "sub"]
