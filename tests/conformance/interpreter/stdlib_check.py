"""Does the standard library do its job inside the interpreter? Run by the interpreter under test, as a script.

Each check is a function that asserts what a program would rely on. Every failing one is reported; the exit status is
the number of failures. A writable folder may be given as the argument; checks that need one are then run too.
"""

import sys
import traceback

CHECKS = []
SCRATCH = sys.argv[1] if len(sys.argv) > 1 else None


def check(function):
    CHECKS.append(function)
    return function


def check_with_scratch(function):
    if SCRATCH is not None:
        CHECKS.append(function)
    return function


def raises(kind, function, *arguments):
    try:
        function(*arguments)
    except kind as error:
        return error
    raise AssertionError(f"{function} did not raise {kind}")


@check
def platform_is_wasi():
    import os
    import platform
    import struct

    assert sys.platform == "wasi"
    assert sys.version_info[:2] == (3, 11)
    assert struct.calcsize("P") == 4
    assert os.cpu_count() == 1
    assert platform.system() and platform.platform() and platform.python_version().startswith("3.11.")
    assert sys.getrecursionlimit() == 1000
    assert sys.flags.hash_randomization in (0, 1)


@check
def text_is_utf8():
    import locale

    assert sys.stdout.encoding.lower() == sys.stderr.encoding.lower() == sys.stdin.encoding.lower() == "utf-8"
    assert sys.getfilesystemencoding() == "utf-8"
    assert locale.getpreferredencoding().lower() == "utf-8"
    assert "naïve ☃ 𝒳".encode().decode() == "naïve ☃ 𝒳"


@check
def json_round_trip():
    import json

    value = {"a": [1, 2.5, None, True, "ü\u2028"], "b": {"c": -1e300}}
    assert json.loads(json.dumps(value)) == value
    assert json.dumps({"b": 1, "a": 2}, sort_keys=True, indent=1) == '{\n "a": 2,\n "b": 1\n}'
    assert raises(json.JSONDecodeError, json.loads, '{"a": }').pos == 6


@check
def csv_dialects():
    import csv
    import io

    text = io.StringIO()
    csv.writer(text).writerows([["a,b", 'say "x"'], ["1\n2", 3]])
    assert list(csv.reader(io.StringIO(text.getvalue()))) == [["a,b", 'say "x"'], ["1\n2", "3"]]
    assert list(csv.DictReader(["k;v", "x;1"], delimiter=";")) == [{"k": "x", "v": "1"}]


@check
def regular_expressions():
    import re

    assert re.findall(r"(?P<n>\d+)(?=px)", "10px 20em 30px") == ["10", "30"]
    assert re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world") == "world hello"
    assert re.fullmatch(r"[^\W\d_]+", "Straße")
    raises(re.error, re.compile, "(")


@check
def decimal_is_compiled_and_exact():
    import decimal

    import _decimal

    assert decimal.Decimal is _decimal.Decimal
    assert decimal.Decimal("0.1") + decimal.Decimal("0.2") == decimal.Decimal("0.3")
    with decimal.localcontext() as context:
        context.prec = 60
        assert str(decimal.Decimal(2).sqrt()).startswith("1.41421356237309504880168872420969807856967187537694807")
    raises(decimal.DivisionByZero, lambda: decimal.Decimal(1) / 0)


@check
def numbers():
    import cmath
    import fractions
    import math
    import statistics

    assert math.factorial(30) == 265252859812191058636308480000000
    assert math.isclose(math.gamma(5.5), 52.34277778455352)
    assert math.fsum([0.1] * 10) == 1.0 and math.comb(50, 25) == 126410606437752
    assert abs(cmath.exp(1j * cmath.pi) + 1) < 1e-15
    assert fractions.Fraction(1, 3) + fractions.Fraction(1, 6) == fractions.Fraction(1, 2)
    assert statistics.mean([1, 2, 3, 4]) == 2.5 and statistics.median([3, 1, 2]) == 2
    assert 2**200 % 1000007 == pow(2, 200, 1000007) and len(str(7**2000)) == 1691
    assert float("1e-320") > 0 and repr(0.1 + 0.2) == "0.30000000000000004" and f"{1e21:,.2f}".count(",") == 7


