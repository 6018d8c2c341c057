"""Sessions as a caller uses them, cell by cell: what one run leaves is there in the next, and a run that fails leaves
nothing. Real programs, the real sandbox, real HTTP.
"""
import concurrent.futures
import hashlib
import http.client
import json

import pytest

from agent_core_service import AgentCore, result_of

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("sessions")) as service, service.nothing_stays_behind():
        yield service


@pytest.fixture(scope="module")
def saving_core(tmp_path_factory):
    """One that saves each session as soon as it is not used."""
    with (AgentCore(tmp_path_factory.mktemp("saved"), SHANNON_SESSIONS_IDLE_MS=10) as service,
          service.nothing_stays_behind()):
        yield service


@pytest.fixture
def session(core):
    return core.session()


@pytest.fixture(params=["in its process", "in another process", "from disk"])
def cells(request):
    """Runs cells one after the other in a session, which between two of them stays in its process, loses it, or is
    saved. Gives the value of the last one."""
    where = request.param
    core = request.getfixturevalue("saving_core" if where == "from disk" else "core")
    session = core.session()

    def run(*codes):
        value = None
        for code in codes:
            if where == "in another process":
                core.kill_guests()
            elif where == "from disk" and session.exists():
                session.wait_state("saved")
            answer = session.run(code)
            assert answer["status"] == "ok", answer
            value = answer["result"]
        return value

    return run


# ---- what stays ----

def test_variables_functions_classes_and_imports_stay(cells):
    assert cells(
        "import math as m, json\nfrom collections import Counter\nx = 41\nwords = Counter('abracadabra')",
        "def f(n):\n    return n + x\nclass Point:\n    def __init__(self, x): self.x = x\n    def twice(self): return f(self.x * 2)",
        "p = Point(1)\nx += 1",
        "p.twice(), words.most_common(1), m.floor(m.pi), json.dumps([x])") == "(44, [('a', 5)], 3, '[42]')"


def test_closures_and_half_used_generators_stay(cells):
    assert cells("def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up\n"
                 "up = counter()\nsquares = (i * i for i in range(10))",
                 "up(), next(squares), next(squares)",
                 "up(), next(squares), list(squares)[-1]") == "(2, 4, 81)"


def test_open_databases_in_memory_stay(cells):
    assert cells("import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('create table t (a, b)')",
                 "db.executemany('insert into t values (?, ?)', [(i, str(i)) for i in range(1000)])\ndb.commit()\n"
                 "cursor = db.execute('select a from t order by a')\ncursor.fetchmany(10)",
                 "db.execute('delete from t where a >= 500')\ndb.commit()\ndb.total_changes",
                 "cursor.fetchone(), db.execute('select count(*), max(b) from t').fetchone()") == "((10,), (500, '99'))"


def test_open_files_and_their_positions_stay(cells):
    assert cells("f = open('/workspace/notes.txt', 'w+')\nf.write('one two three')\nf.flush()\nf.seek(4)",
                 "f.read(3), f.tell()",
                 "f.seek(0, 2)\nf.write(' four')\nf.flush()\nopen('/workspace/notes.txt').read(), f.tell()") == \
        "('one two three four', 18)"


def test_files_and_folders_stay(cells):
    assert cells("import os\nos.makedirs('/workspace/a/b')\nopen('/workspace/a/b/c.bin', 'wb').write(bytes(range(256)) * 1000)\n"
                 "open('/tmp/scratch', 'w').write('s')\nopen('/workspace/gone', 'w').close()",
                 "os.chdir('/workspace/a')\nos.remove('/workspace/gone')\nos.rename('b/c.bin', 'd.bin')",
                 "os.getcwd(), sorted(os.listdir()), open('d.bin', 'rb').read() == bytes(range(256)) * 1000, "
                 "open('/tmp/scratch').read(), os.listdir('/workspace')") == \
        "('/workspace/a', ['b', 'd.bin'], True, 's', ['a'])"


def test_changes_of_the_environment_stay(cells):
    assert cells("import os, sys\nos.environ['MOOD'] = 'good'\nsys.path.append('/workspace')\nsys.setrecursionlimit(500)",
                 "open('/workspace/own.py', 'w').write('value = 7')\nimport own",
                 "os.environ['MOOD'], sys.path[-1], sys.getrecursionlimit(), own.value") == "('good', '/workspace', 500, 7)"


def test_random_numbers_go_on_as_in_one_program(core, cells):
    whole = core.execute("import random\nrandom.seed(7)\n[random.random() for _ in range(4)]")["result"]
    assert cells("import random\nrandom.seed(7)\nnumbers = [random.random()]",
                 "numbers.append(random.random())",
                 "numbers + [random.random(), random.random()]") == whole


