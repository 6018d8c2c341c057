"""The interpreter is an ordinary `python` on runtimes that are not ours: wasmtime and Node."""

import pytest
from interpreter_fixtures import HERE, RUNNERS, run_command


@pytest.fixture(params=sorted(RUNNERS))
def runtime(request):
    return request.param


def test_guides_direct_test(runtime):
    done = run_command(runtime, "--", "-c", "import sys; exec(sys.stdin.read())", stdin='print("Test")\n')
    assert (done.returncode, done.stdout, done.stderr) == (0, "Test\n", "")


def test_standard_library_does_its_job(runtime, tmp_path):
    options = ["--dir", f"{HERE}::/check", "--dir", f"{tmp_path}::/scratch"]
    done = run_command(runtime, "/check/stdlib_check.py", "/scratch", options=options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(" checks passed, 0 failed\n")


def test_no_folder_is_needed(runtime):
    done = run_command(runtime, "-c", "import json, zoneinfo; print(json.dumps(str(zoneinfo.ZoneInfo('Asia/Tokyo'))))")
    assert (done.returncode, done.stdout) == (0, '"Asia/Tokyo"\n')


def test_version(runtime):
    done = run_command(runtime, "-V")
    assert done.returncode == 0 and done.stdout.startswith("Python 3.11.")


def test_module(runtime):
    done = run_command(runtime, "-m", "json.tool", "--compact", stdin='{"a" : [1 , 2]}')
    assert (done.returncode, done.stdout) == (0, '{"a":[1,2]}\n')


def test_program_from_stdin(runtime):
    done = run_command(runtime, stdin="import sys\nprint(sys.argv)\n")
    assert (done.returncode, done.stdout) == (0, "['']\n")


def test_script_with_arguments(runtime, tmp_path):
    (tmp_path / "helper.py").write_text("NAME = 'helper'\n")
    (tmp_path / "program.py").write_text(
        "import sys, inspect, helper\n"
        "class Shown:\n    pass\n"
        "print(sys.argv[1:], __name__, helper.NAME, inspect.getsource(Shown))\n")
    done = run_command(runtime, "/work/program.py", "a", "-b", "--", "c", options=["--dir", f"{tmp_path}::/work"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['a', '-b', '--', 'c'] __main__ helper class Shown:\n    pass\n\n"


@pytest.mark.parametrize(("code", "status", "stderr"), [
    ("pass", 0, ""),
    ("import sys; sys.exit(7)", 7, ""),
    ("raise SystemExit('leaving')", 1, "leaving\n"),
    ("import os; os._exit(9)", 9, ""),
    ("import sys; sys.exit()", 0, ""),
])
def test_exit_status(runtime, code, status, stderr):
    done = run_command(runtime, "-c", code)
    assert (done.returncode, done.stderr) == (status, stderr)


def test_uncaught_exception(runtime):
    done = run_command(runtime, "-c", "def f():\n    return 1/0\nprint('before')\nf()")
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_unknown_option(runtime):
    done = run_command(runtime, "--no-such-option")
    assert done.returncode == 2 and "usage:" in done.stderr


def test_environment(runtime):
    code = "import os, sys; print(os.environ['GREETING'], sys.flags.optimize, hash('x'))"
    options = ["--env", "GREETING=hé=llo", "--env", "PYTHONOPTIMIZE=1", "--env", "PYTHONHASHSEED=1"]
    first = run_command(runtime, "-c", code, options=options)
    assert first.returncode == 0 and first.stdout.startswith("hé=llo 1 ")
    assert run_command(runtime, "-c", code, options=options).stdout == first.stdout


def test_random_numbers_differ_from_run_to_run(runtime):
    code = ("import os, random, secrets, sqlite3, tempfile, uuid\n"
            "print(random.random(), secrets.token_hex(), os.urandom(8), uuid.uuid1(), uuid.uuid4(), hash('x'),\n"
            "      next(tempfile._get_candidate_names()), *sqlite3.connect(':memory:').execute('select random()'), sep='\\n')")
    first, second = (run_command(runtime, "-c", code).stdout.splitlines() for _ in range(2))
    assert len(first) == len(second) == 8
    assert [a for a, b in zip(first, second) if a == b] == []


def test_large_output_and_input(runtime):
    text = "0123456789abcdef" * 65536
    code = "import sys; data = sys.stdin.read(); sys.stdout.write(data); sys.stderr.write(str(len(data)))"
    done = run_command(runtime, "-c", code, stdin=text)
    assert (done.returncode, done.stdout == text, done.stderr) == (0, True, str(len(text)))


def test_input_ends(runtime):
    done = run_command(runtime, "-c", "print(input()); input()", stdin="one\n")
    assert (done.returncode, done.stdout) == (1, "one\n")
    assert done.stderr.endswith("EOFError: EOF when reading a line\n")


def test_another_python_in_sight_is_not_used(runtime, tmp_path):
    other = tmp_path / "lib" / "python3.11"
    other.mkdir(parents=True)
    (other / "os.py").write_text("raise SystemExit('the wrong library')\n")
    (tmp_path / "pyvenv.cfg").write_text("home = /elsewhere\n")
    code = "import json, os, sys; print(json.__file__, sys.prefix, os.path.isdir('/lib'))"
    done = run_command(runtime, "-c", code, options=["--dir", f"{tmp_path}::/"])
    assert (done.returncode, done.stdout, done.stderr) == (
        0, "/usr/local/lib/python3.11/json/__init__.py /usr/local True\n", "")