@check
def sqlite_in_memory():
    import sqlite3

    database = sqlite3.connect(":memory:")
    database.execute("create table t(name text primary key, n integer)")
    database.executemany("insert into t values(?, ?)", [("a", 1), ("b", 2), ("c", 3)])
    assert database.execute("select sum(n), group_concat(name, '') from t").fetchone() == (6, "abc")
    assert database.execute("""with recursive f(n, v) as (select 1, 1 union all select n + 1, v * (n + 1) from f
        where n < 10) select max(v) from f""").fetchone() == (3628800,)
    assert database.execute("select json_extract('{\"a\": [1, 2]}', '$.a[1]'), sqrt(16)").fetchone() == (2, 4.0)
    raises(sqlite3.IntegrityError, database.execute, "insert into t values('a', 9)")
    database.create_function("double", 1, lambda n: n * 2)
    assert database.execute("select double(n) from t order by n desc limit 1").fetchone() == (6,)
    database.execute("create virtual table d using fts5(body)")
    database.execute("insert into d values('the quick brown fox')")
    assert database.execute("select count(*) from d where d match 'quick'").fetchone() == (1,)
    assert "OMIT_LOAD_EXTENSION" in {option for (option,) in database.execute("pragma compile_options")}


@check_with_scratch
def sqlite_in_a_file():
    import os
    import sqlite3

    path = os.path.join(SCRATCH, "check.db")
    with sqlite3.connect(path) as database:
        database.execute("create table t(n)")
        database.execute("insert into t values(42)")
    database.close()
    again = sqlite3.connect(path)
    assert again.execute("select n from t").fetchone() == (42,)
    # A second connection to the file waits for the first one's transaction, and sees none of it before its end.
    second = sqlite3.connect(path, timeout=0.01)
    again.execute("update t set n = 43")
    assert second.execute("select n from t").fetchone() == (42,)
    raises(sqlite3.OperationalError, second.execute, "update t set n = 44")
    again.commit()
    second.execute("update t set n = n + 1")
    second.commit()
    assert again.execute("select n from t").fetchone() == (44,)
    assert again.execute("pragma integrity_check").fetchone() == ("ok",)
    again.close()
    second.close()
    os.remove(path)


@check
def a_queue_waits_no_longer_than_it_may():
    import queue

    waiting = queue.SimpleQueue()
    for microseconds in range(200):
        raises(queue.Empty, waiting.get, True, microseconds / 1e6)


@check
def hashes():
    import hashlib
    import hmac
    import warnings

    expected = {
        "md5": "900150983cd24fb0d6963f7d28e17f72",
        "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d",
        "sha224": "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha3_256": "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
        "blake2s": "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982",
    }
    for name, digest in expected.items():
        assert hashlib.new(name, b"abc").hexdigest() == digest, name
    for name in hashlib.algorithms_guaranteed:
        assert name in hashlib.algorithms_available
        digest = hashlib.new(name, b"x" * 1000)
        assert len(digest.hexdigest(16) if name.startswith("shake") else digest.hexdigest()) >= 32, name
        assert getattr(hashlib, name)().name == name
    assert hmac.new(b"key", b"text", "sha256").hexdigest().startswith("6afa9046a9579cad")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        key = hashlib.pbkdf2_hmac("sha1", b"password", b"salt", 2)
    assert key.hex() == "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"  # RFC 6070


@check
def random_and_secrets():
    import random
    import secrets
    import uuid

    assert random.Random(42).random() == 0.6394267984578837
    assert random.random() != random.random()
    assert sorted(random.sample(range(10), 10)) == list(range(10))
    assert len(secrets.token_hex(16)) == 32 and secrets.token_bytes(8) != secrets.token_bytes(8)
    assert uuid.uuid4() != uuid.uuid4() and uuid.uuid4().version == 4 and uuid.uuid1().version == 1
    assert str(uuid.uuid5(uuid.NAMESPACE_DNS, "python.org")) == "886313e1-3b8a-5372-9b90-0c9aee199e5d"


@check
def clocks_and_sleep():
    import time

    before = time.monotonic()
    time.sleep(0.05)
    elapsed = time.monotonic() - before
    assert 0.045 <= elapsed < 5, elapsed
    assert time.time() > 1.6e9 and time.perf_counter_ns() > 0
    raises(ValueError, time.sleep, -1)