def test_large_data_stay(cells):
    data = bytes(range(256)) * (16 << 12)
    assert cells("data = bytes(range(256)) * (16 << 12)\nmore = list(range(100000))", "more.reverse()",
                 "import hashlib\nhashlib.sha256(data).hexdigest(), more[0]") == \
        str((hashlib.sha256(data).hexdigest(), 99999))


def test_arguments_input_and_variables_are_each_runs_own(core, session):
    code = "import os, sys\n(sys.argv[1:], sys.stdin.read(), os.environ.get('A'), os.environ.get('B'))"
    assert session.value(code, argv=["1"], stdin="first", env={"A": "1"}) == (["1"], "first", "1", None)
    # What a run gets as `env` it puts into os.environ, which stays as any change of it does.
    assert session.value(code, argv=[], stdin="", env={"B": "2"}) == ([], "", "1", "2")


def test_the_result_is_that_of_the_last_expression(session):
    assert session.run("x = 5")["result"] is None
    assert session.run("x")["result"] == "5"
    assert session.run("None")["result"] is None
    assert session.run("'a'; x + 1")["result"] == "6"
    assert session.run("_ = 3\n[x, _]")["result"] == "[5, 3]"


def test_files_come_back_from_the_run_that_changed_them(session):
    def changed(code):
        answer = session.run(code)
        assert answer["status"] == "ok", answer
        return [(file["path"], file["content"]) for file in answer["files"]]

    assert changed("open('/workspace/a', 'w').write('1')") == [("a", "1")]
    assert changed("open('/workspace/b', 'w').write('2')") == [("b", "2")]
    assert changed("open('/workspace/a').read()") == []
    assert changed("open('/workspace/a', 'a').write('3')") == [("a", "13")]


def test_files_of_a_request_are_put_beside_those_that_are_there(session):
    session.do("open('/workspace/a', 'w').write('old'); open('/workspace/b', 'w').write('b')")
    answer = session.run("open('/workspace/a').read(), open('/workspace/b').read(), open('/workspace/c/d').read()",
                         files={"a": "new", "c/d": "d"})
    assert answer["result"] == "('new', 'b', 'd')"
    assert answer["files"] == []


def test_time_goes_on(core):
    session = core.session()
    session.do("import time\nwall, steady = time.time(), time.monotonic()")
    core.kill_guests()
    wall, steady = session.value("time.time() - wall, time.monotonic() - steady")
    assert 0 < wall < 60
    assert 0 < steady < 60


# ---- a run that fails leaves nothing ----

SET_UP = """
import os, random, sqlite3
x = [1]
random.seed(11)
random.random()
db = sqlite3.connect(':memory:')
db.execute('create table t (a)')
db.execute('insert into t values (1)')
db.commit()
f = open('/workspace/kept.txt', 'w+')
f.write('kept text')
f.flush()
f.seek(5)
open('/tmp/scratch', 'w').write('s')
os.chdir('/workspace')
"""

CHANGE = """
x.append(2)
y = 3
os.environ['Y'] = '1'
random.random()
db.execute('delete from t')
db.commit()
f.read()
f.write(' and more')
f.flush()
os.remove('/tmp/scratch')
open('/workspace/new', 'w').write('n')
open('/tmp/other', 'w').write('o')
os.chdir('/tmp')
"""

LOOK = """
(x, 'y' in globals(), os.environ.get('Y'), random.getstate()[1][-1], db.execute('select * from t').fetchall(),
 f.tell(), f.read(), os.listdir('/workspace'), os.listdir('/tmp'), os.getcwd())
"""

