"""The interpreter as a reactor: started once, many programs run (interpreters/cpython/guest/shannon_guest.h)."""

import struct
import subprocess

import pytest
from interpreter_fixtures import (FINAL, LINE_BUFFERED, MALFORMED, PRELOAD, TIMEOUT, UNBUFFERED, VALUE, interpreter_path,
                                  run_all, run_one, wasmtime_python)


def test_many_programs_share_one_namespace():
    answers = run_all("x = 20\nprint('set')", "x += 1; print(x * 2)", "import sys; print(__name__, sys.argv)")
    assert [answer["stdout"] for answer in answers] == ["set\n", "42\n", "__main__ ['main.py']\n"]
    assert all(answer["status"] == 0 and not answer["result"] and not answer["stderr"] for answer in answers)


def test_uncaught_exception_shows_the_programs_lines():
    answer = run_one("import json\ndef f(text):\n    return json.loads(text)\nprint('out')\nf('')")
    assert answer["status"] == 1 and answer["stdout"] == "out\n"
    assert answer["stderr"].startswith(
        'Traceback (most recent call last):\n  File "main.py", line 5, in <module>\n    f(\'\')\n'
        '  File "main.py", line 3, in f\n    return json.loads(text)\n           ^^^^^^^^^^^^^^^^\n'
        '  File "/usr/local/lib/python3.11/json/__init__.py"')
    assert "_shannon_runner" not in answer["stderr"]
    assert answer["result"] == {
        "type": "json.decoder.JSONDecodeError",
        "message": "Expecting value: line 1 column 1 (char 0)",
        "traceback": answer["stderr"],
    }


def test_the_programs_own_exception_class_and_cause():
    answer = run_one("class Broken(Exception): pass\ntry:\n    {}['k']\nexcept KeyError as e:\n    raise Broken('é') from e")
    assert answer["result"]["type"] == "Broken" and answer["result"]["message"] == "é"
    assert "KeyError: 'k'\n\nThe above exception was the direct cause" in answer["stderr"]


def test_syntax_error_is_shown_as_for_a_script():
    answer = run_one("print(1)\nx = = 2\n", filename="script.py")
    assert answer["stdout"] == "" and answer["status"] == 1
    assert answer["stderr"] == '  File "script.py", line 2\n    x = = 2\n        ^\nSyntaxError: invalid syntax\n'


def test_null_byte_and_bad_encoding_are_syntax_errors():
    first, second, third = run_all(
        {"code": "x = 1\0"},
        {"raw": (struct.pack("<II", 2, 8) + b"x = '\xff'\n").hex()},
        {"code": "# -*- coding: no-such -*-\n"})
    assert [answer["result"]["type"] for answer in (first, second, third)] == ["SyntaxError"] * 3
    assert [answer["status"] for answer in (first, second, third)] == [1, 1, 1]


def test_byte_order_mark_coding_cookie_and_line_ends():
    cookie = "# -*- coding: latin-1 -*-\nprint(ascii('é'))\n".encode("latin-1")
    marked = "\ufeffprint('marked')\r\nif 1:\r\n    print('crlf')\r\n".encode()
    answers = run_all({"raw": (struct.pack("<II", 2, len(cookie)) + cookie).hex()},
                      {"raw": (struct.pack("<II", 2, len(marked)) + marked).hex()}, "", "# only a comment")
    assert [answer["stdout"] for answer in answers] == ["'\\xe9'\n", "marked\ncrlf\n", "", ""]
    assert all(answer["status"] == 0 for answer in answers)


@pytest.mark.parametrize(("code", "status", "stderr"), [
    ("import sys; sys.exit()", 0, ""),
    ("import sys; sys.exit(3)", 3, ""),
    ("import sys; sys.exit(True)", 1, ""),
    ("import sys; sys.exit(-1)", 255, ""),
    ("import sys; sys.exit(256 + 4)", 4, ""),
    ("import sys; sys.exit('why')", 1, "why\n"),
    ("import sys; sys.exit((1, 2))", 1, "(1, 2)\n"),
    ("class Quit(SystemExit): pass\nraise Quit(5)", 5, ""),
    ("class Quit(SystemExit):\n    code = property(lambda self: 1/0)\nraise Quit(5)", 1, "5\n"),
    ("class Text:\n    __str__ = None\nimport sys; sys.exit(Text())", 1, "\n"),
])
def test_exit_status(code, status, stderr):
    answer = run_one(code)
    assert (answer["status"], answer["stderr"], answer["result"]) == (status, stderr, {})


