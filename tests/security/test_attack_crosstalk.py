"""M: one run and another: what is alike, what leaks, who waits for whom."""
import concurrent.futures
import json
import os
import threading
import time

from attack_support import raised

DRAW = """
import json, os, random, secrets, tempfile, time, uuid
x = list(range(20)); random.shuffle(x)
print(json.dumps([random.random(), x, str(uuid.uuid1()), str(uuid.uuid4()), tempfile.mktemp(), os.urandom(8).hex(), secrets.token_hex(8),
                  random.SystemRandom().random(), random.Random().random(), random.getrandbits(64)]))
"""


def test_M01_nothing_drawn_is_drawn_again(core):
    """A thousand runs, each in a copy of one interpreter: no value comes twice."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        draws = list(pool.map(lambda _: json.loads(core.execute(DRAW)["stdout"]), range(1000)))
    for values in zip(*draws):
        assert len({json.dumps(value) for value in values}) == 1000, values[:3]


def test_M01_the_control_seeds_itself(core):
    """A program that wants the same numbers has them."""
    code = "import random\nrandom.seed(1)\nprint(random.random())"
    assert core.execute(code)["stdout"] == core.execute(code)["stdout"] == "0.13436424411240122\n"


def test_M02_clocks(core):
    for _ in range(20):
        before = time.time()
        told, first, second = json.loads(core.execute("import time\nprint([time.time(), time.monotonic(), time.monotonic()])")["stdout"])
        assert before - 0.05 <= told <= time.time() + 0.05 and second >= first
    processor = json.loads(core.execute("import time\nprint(time.process_time())")["stdout"])
    assert 0 <= processor < 1, "its own, and not that of the process that it was copied from"


PRISTINE = """
import decimal, gc, json, locale, os, random, sys, warnings
print(json.dumps([sorted(sys.modules), sorted(sys.path), dict(os.environ), str(decimal.getcontext()), locale.setlocale(locale.LC_ALL),
                  sorted(vars(__builtins__)), warnings.filters != [], sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold(),
                  os.getcwd(), len(gc.get_objects()) // 1000, json.dumps({"a": 1})]))
"""


def test_M03_M04_a_run_after_many(core):
    """What a run sees is what the first one saw, whatever others did in between."""
    before = core.execute(PRISTINE)["stdout"]
    for change in ("import json; json.dumps = None", "import os; os.environ['A'] = 'b'; os.chdir('/tmp')", "import sys; sys.path.clear()",
                   "import decimal; decimal.getcontext().prec = 2", "import builtins; builtins.x = 1", "import gc; gc.set_threshold(1)",
                   "import xml.etree.ElementTree, sqlite3, asyncio", "import warnings; warnings.simplefilter('error')"):
        assert core.execute(change)["status"] == "ok"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: core.execute("x = [dict() for _ in range(1000)]"), range(500)))
    assert core.execute(PRISTINE)["stdout"] == before


def test_M05_the_name_of_a_session_is_its_key(core):
    """There are no accounts: who knows the name has the session. Names that others might guess are answered alike."""
    core.execute("secret = 'canary'", session_id="known")
    try:
        raised(core.execute("print(secret)", session_id="guessed"), "NameError")
        core.call("DELETE", "/v1/sessions/known")
        unknown, deleted = core.call("GET", "/v1/sessions/never-was"), core.call("GET", "/v1/sessions/known")
        assert unknown.status == deleted.status == 404
        assert unknown.text.replace("never-was", "") == deleted.text.replace("known", "")
        raised(core.execute("print(secret)", session_id="known"), "NameError")
    finally:
        for name in ("known", "guessed"):
            core.call("DELETE", f"/v1/sessions/{name}")


def test_M06_a_short_run_beside_a_long_one(core):
    """Its end is told at once, whoever else holds what of the service was open when it was forked."""
    long = core.begin("import time; time.sleep(3)")
    core.wait_executions("running", 1)
    for _ in range(10):
        started = time.monotonic()
        assert core.execute("print(1)")["stdout"] == "1\n"
        assert time.monotonic() - started < 1
    long.close()


def test_M09_two_at_once_in_a_session(core):
    core.execute("log = []", session_id="shared")
    try:
        code = "import time\nlog.append(({0}, 'in')); time.sleep(0.02); log.append(({0}, 'out'))\nprint({0})"
        answers = {}

        def run(number):
            answers[number] = core.execute(code.format(number), session_id="shared")["stdout"]

        threads = [threading.Thread(target=run, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == {number: f"{number}\n" for number in range(8)}
        log = json.loads(core.execute("import json\nprint(json.dumps(log))", session_id="shared")["stdout"])
        assert all(log[i][0] == log[i + 1][0] and log[i][1:] + log[i + 1][1:] == ["in", "out"] for i in range(0, 16, 2)), log
    finally:
        core.call("DELETE", "/v1/sessions/shared")


def test_M07_nothing_of_the_machine_in_the_maps(core):
    """Seen from outside, a waiting process maps the program, its libraries and the interpreter, and holds its channel."""
    core.settle()
    for pid in core.guest_processes():
        if os.geteuid() != 0:
            break  # not dumpable: root only
        names = {" ".join(line.split()[5:]) for line in open(f"/proc/{pid}/maps", encoding="utf-8") if "/" in line}
        for name in names:
            assert name.startswith(("/usr/", "/lib")) or "/shannon" in name or "linear memory" in name or "memfd:" in name, name
        assert [fd for fd in os.listdir(f"/proc/{pid}/fd") if fd in ("0", "1", "2")] == []
