"""The Python for WASI that most others download, VMware's build of 3.12.0, runs here as it is: as a plain WASI command,
and as an interpreter of ours although it has no reactor.
"""
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

import programs

# The first test may have to translate the module: 26 MB, compiled without optimisation by its authors.
TRANSLATION_LIMIT_SECONDS = 1800
LIMIT_SECONDS = 120


@pytest.fixture(scope="module", name="module")
def vmware_python():
    path = os.environ.get("SHANNON_VMWARE_PYTHON")
    if not path:
        pytest.skip("SHANNON_VMWARE_PYTHON is not set; tests/fetch_dependencies.sh fetches the module")
    assert Path(path).is_file(), path
    subprocess.run(programs.shannon_command(path, "-V"), check=True, timeout=TRANSLATION_LIMIT_SECONDS)
    return path


def wasi(module, *arguments, **options):
    return programs.run(programs.shannon_command(module, *arguments), **options)


def run(module, *arguments, stdin=b""):
    return programs.run([str(programs.SHANNON), "run", "--interpreter", module, *map(str, arguments)], stdin=stdin)


def test_it_is_an_ordinary_command(module):
    done = wasi(module, "-c", "import sys; print(sys.version_info[:3], sys.platform, sys.argv)", "a", "b c")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"(3, 12, 0) wasi ['-c', 'a', 'b c']\n"


def test_program_from_standard_input(module):
    done = wasi(module, "-", stdin=b"print(sum(range(101)))\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"5050\n", b"")


def test_its_exit_status_is_passed_on(module):
    assert wasi(module, "-c", "raise SystemExit(7)").returncode == 7
    assert run(module, "-c", "raise SystemExit(7)").returncode == 7


def test_standard_library(module):
    code = ("import collections, datetime, decimal, hashlib, json, math, re, zlib\n"
            "print(json.dumps([math.factorial(20), re.findall('[0-9]+', 'a1b22'), str(decimal.Decimal('0.1') * 3),\n"
            "      hashlib.sha256(b'shannon').hexdigest()[:8], zlib.decompress(zlib.compress(b'abc')).decode(),\n"
            "      datetime.date(2024, 2, 29).isoformat(), collections.Counter('hello').most_common(1)]))\n")
    done = run(module, "-c", code)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [2432902008176640000, ["1", "22"], "0.3", hashlib.sha256(b"shannon").hexdigest()[:8],
                                       "abc", "2024-02-29", [["l", 2]]]


def test_a_file_with_arguments(module, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys\nprint(sys.argv[1:], input())\n")
    done = run(module, program, "one", "two", stdin=b"from stdin\n")
    assert (done.returncode, done.stdout) == (0, b"['one', 'two'] from stdin\n")


def test_an_exception_is_the_programs_own_failure(module):
    done = run(module, "-c", "print('before')\n1/0")
    assert (done.returncode, done.stdout) == (1, b"before\n")
    assert b"ZeroDivisionError" in done.stderr


def test_an_allowed_folder_is_readable_and_nothing_else(module, shown):
    code = (f"print(open({str(shown / 'hello.txt')!r}).read(), end='')\n"
            f"for path in ({str(shown.parent / 'secret.txt')!r}, '/etc/passwd'):\n"
            "    try:\n"
            "        open(path)\n"
            "    except OSError as error:\n"
            "        print('refused')\n"
            "try:\n"
            f"    open({str(shown / 'new.txt')!r}, 'w')\n"
            "except OSError:\n"
            "    print('refused')\n")
    done = programs.run([str(programs.SHANNON), "run", "--interpreter", module, "--allow-read", str(shown), "-c", code])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello, world\nrefused\nrefused\nrefused\n", b"")
    assert not (shown / "new.txt").exists()


def test_files_in_memory(module):
    code = ("import os, pathlib, tempfile\n"
            "pathlib.Path('a.txt').write_text('one')\n"
            "os.makedirs('sub/deep')\n"
            "os.replace('a.txt', '/workspace/sub/b.txt')\n"
            "with tempfile.NamedTemporaryFile('w+') as file:\n"
            "    print(file.name.startswith('/tmp/'), file.write('two'), file.seek(0), file.read())\n"
            "print(os.listdir('/tmp'), sorted(os.listdir('.')), pathlib.Path('sub/b.txt').read_text())\n")
    for _ in range(2):
        done = run(module, "-c", code)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == b"True 3 0 two\n[] ['sub'] one\n"


def test_limits_hold(module):
    done = run(module, "--timeout", "1s", "-c", "while True: pass")
    assert done.returncode == 124 and b"Execution timeout" in done.stderr
    done = run(module, "--memory", "64M", "-c", "x = bytearray(10 ** 9)")
    assert done.returncode == 137 and b"Memory limit exceeded" in done.stderr


def test_json_form(module):
    done = run(module, "--json", "-c", "print('x')")
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("ok", 0, "x\n")