@check
def local_time_is_utc():
    import datetime
    import time

    assert time.tzname[0] == "UTC" and time.timezone == 0 and time.localtime(0).tm_hour == 0
    assert datetime.datetime.now().astimezone().utcoffset() == datetime.timedelta(0)
    assert datetime.datetime.fromtimestamp(0).isoformat() == "1970-01-01T00:00:00"
    assert datetime.datetime.strptime("2024-02-29 13:05", "%Y-%m-%d %H:%M").strftime("%A %d %B %I %p") == (
        "Thursday 29 February 01 PM")
    assert datetime.datetime.fromisoformat("2024-01-01T00:00:00+02:00").timestamp() == 1704060000


@check
def time_zones():
    import datetime
    import zoneinfo

    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    assert datetime.datetime(2024, 7, 1, tzinfo=berlin).utcoffset() == datetime.timedelta(hours=2)
    assert datetime.datetime(2024, 1, 1, tzinfo=berlin).tzname() == "CET"
    assert datetime.datetime(2050, 7, 1, tzinfo=zoneinfo.ZoneInfo("America/New_York")).tzname() == "EDT"
    names = zoneinfo.available_timezones()
    assert {"UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires", "US/Pacific", "Etc/GMT+5"} <= names
    assert len(names) > 400
    raises(zoneinfo.ZoneInfoNotFoundError, zoneinfo.ZoneInfo, "Mars/Base")


@check
def asyncio_runs():
    import asyncio
    import time

    log = []

    async def worker(name, queue):
        while (item := await queue.get()) is not None:
            await asyncio.sleep(0.001)
            log.append((name, item))
        return name

    async def program():
        queue = asyncio.Queue(maxsize=2)
        workers = [asyncio.create_task(worker(name, queue)) for name in "ab"]
        for item in range(6):
            await queue.put(item)
        for _ in workers:
            await queue.put(None)
        names = await asyncio.gather(*workers)
        called = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, called.set)
        await asyncio.wait_for(called.wait(), timeout=5)
        try:
            await asyncio.wait_for(asyncio.sleep(60), timeout=0.02)
        except asyncio.TimeoutError:
            log.append("timed out")
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        async with asyncio.timeout(5):
            lock = asyncio.Lock()
            async with lock:
                pass
        return names

    before = time.monotonic()
    assert asyncio.run(program()) == ["a", "b"]
    assert time.monotonic() - before < 30
    assert sorted(item for name, item in log[:-1]) == list(range(6)) and log[-1] == "timed out"
    assert asyncio.run(asyncio.sleep(0, "again")) == "again"


@check
def asyncio_refuses_what_cannot_be():
    import asyncio
    import signal

    async def deadlock():
        await asyncio.Event().wait()

    assert "deadlock" in str(raises(RuntimeError, asyncio.run, deadlock()))

    async def subprocess():
        await asyncio.create_subprocess_exec("ls")

    raises(OSError, asyncio.run, subprocess())

    async def thread():
        await asyncio.to_thread(print)

    raises(RuntimeError, asyncio.run, thread())

    async def on_signal():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)

    raises(NotImplementedError, asyncio.run, on_signal())

    async def server():
        await asyncio.start_server(print, "127.0.0.1", 8080)

    raises(OSError, asyncio.run, server())


@check
def xml_parsers():
    import io
    import xml.dom.minidom
    import xml.etree.ElementTree as tree
    import xml.sax

    root = tree.fromstring("<a x='1'><b>t&amp;u</b><b/></a>")
    assert root.get("x") == "1" and [b.text for b in root.iter("b")] == ["t&u", None]
    assert tree.tostring(root) == b'<a x="1"><b>t&amp;u</b><b /></a>'
    assert xml.dom.minidom.parseString("<r><c/></r>").documentElement.firstChild.tagName == "c"
    names = []
    handler = xml.sax.ContentHandler()
    handler.startElement = lambda name, attributes: names.append(name)
    xml.sax.parse(io.BytesIO(b"<p><q/></p>"), handler)
    assert names == ["p", "q"]
    raises(tree.ParseError, tree.fromstring, "<a>")


