"""J: little input that grows: into time, memory, or files."""
import pytest

from attack_support import raised

# What a bomb may come to; which of them, the machine's speed decides.
STOPPED = ("timeout", "memory_limit", "python_error", "killed")


def stopped(core, code, *types, **fields):
    """Asserts that the program was stopped by a limit or by one of the exceptions."""
    answer = core.execute(code, **{"timeout_ms": 1500, **fields})
    assert answer["status"] in STOPPED, answer
    if answer["status"] == "python_error":
        assert answer["error"]["type"].rpartition(".")[2] in (*types, "MemoryError"), answer["error"]
    return answer


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*a){20}$", r"^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_J01_regular_expressions(core, pattern):
    assert stopped(core, f"import re\nre.match({pattern!r}, 'a' * 40 + 'b')")["status"] == "timeout"
    assert core.execute(f"import re\nprint(bool(re.match({pattern!r}, 'a')))")["status"] == "ok"


def test_J02_numbers_and_text(core):
    raised(core.execute("int('9' * 10**6)"), "ValueError")
    raised(core.execute("str(10 ** 10**5)"), "ValueError")
    stopped(core, "import sys\nsys.set_int_max_str_digits(0)\nlen(str(3 ** 10**8))")
    assert core.execute("print(len(str(10 ** 4000)))")["stdout"] == "4001\n"


@pytest.mark.parametrize("code", [
    "import zlib\nzlib.decompress(zlib.compress(bytes(10**8)) * 1)\nd = zlib.decompressobj()\nx = [d.decompress(zlib.compress(bytes(10**8))), bytes(2 * 10**8)]",
    "import bz2\nbz2.decompress(bz2.compress(bytes(10**7)) * 40)", "import lzma\nlzma.decompress(lzma.compress(bytes(10**7)) * 40)",
    "import gzip\ngzip.decompress(gzip.compress(bytes(10**8)) * 4)",
])
def test_J03_compressed_zeros(core, code):
    stopped(core, code, timeout_ms=10000)


def test_J03_archives_that_climb_out(core):
    answer = core.execute("""
import io, tarfile, zipfile, os
made = io.BytesIO()
with tarfile.open(fileobj=made, mode="w") as tar:
    for name, kind in (("../../etc/evil", tarfile.REGTYPE), ("/etc/evil", tarfile.REGTYPE), ("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
        member = tarfile.TarInfo(name); member.type = kind; member.linkname = "/etc"; member.size = 1 if kind == tarfile.REGTYPE else 0
        tar.addfile(member, io.BytesIO(b"x"))
    member = tarfile.TarInfo("good"); member.size = 1; tar.addfile(member, io.BytesIO(b"x"))
made.seek(0)
os.mkdir("/tmp/out")
with tarfile.open(fileobj=made) as tar:
    for member in tar.getmembers():
        try: tar.extract(member, "/tmp/out"); print("extracted", member.name)
        except (OSError, KeyError, tarfile.TarError) as error: print(type(error).__name__, member.name)
with zipfile.ZipFile("/tmp/z.zip", "w") as z: z.writestr("../../../etc/evil2", "x")
with zipfile.ZipFile("/tmp/z.zip") as z: z.extractall("/tmp/out")
print(sorted(os.listdir("/tmp")), os.path.exists("/tmp/out/link/passwd"), os.path.exists("/etc/evil2"))
""")
    assert answer["status"] == "ok", answer
    assert "extracted good" in answer["stdout"] and answer["stdout"].endswith("['out', 'z.zip'] False False\n"), answer
    assert answer["files"] == [], "nothing outside of /tmp/out"


def test_J04_pickles(core):
    raised(core.execute("import pickle\npickle.loads(b\"cos\\nsystem\\n(S'id'\\ntR.\")"), "OSError", "AttributeError")
    stopped(core, "import pickle\nx = b'(' + b'I1\\n' * 10 + b'l'\npickle.loads(b'\\x80\\x04]' + b'2' * 10 + b'.')\n"
                  "pickle.loads(b'\\x80\\x04X\\xff\\xff\\xff\\x7f' + b'x' * 10)", "UnpicklingError", "EOFError", "OverflowError")
    stopped(core, "import pickle\npickle.loads(b'\\x80\\x04]r\\xff\\xff\\xff\\x0f.')", "UnpicklingError", "EOFError")


@pytest.mark.parametrize("code, types", [
    ("import json\njson.loads('[' * 10**6)", ("RecursionError", "JSONDecodeError")),
    ("import json\njson.loads('1' * 10**6)", ("ValueError",)),
    ("import xml.etree.ElementTree as e\nt = '<!DOCTYPE x [<!ENTITY a0 \"aaaaaaaaaa\">' + ''.join(f'<!ENTITY a{i} \"' + f'&a{i-1};' * 10 + '\">' "
     "for i in range(1, 12)) + ']><x>&a11;</x>'\ne.fromstring(t)", ("ParseError",)),
    ("import plistlib\nplistlib.loads(b'bplist00' + b'\\xff' * 40)", ("InvalidFileException",)),
])
def test_J05_documents(core, code, types):
    stopped(core, code, *types, timeout_ms=5000)


def test_J05_numbers_in_json(core):
    assert core.execute("import json\nprint(json.loads('1e400'), json.loads('[1, {\"a\": []}]'))")["stdout"] == "inf [1, {'a': []}]\n"


def test_J06_a_dictionary_of_collisions(core):
    stopped(core, "class A:\n    def __hash__(self): return 1\n    def __eq__(self, other): return self is other\nd = {A(): 1 for _ in range(10**5)}")
    # Numbers collide without a seed.
    stopped(core, "m = (1 << 31) - 1\nd = {}\nfor i in range(10**6): d[i * m] = i")


@pytest.mark.parametrize("code", [
    "from decimal import Decimal, getcontext\ngetcontext().prec = 10**8\nDecimal(2) ** 10**8 / 3", "from fractions import Fraction\nx = Fraction(1, 3)\nwhile True: x = x * x + 1",
    "import itertools\nfor _ in itertools.product(range(1000), repeat=10): pass", "import math\nmath.factorial(10**8)",
    "import statistics\nstatistics.variance(range(10**8))", "import random\nrandom.sample(range(10**9), 10**8)", "import calendar\nfor y in iter(int, 1): calendar.calendar(2000)",
    "list(map(str, range(10**9)))", "[].extend(iter(int, 1))", "'x' * 10**9 % ()", "import string\nstring.Template('$a' * 10**7).safe_substitute(a='b' * 10**7)",
])
def test_J07_functions_that_take_long(core, code):
    stopped(core, code, "OverflowError", "Overflow", "InvalidOperation", "ValueError")


@pytest.mark.parametrize("source", ["'x = 1\\n' * 2_000_000", "'x = [' + '1,' * 2_000_000 + ']'", "'x = ' + '1 + ' * 200_000 + '1'",
                                    "'x = \"' + 'a' * 10_000_000 + '\"'", "'def f():\\n' + ' x = 1\\n' * 500_000",
                                    "'\\n'.join('x%d = %d' % (i, i) for i in range(500_000))"])
def test_J08_large_sources(core, source):
    answer = core.execute(f"c = compile({source}, 'x', 'exec')\nprint('compiled')", timeout_ms=4000)
    assert answer["status"] in (*STOPPED, "ok", "stack_exhausted"), answer
    if answer["status"] == "python_error":
        assert answer["error"]["type"] in ("MemoryError", "RecursionError", "SyntaxError"), answer
