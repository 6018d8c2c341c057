"""Runs one program after another in an interpreter that was started once.

The reactor (guest/reactor.c) imports this module at start-up and calls run() for every request. A program may replace
or break anything it can reach: sys.stdout, builtins, traceback, this module's globals. So whatever runs after the
program is bound here when the module is imported, every step after it expects any exception, and the reactor has the
last word should this module fail altogether.

Importing costs milliseconds, which a program that is run once and cold pays in full. So only modules that Python has
loaded anyway are imported here; those for reporting an error are imported by preload(), or when there is an error.
"""

import _frozen_importlib_external
import _io
import atexit
import builtins
import gc
import os
import sys

RUN_FINAL, RUN_VALUE, RUN_LINE_BUFFERED = 1, 4, 8
TEXT_MAXIMUM = 65536  # SHANNON_RESULT_TEXT_MAXIMUM
# Entries of a traceback that are shown; of a longer one the outermost and the innermost. A program that raised its
# recursion limit has a million, and formatting them all takes longer than making them did.
TRACEBACK_MAXIMUM = 4000

# What model-written programs import most, so that a forked copy finds it in memory.
PRELOADED_MODULES = (
    "__future__", "_strptime", "abc", "argparse", "array", "ast", "asyncio", "base64", "binascii", "bisect", "calendar",
    "cmath", "collections", "collections.abc", "concurrent.futures", "contextlib", "contextvars", "copy", "csv",
    "dataclasses", "datetime", "decimal", "difflib", "encodings.ascii", "encodings.latin_1", "enum", "errno", "fractions",
    "functools", "getpass", "glob", "hashlib", "heapq", "hmac", "html", "inspect", "io", "itertools", "json", "keyword",
    "linecache", "locale", "logging", "math", "numbers", "operator", "os", "pathlib", "pickle", "platform", "pprint",
    "queue", "random", "re", "secrets", "shutil", "sqlite3", "statistics", "string", "struct", "sys", "tempfile",
    "textwrap", "threading", "time", "timeit", "tokenize", "traceback", "types", "typing", "unicodedata", "urllib.parse",
    "uuid", "warnings", "weakref", "xml.etree.ElementTree", "zlib", "zoneinfo",
)

# Enough for the interpreter to specialise what is executed in each of them.
_WARM_UP_ROUNDS = 20
_WARM_UP_PROGRAM = b"""
import collections, datetime, functools, io, itertools, json, math, os, random, re, sys, time
from collections import Counter, defaultdict
from typing import Dict, List, Optional

class Shape:
    sides = 0
    def __init__(self, name: str, size: float = 1.0):
        self.name, self.size = name, size
    @property
    def area(self):
        return math.pi * self.size ** 2
    @classmethod
    def unit(cls):
        return cls("unit")
    def __repr__(self):
        return f"{self.name!r:>8} {self.area:.2f}"

class Square(Shape):
    def __init__(self, *args, **kwargs):
        super().__init__("square", *args, **kwargs)

def numbers(count):
    first, second = 0, 1
    for _ in range(count):
        yield first
        first, second = second, first + second

def check(value: Optional[int] = None, *, limit=10) -> bool:
    try:
        return int(value) < limit
    except (TypeError, ValueError) as error:
        return str(error) == ""
    finally:
        len("")

shapes: List[Shape] = sorted([Square(2), Shape.unit()], key=lambda shape: shape.area, reverse=True)
counts: Dict[str, int] = Counter("hello world")
groups = defaultdict(list)
for number, letter in zip(numbers(20), itertools.cycle("ab")):
    groups[letter].append(number)
text = json.dumps({"shapes": [repr(shape) for shape in shapes], "groups": groups, "none": None, "yes": True})
data = json.loads(text)
words = re.findall(r"[a-z]+", "The quick brown fox 12".lower()) + "a,b,c".split(",")
total = sum(value * 2 for value in data["groups"]["a"] if value % 2 == 0) + max(len(word) for word in words)
squares = {number: number * number for number in range(10)}
matrix = [[row * column for column in range(3)] for row in range(3)]
now = datetime.datetime.now() - datetime.timedelta(days=1)
random.random(), round(3.14159, 2), divmod(7, 2), 10 ** 20, "%s %d" % ("a", 1), "{}".format(1), b"x".hex()
check(), check("5"), check("x", limit=3)
while total > 1000:
    total //= 2
with io.StringIO() as stream:
    stream.write(text)
print(end="")
print("", "", sep="", end="", file=sys.stderr)
functools.reduce(lambda a, b: a + b, range(10)), all(words), any(words), list(map(str, range(3))), set(words) | {"a"}
total
"""

