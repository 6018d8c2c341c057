"""The program that runs in the sandbox: one module of CPython's tests, each test's ending written to standard output.

Arguments: the folder of the suite, the module's name, a word that begins every line of the report, and patterns (as of
regrtest's --match), if only some of the tests shall run. It does what test.libregrtest.runtest does for one module; that
itself imports what there is none of here (threads, subprocesses). The lines are written past sys.stdout, at once and
before as well as after each test, so that a test that ends the whole process is known by name.
"""
import doctest
import importlib.machinery
import json
import os
import sys
import traceback
import types
import unittest

# Those of regrtest's resources that the sandbox has. Without `network` and `urlfetch` the tests of servers elsewhere skip
# themselves, as do those of `gui`, `curses` and `audio`.
RESOURCES = ["cpu", "decimal", "largefile", "subprocess", "tzdata", "walltime"]
DETAIL_MAXIMUM = 6000

# These want sockets only because asyncio needs them elsewhere (interpreters/cpython/patches/python-asyncio-*).
NEED_ASYNCIO_ONLY = {"test_asyncgen", "test_asyncio", "test_contextlib_async", "test_sys_settrace"}
# These hold back tests from every WASI guest for want of what this one has: asyncio, /dev/null, process_time(), names of
# files in any encoding. What they have none of here (threads, links, umask) they find out by other means.
TAKE_NO_WASI_FOR_GRANTED = {"test_builtin", "test_compileall", "test_coroutines", "test_inspect", "test_logging", "test_shutil",
                            "test_sqlite3", "test_time", "test_unicode_file_functions"}
# These want socket.gethostname() only.
NEED_HOST_NAME_ONLY = {"test_mailbox", "test_urllib", "test_urllib2"}
# These skip themselves as a whole, without sockets or threads, and half of their tests need neither.
NEED_SOCKETS_OR_THREADS_IN_PART = {"test_httplib", "test_queue", "test_threading", "test_threading_local", "test_urllib2",
                                   "test_wsgiref", "test_xmlrpc"}
# The same without processes, which a test or a class of theirs needs.
NEED_PROCESSES_IN_PART = {"test_doctest", "test_pdb", "test_webbrowser", "test_zipimport_support"}
# These import from _testcapi at their beginning, and do without when that fails.
EXPECT_NO_TEST_EXTENSIONS = {"test_context", "test_finalization", "test_gc", "test_generators", "test_time"}


class Report:
    def __init__(self, word):
        self.word = word

    def write(self, **event):
        # The line break before it is for what a test printed without one.
        line = f"\n{self.word} {json.dumps(event)}\n".encode()
        while line:
            line = line[os.write(1, line):]


class ReportingResult(unittest.TestResult):
    """Reports one ending for each test, the worst of what its parts (subTest) and its cleaning up came to."""

    ORDER = ("passed", "skipped", "failed")

    def __init__(self, report, module):
        super().__init__()
        self.report, self.module = report, module
        self.outcome = self.detail = None

    def name_of(self, test):
        return test.id().removeprefix(self.module + ".").replace(self.module, "")

    def startTest(self, test):
        super().startTest(test)
        self.outcome, self.detail = "passed", None
        self.report.write(begin=self.name_of(test))

    def stopTest(self, test):
        super().stopTest(test)
        self.report.write(test=self.name_of(test), outcome=self.outcome, detail=self.detail)
        self.outcome = None

    def note(self, test, outcome, detail):
        if self.outcome is None:  # setUpClass, setUpModule and their counterparts have no start
            self.report.write(test=self.name_of(test), outcome=outcome, detail=detail)
        elif self.ORDER.index(outcome) > self.ORDER.index(self.outcome):
            self.outcome, self.detail = outcome, detail

    def text(self, test, error):
        return self._exc_info_to_string(error, test)[-DETAIL_MAXIMUM:]

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "failed", self.text(test, err))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "failed", self.text(test, err))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(test, "failed", f"{subtest}\n{self.text(test, err)}")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "failed", "unexpected success")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped", reason)


def report_doctests(report, module):
    """Puts the doctests that modules run by test.support.run_doctest() into the report, one ending for all of a module's."""
    from test import support

    def run_doctest(tested, verbosity=None, optionflags=0):
        name = f"doctests of {tested.__name__.removeprefix(module + '.')}"
        report.write(begin=name)
        output = []
        failed, count = 0, 0
        runner = doctest.DocTestRunner(verbose=False, optionflags=optionflags)
        for test in doctest.DocTestFinder().find(tested, tested.__name__):
            result = runner.run(test, out=output.append)
            failed, count = failed + result.failed, count + result.attempted
        report.write(test=name, outcome="failed" if failed else "passed", detail="".join(output)[-DETAIL_MAXIMUM:] or None)
        if failed:
            raise support.TestFailed(f"{failed} of {count} doctests failed")
        return failed, count

    support.run_doctest = run_doctest


class TestExtension(types.ModuleType):
    """Stands in for one of CPython's extension modules for its own tests, which the interpreter is built without: it has
    the limits of C's types, and whatever else a test wants of it skips that test."""

    missing = unittest.SkipTest

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.missing(f"needs {self.__name__}, which only builds for testing have")


