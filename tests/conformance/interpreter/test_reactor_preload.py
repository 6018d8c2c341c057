"""SHANNON_INITIALIZE_PRELOAD: modules imported, programs run beforehand, and a heap that is neither counted nor freed.

A program must not be able to tell, except by the time it takes: it finds what it would find in an interpreter without
all that, which has imported the same modules itself.
"""

import json

import pytest
from interpreter_fixtures import FINAL, HERE, PRELOAD, VALUE, run_all, run_one

IMPORT_THE_SAME = "for name in __import__('_shannon_runner').PRELOADED_MODULES:\n    __import__(name)\ndel name"
SHOW_STATE = (HERE / "visible_state.py").read_text() + "\nimport json; print(json.dumps(visible_state(dict(globals()))))"


def state(*before, initialize):
    # One hash seed for both: the standard library makes text of sets.
    answer = run_all(*before, SHOW_STATE, initialize=initialize, variables=("PYTHONHASHSEED=1",))[-1]
    assert answer["status"] == 0, answer["stderr"]
    return json.loads(answer["stdout"])


def test_modules_are_in_memory():
    answers = run_all("import sys; print({'json', 'asyncio', 'decimal'} <= set(sys.modules))",
                      "import gc; print(gc.get_freeze_count() > 1000)", initialize=PRELOAD)
    assert [answer["stdout"] for answer in answers] == ["True\n", "True\n"]


def test_warming_up_leaves_no_trace():
    warm, plain = state(initialize=PRELOAD), state(IMPORT_THE_SAME, initialize=0)
    assert len(plain["classes"]) > 900 and len(plain["attributes"]) > 150
    # Caches of what the imported modules themselves used: some of it may be gone, nothing else may be there.
    for cache in ("patterns", "importers"):
        assert set(warm.pop(cache)) <= set(plain.pop(cache))
    assert warm.pop("attributes") == plain.pop("attributes")
    assert warm == plain


def test_nothing_is_there_that_only_a_program_makes():
    answers = run_all(
        "print(sorted(name for name in globals() if name[:2] != '__'), __annotations__)", "import sys; print(sys.argv)",
        "import builtins; print(hasattr(builtins, '_'))", "_", "import linecache; print(sorted(linecache.cache))",
        "import re, gc; print(re._cache, gc.garbage)", "print([c for c in object.__subclasses__() if c.__module__ == '__main__'])",
        initialize=PRELOAD)
    assert [answer["stdout"] for answer in answers] == [
        "[] {}\n", "['main.py']\n", "False\n", "", "[]\n", "{} []\n", "[]\n"]
    assert answers[3]["result"]["message"] == "name '_' is not defined"


# ---- objects that are not counted ----


@pytest.mark.parametrize("expression", [
    "sys.getrefcount(None) > 1", "sys.getrefcount(json) > 0", "sys.getrefcount(json.dumps) > 0", "sys.getrefcount('dumps') > 0",
    "sys.getrefcount(object()) == 1", "sys.getrefcount(new) == 2",
])
def test_counts_can_be_asked_for(expression):
    answer = run_one(f"import sys, json\nnew = [1]\n{expression}", flags=VALUE, initialize=PRELOAD)
    assert answer["result"].get("value") == "True", answer