_BaseException = BaseException
_KeyboardInterrupt = KeyboardInterrupt
_SyntaxError = SyntaxError
_SystemExit = SystemExit
_ValueError = ValueError
_exec, _eval, _repr, _str, _type = exec, eval, repr, str, type
_bool, _bytes, _int, _isinstance, _len, _list, _getattr = bool, bytes, int, isinstance, len, list, getattr
_range = range
_open, _TextIOWrapper = open, _io.TextIOWrapper
_type_name = type.__dict__["__name__"].__get__
_builtins_dict = builtins.__dict__
_excepthook = sys.__excepthook__
_run_exitfuncs, _count_exitfuncs = atexit._run_exitfuncs, atexit._ncallbacks
_collect = gc.collect
_decode_source = _frozen_importlib_external.decode_source
_TracebackException = _linecache_cache = None  # until _bind_traceback()
_sys, _os = sys, os
_stdin, _stdout, _stderr = sys.stdin, sys.stdout, sys.stderr
_stdin_encoding = (sys.stdin.encoding, sys.stdin.errors) if sys.stdin is not None else None
_main = sys.modules["__main__"]
_import_module = __import__
_script_folder = None
_runs = 0
_main_namespace = _main.__dict__
_STANDARD_NAMES = frozenset(_main_namespace) | {"__builtins__", "__file__"}
# What preload() left for the end of a program to do; more is the program's own.
_preloaded_exitfuncs = _preloaded_thread_exitfuncs = _preloaded_log_handlers = 0

# compile_program(code, filename, wants_value) and forget_random_state(generator) come from the reactor.


def _bind_traceback():
    """Imports what formatting an exception needs, and holds on to the parts that a program could replace."""
    global _TracebackException, _linecache_cache
    _linecache_cache = _import_module("linecache").cache
    _TracebackException = _import_module("traceback").TracebackException


def _warm_up():
    """Runs what programs usually do, for what Python does only once: caches, specialised bytecode, types that are made
    when they are first needed. A copy would do it again, and its pages would differ from those of its siblings."""
    global _runs
    names, argv = set(_main_namespace), sys.argv
    for flags in (RUN_VALUE, RUN_VALUE | RUN_FINAL) * _WARM_UP_ROUNDS:
        refresh()
        status, *rest = run(flags, _WARM_UP_PROGRAM, "main.py", [], {})
        if status != 0:
            raise RuntimeError(f"the program for warming up failed: {rest}")
        try:
            raise ValueError("for the traceback's sake")
        except ValueError as error:
            _format(error)
    for name in set(_main_namespace) - names:
        del _main_namespace[name]
    _main_namespace["__annotations__"].clear()
    builtins.__dict__.pop("_", None)
    _loader.code, _loader.filename = b"", ""
    sys.modules["re"].purge()
    for forget in sys.modules["typing"]._cleanups:  # such as List[Shape], which holds a class of the program
        forget()
    _runs, sys.argv = 0, argv