def test_interrupt_has_pythons_status():
    answer = run_one("raise KeyboardInterrupt")
    assert answer["status"] == 130 and answer["result"]["type"] == "KeyboardInterrupt"


def test_leaving_by_os_exit():
    assert run_one("import os; os._exit(11)")["status"] == {"left": 11}


def test_last_value():
    answers = run_all(*({"code": code, "flags": VALUE} for code in (
        "x = 6\nx * 7", "x = 1", "None", "print('p')\n'text'", "'é' * 3", "from __future__ import annotations\n[x]", "_",
        "class R:\n    def __repr__(self): 1/0\nR()", "'a' * 100000")))
    values = [answer["result"].get("value") for answer in answers]
    assert values[:8] == ["42", None, None, "'text'", "'ééé'", "[1]", "[1]", None]
    assert len(values[8]) == 65536 and values[8].startswith("'aaa")
    assert answers[7]["status"] == 1 and answers[7]["result"]["type"] == "ZeroDivisionError"


def test_arguments_filename_and_environment():
    code = ("import sys, os\nprint(sys.argv, __file__, os.environ.get('A'), os.environ.get('B'),"
            " os.environ['FROM_THE_START'])\nos.environ['B'] = 'mine'")
    answers = run_all(
        {"code": code, "filename": "päth/x.py", "arguments": ["x.py", "-v", "ü"], "environment": ["A=1=2", "B="]},
        {"code": code, "environment": ["A=new"]})
    assert answers[0]["stdout"] == "['x.py', '-v', 'ü'] päth/x.py 1=2  yes\n"
    assert answers[1]["stdout"] == "['main.py'] main.py new mine yes\n"


@pytest.mark.parametrize("initialize", [0, PRELOAD])
@pytest.mark.parametrize("filename", ["main.py", "<stdin>", "<string>"])
def test_source_of_user_code(filename, initialize):
    code = ("import inspect\ndef f(a):\n    return a\n\nclass C:\n    def m(self):\n        pass\n\n"
            "print(inspect.getsource(f), inspect.getsource(C), inspect.getsource(C().m), sep='|', end='')")
    answer = run_all({"code": code, "filename": filename}, initialize=initialize)[0]
    assert answer["stdout"] == (
        "def f(a):\n    return a\n|class C:\n    def m(self):\n        pass\n|    def m(self):\n        pass\n")


@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_functions_keep_their_lines_when_the_next_program_runs(initialize):
    answers = run_all(
        {"code": "def first():\n    raise ValueError('from the first')  # line of the first\n", "filename": "cell1.py"},
        {"code": "import inspect\nprint(inspect.getsource(first))", "filename": "<cell 2>"},
        {"code": "first()", "filename": "cell3.py"}, initialize=initialize)
    assert answers[1]["stdout"].endswith("# line of the first\n\n"), answers[1]
    assert 'File "cell3.py", line 1, in <module>\n    first()\n' in answers[2]["stderr"]
    assert 'File "cell1.py", line 2, in first\n    raise ValueError(\'from the first\')  # line' in answers[2]["stderr"]


def test_lines_are_counted_as_python_counts_them():
    answer = run_one("text = 'a\u2028b'\n\x0c\n1/0  # here\n")
    assert 'File "main.py", line 3, in <module>\n    1/0  # here\n' in answer["stderr"]


def test_traceback_made_by_the_program_itself():
    answer = run_one("import traceback\ntry:\n    1/0\nexcept ZeroDivisionError:\n    print(traceback.format_exc())")
    assert 'File "main.py", line 3, in <module>\n    1/0\n    ~^~\n' in answer["stdout"]


def test_dataclasses_pickle_and_main_module():
    answer = run_one(
        "import dataclasses, pickle, typing\n@dataclasses.dataclass\nclass P:\n    x: int\n    y: 'P | None' = None\n"
        "print(pickle.loads(pickle.dumps(P(1, P(2)))), list(typing.get_type_hints(P)))\n"
        "if __name__ == '__main__': print('main')")
    assert answer["stdout"] == "P(x=1, y=P(x=2, y=None)) ['x', 'y']\nmain\n", answer["stderr"]


