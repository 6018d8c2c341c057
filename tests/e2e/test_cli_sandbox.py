"""What a program under `shannon run` can reach: the folders it was granted, to read, and nothing else."""
import os
import socket
import threading

import pytest

from cli_support import shannon  # noqa: F401 (a fixture)


@pytest.fixture
def data(tmp_path):
    """A folder to grant, with a secret beside it."""
    folder = tmp_path / "granted"
    (folder / "sub").mkdir(parents=True)
    (folder / "public.txt").write_text("public\n")
    (folder / "sub" / "deep.txt").write_text("deep\n")
    (tmp_path / "secret.txt").write_text("secret\n")
    (folder / "out").symlink_to(tmp_path / "secret.txt")
    (folder / "out-relative").symlink_to("../secret.txt")
    (folder / "out-folder").symlink_to(tmp_path)
    (folder / "root").symlink_to("/")
    (folder / "inside").symlink_to("public.txt")
    os.link(tmp_path / "secret.txt", tmp_path / "granted" / "hard")
    return folder


def attempt(expression):
    """A program that says what an expression gave, or which OSError it raised."""
    return (f"import os, io\ntry:\n    print('GOT', {expression})\n"
            "except OSError as error:\n    print('REFUSED', type(error).__name__)\n")


# ---- reading ----

@pytest.mark.parametrize("expression, value", [
    ("open('{folder}/public.txt').read()", "public\n"),
    ("open('{folder}/sub/deep.txt').read()", "deep\n"),
    ("open('{folder}/sub/../public.txt').read()", "public\n"),
    ("open('{folder}//sub/./deep.txt').read()", "deep\n"),
    ("open('{folder}/inside').read()", "public\n"),
    ("sorted(os.listdir('{folder}/sub'))", "['deep.txt']"),
    ("os.stat('{folder}/public.txt').st_size", "7"),
    ("os.path.isdir('{folder}/sub')", "True"),
    ("os.readlink('{folder}/inside')", "public.txt"),
])
def test_granted_folder_can_be_read(shannon, data, expression, value):
    result = shannon.python(attempt(expression.format(folder=data)), options=["--allow-read", data])
    assert (result.status, result.stdout) == (0, f"GOT {value}\n")


@pytest.mark.parametrize("path", [
    "{folder}/../secret.txt",
    "{folder}/sub/../../secret.txt",
    "{folder}/out",
    "{folder}/out-relative",
    "{folder}/out-folder/secret.txt",
    "{folder}/root/etc/passwd",
    "{parent}/secret.txt",
    "/etc/passwd",
    "/etc/../etc/passwd",
    "/proc/self/environ",
    "/proc/self/maps",
    "/dev/urandom",
    "/dev/mem",
    "secret.txt",
    "../secret.txt",
    ".",
    "/",
])
def test_everything_else_is_out_of_reach(shannon, data, path):
    path = path.format(folder=data, parent=data.parent)
    for expression in (f"open({path!r}, 'rb').read(4)", f"os.listdir({path!r})"):
        code = attempt(expression)
        result = shannon.python(code, options=["--allow-read", data])
        assert result.status == 0, result
        if path in (".", "/") and "listdir" in expression:
            # The interpreter's own library may be seen there; nothing of this machine is.
            assert "etc" not in result.stdout and "secret" not in result.stdout, result
            continue
        assert result.stdout.startswith("REFUSED"), (expression, result)


def test_nothing_can_be_read_without_a_grant(shannon, data):
    result = shannon.python(attempt(f"open('{data}/public.txt').read()"))
    assert result.stdout.startswith("REFUSED")