def limits_of_c():
    from struct import calcsize, unpack
    limits = {"PY_SSIZE_T_MAX": sys.maxsize, "PY_SSIZE_T_MIN": -sys.maxsize - 1, "SIZEOF_TIME_T": 8, "SIZEOF_WCHAR_T": 4,
              "FLT_MAX": unpack("<f", b"\xff\xff\x7f\x7f")[0], "FLT_MIN": 2.0 ** -126,
              "DBL_MAX": sys.float_info.max, "DBL_MIN": sys.float_info.min}
    for name, code in (("CHAR", "b"), ("SHRT", "h"), ("INT", "i"), ("LONG", "l"), ("LLONG", "q")):
        bits = 8 * calcsize(code)
        limits[f"{name}_MAX"], limits[f"{name}_MIN"] = 2 ** (bits - 1) - 1, -2 ** (bits - 1)
        limits[f"U{name}_MAX"] = 2 ** bits - 1
    return limits


def add_test_extensions(name):
    for extension in ("_testcapi", "_testinternalcapi"):
        sys.modules[extension] = TestExtension(extension)
    if name in EXPECT_NO_TEST_EXTENSIONS:
        TestExtension.missing = AttributeError
    vars(sys.modules["_testcapi"]).update(limits_of_c())
    sys.modules["_testinternalcapi"].get_config = lambda: {"code_debug_ranges": 1}


def tolerate_read_only_folders():
    """import_helper.forget() removes a module's compiled files from every folder of sys.path, whether there are any or
    not; the library's folder and the suite's are read-only."""
    from test.support import import_helper, os_helper

    def unlink(name):
        if os.path.lexists(name):
            os_helper.unlink(name)

    import_helper.unlink = unlink


class TestFolders:
    """Finds the tests that are inside of packages of the library; the interpreter's archive leaves them out."""

    PACKAGES = {"unittest.test": "unittest", "distutils.tests": "distutils", "lib2to3.tests": "lib2to3"}

    def __init__(self, suite):
        self.suite = suite

    def find_spec(self, name, path=None, target=None):
        package = self.PACKAGES.get(name)
        return package and importlib.machinery.PathFinder.find_spec(name, [os.path.join(self.suite, package)])


def not_of_modules(requires):
    """One of test.support's requires_working_*(), such that it skips tests as before and no whole module."""
    return lambda *, module=False: None if module else requires()


def claim_what_there_is(name):
    """test.support goes by the platform's name and knows nothing of what this interpreter has beyond CPython's own port."""
    import socket
    from test import support
    from test.support import socket_helper, threading_helper
    if name in NEED_SOCKETS_OR_THREADS_IN_PART:
        support.requires_working_socket = not_of_modules(support.requires_working_socket)
        threading_helper.requires_working_threading = not_of_modules(threading_helper.requires_working_threading)
    if name in NEED_PROCESSES_IN_PART:
        support.has_subprocess_support = True
    if name in NEED_HOST_NAME_ONLY:
        socket_helper.has_gethostname = hasattr(socket, "gethostname")
    if name in NEED_ASYNCIO_ONLY:
        support.has_socket_support = True
    if name in TAKE_NO_WASI_FOR_GRANTED:
        support.is_wasi = False


def run_event_loops_without_terminals(module):
    """test_asyncio.test_events imports tty for a test that skips itself, and before each test it has the loop watch for
    the ends of child processes, by a signal; most of its tests want neither."""
    if module != "test.test_asyncio.test_events":
        return
    sys.modules["termios"] = types.ModuleType("termios")
    sys.modules["termios"].TCSAFLUSH = 2  # a default value in tty
    from asyncio import unix_events
    unix_events.SafeChildWatcher.attach_loop = lambda watcher, loop: None


def prepare(report, suite, module, patterns):
    name = module.split(".")[1]
    sys.path.insert(0, suite)
    sys.meta_path.append(TestFolders(suite))
    tolerate_read_only_folders()
    claim_what_there_is(name)
    run_event_loops_without_terminals(module)
    add_test_extensions(name)  # test.support, imported by now, would take the stand-in for the real one
    from test import support
    from test.support import os_helper
    sys.stdout.reconfigure(errors="backslashreplace")
    support.record_original_stdout(sys.stdout)
    support.use_resources = RESOURCES
    support.verbose = False
    support.set_match_tests(patterns)
    # Tests expect a name that is not ASCII in the environment and in the path of the folder in which they run.
    os.environ.setdefault("PYTHONREGRTEST_UNICODE_GUARD", os_helper.FS_NONASCII)
    folder = "/tmp/test_python_" + os_helper.FS_NONASCII
    os.mkdir(folder)
    os.chdir(folder)

    class Runner:
        def __init__(self, *args, **kwargs):
            pass

        def run(self, tests):
            result = ReportingResult(report, module)
            tests(result)
            return result

    support.get_test_runner = Runner
    report_doctests(report, module)


def run_module(module):
    from test import support
    if module == "test.test_getpath":  # what lies there depends on where the suite lies
        raise unittest.SkipTest("reads Modules/getpath.py, two folders above the suite")
    tested = importlib.import_module(module)
    TestExtension.missing = unittest.SkipTest
    test_main = getattr(tested, "test_main", None)
    if test_main is not None:
        test_main()
        return
    loader = unittest.TestLoader()
    tests = loader.loadTestsFromModule(tested)
    if loader.errors:
        raise ImportError("\n".join(loader.errors))
    support.run_unittest(tests)


def main():
    suite, name, word, *patterns = sys.argv[1:]
    report, module = Report(word), "test." + name
    prepare(report, suite, module, patterns)
    from test import support
    try:
        run_module(module)
    except unittest.SkipTest as reason:
        report.write(module="skipped", detail=str(reason))
    except support.TestDidNotRun:
        report.write(module="done")
    except support.TestFailed:  # each test's failure was reported
        report.write(module="done")
    except BaseException:
        report.write(module="failed", detail=traceback.format_exc()[-DETAIL_MAXIMUM:])
    else:
        report.write(module="done")


main()