def test_final_run_ends_as_a_process_does():
    code = ("import atexit, logging\natexit.register(print, 'at exit')\n"
            "class D:\n    def __del__(self): print('deleted')\nd = D()\nlogging.warning('logged')\nprint('end')")
    answer = run_one(code, flags=FINAL)
    assert answer["stdout"] == "end\nat exit\ndeleted\n"
    assert answer["stderr"] == "WARNING:root:logged\n" and answer["status"] == 0


def test_final_run_after_an_exception():
    answer = run_one("import atexit\natexit.register(print, 'at exit')\nraise SystemExit(4)", flags=FINAL)
    assert (answer["status"], answer["stdout"]) == (4, "at exit\n")
    answer = run_one("import atexit\natexit.register(lambda: 1/0)\nraise ValueError('v')", flags=FINAL)
    assert answer["status"] == 1 and answer["stderr"].startswith("Traceback") and "ValueError: v\n" in answer["stderr"]


@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_every_final_run_ends_what_it_began(initialize):
    code = ("import atexit, logging, sys\natexit.register(print, 'at exit')\nclass D:\n    def __del__(self): print('deleted')\n"
            "d = D()\nlogging.getLogger().addHandler(logging.StreamHandler(sys.stdout))\nprint('end')")
    answers = run_all(*[{"code": code, "flags": FINAL}] * 3, "print(d, code)", initialize=initialize)
    assert [answer["stdout"] for answer in answers[:3]] == ["end\nat exit\ndeleted\n"] * 3
    assert answers[3]["result"]["message"] == "name 'code' is not defined"


def test_a_final_run_with_nothing_to_end_leaves_the_next_ones():
    code = "import atexit; atexit.register(print, 'at exit')"
    answers = run_all(*({"code": text, "flags": FINAL} for text in ("x = 1", code, "print(x)", code)), initialize=PRELOAD)
    assert [answer["stdout"] for answer in answers] == ["", "at exit\n", "None\n", "at exit\n"]


# ---- files ----

@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_programs_work_in_the_folder_that_is_granted(initialize, tmp_path):
    (tmp_path / "given.txt").write_text("given by the host")
    (tmp_path / "helper.py").write_text("def name(): return __file__")
    answers = run_all(
        "import os; print(os.getcwd(), sorted(os.listdir())); print(open('given.txt').read())",
        "import helper; print(helper.name())", "open('made.txt', 'w').write('made'); os.mkdir('folder')",
        {"code": "file = open('folder/kept.txt', 'w'); file.write('not yet flushed')", "flags": FINAL},
        "import os; print(open('/workspace/made.txt').read(), sorted(os.listdir('/workspace')))",
        initialize=initialize, workspace=tmp_path)
    assert [answer["stdout"] for answer in answers] == [
        "/workspace ['given.txt', 'helper.py']\ngiven by the host\n", "/workspace/helper.py\n", "", "",
        "made ['__pycache__', 'folder', 'given.txt', 'helper.py', 'made.txt']\n"]
    assert (tmp_path / "folder" / "kept.txt").read_text() == "not yet flushed"


def test_without_a_folder_there_are_no_files_but_its_own():
    code = ("import json, os\nprint(os.getcwd(), open(json.__file__).readline(), open(os.devnull).read() == '')\n"
            "open('made.txt', 'w')")
    answer = run_one(code)
    assert answer["stdout"].startswith("/ r\"\"\"JSON") and answer["stdout"].endswith("True\n")
    assert answer["status"] == 1 and answer["result"]["type"] in ("OSError", "FileNotFoundError", "PermissionError")


# ---- standard streams ----

@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_every_run_has_its_own_standard_input(initialize):
    """What a program left unread, and that it came to the end, is nothing to the next one."""
    stdin = "first {0}\r\nsecond {0}\nthird {0}"
    codes = ["print(input())", "import sys; print(repr(sys.stdin.readline()), sys.stdin.read())", "import sys; sys.stdin.close()",
             "import sys; print(list(sys.stdin), sys.stdin is sys.__stdin__)", "input(); input(); input(); input()", "print(input())"]
    answers = run_all(*({"code": code, "stdin": stdin.format(i)} for i, code in enumerate(codes)), initialize=initialize)
    assert [answer["stdout"] for answer in answers] == [
        "first 0\r\n", "'first 1\\r\\n' second 1\nthird 1\n", "",
        "['first 3\\r\\n', 'second 3\\n', 'third 3'] True\n", "", "first 5\r\n"]
    assert answers[4]["result"]["type"] == "EOFError"