@check
def compression():
    import bz2
    import gzip
    import lzma
    import zlib

    data = bytes(range(256)) * 200
    for module in (zlib, bz2, lzma, gzip):
        packed = module.compress(data)
        assert len(packed) < len(data) // 5 and module.decompress(packed) == data, module
    assert zlib.crc32(b"123456789") == 0xCBF43926 and zlib.adler32(b"Wikipedia") == 0x11E60398
    raises(zlib.error, zlib.decompress, b"no")
    assert lzma.decompress(lzma.compress(data, format=lzma.FORMAT_ALONE)) == data


@check
def archives_in_memory():
    import io
    import tarfile
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dir/a.txt", "hello " * 100)
        archive.writestr("b.bin", b"\0\1", compress_type=zipfile.ZIP_LZMA)
    with zipfile.ZipFile(stream) as archive:
        assert archive.namelist() == ["dir/a.txt", "b.bin"] and archive.testzip() is None
        assert archive.read("dir/a.txt") == b"hello " * 100
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        member = tarfile.TarInfo("c.txt")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        assert archive.extractfile("c.txt").read() == b"abc"


@check_with_scratch
def touching_a_file_gives_it_the_present_time():
    import os
    import pathlib
    import time

    path = pathlib.Path(SCRATCH) / "touched"
    path.write_text("x")
    with path.open("r+") as stream:
        for touch in (path.touch, lambda: os.utime(path), lambda: os.utime(stream.fileno())):
            os.utime(path, (1, 2))
            assert path.stat().st_mtime == 2
            touch()
            assert abs(path.stat().st_mtime - time.time()) < 60 and path.stat().st_atime > 1
    path.unlink()


@check_with_scratch
def files_have_permission_bits_and_archives_keep_them():
    import os
    import pathlib
    import stat
    import tarfile
    import zipfile

    folder = pathlib.Path(SCRATCH) / "kept"
    folder.mkdir()
    (folder / "file").write_text("x")
    assert stat.filemode(folder.stat().st_mode) == "drwxr-xr-x"
    assert stat.filemode((folder / "file").stat().st_mode) == "-rw-r--r--"
    assert [entry.stat().st_mode & 0o777 for entry in os.scandir(folder)] == [0o644]
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "file", "file")
        assert archive.getinfo("file").external_attr >> 16 == stat.S_IFREG | 0o644
    with tarfile.open(folder / "a.tar", "w") as archive:
        archive.add(folder / "file", "file")
        assert archive.getmember("file").mode & 0o777 == 0o644
    for name in ("file", "a.zip", "a.tar"):
        (folder / name).unlink()
    folder.rmdir()


@check
def outside_of_granted_folders_there_is_nothing():
    import os
    import pathlib

    for path in ("/no/such/folder", "/no/such/folder/file"):
        assert not os.path.exists(path)
        path = pathlib.Path(path)
        assert not (path.exists() or path.is_file() or path.is_dir() or path.is_symlink())
        raises(OSError, path.stat)
        raises(OSError, path.read_text)


@check_with_scratch
def files_and_temporary_files():
    import os
    import pathlib
    import shutil
    import tempfile

    tempfile.tempdir = SCRATCH
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sub" / "x.txt"
        path.parent.mkdir()
        path.write_text("één\n", encoding="utf-8")
        assert path.read_text() == "één\n" and path.stat().st_size == 6
        shutil.copytree(path.parent, pathlib.Path(folder) / "copy")
        assert sorted(os.listdir(folder)) == ["copy", "sub"]
        assert [p.name for p in pathlib.Path(folder).rglob("*.txt")] == ["x.txt", "x.txt"]
        path.rename(path.with_suffix(".md"))
        with open(path.with_suffix(".md"), "a+", encoding="utf-8") as stream:
            stream.write("two\n")
            stream.seek(0)
            assert stream.readlines() == ["één\n", "two\n"]
    assert not os.path.exists(folder)
    with tempfile.NamedTemporaryFile("w+") as stream:
        stream.write("x")
        stream.flush()
        assert os.path.getsize(stream.name) == 1


