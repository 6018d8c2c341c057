"""Prints, as JSON, what a program can see of the interpreter it runs in. Run in the guest, by test_reactor_preload.py."""


def visible_state(main_namespace):
    # What is imported here is imported by the reactor's preload too.
    import abc
    import atexit
    import builtins
    import decimal
    import gc
    import io
    import itertools
    import linecache
    import locale
    import logging
    import os
    import re
    import sys
    import threading
    import time
    import warnings

    def attributes(module):
        """The names of a module's attributes, with the values of those that have a plain one."""
        shown = {}
        for name, value in vars(module).items():
            shown[name] = type(value).__name__
            if isinstance(value, (int, str, bytes, itertools.count)):
                shown[name] = repr(value)
            elif isinstance(getattr(value, "__self__", None), itertools.count):  # such as the one that names tasks
                shown[name] = repr(value.__self__)
            elif isinstance(value, (dict, list, set)):
                shown[name] += f" of {len(value)}"
        return shown

    def subclasses(kind, found):
        for subclass in type.__subclasses__(kind):
            if subclass not in found:
                found.add(subclass)
                subclasses(subclass, found)
        return sorted(f"{found_one.__module__}.{found_one.__qualname__}" for found_one in found)

    # Kept by the machinery itself, and different by what it is.
    hidden = {"_shannon_runner": None, "re": "_cache", "sys": "path_importer_cache", "__main__": None}
    state = {
        "main": {name: repr(value) for name, value in main_namespace.items() if name != "visible_state"},
        "modules": sorted(sys.modules),
        "attributes": {name: {key: value for key, value in attributes(module).items() if key != hidden.get(name)}
                       for name, module in sys.modules.items() if hidden.get(name, "") is not None},
        "classes": subclasses(object, set()),
        "patterns": sorted(map(repr, re._cache)),
        "importers": sorted(sys.path_importer_cache),
        "lines": sorted(linecache.cache),
        "builtins": sorted(vars(builtins)),
        "streams": [repr(getattr(sys, name)) for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")],
        "hooks": [repr(hook) for hook in (sys.displayhook, sys.excepthook, sys.gettrace(), sys.getprofile())],
        "path": [sys.argv, sys.path, os.getcwd(), sys.warnoptions],
        "environment": dict(os.environ),
        "warnings": [repr(warnings.filters), repr(warnings.onceregistry)],
        "logging": [repr(logging.root.handlers), sorted(logging.root.manager.loggerDict), logging.root.level],
        "threads": [repr(thread) for thread in threading.enumerate()],
        "at exit": atexit._ncallbacks(),
        "numbers": [repr(decimal.getcontext()), sys.getrecursionlimit(), sys.get_int_max_str_digits()],
        "locale": [locale.setlocale(locale.LC_ALL), time.tzname, io.text_encoding(None)],
        "exceptions": [repr(sys.exc_info()), [name for name in vars(sys) if name.startswith("last_")]],
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug(), repr(gc.garbage), repr(gc.callbacks)],
        "abstract": [abc.get_cache_token()],
    }
    gc.unfreeze()
    state["of programs"] = sorted(
        f"{type(thing).__name__} {getattr(thing, '__qualname__', '')}" for thing in gc.get_objects()
        if thing is not visible_state and "__main__" in (getattr(thing, "__module__", None), type(thing).__module__))
    return state
