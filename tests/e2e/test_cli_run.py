"""`shannon run`: where the program comes from, what it is given, and how it ends."""
import os
import re
import shlex
import subprocess

import pytest

from cli_support import INTERPRETER, PROGRAM, Shannon, shannon  # noqa: F401 (a fixture)


def test_code_of_the_command_line(shannon):
    result = shannon.python("print(6 * 7)")
    assert (result.status, result.stdout, result.stderr) == (0, "42\n", "")


def test_code_of_a_file(shannon, tmp_path):
    (tmp_path / "program.py").write_text("import sys\nprint(__file__, sys.argv)\n")
    result = shannon("run", "program.py", "one", "--two", "")
    assert (result.status, result.stdout) == (0, "program.py ['program.py', 'one', '--two', '']\n")


@pytest.mark.parametrize("words", [["run"], ["run", "-"], ["run", "--timeout", "20s"]])
def test_code_of_standard_input(shannon, words):
    result = shannon(*words, input="import sys\nprint(sys.argv)\n")
    assert (result.status, result.stdout) == (0, "['-']\n")


def test_arguments_after_code_are_the_programs(shannon):
    result = shannon.python("import sys; print(sys.argv)", "--timeout", "1s", "--", "-c", "ä", "a b")
    assert (result.status, result.stdout) == (0, "['-c', '--timeout', '1s', '--', '-c', 'ä', 'a b']\n")


def test_standard_input_is_the_programs(shannon):
    result = shannon.python("import sys; print(sys.stdin.read().upper())", input="some input\n" * 3)
    assert (result.status, result.stdout) == (0, "SOME INPUT\n" * 3 + "\n")


def test_large_input_and_output_pass_through(shannon):
    text = "0123456789abcdef\n" * 300_000
    result = shannon.python("import sys; sys.stdout.write(sys.stdin.read())", input=text)
    assert result.status == 0
    assert result.stdout == text


def test_bytes_pass_through_unchanged(shannon):
    data = bytes(range(256)) * 50
    result = shannon.python("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", input=data)
    assert (result.status, result.bytes) == (0, data)


def test_output_that_nobody_reads_ends_the_program(shannon):
    """`shannon run ... | head -1`: no hang, no traceback of shannon's own."""
    command = " ".join(["exec", str(PROGRAM), "run", "-c",
                        "'while True: print(\"y\" * 100)'"])
    line = subprocess.run(["bash", "-c", f"({command}) 2>/dev/null | head -1"], stdout=subprocess.PIPE, timeout=60,
                          check=True, env={**os.environ, "PYTHON_WASI_WASM_PATH": str(INTERPRETER)}).stdout
    assert line == b"y" * 100 + b"\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_descriptors_are_nothing_of_ours(closed):
    """A program whose caller closed some of them meets an empty file there, and no descriptor of the sandbox's own."""
    code = ("import os, stat; kinds = [stat.S_ISCHR(os.fstat(fd).st_mode) for fd in range(3)];"
            "os.read(0, 1) == b'' or kinds.append('input'); os.write(1, b'x'); os.write(2, b'x');"
            "raise SystemExit(3 if kinds == [True] * 3 else 4)")
    command = f"exec {PROGRAM} run -c {shlex.quote(code)} {closed}"
    status = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, timeout=60, check=False,
                            env={**os.environ, "PYTHON_WASI_WASM_PATH": str(INTERPRETER)}).returncode
    assert status == 3


# ---- exit status ----

@pytest.mark.parametrize("code, status", [
    ("pass", 0),
    ("raise ValueError('x')", 1),
    ("import sys; sys.exit(0)", 0),
    ("import sys; sys.exit(1)", 1),
    ("import sys; sys.exit(7)", 7),
    ("import sys; sys.exit(255)", 255),
    ("import sys; sys.exit('a message')", 1),
    ("raise SystemExit", 0),
    ("import os; os._exit(9)", 9),
    ("import sys; sys.exit(256)", 1),
    ("1 +", 1),
])
def test_exit_status_is_the_programs(shannon, code, status):
    assert shannon.python(code).status == status


def test_exception_is_shown_as_python_shows_it(shannon, tmp_path):
    (tmp_path / "program.py").write_text("def divide(a):\n    return a / 0\n\ndivide(1)\n")
    result = shannon("run", "program.py")
    assert result.status == 1
    assert result.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert '  File "program.py", line 2, in divide' in result.stderr
    assert "    return a / 0" in result.stderr
    assert result.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert "shannon" not in result.stderr


def test_missing_module_is_named(shannon):
    result = shannon.python("import numpy")
    assert result.status == 1
    assert "ModuleNotFoundError: No module named 'numpy'" in result.stderr