PROGRAMS = {
    "repeated in lists and tuples": """
import json, re, sys
n = 100_000
new, text = object(), 'made %d' % n
count = sys.getrefcount(new)
for value in (None, True, 'a', '', (), b'', 7, 10 ** 30, json, json.dumps, re.Pattern, new, text):
    for _ in range(20):
        one, two = [value] * n, (value, None) * n
        three = (value,) * n
        one *= 2
        assert len(one) == len(two) == 2 * len(three) == 2 * n and one[-1] is two[0] is three[-1] is value
del one, two, three, value
assert sys.getrefcount(new) == count
assert json.dumps([None]) == '[null]'
""",
    "attributes of modules deleted and put back": """
import json, math, sys
saved = json.dumps
for _ in range(10_000):
    del json.dumps
    assert not hasattr(json, 'dumps')
    json.dumps = saved
json.dumps = None
del json.dumps
json.dumps = saved
for name in list(vars(math)):
    delattr(math, name)
assert not hasattr(math, 'pi') and json.dumps([1]) == '[1]'
del sys.modules['json'], json
import json
assert json.dumps is not saved and json.dumps([1]) == '[1]' == saved([1])
""",
    "unfrozen and collected": """
import gc, json, weakref
assert gc.get_freeze_count() > 1000
gc.unfreeze()
assert gc.get_freeze_count() == 0
for generation in (0, 1, 2, 2):
    gc.collect(generation)
assert gc.garbage == []
loop = [json]
loop.append(loop)
seen = weakref.ref(type('Seen', (), {}))
del loop
assert gc.collect() > 0 and gc.collect() == 0 and seen() is None
gc.freeze()
assert json.loads('{"a": [1, 2.5, null]}') == {'a': [1, 2.5, None]} and gc.collect() == 0
""",
    "weak references to what was there": """
import gc, json, weakref
called = []
plain, calling = weakref.ref(json.JSONEncoder), weakref.ref(json.JSONEncoder, called.append)
assert plain() is calling() is json.JSONEncoder and plain is weakref.ref(json.JSONEncoder) is not calling
held = weakref.WeakSet([json.JSONEncoder, json.dumps])
kept = weakref.WeakKeyDictionary({json.JSONEncoder: 1})
weakref.finalize(json.JSONEncoder, called.append, 'finalized').detach()
count = weakref.getweakrefcount(json.JSONEncoder)
del calling
gc.collect()
assert weakref.getweakrefcount(json.JSONEncoder) == count - 1 and len(held) == 2 and len(kept) == 1 and called == []
""",
    "subclasses of what was there go": """
import collections.abc, enum, gc, json, weakref
for base in (json.JSONEncoder, collections.OrderedDict, collections.abc.Mapping, ValueError, dict, enum.Enum):
    before = type.__subclasses__(base)
    made = [type(base)('Made', (base,), enum.EnumMeta.__prepare__('Made', (base,)) if base is enum.Enum else {})
            for _ in range(3)]
    seen = [weakref.ref(one) for one in made]
    assert len(type.__subclasses__(base)) == len(before) + 3
    del made
    gc.collect()
    assert [one() for one in seen] == [None] * 3 and type.__subclasses__(base) == before, base
""",
    "checks of classes": """
import abc, collections.abc, gc, numbers, typing, weakref
class Sized:
    def __len__(self): return 0
class Number: pass
assert isinstance(Sized(), collections.abc.Sized) and not isinstance(Number(), collections.abc.Sized)
assert not isinstance(Number(), numbers.Number) and not issubclass(Number, numbers.Number)
numbers.Number.register(Number)
assert isinstance(Number(), numbers.Number) and issubclass(Number, numbers.Number)
Number.__len__ = Sized.__len__
assert not isinstance(Number(), collections.abc.Sized) or True
class Late: pass
for _ in range(3):
    assert not isinstance(Late(), collections.abc.Iterable)
class Later(Late):
    def __iter__(self): return iter(())
assert isinstance(Later(), collections.abc.Iterable) and not isinstance(Late(), collections.abc.Iterable)
collections.abc.Iterable.register(Late)
assert isinstance(Late(), collections.abc.Iterable)
seen = weakref.ref(Later)
del Later, _
gc.collect()
assert seen() is None
""",
    "changed classes and functions of modules": """
import collections, json, textwrap
for i in range(300):
    json.JSONEncoder.default = lambda self, value, i=i: i
    assert json.dumps(object()) == str(i)
    json.JSONEncoder.item_separator = ','
    textwrap.TextWrapper.x = i
    assert textwrap.TextWrapper().x == i
    if i % 3 == 0:
        del textwrap.TextWrapper.x
        assert not hasattr(textwrap.TextWrapper(), 'x')
def pretty(text, width=70): return text.upper()
textwrap.fill.__code__, saved = pretty.__code__, textwrap.fill.__code__
assert textwrap.fill('abc') == 'ABC'
textwrap.fill.__code__ = saved
assert textwrap.fill('abc') == 'abc'
len_, __builtins__.len = len, lambda x: 5
assert len([]) == 5
__builtins__.len = len_
assert len([]) == 0
""",
    "interned strings": """
import json, sys
def made(*parts): return ''.join(parts)
fresh = sys.intern(made('never seen', ' before'))
assert sys.intern(made('never seen', ' before')) is fresh and made('never seen', ' before') is not fresh
assert sys.intern(made('du', 'mps')) is sys.intern(made('dum', 'ps')) and getattr(json, made('du', 'mps')) is json.dumps
for i in range(50_000):
    name = sys.intern(made('name', str(i)))
    assert sys.intern(made('name', str(i))) is name
    setattr(json, name, i)
    delattr(json, name)
word = 'a'
for i in range(1000):
    word += 'b'
    word = word[1:] + 'a'
assert sys.intern(made('a')) is 'a'[:] and 'ab' + made('c') == 'abc'
""",
    "values are not changed in place": """
import functools, json, math, string, sys
text, digits, data, number = string.ascii_lowercase, string.digits, json.decoder.BACKSLASH, sys.maxsize
before = text, digits, dict(data), number
for _ in range(100):
    text += 'x'
    digits += digits[:1]
    number += 1
    assert string.ascii_lowercase == before[0] and string.digits == before[1] and sys.maxsize == before[3]
assert json.decoder.BACKSLASH == before[2]
pairs = list(zip(string.digits, string.digits)), list(enumerate(string.digits)), list(data.items())
assert len({id(pair) for pair in pairs[0]}) == 10 and pairs[1][3] == (3, '3')
assert math.gcd(sys.maxsize, 2 ** 31 - 1) == 2 ** 31 - 1 and sys.maxsize == before[3]
assert functools.reduce(lambda a, b: a + b, string.digits) == '0123456789' == string.digits
""",
    "finalizers run once": """
import gc, json, weakref
log = []
class Plain:
    def __init__(self, name): self.name = name
    def __del__(self): log.append(self.name)
class Encoder(json.JSONEncoder):
    def __del__(self): log.append('encoder')
class Resurrected:
    def __del__(self): log.append('resurrected'); kept.append(self)
kept = []
one = Plain('one'); del one
loop = Plain('loop'); loop.loop = loop; del loop
json.held = Plain('in a module'); del json.held
json.held = Plain('replaced'); json.held = None
encoder = Encoder(); encoder.encode([1]); del encoder
Resurrected()
watched = Plain('watched'); weakref.finalize(watched, log.append, 'finalize'); del watched
gc.unfreeze(); gc.collect(); gc.collect()
kept.clear()
gc.collect()
assert sorted(log) == sorted(['one', 'loop', 'in a module', 'replaced', 'encoder', 'resurrected', 'finalize', 'watched']), log
reference = weakref.ref(watched := Plain('with a callback'), lambda gone: log.append(gone() is None))
del watched
assert log[-2:] in ([True, 'with a callback'], ['with a callback', True]) and reference() is None
def generator():
    try: yield
    finally: log.append('closed')
for value in generator(): break
gc.collect()
assert log.count('closed') == 1
""",
}