@check
def email_messages():
    import email
    import email.policy
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["To"] = "Ann <ann@example.org>"
    message.set_content("body\n")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="p.png")
    parsed = email.message_from_bytes(bytes(message), policy=email.policy.default)
    assert parsed["Subject"] == "Grüße" and parsed["To"].addresses[0].domain == "example.org"
    assert parsed.get_body().get_content() == "body\n"
    assert [part.get_filename() for part in parsed.iter_attachments()] == ["p.png"]


@check
def unittest_and_mock():
    import io
    import unittest
    import unittest.mock

    class Example(unittest.TestCase):
        def test_passes(self):
            with unittest.mock.patch("os.getcwd", return_value="/mocked"):
                import os

                self.assertEqual(os.getcwd(), "/mocked")

        def test_fails(self):
            self.assertEqual(1, 2)

    result = unittest.TextTestRunner(stream=io.StringIO()).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(Example))
    assert result.testsRun == 2 and len(result.failures) == 1 and not result.errors


@check
def doctest_runs():
    import doctest

    def double(n):
        """
        >>> double(2)
        4
        """
        return n * 2

    results = doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder().find(double, globs={"double": double}):
        results.run(test)
    assert results.summarize().attempted == 1 and results.failures == 0


@check
def text_tools():
    import difflib
    import string
    import textwrap
    import unicodedata

    assert "".join(difflib.unified_diff(["a\n"], ["b\n"], "x", "y")) == "--- x\n+++ y\n@@ -1 +1 @@\n-a\n+b\n"
    assert difflib.get_close_matches("appel", ["ape", "apple"])[0] == "apple"
    assert textwrap.fill("a bb ccc", 4) == "a bb\nccc"
    assert unicodedata.name("é") == "LATIN SMALL LETTER E WITH ACUTE"
    assert unicodedata.normalize("NFD", "é") == "e\u0301"
    assert string.Template("$a-${b}").substitute(a=1, b=2) == "1-2"


@check
def ast_and_source():
    import ast
    import dis
    import inspect
    import io

    tree = ast.parse("x = 1 + 2\nprint(x)")
    assert ast.unparse(tree) == "x = 1 + 2\nprint(x)" and ast.literal_eval("[1, {'a': (2,)}]") == [1, {"a": (2,)}]
    assert inspect.getsource(raises).startswith("def raises(kind")
    assert str(inspect.signature(raises)) == "(kind, function, *arguments)"
    assert "def dumps" in inspect.getsource(__import__("json").dumps)
    listing = io.StringIO()
    dis.dis(lambda: 1, file=listing)
    assert "RETURN_VALUE" in listing.getvalue()


@check
def tracebacks_show_library_lines():
    import json

    try:
        json.loads("")
    except ValueError:
        text = traceback.format_exc()
    assert "/json/decoder.py" in text and "raise JSONDecodeError" in text and "    return _default_decoder.decode(s)" in text


@check
def library_is_a_plain_folder():
    import errno
    import importlib.resources
    import os
    import pathlib

    folder = pathlib.Path(os.__file__).parent
    assert {"json", "os.py", "zoneinfo"} <= set(os.listdir(folder))
    assert (folder / "json").is_dir() and (folder / "os.py").is_file() and not (folder / "nothing").exists()
    source = (folder / "json" / "__init__.py").read_bytes()
    assert len(source) == (folder / "json" / ".." / "json" / "__init__.py").stat().st_size > 10000
    with open(folder / "os.py", "rb") as stream:
        stream.seek(-10, os.SEEK_END)
        tail = stream.read()
        assert len(tail) == 10 and stream.tell() == (folder / "os.py").stat().st_size and stream.read(1) == b""
        assert os.pread(stream.fileno(), 4, 0) == (folder / "os.py").read_bytes()[:4]
    assert importlib.resources.files("json").joinpath("tool.py").read_text().startswith("r")
    for mode in ("w", "a", "r+", "x"):
        assert raises(OSError, open, folder / "os.py", mode).errno in (errno.EROFS, errno.EEXIST)
    assert raises(OSError, open, folder / "new.py", "w").errno == errno.EROFS
    assert raises(OSError, os.mkdir, folder / "new").errno == errno.EROFS
    assert raises(OSError, os.remove, folder / "os.py").errno == errno.EROFS
    assert raises(OSError, os.rename, folder / "os.py", folder / "so.py").errno == errno.EROFS
    assert raises(OSError, os.truncate, folder / "os.py", 0).errno == errno.EROFS
    assert raises(OSError, os.listdir, folder / "os.py").errno == errno.ENOTDIR
    raises(IsADirectoryError, open, folder / "json")
    raises(FileNotFoundError, open, folder / "json" / "nothing")
    raises(OSError, open, f"{folder}/../../../etc/passwd")