def test_standard_input_is_of_the_same_kind_in_every_run():
    code = ("import sys; s = sys.stdin; print(s, s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through,"
            " s.buffer, s.buffer.raw, s.fileno(), type(s))")
    answers = run_all(code, code, code)
    assert answers[0]["stdout"] == answers[1]["stdout"] == answers[2]["stdout"]
    assert answers[0]["stdout"].startswith("<_io.TextIOWrapper name='<stdin>' mode='r' encoding='utf-8'> ")


def test_standard_input_that_a_program_put_there_stays():
    answers = run_all("import io, sys; sys.stdin = io.StringIO('mine\\nmine too')", {"code": "print(input())", "stdin": "other"},
                      {"code": "print(input()); sys.stdin = sys.__stdin__", "stdin": "other"},
                      {"code": "print(input())", "stdin": "other"})
    assert [answer["stdout"] for answer in answers] == ["", "mine\n", "mine too\n", "other\n"]


@pytest.mark.parametrize("initialize", [0, PRELOAD])
@pytest.mark.parametrize("closing", ["open(0).read()", "import os; os.close(0)"])
def test_programs_run_on_when_one_has_closed_descriptor_0(closing, initialize):
    answers = run_all(closing, "print('alive')", "import sys; print(sys.stdin.closed)", initialize=initialize)
    assert [(answer["status"], answer["stdout"]) for answer in answers] == [(0, ""), (0, "alive\n"), (0, "False\n")]


@pytest.mark.parametrize(("initialize", "flags", "stdout"), [
    (0, 0, ""), (0, LINE_BUFFERED, "line\n"), (UNBUFFERED, 0, "line\npart"), (UNBUFFERED | PRELOAD, 0, "line\npart")])
def test_what_is_written_when_the_program_goes_without_a_word(initialize, flags, stdout):
    answer = run_one("import os, sys; print('line'); print('part', end=''); os._exit(3)", initialize=initialize, flags=flags)
    assert (answer["status"], answer["stdout"]) == ({"left": 3}, stdout)


def test_unbuffered_output_keeps_its_order():
    code = "import sys\nfor i in range(3):\n    print(i, end=' ')\n    sys.stderr.write('.')\nsys.stdout.buffer.write(b'bytes ')\nprint('é')"
    answer = run_one(code, initialize=UNBUFFERED)
    assert (answer["status"], answer["stdout"], answer["stderr"]) == (0, "0 1 2 bytes é\n", "...")


# ---- programs that break things ----

@pytest.mark.parametrize("sabotage", [
    "import sys; sys.stdout = sys.stderr = None",
    "import sys; del sys.stdout, sys.stderr, sys.excepthook",
    "import builtins\nfor name in ('print', 'str', 'repr', 'isinstance', 'len', 'getattr', 'BaseException', 'compile'):"
    "\n    setattr(builtins, name, None)",
    "import traceback; traceback.TracebackException = traceback.print_exception = None",
    "import traceback; traceback.TracebackException.format = lambda *a, **k: 1/0",
    "import linecache; linecache.cache.clear(); linecache.getline = None",
    "import sys; sys.modules.clear()",
    "import json, atexit, gc, io; json.dumps = atexit._run_exitfuncs = gc.collect = io.TextIOWrapper = None",
    "import sys; sys.setrecursionlimit(60)",
    "import sys; sys.excepthook = lambda *a: 1/0",
    "import sys; sys.settrace(lambda *a: 1/0)",
    "import os; os.environ = {}",
    "globals().clear()",
])
@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_sabotage_does_not_break_the_answer(sabotage, initialize):
    answer, after = run_all({"code": sabotage + "\nraise LookupError('told')", "flags": FINAL}, {"code": "x = 1"},
                            initialize=initialize)
    assert answer["status"] == 1
    assert isinstance(after["status"], int)
    if "settrace" not in sabotage and "clear()" not in sabotage:
        assert answer["result"].get("type") == "LookupError", answer
        assert "told" in answer["result"]["message"]


