"""CPython's own tests, inside the sandbox: the modules that need neither a writable folder nor processes nor sockets.

The files come from Debian's package of CPython's test suite; the folder that holds their package `test` is in
SHANNON_CPYTHON_TESTS (tests/fetch_dependencies.sh prints it). Debian's suite can be newer than the interpreter's
source, so tests of bugs that were mended in between are left out by name, with the bug's number.
"""
import os
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SHANNON = os.environ.get("SHANNON", str(REPOSITORY / "build" / "shannon"))
INTERPRETER = os.environ.get("SHANNON_INTERPRETER", str(REPOSITORY / "wasm-interpreters" / "python-3.11.wasm"))
SUITE = os.environ.get("SHANNON_CPYTHON_TESTS")

# How many tests ran at least, so that a module that skips itself does not look like one that passes.
MODULES = {
    "test_abc": 70, "test_augassign": 7, "test_binascii": 60, "test_binop": 12, "test_bisect": 40, "test_calendar": 50,
    "test_class": 18, "test_collections": 100, "test_compare": 7, "test_complex": 25, "test_copy": 70,
    "test_dataclasses": 200, "test_decorators": 18, "test_defaultdict": 11, "test_deque": 70, "test_descr": 140,
    "test_dict": 100, "test_difflib": 40, "test_enum": 500, "test_float": 45, "test_fractions": 30,
    "test_functools": 240, "test_generators": 35, "test_grammar": 75, "test_heapq": 50, "test_html": 2, "test_int": 30,
    "test_itertools": 120, "test_json": 140, "test_list": 55, "test_math": 70, "test_minidom": 125,
    "test_numeric_tower": 9, "test_operator": 90, "test_ordered_dict": 270, "test_patma": 300, "test_pprint": 40,
    "test_random": 95, "test_range": 25, "test_re": 150, "test_scope": 38, "test_set": 600, "test_sort": 20,
    "test_statistics": 360, "test_string": 36, "test_struct": 30, "test_textwrap": 60, "test_tuple": 35,
    "test_types": 100, "test_typing": 500, "test_unicode": 115, "test_userdict": 25, "test_uuid": 15, "test_with": 50,
    "test_zlib": 50,
}

LEFT_OUT = {
    "test_re": {"test_bug_gh106052"},  # mended in 3.11.5
}

PROGRAM = """
import sys, unittest
folder, name, *left_out = sys.argv[1:]
sys.path.append(folder)

def tests(suite):
    for test in suite:
        yield from tests(test) if isinstance(test, unittest.TestSuite) else [test]

suite = unittest.defaultTestLoader.loadTestsFromName("test." + name)
kept = unittest.TestSuite(t for t in tests(suite) if getattr(t, "_testMethodName", None) not in left_out)
result = unittest.TextTestRunner(verbosity=1).run(kept)
print("ran", result.testsRun - len(result.skipped))
sys.exit(0 if result.wasSuccessful() else 1)
"""


@pytest.mark.skipif(SUITE is None, reason="Debian's package of CPython's tests is not there (SHANNON_CPYTHON_TESTS)")
@pytest.mark.parametrize("module", sorted(MODULES))
def test_module(module):
    command = [SHANNON, "run", "--interpreter", INTERPRETER, "--timeout", "10m", "--memory", "1G", "--allow-read", SUITE,
               "-c", PROGRAM, SUITE, module, *LEFT_OUT.get(module, ())]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-4000:]
    ran = int(re.search(r"^ran (\d+)$", done.stdout, re.MULTILINE).group(1))
    assert ran >= MODULES[module]