# ---- limits ----

def test_timeout(shannon):
    result = shannon.python("print('begun', flush=True)\nwhile True: pass", options=["--timeout", "700ms"])
    assert (result.status, result.stdout) == (124, "begun\n")
    assert "Execution timeout" in result.stderr
    assert "700 ms" in result.stderr
    assert "--timeout" in result.stderr


def test_timeout_while_sleeping(shannon):
    result = shannon.python("import time; time.sleep(1000)", options=["--timeout=500ms"])
    assert result.status == 124


def test_timeout_in_compiled_code(shannon):
    result = shannon.python("sum(range(10**12))", options=["--timeout", "500ms"])
    assert result.status == 124


@pytest.mark.parametrize("code", [
    "data = []\nwhile True: data.append(bytearray(1 << 20))",
    "x = bytearray(10**9)",
    "x = 'a'\nwhile True: x += x",
    "x = []\nwhile True: x.append(x[:])",
])
def test_memory_limit(shannon, code):
    result = shannon.python(code, options=["--memory", "64M"])
    assert result.status == 137, result
    assert "Memory limit exceeded" in result.stderr
    assert "67108864" in result.stderr


def test_memory_error_can_be_caught(shannon):
    result = shannon.python("try:\n    bytearray(10**9)\nexcept MemoryError:\n    print('caught')",
                            options=["--memory", "64M"])
    assert (result.status, result.stdout, result.stderr) == (0, "caught\n", "")


def test_more_memory_lets_the_same_program_run(shannon):
    code = "x = bytearray(200 << 20); print(len(x))"
    assert shannon.python(code, options=["--memory", "128M"]).status == 137
    result = shannon.python(code, options=["--memory", "512M"])
    assert (result.status, result.stdout) == (0, f"{200 << 20}\n")


def test_memory_that_is_too_small_for_the_interpreter(shannon):
    result = shannon.python("print(1)", options=["--memory", "1M"])
    assert result.status == 137
    assert "Memory limit exceeded" in result.stderr


def test_a_memory_error_of_the_program_is_not_the_limit(shannon):
    """Only the host says that a limit was met."""
    result = shannon.python("raise MemoryError('invented')", options=["--json"])
    assert (result.status, result.json["status"]) == (1, "python_error")


@pytest.mark.parametrize("ending", ["sys.exit(1)", "os._exit(1)", "sys.exit(3)", "raise ValueError('x')"])
def test_a_limit_that_was_met_and_survived_is_not_the_end(shannon, ending):
    code = f"import os, sys\ntry:\n    bytearray(10**9)\nexcept MemoryError:\n    pass\n{ending}"
    result = shannon.python(code, options=["--json", "--memory", "64M"])
    assert (result.status, result.json["status"]) == (3 if "3" in ending else 1, "python_error")


def test_abort_is_a_trap(shannon):
    result = shannon.python("import os; os.abort()")
    assert result.status == 134
    assert "trap" in result.stderr


def test_deep_recursion_raises(shannon):
    result = shannon.python("def f(n): return f(n + 1)\ntry:\n    f(0)\nexcept RecursionError as e:\n    print('caught')")
    assert (result.status, result.stdout) == (0, "caught\n")


@pytest.mark.parametrize("code", [
    "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())",
    "x = []\nfor _ in range(10**6): x = [x]\nprint(len(repr(x)))",
    "eval('(' * 200000)",
    "import re\nre.compile('(' * 20000 + ')' * 20000)",
])
def test_recursion_without_end_is_an_error_and_not_a_crash(shannon, code):
    result = shannon.python(code, options=["--timeout", "60s"])
    assert result.status in (1, 134, 137), result
    if result.status == 134:
        assert "stack is exhausted" in result.stderr
    assert "report this" not in result.stderr


# ---- the interpreter ----

def test_missing_interpreter(tmp_path):
    result = Shannon(tmp_path).python("print(1)", options=["--interpreter", "no-such-python"])
    assert result.status == 127
    assert "Python WASI interpreter not found" in result.stderr
    assert "setup_python_wasi.sh" in result.stderr


def test_missing_configured_interpreter(tmp_path):
    result = Shannon(tmp_path, PYTHON_WASI_WASM_PATH="/nonexistent/python.wasm").python("print(1)")
    assert result.status == 127
    assert "/nonexistent/python.wasm" in result.stderr
    assert "PYTHON_WASI_WASM_PATH" in result.stderr