FAILURES = {
    "exception": ("1 / 0", {}, "python_error"),
    "exit status": ("import sys; sys.exit(3)", {}, "python_error"),
    "timeout": ("while True: pass", {"timeout_ms": 200}, "timeout"),
    "timeout that is caught": ("n = 0\nwhile True:\n    try:\n        while n >= 0: n += 1\n    except KeyboardInterrupt: pass",
                               {"timeout_ms": 200}, "timeout"),
    "timeout asleep": ("import time; time.sleep(60)", {"timeout_ms": 200}, "timeout"),
    "processor time": ("while True: pass", {"cpu_limit_ms": 100}, "timeout"),
    "memory": ("held = []\nwhile True: held.append(bytearray(1 << 20))", {"memory_limit_bytes": 64 * MEBIBYTE}, "memory_limit"),
    "os._exit(3)": ("os._exit(3)", {}, "python_error"),
    "os._exit(0)": ("os._exit(0)", {}, "ok"),
    "os.abort()": ("os.abort()", {}, "trap"),
    "syntax": ("x.append(", {}, "python_error"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_after_a_failure_the_session_is_as_before(core, name):
    code, fields, status = FAILURES[name]
    session = core.session()
    session.do(SET_UP)
    answer = session.run(CHANGE + code, **fields)
    assert answer["status"] == status, answer
    before = ([1], False, None, 2, [(1,)], 5, "text", ["kept.txt"], ["scratch"], "/workspace")
    assert session.value(LOOK) == before
    # And it goes on: failures in a row, the second one right after the first.
    for _ in range(2):
        session.run(CHANGE + code, **fields)
    assert session.value("f.seek(5)\n" + LOOK) == before


def test_after_a_cancellation_the_session_is_as_before(core, session):
    session.do(SET_UP)
    running = session.begin(CHANGE + "import time; time.sleep(60)", X_Request_Id="cancel-me")
    core.wait_executions("running", 1)
    assert session.state == "running"
    assert core.call("DELETE", "/v1/executions/cancel-me").status == 202
    assert result_of(running)["status"] == "killed"
    assert session.value(LOOK) == ([1], False, None, 2, [(1,)], 5, "text", ["kept.txt"], ["scratch"], "/workspace")


def test_after_its_client_went_the_session_is_as_before(core, session):
    session.do("x = 1")
    running = session.begin("x = 2\nimport time; time.sleep(60)")
    core.wait_executions("running", 1)
    running.close()
    core.wait_executions("running", 0)
    assert session.value("x") == 1


def test_after_its_process_was_killed_in_a_run_the_session_is_as_before(core, session):
    session.do("x = 1")
    running = session.begin("x = 2\nopen('/workspace/mark', 'w')\nimport time; time.sleep(60)")
    core.wait_executions("running", 1)
    core.wait_process()
    core.kill_guests()
    answer = result_of(running)
    assert (answer["status"], answer["exit_code"]) == ("killed", 137)
    assert session.value("import os\nx, os.listdir('/workspace')") == (1, [])


def test_a_failure_after_a_return_from_disk_leaves_nothing(saving_core):
    session = saving_core.session()
    session.do("x = 1")
    for code, status in (("x = 2\n1 / 0", "python_error"), ("x = 3\nimport os; os._exit(1)", "python_error")):
        session.wait_state("saved")
        assert session.run(code)["status"] == status
        assert session.value("x") == 1


def test_a_session_begins_with_its_first_run_that_goes_well(core, session):
    assert session.run("x = 1\n1 / 0")["status"] == "python_error"
    assert not session.exists()
    assert session.id not in core.sessions()
    assert session.run("x")["error"]["type"] == "NameError"
    session.do("x = 2")
    assert session.describe()["runs"] == 1


def test_exit_with_status_0_is_an_end_that_goes_well(session):
    session.do("import sys\nx = 1")
    assert session.run("x = 2\nsys.exit()")["status"] == "ok"
    assert session.value("x") == 2


# ---- tracebacks ----

def test_tracebacks_show_the_lines_of_the_run_that_they_come_from(cells, core, session):
    session.do("def outer(n):\n    # a comment\n    return inner(n)")
    session.do("def inner(n):\n    return 10 / n")
    answer = session.run("print('in between')\n\nouter(0)")
    traceback = answer["error"]["traceback"]
    for number, line, function, source in ((3, 3, "<module>", "outer(0)"), (1, 3, "outer", "return inner(n)"),
                                           (2, 2, "inner", "return 10 / n")):
        assert f'  File "<run {number}>", line {line}, in {function}\n    {source}\n' in traceback
    assert answer["stderr"] == traceback


def test_tracebacks_show_lines_after_a_return_from_disk(saving_core):
    session = saving_core.session()
    session.do("def f():\n    return undefined_name")
    session.wait_state("saved")
    assert 'File "<run 1>", line 2, in f\n    return undefined_name\n' in session.run("f()")["error"]["traceback"]


# ---- two at once ----

def test_requests_to_one_session_run_one_after_the_other_in_their_order(core, session):
    session.do("log = []")
    running = session.begin("import time; time.sleep(60)", X_Request_Id="first")
    core.wait_executions("running", 1)
    waiting = []
    for i in range(6):
        waiting.append(session.begin(f"log.append({i})\nimport time\ntime.sleep(0.01)\nlog.append({i})"))
        core.wait_executions("waiting", i + 1)
    core.call("DELETE", "/v1/executions/first")
    assert result_of(running)["status"] == "killed"
    assert [result_of(connection)["status"] for connection in waiting] == ["ok"] * 6
    assert session.value("log") == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_many_requests_to_one_session_at_once_all_count(core, session):
    session.do("n = 0")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: session.run("n += 1\nn"), range(36)))
    assert sorted(int(answer["result"]) for answer in answers) == list(range(1, 37))


def test_different_sessions_run_at_the_same_time(core):
    first, second = core.session(), core.session()
    running = [each.begin("import time; time.sleep(60)", X_Request_Id=f"both-{i}") for i, each in enumerate((first, second))]
    core.wait_executions("running", 2)
    for i, connection in enumerate(running):
        core.call("DELETE", f"/v1/executions/both-{i}")
        assert result_of(connection)["status"] == "killed"