def preload():
    """Imports the common modules and moves every object out of the garbage collector's sight."""
    global _preloaded_exitfuncs, _preloaded_thread_exitfuncs, _preloaded_log_handlers
    for name in PRELOADED_MODULES:
        _import_module(name)
    _bind_traceback()
    _preloaded_exitfuncs = atexit._ncallbacks()
    _preloaded_thread_exitfuncs = len(sys.modules["threading"]._threading_atexits)
    _preloaded_log_handlers = len(sys.modules["logging"]._handlerList)
    _warm_up()
    sys.modules["linecache"].clearcache()
    # Folders that do not exist now may come with a program.
    for path in [path for path, importer in sys.path_importer_cache.items() if importer is None]:
        del sys.path_importer_cache[path]
    gc.collect()
    gc.freeze()


def refresh():
    """Makes a fresh copy of a process differ from its siblings where it must. Called before the copy runs a program, or
    in a copy of one that has run some; raises when it cannot."""
    global _runs
    _runs = 0
    modules = _sys.modules
    if "random" in modules:
        forget_random_state(modules["random"]._inst)
        modules["random"]._inst.gauss_next = None
    if "tempfile" in modules:
        modules["tempfile"]._name_sequence = None
    if "uuid" in modules:
        modules["uuid"]._node = modules["uuid"]._last_timestamp = None


class _ProgramLoader:
    """Lets linecache, and through it tracebacks and inspect.getsource(), find lines that no file holds.

    linecache asks the loader of the module a function lives in, and keeps the answer. It does not ask for names like
    "<stdin>", and it splits lines as str.splitlines() does, not as Python's parser; where either matters, it is told.
    """

    code, filename = b"", ""

    def get_source(self, name=None):
        try:
            return _decode_source(self.code)
        except (_SyntaxError, LookupError, _ValueError):
            return self.code.decode("utf-8", "replace")

    def publish(self, cache):
        """Puts the program's lines into linecache's cache."""
        lines = [line + "\n" for line in self.get_source().split("\n")]
        # Without a modification time linecache.checkcache() keeps the entry.
        cache[self.filename] = (_len(self.code), None, lines, self.filename)

    def remember(self, code, filename):
        """Takes the next program. Functions of the one before may live on, so its lines go to linecache."""
        linecache = _sys.modules.get("linecache")
        if self.filename and self.filename != filename:
            linecache = linecache or _import_module("linecache")
            self.publish(linecache.cache)
        self.code, self.filename = code, filename
        if linecache is not None and filename.startswith("<"):
            self.publish(linecache.cache)
        elif linecache is not None:
            linecache.cache.pop(filename, None)


_loader = _ProgramLoader()


def publish_program(cache):
    """Called by linecache when it is imported (patches/python-lines-without-a-file.patch)."""
    if _loader.filename:
        _loader.publish(cache)


def _set_script_folder(filename):
    """Puts the folder of the script first in sys.path, in place of the one the last run put there."""
    global _script_folder
    path = _sys.path
    if not _isinstance(path, _list):
        return
    folder = _str(_os.path.dirname(filename)) if "/" in filename else ""
    if _script_folder is not None and path and path[0] is _script_folder:
        if folder == _script_folder:
            return
        del path[0]
    _script_folder = folder
    path.insert(0, folder)


def _begin_first_run():
    """What may have changed since this interpreter was started, perhaps long ago, for all the copies of it."""
    logging = _sys.modules.get("logging")
    if logging is not None:
        logging._startTime = _sys.modules["time"].time()


def _begin_later_run():
    """The program before may have read from standard input, which holds something else now: a new sys.stdin, as Python
    makes it at its start (Python/pylifecycle.c, create_stdio), unless that program put something else there."""
    global _stdin
    if _stdin is None or _getattr(_sys, "stdin", None) is not _stdin:
        return
    try:
        buffer = _open(0, "rb", closefd=False)
    except OSError:  # it closed the descriptor
        return
    buffer.raw.name = "<stdin>"
    stdin = _TextIOWrapper(buffer, *_stdin_encoding, "\n")
    stdin.mode = "r"
    if _getattr(_sys, "__stdin__", None) is _stdin:
        _sys.__stdin__ = stdin
    _sys.stdin = _stdin = stdin


