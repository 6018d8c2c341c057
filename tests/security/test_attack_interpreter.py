"""H: native code and the interpreter's insides. Python can be made to corrupt itself; its wall is the one around it."""
import json
import os
from pathlib import Path

import pytest

from attack_support import refused

HARMLESS_ENDS = ("ok", "python_error", "trap", "timeout", "memory_limit", "stack_exhausted", "killed")
SUITE = os.environ.get("SHANNON_CPYTHON_TESTS")


def test_H01_modules_that_reach_native_code(core):
    found = core.attempts({name: f"__import__({name!r})" for name in
                           ("ctypes", "_ctypes", "cffi", "mmap", "_posixsubprocess", "resource", "fcntl", "pty", "_multiprocessing")}
                          | {"control": "__import__('_struct')"})
    refused(found, but=["control"])
    assert {outcome.error for name, outcome in found.items() if name != "control"} == {"ModuleNotFoundError"}


def test_H02_loading_native_code(core):
    setup = """
import importlib.machinery, importlib.util
for name in ("evil.so", "evil.wasm", "evil.cpython-311-wasm32-wasi.so"):
    open("/tmp/" + name, "wb").write(b"\\x7fELF\\x02\\x01\\x01" + bytes(100))
sys.path.insert(0, "/tmp")
def load(path):
    loader = importlib.machinery.ExtensionFileLoader("evil", path)
    return importlib.util.module_from_spec(importlib.util.spec_from_loader("evil", loader))
open("/tmp/good.py", "w").write("value = 1")
"""
    found = core.attempts({"import": "__import__('evil')", "loader": "load('/tmp/evil.so')", "wasm": "load('/tmp/evil.wasm')",
                           "dlopen": "__import__('_imp').create_dynamic(importlib.machinery.ModuleSpec('evil', None, origin='/tmp/evil.so'))",
                           "control": "__import__('good').value"}, setup)
    refused(found, but=["control"])


CORRUPT = """
import random, types
random.seed({seed})
def victim(a, b=2):
    try:
        return [a + i for i in range(b)]
    except TypeError:
        return len(str(a))
code = victim.__code__
for _ in range(200):
    bytes_ = bytearray(code.co_code)
    for _ in range(random.randrange(1, 4)):
        bytes_[random.randrange(len(bytes_))] = random.randrange(256)
    try:
        broken = code.replace(co_code=bytes(bytes_), co_stacksize=random.choice((code.co_stacksize, 1, 100)))
        types.FunctionType(broken, globals())(random.choice((1, "x", None)))
    except BaseException:
        pass
print("lived")
"""


@pytest.mark.parametrize("seed", range(25))
def test_H03_bytecode_of_its_own(core, seed):
    """5,000 mutants in all. Each run ends as a guest's, whatever the interpreter does to itself."""
    answer = core.execute(CORRUPT.format(seed=seed), timeout_ms=3000)
    assert answer["status"] in HARMLESS_ENDS, answer


def test_H03_constants_that_are_not_there(core):
    for code in ("eval((lambda: 0).__code__.replace(co_consts=()))", "eval((lambda: x).__code__.replace(co_names=()))",
                 "exec(compile('a = 1', '', 'exec').replace(co_stacksize=0))",
                 "import types; types.FunctionType((lambda: y).__code__.replace(co_names=(), co_code=bytes(100)), {})()"):
        answer = core.execute(code, timeout_ms=3000)
        assert answer["status"] in HARMLESS_ENDS, (code, answer)


CRASHERS = sorted(path.name for path in (Path(SUITE) / "test" / "crashers").glob("*.py")) if SUITE else []


@pytest.mark.skipif(not CRASHERS, reason="CPython's tests are not there (SHANNON_CPYTHON_TESTS)")
@pytest.mark.parametrize("name", CRASHERS or ["none"])
def test_H04_what_crashes_cpython(core, name):
    """CPython's own collection of programs that crash it."""
    source = (Path(SUITE) / "test" / "crashers" / name).read_text()
    answer = core.execute(source, timeout_ms=4000)
    assert answer["status"] in HARMLESS_ENDS, answer


def test_H05_walking_all_objects(core):
    """There is no secret, no path of the machine and nothing of the host's to be found."""
    answer = core.execute(f"""
import gc, json, sys
found = set()
for kind in object.__subclasses__(): pass
def strings():
    seen = set()
    todo = gc.get_objects() + [module.__dict__ for module in list(sys.modules.values())]
    while todo:
        value = todo.pop()
        if id(value) in seen: continue
        seen.add(id(value))
        if type(value) is str: yield value
        elif type(value) in (list, tuple, set, frozenset): todo += value
        elif type(value) is dict: todo += list(value) + list(value.values())
needles = {[str(core.folder), str(Path.home() / ".cache"), "SHANNON_", "OPENAI"]!r}
count = 0
for text in strings():
    count += 1
    found.update(needle for needle in needles if needle in text and "needles" not in text and text != needle)
print(json.dumps([count, sorted(found)]))
""", timeout_ms=20000)
    count, found = json.loads(answer["stdout"])
    assert count > 10000 and found == [], answer


def test_H06_what_it_changes_is_its_own(core):
    for change in ("import sys; sys.settrace(lambda *a: None)", "import sys; sys.addaudithook(lambda *a: None)",
                   "import builtins; builtins.print = builtins.len = None", "import sys; sys.modules.clear()",
                   "import json; json.dumps = lambda *a, **k: 'x'", "import gc; gc.disable(); gc.freeze()",
                   "import sys; sys.setrecursionlimit(60)", "import sys; sys.set_int_max_str_digits(0)"):
        answer = core.execute(change)
        assert answer["status"] in HARMLESS_ENDS, (change, answer)
        check = core.execute("""
import gc, json, sys
assert sys.gettrace() is None and gc.isenabled() and sys.getrecursionlimit() == 1000 and sys.get_int_max_str_digits() == 4300
print(json.dumps([len("abc")]))
""")
        assert check["stdout"] == "[3]\n", (change, check)


def test_H07_modules_for_testing(core):
    found = core.attempts({name: f"__import__({name!r})" for name in
                           ("_testcapi", "_testinternalcapi", "_xxsubinterpreters", "_testbuffer", "_xxtestfuzz")}
                          | {"control": "__import__('_json')"})
    refused(found, but=["control"])