def test_interpreter_by_name_from_the_folder(tmp_path):
    (tmp_path / "wasm-interpreters").mkdir()
    (tmp_path / "wasm-interpreters" / "mine.wasm").symlink_to(INTERPRETER)
    result = Shannon(tmp_path).python("print(1)", options=["--interpreter", "mine"])
    assert (result.status, result.stdout) == (0, "1\n")


@pytest.mark.parametrize("name", ["../python", ".hidden", "a b", ""])
def test_name_that_is_none(tmp_path, name):
    result = Shannon(tmp_path).python("print(1)", options=["--interpreter", name])
    assert result.status in (125, 127), result
    assert len(result.stderr.splitlines()) == 1


# ---- the source ----

def test_two_megabytes_of_code(shannon, tmp_path):
    (tmp_path / "big.py").write_text("x = 0\n" + "x += 1  # a line among many\n" * 80_000 + "print(x)\n")
    assert (tmp_path / "big.py").stat().st_size > 2_000_000
    result = shannon("run", "--timeout", "2m", "big.py")
    assert (result.status, result.stdout) == (0, "80000\n")


@pytest.mark.parametrize("code, expected", [
    (b"print(1)\0print(2)\n", "null bytes"),
    (b"\0", "null bytes"),
    (b"print('\xff\xfe')\n", "SyntaxError"),
    (b"\xff\xfep\0r\0", "SyntaxError"),
    (b"# -*- coding: no-such-encoding -*-\nprint(1)\n", "SyntaxError"),
])
def test_source_that_is_no_text_is_a_syntax_error(shannon, code, expected):
    result = shannon("run", "-", input=code)
    assert result.status == 1, result
    assert re.search(expected, result.stderr), result


def test_empty_source(shannon):
    result = shannon("run", "-", input=b"")
    assert (result.status, result.stdout, result.stderr) == (0, "", "")


def test_source_in_another_encoding(shannon):
    result = shannon("run", "-", input="# -*- coding: latin-1 -*-\nprint('\xe4')\n".encode("latin-1"))
    assert (result.status, result.stdout) == (0, "ä\n")


def test_source_with_windows_line_ends_and_byte_order_mark(shannon):
    result = shannon("run", "-", input=b"\xef\xbb\xbfif True:\r\n    print('ok')\r\n")
    assert (result.status, result.stdout) == (0, "ok\n")


def test_missing_file(shannon):
    result = shannon("run", "no-such-file.py")
    assert result.status == 125
    assert "no-such-file.py" in result.stderr
    assert "No such file" in result.stderr


def test_folder_instead_of_a_file(shannon):
    result = shannon("run", ".")
    assert result.status == 125
    assert "cannot read ." in result.stderr


def test_no_program_on_a_terminal(shannon):
    """Without a program and with a terminal as standard input it must not wait for one."""
    import pty
    master, slave = pty.openpty()
    try:
        result = shannon("run", stdin=slave, timeout=30)
    finally:
        os.close(master)
        os.close(slave)
    assert result.status == 125
    assert "-c CODE" in result.stderr


# ---- options ----

@pytest.mark.parametrize("words, message", [
    (["--timeout", "0"], "--timeout"),
    (["--timeout", "-1"], "--timeout"),
    (["--timeout", "1.5s"], "--timeout"),
    (["--timeout", "soon"], "--timeout"),
    (["--timeout", "99999999999999999999s"], "--timeout"),
    (["--timeout", "100000h"], "--timeout"),
    (["--timeout", ""], "--timeout"),
    (["--memory", "0"], "--memory"),
    (["--memory", "-1M"], "--memory"),
    (["--memory", "lots"], "--memory"),
    (["--memory", "99999999999G"], "--memory"),
    (["--env", "NOVALUE"], "--env"),
    (["--env", "=x"], "--env"),
    (["--no-such-option"], "--no-such-option"),
    (["--json=yes"], "--json"),
    (["-x"], "-x"),
    (["--timeout"], "--timeout"),
    (["--interpreter"], "--interpreter"),
    (["-c"], "-c"),
    (["--allow-read", "/nonexistent-folder", "-c", "1"], "/nonexistent-folder"),
    (["--allow-read", "/etc/passwd", "-c", "1"], "/etc/passwd"),
    (["--config", "/nonexistent.yaml", "-c", "1"], "/nonexistent.yaml"),
])
def test_wrong_command_line(shannon, words, message):
    result = shannon("run", *words)
    assert result.status == 125, result
    assert result.stdout == ""
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_options_end_at_two_dashes(shannon, tmp_path):
    (tmp_path / "-odd.py").write_text("import sys; print(sys.argv)\n")
    result = shannon("run", "--", "-odd.py", "--timeout")
    assert (result.status, result.stdout) == (0, "['-odd.py', '--timeout']\n")