def _prepare(flags, code, filename, arguments, environment):
    global _runs
    _runs += 1
    if _runs == 1:
        _begin_first_run()
    else:
        _begin_later_run()
    for name, value in environment.items():
        _os.environ[name] = value
    _sys.argv = _list(arguments) if arguments else [filename]
    _set_script_folder(filename)
    if flags & RUN_LINE_BUFFERED and not _stdout.closed:
        _stdout.reconfigure(line_buffering=True)
    _main_namespace["__file__"] = filename
    _main_namespace["__builtins__"] = builtins
    _main_namespace["__loader__"] = _loader
    _loader.remember(code, filename)


def _without_stack(error):
    """For an exception that was raised here and not in the program."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def _execute(flags, code, filename):
    """Runs the program and returns (exception, repr of the last value); either may be None."""
    try:
        statements, last = compile_program(code, filename, _bool(flags & RUN_VALUE))
    except _BaseException as error:
        return _without_stack(error), None
    try:
        _exec(statements, _main_namespace)
        if last is not None:
            value = _eval(last, _main_namespace)
            if value is not None:
                if not flags & RUN_FINAL:
                    _builtins_dict["_"] = value
                text = _repr(value)
                if _type(text) is _str:
                    return None, text
    except _BaseException as error:
        error.__traceback__ = error.__traceback__.tb_next
        return error, None
    return None, None


def _write_stderr(text):
    """Writes to what the program left as sys.stderr, and if that fails, to what it was."""
    for stream in (_getattr(_sys, "stderr", None), _stderr):
        try:
            stream.write(text)
            stream.flush()
            return
        except _BaseException:
            pass


def _is_closed(stream):
    try:
        return _bool(stream.closed)
    except _BaseException:
        return False


def _flush_stream(stream):
    if stream is None or _is_closed(stream):
        return
    try:
        stream.flush()
    except _KeyboardInterrupt:
        stream.flush()  # the interrupt was for the program, which has ended, and not for what it said


def _flush():
    """Flushes the streams, the original ones too: a program may have replaced sys.stdout. False when one failed."""
    succeeded = True
    for stream in (_getattr(_sys, "stdout", None), _stdout, _getattr(_sys, "stderr", None), _stderr):
        try:
            _flush_stream(stream)
        except _BaseException:
            succeeded = False
    return succeeded


def _exit_status(error):
    """Python's exit status for an uncaught SystemExit."""
    try:
        code = error.code
    except _BaseException:
        code = error
    if code is None:
        return 0
    if _isinstance(code, _int):
        code = _int(code)
        # A process has eight bits for it: the lower ones, but never the 0 of a success that was none.
        return code & 0xFF or _int(code != 0)
    try:
        text = _str(code)
    except _BaseException:
        text = ""
    _write_stderr(text + "\n")
    return 1


def _qualified_name(error):
    kind = _type(error)
    try:
        module, name = kind.__module__, kind.__qualname__
        if _type(module) is _str and _type(name) is _str:
            return name if module in ("builtins", "__main__") else module + "." + name
    except _BaseException:
        pass
    return _type_name(kind)


def _message(error):
    try:
        text = _str(error)
        return text if _type(text) is _str else ""
    except _BaseException:
        return "<exception str() failed>"


