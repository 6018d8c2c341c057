"""I: the stacks: Python's, WebAssembly's own in linear memory, and the native one that the guest's calls are on."""
import re
import subprocess

import pytest

from attack_support import INTERPRETER, raised

DEEP_ENDS = ("python_error", "stack_exhausted", "trap", "memory_limit")


def deep(core, code, *types, **fields):
    """Asserts that the program came to an end of its own, by the exceptions or by the stack's. Without memory for another
    frame CPython 3.11 says SystemError, "error return without exception set", here as anywhere."""
    answer = core.execute(code, **{"timeout_ms": 20000, **fields})
    assert answer["status"] in DEEP_ENDS, answer
    if answer["status"] == "python_error":
        assert answer["error"]["type"] in (*types, "SystemError"), answer["error"]
    return answer


def test_I01_recursion(core):
    raised(core.execute("def f(): f()\nf()"), "RecursionError")
    assert core.execute("def f(n): return n and f(n - 1)\nprint(f(900))")["stdout"] == "0\n"


@pytest.mark.parametrize("body", [
    "def f(): f()\nf()", "class A:\n    def m(self): self.m()\nA().m()", "def g(): yield from g()\nlist(g())",
    "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().y",
    "class A:\n    def __repr__(self): return repr(self)\nrepr(A())", "class A:\n    def __eq__(self, o): return self == o\nA() == A()",
    "class A:\n    def __call__(self): self()\nA()()", "f = lambda: sorted([1, 2], key=lambda _: f())\nf()",
    "import functools\n@functools.lru_cache(None)\ndef f(n): return f(n + 1)\nf(0)",
])
def test_I02_recursion_without_a_limit(core, body):
    deep(core, "import sys\nsys.setrecursionlimit(10**9)\n" + body, "RecursionError", "MemoryError")


@pytest.mark.parametrize("source", [
    "'(' * 10**5", "'-' * 10**6 + '1'", "'[' * 10**5", "'f(' * 5000 + ')' * 5000", "'x' + '.x' * 10**5", "'not ' * 10**5 + '1'",
    "'1 if 1 else ' * 20000 + '1'", "'lambda: ' * 50000 + '1'", "'*'.join(['1'] * 10**5)",
])
def test_I03_source_that_is_deep(core, source):
    answer = core.execute(f"eval({source})", timeout_ms=20000)
    assert answer["status"] in DEEP_ENDS + ("ok",), answer
    if answer["status"] == "python_error":
        assert answer["error"]["type"] in ("SyntaxError", "MemoryError", "RecursionError", "AttributeError", "NameError", "SystemError"), answer


NEST = "import sys\nsys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6): x = [x]\n"


@pytest.mark.parametrize("use", ["repr(x)", "import pickle; pickle.dumps(x)", "import json; json.dumps(x)", "import copy; copy.deepcopy(x)",
                                 "import marshal; marshal.dumps(x)", "str(x)", "import pprint; pprint.pformat(x)"])
def test_I04_a_list_in_a_list(core, use):
    deep(core, NEST + use, "RecursionError", "MemoryError", "ValueError")


def test_I04_comparison_and_hash(core):
    deep(core, NEST + "y = []\nfor _ in range(10**6): y = [y]\nx == y", "RecursionError", "MemoryError")
    deep(core, "import sys\nsys.setrecursionlimit(10**9)\nx = ()\nfor _ in range(10**6): x = (x,)\nhash(x)", "RecursionError", "MemoryError")


def test_I05_freeing_what_is_deep(core):
    answer = core.execute("x = None\nfor _ in range(2 * 10**6): x = (x,)\ndel x\nprint('freed')", timeout_ms=20000)
    assert answer["status"] in ("ok", "trap", "stack_exhausted"), answer
    answer = core.execute("class A:\n    def __del__(self): pass\nx = None\nfor _ in range(10**5):\n    a = A(); a.next = x; x = a\n"
                          "del x, a\nprint('freed')", timeout_ms=20000)
    assert answer["status"] in ("ok", "trap", "stack_exhausted"), answer


@pytest.mark.parametrize("code", [
    "import re; re.compile('(' * 10**5 + ')' * 10**5)", "import re; re.compile('(?:' * 3000 + 'a' + ')*' * 3000)",
    "import functools\ndef c(a, b): return sorted([2, 1], key=functools.cmp_to_key(c)) and 0\nsorted([1, 2], key=functools.cmp_to_key(c))",
    "class A(list):\n    def __repr__(self): return list.__repr__(self)\nx = A()\nfor _ in range(10**5): x = A([x])\nrepr(x)",
    "import ast; ast.literal_eval('-' * 10**5 + '1')", "import json; json.loads('[' * 10**6)",
    "import xml.etree.ElementTree as e; e.fromstring('<a>' * 10**5 + '</a>' * 10**5); import copy",
])
def test_I06_python_and_c_in_turn(core, code):
    answer = core.execute("import sys\nsys.setrecursionlimit(10**9)\n" + code, timeout_ms=20000)
    assert answer["status"] in DEEP_ENDS + ("ok",), answer


def test_I07_the_shadow_stack_lies_below_the_data():
    """--stack-first: an overflow of the stack in linear memory leaves the memory instead of going into the data."""
    listing = subprocess.run(["wasm-objdump", "-x", str(INTERPRETER)], capture_output=True, text=True, check=True).stdout
    pointer = int(re.search(r"global\[0\] i32 mutable=1.*init i32=(\d+)", listing)[1])
    first_data = min(int(place) for place in re.findall(r"- segment\[\d+\].*memory=0.*init i32=(\d+)", listing))
    assert 0 < pointer <= first_data, (pointer, first_data)