@check
def many_library_files_open_at_once():
    import errno
    import os

    streams = []
    try:
        error = raises(OSError, lambda: [streams.append(open(os.__file__, "rb")) for _ in range(5000)])
        assert error.errno == errno.EMFILE
    finally:
        for stream in streams:
            stream.close()
    assert len(streams) > 500
    with open(os.__file__, "rb") as stream:
        assert stream.read(3)


@check
def null_device():
    import contextlib
    import os

    with open(os.devnull, "w", encoding="utf-8") as stream, contextlib.redirect_stdout(stream):
        print("nobody reads this")
        assert not stream.isatty()
    with open(os.devnull, "rb") as stream:
        assert stream.read() == b""


@check
def impossible_things_are_refused_cleanly():
    import concurrent.futures
    import multiprocessing
    import os
    import socket
    import subprocess
    import threading
    import urllib.error
    import urllib.request

    raises(RuntimeError, threading.Thread(target=print).start)
    raises(RuntimeError, concurrent.futures.ThreadPoolExecutor().submit, print)
    raises(OSError, subprocess.run, ["ls"])
    raises(OSError, os.popen, "ls")
    raises(OSError, multiprocessing.Process(target=print).start)
    raises(socket.gaierror, socket.getaddrinfo, "example.org", 80)
    raises(OSError, socket.create_connection, ("127.0.0.1", 80))
    raises(urllib.error.URLError, urllib.request.urlopen, "http://example.org/")
    raises(ModuleNotFoundError, __import__, "ctypes")
    raises(ModuleNotFoundError, __import__, "numpy")
    raises(AttributeError, getattr, os, "fork")


@check
def names_without_users_and_hosts():
    import getpass
    import os
    import socket
    import sysconfig

    assert getpass.getuser() and socket.gethostname() and os.getpid() > 0
    assert sysconfig.get_config_var("prefix") == "/usr/local" and sysconfig.get_path("stdlib") in sys.path


@check
def deep_recursion_is_an_exception():
    def down(n):
        return down(n + 1)

    raises(RecursionError, down, 0)

    class Loop:
        def __repr__(self):
            return repr(self)

    raises(RecursionError, repr, Loop())


@check
def every_module_imports():
    import contextlib
    import importlib
    import io
    import os
    import warnings

    # They need what a WASI guest does not have; the import says which module that is.
    lacking = {
        "_aix_support", "_osx_support", "antigravity", "crypt", "nis", "pty", "this", "tty", "venv",
        "ossaudiodev", "spwd", "_crypt",
    }
    folder = os.path.dirname(os.__file__)
    names = {name.partition(".")[0] for name in os.listdir(folder) if not name.startswith(("__", "_sysconfigdata", "_shannon"))}
    names = {name for name in names if name.isidentifier()} | set(sys.stdlib_module_names & set(sys.builtin_module_names))
    failed = {}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for name in sorted(names - lacking):
            try:
                importlib.import_module(name)
            except ImportError as error:
                failed[name] = error.name
    missing = {"_curses", "_dbm", "_gdbm", "_multiprocessing", "_posixshmem", "_ssl", "_tkinter", "fcntl", "grp", "mmap",
               "nt", "pwd", "readline", "resource", "spwd", "termios", "winreg", "msvcrt", "_winapi", "_scproxy"}
    unexpected = {name: lack for name, lack in failed.items() if lack not in missing}
    assert not unexpected, unexpected
    assert {"json", "asyncio", "sqlite3", "xml", "email", "unittest", "zoneinfo"} <= names
    assert len(failed) < 10, failed


def main():
    failures = 0
    for function in CHECKS:
        try:
            function()
        except BaseException:
            failures += 1
            print(f"failed: {function.__name__}", file=sys.stderr)
            traceback.print_exc()
    print(f"{len(CHECKS) - failures} checks passed, {failures} failed")
    sys.exit(min(failures, 100))


if __name__ == "__main__":
    main()