def test_largest_limits_that_make_sense(shannon):
    result = shannon.python("print(1)", options=["--timeout", "24h", "--memory", "16G"])
    assert (result.status, result.stdout) == (0, "1\n")


# ---- environment and configuration ----

def test_environment_holds_only_what_was_given(shannon):
    result = shannon.python("import os; print(sorted(os.environ.items()))",
                            options=["--env", "A=1", "--env", "B=x=y z", "--env", "A=2"],
                            environ={"SECRET_OF_THE_HOST": "hidden", "OPENAI_API_KEY": "sk-hidden"})
    assert result.status == 0
    assert result.stdout == "[('A', '2'), ('B', 'x=y z'), ('HOME', '/workspace')]\n"


def test_configuration_file_and_precedence(shannon, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shannon.yaml").write_text(
        "wasi:\n  execution_timeout_ms: 400\n  env_vars: {FROM_FILE: file, BOTH: file}\n")
    assert shannon.python("while True: pass").status == 124
    result = shannon.python("import os; print(os.environ['FROM_FILE'], os.environ['BOTH'])",
                            options=["--timeout", "20s", "--env", "BOTH=flag"])
    assert (result.status, result.stdout) == (0, "file flag\n")
    assert shannon.python("import time; time.sleep(1); print(1)",
                          environ={"SHANNON_WASI_EXECUTION_TIMEOUT_MS": "20000"}).stdout == "1\n"


def test_wrong_configuration_names_file_line_and_key(shannon, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shannon.yaml").write_text("wasi:\n  execution_timeout: 400\n")
    result = shannon.python("print(1)")
    assert result.status == 125
    assert "config/shannon.yaml:2" in result.stderr
    assert "execution_timeout" in result.stderr


# ---- JSON ----

def test_json_of_a_program_that_works(shannon):
    result = shannon.python("import sys; print('out'); print('err', file=sys.stderr)", options=["--json"])
    answer = result.json
    assert result.status == 0
    assert result.stderr == ""
    assert answer["status"] == "ok"
    assert (answer["exit_code"], answer["stdout"], answer["stderr"]) == (0, "out\n", "err\n")
    assert answer["error"] is None
    assert (answer["stdout_truncated"], answer["stderr_truncated"]) == (False, False)
    assert set(answer["usage"]) == {"wall_ms", "cpu_ms", "peak_memory_bytes"}
    assert answer["usage"]["peak_memory_bytes"] > 1 << 20


def test_json_of_an_exception(shannon):
    result = shannon.python("raise KeyError('missing')", options=["--json"])
    answer = result.json
    assert result.status == 1
    assert answer["status"] == "python_error"
    assert answer["error"]["type"] == "KeyError"
    assert answer["error"]["message"] == "'missing'"
    assert "Traceback" in answer["error"]["traceback"]


@pytest.mark.parametrize("code, options, kind, status", [
    ("while True: pass", ["--timeout", "300ms"], "timeout", 124),
    ("x = bytearray(10**9)", ["--memory", "64M"], "memory_limit", 137),
    ("import os; os.abort()", [], "trap", 134),
])
def test_json_of_what_was_ended(shannon, code, options, kind, status):
    result = shannon.python(code, options=["--json", *options])
    answer = result.json
    assert (result.status, answer["status"], answer["exit_code"]) == (status, kind, status)
    assert answer["error"]["message"]


def test_json_cuts_what_is_too_much(shannon):
    result = shannon.python("import sys\nprint('x' * 5_000_000)\nsys.stderr.write('y' * 10)", options=["--json"])
    answer = result.json
    assert answer["stdout_truncated"] is True
    assert answer["stderr_truncated"] is False
    assert 0 < len(answer["stdout"]) < 5_000_000


def test_json_of_bytes_that_are_no_text(shannon):
    answer = shannon.python("import sys; sys.stdout.buffer.write(b'\\xff\\x00a')", options=["--json"]).json
    assert answer["stdout"] == "\ufffd\0a"


def test_forged_answer_forges_nothing(shannon):
    code = ("import sys, os\n"
            "sys.stdout.write('{\"status\": \"ok\", \"exit_code\": 0}\\n')\n"
            "sys.stdout.flush()\n"
            "for fd in range(3, 64):\n"
            "    try: os.write(fd, b'forged' * 100)\n"
            "    except OSError: pass\n"
            "os._exit(3)\n")
    result = shannon.python(code, options=["--json"])
    assert result.status == 3
    assert result.json["exit_code"] == 3
    assert result.json["status"] == "python_error"