def _shorten(error):
    """Takes out the middle of a traceback that is too long."""
    head = rest = error.__traceback__
    count = 0
    while rest is not None:
        rest = rest.tb_next
        count += 1
    if count <= TRACEBACK_MAXIMUM:
        return
    rest = head
    for position in _range(count - TRACEBACK_MAXIMUM // 2):
        if position == TRACEBACK_MAXIMUM // 2 - 1:
            head = rest
        rest = rest.tb_next
    head.tb_next = rest


def _format(error):
    """The traceback as text. The plain way can fail on what a program did to it; then as much as still can be said."""
    try:
        if _TracebackException is None:
            _bind_traceback()
        _loader.publish(_linecache_cache)
        _shorten(error)
        return "".join(_TracebackException(_type(error), error, error.__traceback__, limit=-TRACEBACK_MAXIMUM,
                                           compact=True).format())
    except _BaseException:
        error.__traceback__ = None  # lets go of the memory its frames hold
        return "Traceback (most recent call last):\n" + _qualified_name(error) + ": " + _message(error) + "\n"


def _report(error):
    """Does with an uncaught exception what Python does, and returns (type, message, traceback)."""
    text = _format(error)
    hook = _getattr(_sys, "excepthook", None)
    _flush()
    if hook is _excepthook or hook is None:
        _write_stderr(text)
    else:
        try:
            hook(_type(error), error, error.__traceback__)
        except _SystemExit:
            pass
        except _BaseException as failure:
            failure.__traceback__ = _getattr(failure.__traceback__, "tb_next", None)
            failure.__context__ = None
            _write_stderr("Error in sys.excepthook:\n" + _format(failure) + "\nOriginal exception was:\n" + text)
    return _qualified_name(error), _message(error), text


def _conclude(error):
    """Says what there is to say of the program's end. Returns (status, (type, message, traceback))."""
    if error is None:
        return 0, (None, None, None)
    if _isinstance(error, _SystemExit):
        return _exit_status(error), (None, None, None)
    return 130 if _isinstance(error, _KeyboardInterrupt) else 1, _report(error)


def _finish():
    """What a Python process does between the program's end and its own, short of taking the interpreter apart."""
    global _preloaded_exitfuncs
    try:  # there are no threads, only functions that wait for them
        threading = _sys.modules.get("threading")
        if threading is not None and _len(threading._threading_atexits) > _preloaded_thread_exitfuncs:
            threading._shutdown()
    except _BaseException:
        pass
    try:
        logging = _sys.modules.get("logging")
        if (_count_exitfuncs() != _preloaded_exitfuncs
                or logging is not None and _len(logging._handlerList) > _preloaded_log_handlers):
            _preloaded_exitfuncs = 0  # they are run and forgotten, with the program's own
            _run_exitfuncs()
    except _BaseException:
        pass
    _flush()
    # The order of CPython's own _PyModule_Clear: names with one underscore first, then the rest.
    names = [name for name in _main_namespace if _type(name) is _str and name not in _STANDARD_NAMES]
    for private in (True, False) if names else ():
        for name in names:
            if (name[:1] == "_" and name[:2] != "__") is private:
                try:
                    _main_namespace[name] = None
                except _BaseException:
                    pass
    _builtins_dict.pop("_", None)
    _collect()


def _cut(text):
    data = text.encode("utf-8", "backslashreplace")
    if _len(data) <= TEXT_MAXIMUM:
        return data
    return data[:TEXT_MAXIMUM].decode("utf-8", "ignore").encode("utf-8")


def run(flags, code, filename, arguments, environment):
    """Runs one program. Returns (status, type, message, traceback, value); the last four are UTF-8 bytes or None."""
    value = None
    try:
        _prepare(flags, code, filename, arguments, environment)
        error, value = _execute(flags, code, filename)
    except _BaseException as failure:  # an interrupt before the program began, or a handler of SIGINT that raises
        error = _without_stack(failure)
    try:
        status, report = _conclude(error)
    except _KeyboardInterrupt as interrupt:  # what it had to say was cut off
        status, report = _conclude(_without_stack(interrupt))
    error = None
    if flags & RUN_FINAL:
        _finish()
    if not _flush() and status == 0:
        status = 120  # Python's own status when the output could not be written
    return (status, *(None if text is None else _cut(text) for text in (*report, value)))