def test_who_waits_for_a_session_keeps_nobody_else_waiting(tmp_path):
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_CONCURRENT=2) as core:
        session, other = core.session(), core.session()
        running = session.begin("x = 1\nimport time; time.sleep(60)", X_Request_Id="long")
        core.wait_executions("running", 1)
        waiting = [session.begin("x") for _ in range(3)]
        core.wait_executions("waiting", 3)
        assert other.value("1") == 1
        assert core.execute("2")["result"] == "2"
        core.call("DELETE", "/v1/executions/long")
        assert result_of(running)["status"] == "killed"
        for connection in waiting:
            assert result_of(connection)["error"]["type"] == "NameError"


def test_one_that_waits_for_its_session_can_be_cancelled(core, session):
    session.do("x = 1")
    running = session.begin("import time; time.sleep(60)", X_Request_Id="runs")
    core.wait_executions("running", 1)
    waiting = session.begin("x = 2", X_Request_Id="waits")
    core.wait_executions("waiting", 1)
    assert core.call("DELETE", "/v1/executions/waits").status == 202
    assert result_of(waiting)["status"] == "killed"
    assert core.call("DELETE", "/v1/executions/runs").status == 202
    assert result_of(running)["status"] == "killed"
    assert session.value("x") == 1


def test_one_connection_serves_several_sessions_in_turn(core):
    sessions = [core.session() for _ in range(3)]
    connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)
    for turn in range(3):
        for i, session in enumerate(sessions):
            code = f"x = globals().get('x', {i * 10}) + 1\nx"
            connection.request("POST", "/v1/execute", json.dumps({"code": code, "session_id": session.id}))
            assert json.loads(connection.getresponse().read())["result"] == str(i * 10 + turn + 1)
    connection.close()


# ---- processes that go ----

def test_a_process_killed_between_two_runs_is_not_missed(core, session):
    session.do("x = 1")
    for expected in (2, 3, 4):
        core.kill_guests()
        assert session.value("x += 1\nx") == expected
    assert session.state == "live"


def test_a_zygote_killed_between_two_runs_is_not_missed(core, session):
    session.do("import os\nx = 1\nopen('/workspace/a', 'w').write('a')")
    for expected in (2, 3):
        zygote = core.zygote()
        core.kill_zygote()
        assert session.value("x += 1\nx, os.listdir('/workspace')") == (expected, ["a"])
        core.wait_zygote(zygote)
        core.kill_guests()  # then it comes back in a process of the new zygote
        assert session.value("x, os.listdir('/workspace')") == (expected, ["a"])
    assert core.session().value("1") == 1


def test_a_session_waits_for_the_zygote_that_takes_the_place_of_a_killed_one(core, session):
    session.do("x = 1")
    zygote = core.zygote()
    core.kill_guests()
    core.kill_zygote()
    assert session.value("x") == 1
    assert core.session().value("2") == 2
    core.wait_zygote(zygote)


def test_a_zygote_killed_during_a_run_does_no_harm(core, session):
    session.do("x = 1")
    zygote = core.zygote()
    running = session.begin("import time\ntime.sleep(0.5)\nx = 2\nx")
    core.wait_executions("running", 1)
    core.kill_zygote()
    answer = result_of(running)
    assert (answer["status"], answer["result"]) == ("ok", "2")
    core.wait_zygote(zygote)
    assert session.value("x") == 2


def test_sessions_outlive_the_zygotes_that_are_replaced(tmp_path):
    with AgentCore(tmp_path, SHANNON_SANDBOX_ZYGOTE_MAX_RUNS=3) as core:
        sessions = [core.session() for _ in range(3)]
        for turn in range(8):
            for i, session in enumerate(sessions):
                assert session.value(f"x = globals().get('x', {i * 100}) + 1\nx") == i * 100 + turn + 1
            core.execute("None")
            core.kill_guests()
        assert core.metric("shannon_zygote_starts_total") > 3
        for session in sessions:
            session.delete()
        assert core.session_files() == []


def test_a_session_may_use_more_processor_time_than_one_run_may(tmp_path):
    """Its process is kept, and with it the kernel's count of the time that it used."""
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_TIMEOUT_MS=1000, SHANNON_WASI_EXECUTION_TIMEOUT_MS=1000) as core:
        session = core.session()
        session.do("import time\nturns = 0")
        used, turns = 0, 0
        while used < 3500:
            answer = session.run("end = time.monotonic() + 0.6\nwhile time.monotonic() < end: pass\nturns += 1\nturns")
            turns += 1
            assert (answer["status"], answer["result"]) == ("ok", str(turns)), answer
            used += answer["usage"]["cpu_ms"]