@pytest.mark.parametrize("initialize", [0, PRELOAD], ids=["plain", "preloaded"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_rely_on(name, initialize):
    code = PROGRAMS[name]
    if initialize == 0:
        code = code.replace("assert gc.get_freeze_count() > 1000\n", "")
    answers = run_all(IMPORT_THE_SAME, code, "import json; print(json.loads('[1]'), json.dumps({'a': None}))",
                      initialize=initialize)
    assert (answers[1]["status"], answers[1]["stderr"]) == (0, "")
    assert answers[2]["stdout"] == "[1] {\"a\": null}\n"


def test_finalizers_and_handlers_at_the_end_run_once():
    code = ("import atexit, json, weakref\nclass D:\n    def __init__(self, name): self.name = name\n"
            "    def __del__(self): print('deleted', self.name)\n"
            "json.held = D('held by a module')\nmine = D('mine')\nloop = D('loop'); loop.loop = loop\n"
            "weakref.finalize(mine, print, 'finalized')\natexit.register(print, 'at exit')\nprint('end')")
    lines = run_one(code, flags=FINAL, initialize=PRELOAD)["stdout"].splitlines()
    # Modules are not taken apart, so what one still holds is left alone.
    assert lines[0] == "end"
    assert sorted(lines) == ["at exit", "deleted loop", "deleted mine", "end", "finalized"]


# ---- memory ----

HOLD_EVERYTHING = """
import sys
held = [value for module in list(sys.modules.values()) for value in list(vars(module).values())]
held += [value for kind in held if isinstance(kind, type) for value in list(kind.__dict__.values())]
print(len(held))
"""


def test_holding_what_was_there_leaves_its_memory_as_it_was():
    """What copies share is what no program writes to; counting references would write to all that is looked at."""
    steps = [{"code": HOLD_EVERYTHING, "compare": True}, {"code": "held.clear()", "compare": True}]
    held, dropped = run_all(*steps, initialize=PRELOAD)
    _, held_plain, dropped_plain = run_all(IMPORT_THE_SAME, *steps, initialize=0)
    assert int(held["stdout"]) > 15_000 and int(held_plain["stdout"]) > 15_000
    # The list itself, and what any program changes.
    assert held["changed"] < 200 < 800 < held_plain["changed"]
    assert dropped["changed"] < 100 < 800 < dropped_plain["changed"]


@pytest.mark.parametrize("code", [
    "pass", "print(sum(range(100)))", "import json; print(json.dumps({'a': [1, 2.5, None]}))"])
def test_a_short_program_changes_few_pages(code):
    assert run_one(code, compare=True, initialize=PRELOAD)["changed"] < 60


ALLOCATE = """
import collections, gc, json, re
def small(count):
    for i in range(count):
        a = [i, str(i), {'k': i}, (i, i), bytes(i % 600), i * 1.5, lambda: i]
def large(count):
    for i in range(count):
        a, b = bytearray(i % 100_000), 'x' * (i % 5000)
def of_modules(count):
    for i in range(count):
        json.loads(json.dumps({'a': [i, 'x%d' % i, None, True]}))
        setattr(json, 'name%d' % (i % 5), [i])
        collections.OrderedDict(a=i)
        (None,) * (i % 100), [json] * (i % 100), ('a',) * 3
        re.sub('a', 'b', 'aaa')
        try:
            raise ValueError(i)
        except ValueError:
            pass
def of_code(count):
    for i in range(count):
        type('C%d' % (i % 7), (json.JSONEncoder,), {'x': i})
        exec('x = %d' % i, {})
    gc.collect()
"""


def test_memory_stays_flat():
    # Once around, for what grows to its size once.
    answers = run_all(ALLOCATE, "small(20_000); large(2_000); of_modules(5_000); of_code(2_000)",
                      "small(1_000_000)", "large(20_000)", "of_modules(100_000)", "of_code(20_000)", initialize=PRELOAD)
    assert [answer["status"] for answer in answers] == [0] * 6, [answer["stderr"] for answer in answers]
    assert [answer["pages"] - answers[1]["pages"] for answer in answers[2:]] == [0, 0, 0, 0]


def test_memory_stays_flat_from_run_to_run():
    code = "import json, collections\nclass C:\n    pass\nx = [C() for _ in range(1000)]\nprint(json.dumps(len(x)))\nlen(x)"
    answers = run_all(*[{"code": code, "flags": VALUE}] * 300, initialize=PRELOAD)
    assert {answer["pages"] for answer in answers[20:]} == {answers[20]["pages"]}
