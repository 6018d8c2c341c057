"""K: ways to end."""
import pytest

from attack_support import raised


@pytest.mark.parametrize("value, status, code, stderr", [
    ("0", "ok", 0, ""), ("None", "ok", 0, ""), ("1", "python_error", 1, ""), ("'why'", "python_error", 1, "why\n"),
    ("256", "python_error", 1, ""), ("-1", "python_error", 255, ""), ("2**31", "python_error", 1, ""),
    ("(1, 2)", "python_error", 1, "(1, 2)\n"), ("object()", "python_error", 1, None), ("True", "python_error", 1, ""),
])
def test_K01_sys_exit(core, value, status, code, stderr):
    answer = core.execute(f"import sys\nsys.exit({value})")
    assert answer["status"] == status, answer
    assert answer["exit_code"] == code, answer
    assert stderr is None or answer["stderr"] == stderr, answer


def test_K02_an_end_before_anything(core):
    answer = core.execute("import os\nos._exit(0)")
    assert (answer["status"], answer["exit_code"], answer["stdout"], answer["stderr"]) == ("ok", 0, "", "")
    assert core.execute("import os\nos._exit(7)")["exit_code"] == 7


@pytest.mark.parametrize("code", [
    "import atexit, time\natexit.register(time.sleep, 60)", "import atexit\n@atexit.register\ndef f():\n    while True: pass",
    "class A:\n    def __del__(self):\n        while True: pass\na = A()\ndel a",
    "import io, sys\nclass A(io.StringIO):\n    def flush(self):\n        while True: pass\nsys.stdout = A()\nprint(1, flush=True)",
    "import threading\nthreading._shutdown = lambda: [0 for _ in iter(int, 1)]\nwhile True: pass",
])
def test_K03_an_end_that_does_not_come(core, code):
    answer = core.execute(code, timeout_ms=500)
    assert answer["status"] == "timeout", answer


@pytest.mark.parametrize("code", [
    "import atexit\natexit.register(lambda: 1 / 0)", "import sys\nsys.excepthook = lambda *a: 1 / 0\n1 / 0",
    "class A:\n    def __del__(self): 1 / 0\nA()", "import sys\nsys.displayhook = None\n1 / 1",
    "import sys\nsys.excepthook = __import__('os')._exit\nraise KeyError", "import sys\nsys.unraisablehook = lambda *a: 1 / 0\nclass A:\n    def __del__(self): 1 / 0\nA()",
])
def test_K04_failures_at_the_end(core, code):
    answer = core.execute(code, timeout_ms=3000)
    assert answer["status"] in ("ok", "python_error"), answer


@pytest.mark.parametrize("code, kind", [
    ("class E(SystemExit): pass\nraise E(3)", None), ("class E(KeyboardInterrupt): pass\nraise E('x')", "E"),
    ("raise GeneratorExit", "GeneratorExit"), ("class E(Exception):\n    def __str__(self): raise KeyError\nraise E", "E"),
    ("class E(Exception):\n    def __str__(self): raise SystemExit\nraise E", None), ("class E(Exception): __module__ = 5\nraise E", None),
    ("class M(type):\n    @property\n    def __name__(cls): raise KeyError\nclass E(Exception, metaclass=M): pass\nraise E", "E"),
    ("class E(Exception):\n    def __getattribute__(self, name): raise OSError\nraise E", None),
])
def test_K05_exceptions_that_resist(core, code, kind):
    answer = core.execute(code, timeout_ms=3000)
    assert answer["status"] == "python_error" and answer["exit_code"] != 0, answer
    if kind:
        assert answer["error"]["type"].rpartition(".")[2] == kind, answer


@pytest.mark.parametrize("code", ["sys.stdin = sys.stdout = sys.stderr = None", "sys.stderr = 5", "builtins.print = None",
                                  "builtins.__import__ = None", "builtins.repr = builtins.str = builtins.len = None",
                                  "sys.modules.clear()", "del builtins.BaseException, builtins.Exception", "sys.stdout.close()"])
def test_K06_what_an_end_needs_is_replaced(core, code):
    answer = core.execute(f"import builtins, sys\n{code}\nraise ValueError('seen')", timeout_ms=3000)
    assert answer["status"] == "python_error" and answer["exit_code"] == 1, answer
    assert answer["error"]["type"] == "ValueError" and "seen" in answer["error"]["message"], answer


def test_K07_endless_contexts(core):
    answer = core.execute("a = ValueError('a')\nb = ValueError('b')\na.__context__ = b\nb.__context__ = a\nraise a", timeout_ms=3000)
    raised(answer, "ValueError")
    answer = core.execute("def g(n):\n    return ExceptionGroup('g', [ValueError(n)] * 100 + ([g(n - 1)] if n else []))\nraise g(50)", timeout_ms=5000)
    raised(answer, "ExceptionGroup")
    assert len(answer["stderr"]) <= 1 << 20
    answer = core.execute("import sys\nsys.setrecursionlimit(10**6)\ndef f(n):\n    if n: f(n - 1)\n    raise KeyError\nf(10**5)", timeout_ms=10000)
    assert answer["status"] in ("python_error", "stack_exhausted", "memory_limit") and len(answer["stderr"]) <= 1 << 20
