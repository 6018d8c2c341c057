"""A: ways out of the file system that a program is given."""
import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys

import pytest

from attack_support import MEBIBYTE, Target, raised, refused

SECRET = "content of a file of the host"


@pytest.fixture
def granted(granting):
    """The granted folder with a file in it, beside a folder that is not granted. Empty again afterwards."""
    folder = granting.granted
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (folder / "file.txt").write_text("granted")
    before = snapshot(outside)
    yield folder
    assert snapshot(outside) == before
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.rmtree(outside)


def snapshot(folder):
    """What a program could have changed below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found


def test_A01_files_of_the_host(granting, granted):
    found = granting.attempts({
        "passwd": "open('/etc/passwd').read()",
        "shadow": "open('/etc/shadow').read()",
        "root": "open('/root/x').read()",
        "outside": f"open({str(granted.parent / 'outside' / 'secret.txt')!r}).read()",
        "granted": f"open({str(granted / 'file.txt')!r}).read()",
    })
    refused(found, but=["granted"])
    assert found["granted"].value == "granted"
    assert {found[name].error for name in found if name != "granted"} <= {"FileNotFoundError", "PermissionError"}


def test_A02_ways_up(granting, granted):
    up = "../" * 30
    found = granting.attempts({
        "relative": f"open({up + 'etc/passwd'!r}).read()",
        "below the library": "open('/usr/local/lib/python3.11/../../../../../etc/passwd').read()",
        "below the granted": f"open({str(granted) + '/' + up + 'etc/passwd'!r}).read()",
        "below scratch": f"open({'/tmp/' + up + 'etc/passwd'!r}).read()",
        "sibling": f"open({str(granted / '..' / 'outside' / 'secret.txt')!r}).read()",
        "no such file": f"open({str(granted / '..' / 'outside' / 'none.txt')!r}).read()",
        "within": f"open({str(granted / 'none' / '..' / 'file.txt')!r}).read()",
        "granted": f"open({str(granted / '.' / 'file.txt')!r}).read()",
    })
    refused(found, but=["granted"])
    # The answer must not tell whether there is such a file.
    same = [found["sibling"], found["no such file"]]
    assert same[0].error == same[1].error and same[0].errno == same[1].errno


def test_A03_files_of_the_kernel(core):
    paths = ["/proc/self/environ", "/proc/self/mem", "/proc/1/root/etc/passwd", "/sys/kernel/version", "/dev/mem", "/dev/zero",
             "/dev/urandom", "/dev/fd/3", "/proc/self/fd/3", "/dev/tty"]
    found = core.attempts({**{path: f"open({path!r}, 'rb').read(16)" for path in paths},
                           "/dev/null": "open('/dev/null').read()"})
    refused(found, but=["/dev/null"])


def test_A04_links_that_lead_out(granting, granted):
    found = granting.attempts({
        "scratch": "os.symlink('/etc', 'x')",
        "through it": "open('x/passwd').read()",
        "granted": f"os.symlink('/etc', {str(granted / 'x')!r})",
        "through that": f"open({str(granted / 'x' / 'passwd')!r}).read()",
        "hard": f"os.link({str(granted / 'file.txt')!r}, '/tmp/x')",
        "a folder": "os.mkdir('y')",
        "its file": "open('y/z', 'w').write('1') and open('y/z').read()",
    })
    refused(found, but=["a folder", "its file"])


def test_A05_changes_of_what_can_be_read_only(granting, granted):
    (granted / "folder").mkdir()
    before = snapshot(granted)
    changes = {
        "write": "open(path + '/new1', 'w')",
        "mkdir": "os.mkdir(path + '/new2')",
        "truncate": "os.truncate(path + name, 0)",
        "utime": "os.utime(path + name, (1, 1))",
        "rename": "os.rename(path + name, path + '/new3')",
        "unlink": "os.unlink(path + (name if os.path.exists(path + name) else '/new3'))",
        "rmdir": "os.rmdir(path + '/folder')",
        "symlink": "os.symlink('a', path + '/new4')",
        "link": "os.link(path + name, path + '/new5')",
    }
    for path, name in ((str(granted), "/file.txt"), ("/usr/local/lib/python3.11", "/os.py")):
        found = granting.attempts(changes, f"path, name = {path!r}, {name!r}")
        refused(found)
        assert {outcome.errno for outcome in found.values()} <= {"EROFS", "ENOTCAPABLE", "ENOENT"}, found
    scratch = "path, name = '/tmp', '/file'; open('/tmp/file', 'w').close(); os.mkdir('/tmp/folder')"
    refused(granting.attempts(changes, scratch), but=set(changes) - {"symlink", "link"})
    assert snapshot(granted) == before


def test_A06_writing_through_a_file_that_is_open_for_reading(granting, granted):
    before = snapshot(granted)
    opens = {
        "r+": "open(path, 'r+')",
        "a": "open(path, 'a')",
        "w": "open(path, 'w')",
        "truncating": "os.open(path, os.O_RDONLY | os.O_TRUNC)",
        "writing": "os.open(path, os.O_WRONLY)",
        "both": "os.open(path, os.O_RDWR)",
        "reading, then writing": "os.write(os.open(path, os.O_RDONLY), b'x')",
        "reading, then cutting": "os.ftruncate(os.open(path, os.O_RDONLY), 0)",
        "reading, then allocating": "os.posix_fallocate(os.open(path, os.O_RDONLY), 0, 100)",
    }
    for path in (str(granted / "file.txt"), "/usr/local/lib/python3.11/os.py"):
        refused(granting.attempts({**opens, "control": "len(open(path).read())"}, f"path = {path!r}"), but=["control"])
    allowed = ["r+", "a", "w", "truncating", "writing", "both", "control"]
    refused(granting.attempts({**opens, "control": "len(open(path).read())"}, "path = '/tmp/x'; open(path, 'w').write('1')"),
            but=allowed)
    assert snapshot(granted) == before


def test_A07_names_moved_out_of_what_can_be_read_only(granting, granted):
    before = snapshot(granted)
    found = granting.attempts({
        "link the library": "os.link('/usr/local/lib/python3.11/os.py', '/tmp/a')",
        "move the library": "os.rename('/usr/local/lib/python3.11/os.py', '/tmp/a')",
        "link": f"os.link({str(granted / 'file.txt')!r}, '/tmp/a')",
        "move out": f"os.rename({str(granted / 'file.txt')!r}, '/tmp/a')",
        "move in": f"os.rename('/tmp/control', {str(granted / 'control')!r})",
        "move over": f"os.replace('/tmp/control', {str(granted / 'file.txt')!r})",
        "control": "os.rename('/tmp/control', '/workspace/control') or os.listdir('/workspace')",
    }, "open('/tmp/control', 'w').write('1')")
    refused(found, but=["control"])
    assert found["control"].value == ["control"]
    assert snapshot(granted) == before


def test_A08_a_slash_after_a_link(granting, granted):
    """GHSA-vqjp-4c8c-hfgg: `link1` leads to "evil/", and `evil` leads out."""
    (granted / "evil").symlink_to("../outside")
    (granted / "link1").symlink_to("evil/")
    (granted / "absolute").symlink_to(granted.parent / "outside")
    (granted / "loop").symlink_to("loop")
    (granted / "chain").symlink_to("link1/secret.txt")
    (granted / "inside").symlink_to("file.txt")
    (granted / "up").mkdir()
    (granted / "up" / "back").symlink_to("../file.txt")
    attempts = {}
    for link in ("evil", "link1", "absolute", "loop"):
        for end in ("", "/", "//", "/.", "/./", "/../outside", "/secret.txt", "//secret.txt"):
            path = str(granted / link) + end
            attempts["open " + link + end] = f"open({path!r}).read()"
            attempts["list " + link + end] = f"os.listdir({path!r})"
            attempts["stat " + link + end] = f"os.stat({path!r}).st_size"
    attempts["chain"] = f"open({str(granted / 'chain')!r}).read()"
    attempts["inside"] = f"open({str(granted / 'inside')!r}).read()"
    attempts["back"] = f"open({str(granted / 'up' / 'back')!r}).read()"
    found = granting.attempts(attempts)
    refused(found, but=["inside", "back"])
    assert SECRET not in str(found)
    assert (found["inside"].value, found["back"].value) == ("granted", "granted")


SWAPPER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
one, other = (os.fsencode(path) for path in sys.argv[1:])
print("swapping", flush=True)
while True:
    if libc.renameat2(-100, one, -100, other, 2) != 0:  # RENAME_EXCHANGE
        sys.exit(os.strerror(ctypes.get_errno()))
"""