def test_several_folders(shannon, data, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("other\n")
    code = attempt(f"open('{data}/public.txt').read() + open('{other}/file').read()")
    result = shannon.python(code, options=["--allow-read", data, f"--allow-read={other}"])
    assert result.stdout == "GOT public\nother\n\n"


def test_relative_folder(shannon, data):
    result = shannon.python(attempt("open('granted/public.txt').read()"), options=["--allow-read", "granted"])
    assert result.stdout == "GOT public\n\n"


def test_configured_folders(shannon, data, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shannon.yaml").write_text(f"wasi:\n  allowed_paths: [{data}]\n")
    assert shannon.python(attempt(f"open('{data}/public.txt').read()")).stdout == "GOT public\n\n"
    assert shannon.python(attempt(f"open('{data}/../secret.txt').read()")).stdout.startswith("REFUSED")


def test_link_that_is_made_while_the_program_runs(shannon, data):
    """The kernel resolves each path beneath the folder, so a race has nothing to win."""
    stop = threading.Event()
    swapped = data / "swapped"

    def swap():
        while not stop.is_set():
            for target in ("public.txt", "../secret.txt"):
                temporary = data / "temporary"
                temporary.symlink_to(target)
                temporary.rename(swapped)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        # Where processors are short, the link may stay as it is for longer than 3,000 tries take.
        code = (f"import time\nend = time.monotonic() + 20\nseen = set()\ntries = 0\n"
                f"while tries < 3000 or (not seen and time.monotonic() < end):\n    tries += 1\n"
                f"    try: seen.add(open('{swapped}').read())\n    except OSError: pass\nprint(seen)\n")
        result = shannon.python(code, options=["--allow-read", data])
    finally:
        stop.set()
        thread.join()
    assert result.status == 0, result
    assert "secret" not in result.stdout
    assert "public" in result.stdout


# ---- writing ----

@pytest.mark.parametrize("expression", [
    "open('{folder}/new', 'w')",
    "open('{folder}/public.txt', 'a')",
    "open('{folder}/public.txt', 'r+')",
    "os.open('{folder}/public.txt', os.O_RDONLY | os.O_TRUNC)",
    "os.open('{folder}/new', os.O_RDONLY | os.O_CREAT)",
    "os.mkdir('{folder}/new')",
    "os.rmdir('{folder}/sub')",
    "os.unlink('{folder}/public.txt')",
    "os.rename('{folder}/public.txt', '{folder}/renamed')",
    "os.link('{folder}/public.txt', '{folder}/linked')",
    "os.symlink('public.txt', '{folder}/linked')",
    "os.truncate('{folder}/public.txt', 0)",
    "os.utime('{folder}/public.txt', (0, 0))",
    "os.ftruncate(os.open('{folder}/public.txt', os.O_RDONLY), 0)",
    "os.write(os.open('{folder}/public.txt', os.O_RDONLY), b'x')",
    "open('/tmp/../file', 'w')",
    "open('/var/tmp/shannon-test-file', 'w')",
    "os.mkdir('/folder')",
])
def test_nothing_can_be_written(shannon, data, expression):
    def state():
        return sorted((str(path), path.lstat().st_mtime_ns, path.lstat().st_size) for path in data.rglob("*"))

    before = state()
    result = shannon.python(attempt(expression.format(folder=data)), options=["--allow-read", data])
    assert result.status == 0, result
    assert result.stdout.startswith("REFUSED"), result
    assert state() == before
    assert not os.path.exists("/tmp/shannon-test-file")


def test_chmod_changes_nothing(shannon, data):
    """WASI has no modes: whatever the call answers, the file stays as it is."""
    mode = (data / "public.txt").stat().st_mode
    code = f"import os\ntry:\n    os.chmod('{data}/public.txt', 0)\nexcept (OSError, AttributeError): pass"
    assert shannon.python(code, options=["--allow-read", data]).status == 0
    assert (data / "public.txt").stat().st_mode == mode


def test_working_folder_stays_empty(shannon, tmp_path):
    code = ("import tempfile, sqlite3, logging\n"
            "for action in (tempfile.mkdtemp, lambda: open('core', 'wb'), lambda: sqlite3.connect('db').execute('create table t(a)')):\n"
            "    try: action()\n    except Exception: pass\n")
    assert shannon.python(code).status == 0
    assert list(tmp_path.iterdir()) == []


# ---- network and processes ----

def test_no_network(shannon):
    """A listener on this machine, reached by nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        code = (f"import socket\n"
                f"for attempt in (lambda: socket.create_connection(('127.0.0.1', {port}), 2),\n"
                f"                lambda: socket.socket().bind(('127.0.0.1', 0)),\n"
                f"                lambda: socket.getaddrinfo('localhost', 80)):\n"
                f"    try:\n        attempt()\n        print('ALLOWED')\n"
                f"    except (OSError, AttributeError) as error:\n        print('REFUSED')\n")
        result = shannon.python(code)
        assert result.status == 0, result
        assert result.stdout == "REFUSED\n" * 3
        with pytest.raises(TimeoutError):
            listener.accept()
        # The positive control: the same from here arrives.
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()


def test_no_processes_and_no_threads(shannon):
    code = ("import os, subprocess, threading\n"
            "for attempt in (lambda: os.fork(), lambda: os.execv('/bin/true', ['true']), lambda: os.system('true'),\n"
            "                lambda: subprocess.run(['true']), lambda: os.kill(1, 0),\n"
            "                threading.Thread(target=print).start):\n"
            "    try:\n        attempt()\n        print('ALLOWED')\n"
            "    except (OSError, AttributeError, RuntimeError, NotImplementedError):\n        print('REFUSED')\n")
    result = shannon.python(code)
    assert (result.status, result.stdout) == (0, "REFUSED\n" * 6)


def test_inherited_descriptors_are_closed(shannon, tmp_path):
    """What the caller has open is not there for the program."""
    secret = tmp_path / "secret"
    secret.write_text("inherited secret")
    with open(secret, "rb") as file:
        os.set_inheritable(file.fileno(), True)
        code = ("import os\nfor fd in range(3, 256):\n"
                "    try: print(fd, os.read(fd, 100))\n    except OSError: pass\n")
        result = shannon.python(code, close_fds=False)
    assert (result.status, "inherited" in result.stdout) == (0, False)


def test_host_is_not_told(shannon):
    """Nothing of this machine's names, users and folders is in what Python offers."""
    code = ("import os, sys, platform, time\n"
            "print(platform.uname(), sys.path, sys.executable, sys.prefix, time.tzname, dict(os.environ))\n"
            "try: print(os.getcwd())\nexcept OSError: pass\n")
    result = shannon.python(code)
    assert result.status == 0
    for word in (socket.gethostname(), os.path.expanduser("~"), os.uname().release):
        if len(word) > 3:
            assert word not in result.stdout, word


# ---- the standard streams ----

def test_standard_streams_cannot_be_used_to_reach_files(shannon, tmp_path):
    """A program whose output is a file can write to its end and not elsewhere in it by path."""
    target = tmp_path / "output"
    with open(target, "wb") as file:
        result = shannon.python("print('written')", stdout=file)
    assert result.status == 0
    assert target.read_text() == "written\n"


def test_closed_standard_streams(shannon):
    result = shannon.python("import sys; sys.exit(5)", stdin=None, stdout=None, stderr=None,
                            preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
    assert result.status in (5, 125)