@pytest.mark.parametrize("code", [
    "class E(Exception):\n    def __str__(self): raise ValueError\nraise E()",
    "class E(Exception):\n    def __str__(self): return 5\nraise E()",
    "class E(Exception):\n    __module__ = 3\n    __qualname__ = 'Q'\nraise E()",
    "class M(type):\n    __module__ = property(lambda c: 1/0)\nclass E(Exception, metaclass=M): pass\nraise E()",
    "a, b = ValueError('a'), KeyError('b')\na.__context__ = b\nb.__context__ = a\nraise a",
    "raise ExceptionGroup('group', [ValueError(1), ExceptionGroup('inner', [TypeError(2)])])",
    "e = ValueError('\\ud800')\nraise e",
    "raise MemoryError",
    "def f(): return f()\nf()",
    "raise GeneratorExit",
    "e = ValueError('noted')\ne.add_note('the note')\nraise e",
    "class E(BaseException):\n    def __getattribute__(self, name): raise RuntimeError(name)\nraise E()",
])
@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_strange_exceptions(code, initialize):
    answer, after = run_all(code, "print('alive')", initialize=initialize)
    assert answer["status"] == 1 and answer["stderr"] != ""
    assert answer["result"]["type"]
    assert after["stdout"] == "alive\n"


def test_own_excepthook_is_used():
    answer = run_one("import sys\nsys.excepthook = lambda kind, error, tb: print('hook', kind.__name__, tb.tb_lineno)\n1/0")
    assert answer["status"] == 1 and answer["stdout"] == "hook ZeroDivisionError 3\n" and answer["stderr"] == ""


def test_replaced_stdout_is_flushed():
    answer = run_one("import sys, io\nsys.stdout = io.TextIOWrapper(open(1, 'wb', closefd=False))\nprint('through mine')")
    assert (answer["status"], answer["stdout"]) == (0, "through mine\n")


def test_out_of_memory_is_an_exception():
    answer, after = run_all("x = [bytes(1 << 30) for _ in range(5)]", "print('alive')")
    assert answer["status"] == 1 and answer["result"]["type"] == "MemoryError"
    assert after["stdout"] == "alive\n"


@pytest.mark.parametrize("raw", [
    b"", b"\0", struct.pack("<II", 1, 4), struct.pack("<II", 2, 0xFFFFFFFF) + b"x", struct.pack("<II", 99, 0),
    struct.pack("<II", 1, 3) + b"abc" + struct.pack("<II", 2, 0), struct.pack("<II", 2, 0) * 2,
    struct.pack("<II", 2, 0) + struct.pack("<II", 5, 3) + b"NOE", struct.pack("<II", 2, 0) + struct.pack("<II", 5, 2) + b"=x",
    struct.pack("<II", 2, 0) + struct.pack("<II", 3, 0), struct.pack("<II", 2, 0) + struct.pack("<III", 1, 4, 0) * 2,
    struct.pack("<II", 2, 0) + (struct.pack("<II", 3, 1) + b"a") * 2, struct.pack("<II", 2, 0) + struct.pack("<II", 3, 1) + b"\0",
    struct.pack("<II", 2, 0) + struct.pack("<II", 5, 4) + b"A=\0b", struct.pack("<II", 2, 0) + b"\1\0\0",
])
def test_malformed_requests(raw):
    answer, after = run_all({"raw": raw.hex()}, "print('alive')")
    assert answer["status"] == MALFORMED and answer["stderr"].startswith("python: the request cannot be decoded: ")
    assert after["stdout"] == "alive\n"


def test_running_before_initialising_is_refused():
    done = subprocess.run(
        [wasmtime_python(), "-c", (
            "import sys, wasmtime\n"
            "config = wasmtime.Config(); config.cache = True; engine = wasmtime.Engine(config)\n"
            "store = wasmtime.Store(engine); wasi = wasmtime.WasiConfig(); wasi.inherit_stderr(); store.set_wasi(wasi)\n"
            "linker = wasmtime.Linker(engine); linker.define_wasi()\n"
            "e = linker.instantiate(store, wasmtime.Module.from_file(engine, sys.argv[1])).exports(store)\n"
            "print(e['shannon_run'](store, 0, 0), e['shannon_result_size'](store), e['shannon_refresh'](store))\n"),
         interpreter_path()],
        capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (done.returncode, done.stdout) == (0, f"{MALFORMED} 0 1\n")
    assert "before shannon_initialize" in done.stderr