# What a host does that looks before it leaps.
NAIVE = """
import os, sys, time
path, root = sys.argv[1:]
end = time.monotonic() + 20
while time.monotonic() < end:
    try:
        if os.path.realpath(path).startswith(root + "/") and "content of a file of the host" in open(path).read():
            print("escaped")
            break
    except OSError:
        pass
"""


@contextlib.contextmanager
def swapping(one, other):
    process = subprocess.Popen([sys.executable, "-c", SWAPPER, one, other], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "swapping\n"
        yield
        assert process.poll() is None, "the swapping ended"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_A09_a_folder_becomes_a_link_while_it_is_opened(granting, granted):
    (granted / "here").mkdir()
    (granted / "here" / "secret.txt").write_text("inside")
    (granted / "there").symlink_to("../outside")
    code = f"""
import collections, time
found = collections.Counter()
end = time.monotonic() + 4
while time.monotonic() < end:
    for path in ({str(granted / 'here' / 'secret.txt')!r}, {str(granted / 'there' / 'secret.txt')!r}):
        try:
            found[open(path).read()] += 1
        except OSError as error:
            found[type(error).__name__] += 1
print(dict(found))
"""
    with swapping(granted / "here", granted / "there"):
        answer = granting.execute(code, timeout_ms=30000)
        naive = subprocess.run([sys.executable, "-c", NAIVE, granted / "here" / "secret.txt", granted],
                               stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    assert naive.stdout == "escaped\n", "the race was never lost, so that this test shows nothing"
    assert answer["status"] == "ok", answer
    found = eval(answer["stdout"])
    assert SECRET not in found and found["inside"] > 100, found
    # Both states were met, over and over.
    assert sum(found.values()) - found["inside"] > 100, found


def test_A10_what_there_is_to_see(granting, granted):
    answer = granting.execute(f"""
import os
def walk(folder):
    try:
        names = os.listdir(folder)
    except OSError as error:
        return print(folder, type(error).__name__)
    for name in names:
        print(os.path.join(folder, name))
        if os.path.isdir(os.path.join(folder, name)):
            walk(os.path.join(folder, name))
for folder in ("/", "/etc", "/tmp", "/workspace", "/dev", "/usr", "/usr/local", {str(granted)!r}, {str(granted.parent)!r}):
    walk(folder)
print(sorted(os.walk("/")))
""")
    assert answer["status"] == "ok", answer
    # Below the guest's own /tmp there is nothing, elsewhere nothing can be asked.
    nothing_there = "FileNotFoundError" if str(granted).startswith("/tmp/") else "PermissionError"
    assert answer["stdout"].splitlines() == [
        "/ PermissionError", "/etc PermissionError", "/dev/null", "/usr PermissionError", "/usr/local PermissionError",
        str(granted / "file.txt"), f"{granted.parent} {nothing_there}", "[]"]


def test_A11_odd_names(granting, granted):
    possible = ["a" * 255, "\u202egpj.exe", "a\nb", " ", "CON", "a:b", "\\", "*", "~", "%2e%2e", "\udcff", "\udc80\udcfe"]
    impossible = ["a" * 4097, "a/" * 2040 + "a", "a" * 256, "", ".", "..", "\0", "a\0b", "/", "//"]
    attempts = {ascii(name): f"open(folder + '/' + {name!r}, mode).close()" for name in possible + impossible}
    found = granting.attempts(attempts, "folder, mode = '/tmp', 'w'")
    refused(found, but=[ascii(name) for name in possible])
    errors = {"OSError", "ValueError", "FileNotFoundError", "PermissionError", "IsADirectoryError"}
    assert {outcome.error for outcome in found.values()} <= errors | {""}, found
    found = granting.attempts(attempts, f"folder, mode = {str(granted)!r}, 'r'")
    refused(found)
    assert {outcome.error for outcome in found.values()} <= errors, found
    for name in possible[:-2]:
        (granted / name).write_text("x")
    found = granting.attempts({ascii(name): f"open({str(granted / name)!r}).read()" for name in possible[:-2]})
    refused(found, but=found)


def test_A12_what_blocks_when_it_is_opened(granting, granted):
    os.mkfifo(granted / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    former = os.getcwd()
    os.chdir(granted)  # a socket's path may be 107 bytes long
    try:
        listener.bind("socket")
    finally:
        os.chdir(former)
    special = ["fifo", "socket"]
    if os.geteuid() == 0:
        with contextlib.suppress(PermissionError):  # some containers' root may not make devices
            os.mknod(granted / "device", 0o20666, os.makedev(1, 5))
            special.append("device")
    found = granting.attempts({
        **{f"{name} {mode}": f"open({str(granted / name)!r}, {mode!r})" for name in special for mode in ("rb", "wb")},
        "control": f"open({str(granted / 'file.txt')!r}).read()"}, timeout_ms=5000)
    listener.close()
    refused(found, but=["control"])


def test_A13_scratch_that_is_filled(core):
    answer = core.execute("""
import errno, os
def until_full(what):
    count = 0
    try:
        while True:
            what(count)
            count += 1
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        return count

big = open("/tmp/big", "wb", buffering=0)
block = bytes(1 << 20)
def write(count):
    assert big.write(block) > 0
print("MiB", until_full(write))
os.unlink("/tmp/big"); big.close()

print("files", until_full(lambda count: open(f"/tmp/{count}", "w").close()))
for name in os.listdir("/tmp"):
    os.unlink("/tmp/" + name)

with open("/tmp/sparse", "wb") as sparse:
    try:
        sparse.truncate(1 << 40)
        print("a TiB")
    except OSError as error:
        print("no TiB:", errno.errorcode[error.errno])
    sparse.truncate(1 << 32)
print(os.stat("/tmp/sparse").st_size)
sparse = open("/tmp/sparse", "r+b", buffering=0)
def fill(count):
    sparse.seek(count << 16)
    sparse.write(b"x")
print("pieces", until_full(fill))
os.unlink("/tmp/sparse"); sparse.close()

deep = "/tmp"
try:
    while True:
        deep += "/d"
        os.mkdir(deep)
except OSError as error:
    print("depth", deep.count("/"), errno.errorcode[error.errno])
""", timeout_ms=60000)
    assert answer["status"] == "ok", answer
    lines = answer["stdout"].splitlines()
    assert 60 <= int(lines[0].removeprefix("MiB ")) <= 64
    assert 10000 < int(lines[1].removeprefix("files ")) <= 65536
    assert lines[2:4] == ["no TiB: EFBIG", "4294967296"]
    # A block of 4 KiB for each.
    assert 15000 < int(lines[4].removeprefix("pieces ")) <= 16384
    assert lines[5].startswith("depth 20") and lines[5].endswith("ENAMETOOLONG"), lines[5]


def test_A13_scratch_beyond_the_memory_limit(core):
    """The limit holds for linear memory and scratch together."""
    code = """
import errno
data = bytearray(COUNT << 20)
try:
    open("/tmp/x", "wb").write(bytes(1 << 20) * 30)
    print("written")
except OSError as error:
    print(errno.errorcode[error.errno])
"""
    limit = 96 * MEBIBYTE
    assert core.execute(code.replace("COUNT", "1"), memory_limit_bytes=limit)["stdout"] == "written\n"
    answer = core.execute(code.replace("COUNT", "30"), memory_limit_bytes=limit)
    assert (answer["status"], answer["stdout"]) in (("ok", "ENOSPC\n"), ("python_error", "")), answer
    assert answer["usage"]["peak_memory_bytes"] <= limit


def test_A13_no_scratch_at_all(tmp_path):
    with Target(tmp_path, SHANNON_WASI_SCRATCH_LIMIT_BYTES=0) as core:
        found = core.attempts({"tmp": "open('/tmp/x', 'w')", "workspace": "os.mkdir('/workspace/x')"})
        refused(found)
        assert {outcome.errno for outcome in found.values()} == {"EROFS"}


def test_A14_modules_left_for_the_next_run(core):
    dropper = """
import os, sys
for folder in {"", "/tmp", "/workspace", *sys.path}:
    for name in ("sitecustomize.py", "usercustomize.py", "random.py", "evil.pth", "planted.py", "__pycache__/planted.cpython-311.pyc"):
        try:
            os.makedirs(os.path.dirname(os.path.join(folder, name)) or ".", exist_ok=True)
            with open(os.path.join(folder, name), "w") as file:
                file.write("print('planted')")
        except OSError:
            pass
sys.modules["planted_module"] = sys
import planted
"""
    answer = core.execute(dropper)
    assert answer["stdout"] == "planted\n", "the control: in its own run it is found"
    for _ in range(3):
        found = core.attempts({"planted": "__import__('planted')", "in memory": "__import__('planted_module')",
                               "random": "__import__('random').random()", "site": "__import__('site').__file__"})
        refused(found, but=["random", "site"])
    raised(core.execute("import planted"), "ModuleNotFoundError")
