"""Copies of an instance, as a fork makes them, and what makes them differ (shannon_refresh)."""

import pytest
from interpreter_fixtures import PRELOAD, run_all

UNIQUE = [
    ("random", "import random; print(random.random(), random.getrandbits(64), random.gauss(0, 1))"),
    ("shuffle", "import random; x = list(range(100)); random.shuffle(x); print(x)"),
    ("uuid1", "import uuid; print(uuid.uuid1())"),
    ("uuid4", "import uuid; print(uuid.uuid4())"),
    ("getnode", "import uuid; print(uuid.getnode())"),
    ("tempfile", "import tempfile; print(next(tempfile._get_candidate_names()))"),
    ("sqlite", "import sqlite3; print(sqlite3.connect(':memory:').execute('select random(), hex(randomblob(8))').fetchone())"),
    ("open sqlite", "print(database.execute('select random(), hex(randomblob(8))').fetchone())"),
    ("secrets", "import secrets; print(secrets.token_hex())"),
    ("urandom", "import os; print(os.urandom(16).hex())"),
]
USED_BEFORE = ("import random, uuid, tempfile, sqlite3, secrets, os; random.gauss(0, 1); uuid.uuid1(); uuid.uuid4();"
               "next(tempfile._get_candidate_names()); database = sqlite3.connect(':memory:');"
               "database.execute('select random()').fetchone(); secrets.token_hex()")
OPENED_BEFORE = "import sqlite3; database = sqlite3.connect(':memory:')"


@pytest.mark.parametrize("before", [OPENED_BEFORE, USED_BEFORE], ids=["fresh", "used"])
@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_refreshed_copies_differ(initialize, before):
    copies = ["a", "b", "c"]
    answers = run_all(before, *({"copy": name} for name in copies), *({"refresh": name} for name in copies),
                      *({"in": name, "code": code} for _, code in UNIQUE for name in copies), initialize=initialize)
    assert [answer["status"] for answer in answers if answer] == [0] * (len(answers) - len(copies))
    printed = [answer["stdout"] for answer in answers[1 + 2 * len(copies):]]
    for i, (name, _) in enumerate(UNIQUE):
        values = printed[i * len(copies) : (i + 1) * len(copies)]
        assert len(set(values)) == len(copies), (name, values)


def test_copies_are_equal_before():
    """What the test above would see if shannon_refresh did nothing."""
    code = "import random; print(random.random())"
    answers = run_all("import random", {"copy": "a"}, {"in": "a", "code": code}, code)
    assert answers[2]["stdout"] == answers[3]["stdout"]


@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_a_refresh_leaves_everything_else(initialize):
    before = "import sys, json\nx = [1]\ndef f(): return x\nsys.stdout.write('')\njson.mine = 1"
    answers = run_all({"code": before, "environment": ["A=b"], "filename": "cell1.py"}, {"copy": "a"}, {"refresh": "a"},
                      {"in": "a", "code": "import os; f().append(2); print(x, os.environ['A'], json.mine)\nassert not x, x"},
                      "print(x)", initialize=initialize)
    assert answers[3]["stdout"] == "[1, 2] b 1\n" and answers[3]["result"]["message"] == "[1, 2]"
    assert answers[4]["stdout"] == "[1]\n"


def test_a_seed_given_after_the_refresh_counts():
    code = "import random; random.seed(7); print(random.random())"
    answers = run_all({"copy": "a"}, {"refresh": "a"}, {"in": "a", "code": code}, code, initialize=PRELOAD)
    assert answers[2]["stdout"] == answers[3]["stdout"]


@pytest.mark.parametrize(("code", "reason"), [
    ("random._inst = None", "TypeError"),
    ("random._inst = object()", "TypeError"),
    ("random._inst = type('Random', (), {})()", "TypeError"),
    ("del random._inst", "AttributeError"),
    ("import sys; sys.modules['uuid'] = None", "AttributeError"),
])
@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_a_refresh_that_fails_says_so(code, reason, initialize):
    """A program can break what a refresh needs; its copies must then run nothing."""
    answers = run_all("import random; " + code, {"copy": "a"}, {"refresh": "a"}, "print('alive')", initialize=initialize)
    assert answers[2]["status"] != 0 and reason in answers[2]["stderr"]
    assert answers[3]["stdout"] == "alive\n"


def test_a_generator_of_the_programs_own_class_is_refreshed():
    own = "import random\nclass Own(random.Random):\n    pass\nrandom._inst = Own(1)"
    code = "print(random._inst.random())"
    answers = run_all(own, {"copy": "a"}, {"copy": "b"}, {"refresh": "a"}, {"refresh": "b"},
                      {"in": "a", "code": code}, {"in": "b", "code": code})
    assert [answers[3]["status"], answers[4]["status"]] == [0, 0]
    assert answers[5]["stdout"] != answers[6]["stdout"]


@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_time_goes_on_in_a_copy(initialize):
    """No clock stands still in the image, and what a program measures from begins with the program."""
    show = "import logging, time; print(time.time(), logging._startTime)"
    answers = run_all(show, {"copy": "a"}, {"refresh": "a"}, {"in": "a", "code": show}, initialize=initialize)
    before, after = ([float(word) for word in answers[i]["stdout"].split()] for i in (0, 3))
    assert all(a > b for a, b in zip(after, before))
    assert after[1] > before[0]


def test_hash_secrets():
    """One interpreter has one, and so have its copies, whose dictionaries are made with it; another has another."""
    code = "print(hash('text'), hash(b'bytes'))"
    one = run_all({"copy": "a"}, {"refresh": "a"}, {"in": "a", "code": code}, code, initialize=PRELOAD)
    other = run_all(code, initialize=PRELOAD)
    assert one[2]["stdout"] == one[3]["stdout"] != other[0]["stdout"]
