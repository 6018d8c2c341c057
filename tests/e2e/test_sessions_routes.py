"""/v1/sessions: listing, describing, copying and deleting sessions, what their ids may be, and how many there may be."""
import http.client
import json
import os
import re
import time
from urllib.parse import quote

import pytest

from agent_core_service import AgentCore, result_of
from services import wait_for

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("sessions")) as service, service.nothing_stays_behind():
        yield service


@pytest.fixture
def session(core):
    return core.session()


def open_call(core, method, path, body=None):
    """Sends a request and leaves its answer open. Returns the connection."""
    connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)
    connection.request(method, path, None if body is None else json.dumps(body))
    return connection


# ---- telling ----

def test_a_session_is_described(core, session):
    before = time.time()
    session.do("x = 1")
    assert session.state == "live"
    session.run("1 / 0")
    described = session.describe()
    times = [described.pop(name) for name in ("created_at", "last_used_at")]
    assert described.pop("size_bytes") > 1000
    assert described == {"session_id": session.id, "state": "suspended", "interpreter": "python-3.11.wasm",
                         "runs": 2}
    for text in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before)) <= times[0] <= times[1]


def test_the_answer_of_a_run_names_its_session(core, session):
    assert session.run("1")["session_id"] == session.id
    assert "session_id" not in core.execute("1")


def test_a_running_session_says_so(core, session):
    running = session.begin("import time; time.sleep(60)", X_Request_Id="described")
    core.wait_executions("running", 1)
    assert session.state == "running"
    core.call("DELETE", "/v1/executions/described")
    assert result_of(running)["status"] == "killed"


def test_sessions_are_listed_last_used_first(core):
    sessions = [core.session() for _ in range(3)]
    for each in (*sessions, sessions[0]):
        each.do("1")
    answer = core.call("GET", "/v1/sessions").json
    listed = [each["session_id"] for each in answer["sessions"]]
    assert answer["count"] == len(listed)
    assert listed[:3] == [sessions[0].id, sessions[2].id, sessions[1].id]
    assert answer["sessions"][0] == sessions[0].describe()


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/fork")])
def test_a_session_that_is_not_there_is_404(core, method, path):
    answer = core.session().call(method, path)
    assert (answer.status, answer.json["error"]) == (
        404, {"kind": "invalid_request", "message": "there is no such session", "field": "session_id"})


@pytest.mark.parametrize(("method", "path", "allowed"), [
    ("POST", "/v1/sessions", "GET, HEAD"),
    ("PUT", "/v1/sessions/a", "GET, HEAD, DELETE"),
    ("GET", "/v1/sessions/a/fork", "POST"),
])
def test_other_methods_are_refused(core, method, path, allowed):
    answer = core.call(method, path)
    assert (answer.status, set(answer.headers["allow"].split(", "))) == (405, set(allowed.split(", ")))


# ---- deleting ----

def test_a_deleted_session_is_gone_and_its_id_free(core, session):
    session.do("x = 1")
    answer = session.call("DELETE")
    assert (answer.status, answer.json) == (200, {"session_id": session.id, "deleted": True})
    assert not session.exists()
    assert session.id not in core.sessions()
    assert session.call("DELETE").status == 404
    assert session.run("x")["error"]["type"] == "NameError"


def test_deleting_ends_what_runs_and_what_waits(core, session):
    session.do("x = 1")
    running = session.begin("import time; time.sleep(60)")
    core.wait_executions("running", 1)
    waiting = [session.begin("x") for _ in range(2)]
    core.wait_executions("waiting", 2)
    copying = open_call(core, "POST", session.path + "/fork", {})
    session.delete()
    assert not session.exists()
    for connection in (running, *waiting):
        answer = result_of(connection)
        assert (answer["status"], answer["exit_code"]) == ("killed", 137)
    copied = copying.getresponse()
    assert (copied.status, json.loads(copied.read())["error"]["message"]) == (404, "there is no such session")
    copying.close()
    core.wait_executions("running", 0)


def test_a_session_can_be_made_anew_while_the_former_one_is_still_ending(core, session):
    for turn in range(5):
        session.do(f"x = {turn}")
        running = session.begin("import time; time.sleep(60)")
        core.wait_executions("running", 1)
        session.delete()

        def begun_anew():
            answer = core.call("POST", "/v1/execute", {"code": "'x' in globals()", "session_id": session.id})
            assert answer.status in (200, 429), answer.text  # "being deleted: try again"
            return answer.status == 200 and answer.json
        assert wait_for(begun_anew)["result"] == "False"
        assert result_of(running)["status"] == "killed"


# ---- copies ----

def test_a_copy_is_independent(core, session):
    session.do("import sqlite3, os\nx = [1]\ndb = sqlite3.connect(':memory:')\ndb.execute('create table t (a)')\n"
               "f = open('/workspace/a', 'w+')\nf.write('12345')\nf.flush()\nf.seek(2)\nos.chdir('/workspace')")
    copy = session.fork()
    look = "(x, db.execute('select * from t').fetchall(), f.tell(), f.read(), os.listdir('/workspace'), os.getcwd())"
    for turn, each in enumerate((session, copy)):
        assert each.value(look) == ([1], [], 2, "345", ["a"], "/workspace")
        each.do(f"x.append({turn})\ndb.execute('insert into t values ({turn})')\nf.seek(2 + {turn})\n"
                f"open('/workspace/{turn}', 'w').close()")
    assert session.value(look) == ([1, 0], [(0,)], 2, "345", ["a", "0"], "/workspace")
    assert copy.value(look) == ([1, 1], [(1,)], 3, "45", ["a", "1"], "/workspace")


def test_a_copy_stays_when_the_other_is_deleted(core):
    first, second = core.session(), core.session()
    first.do("x = 1")
    copy = first.fork()
    first.delete()
    assert copy.value("x") == 1
    second.do("x = 2")
    copy = second.fork()
    copy.delete()
    assert second.value("x") == 2


def test_copies_have_random_numbers_of_their_own(core, session):
    session.do("import random, os, uuid, secrets\nrandom.seed(1)\nrandom.random()")
    copies = [session.fork() for _ in range(3)]
    draw = "random.random(), str(uuid.uuid4()), os.urandom(8).hex(), secrets.token_hex(8)"
    values = [each.value(draw) for each in (session, *copies)]
    for column in zip(*values, strict=True):
        assert len(set(column)) == 4
    # The one that was copied goes on as if nothing had been.
    whole = core.execute("import random\nrandom.seed(1)\n[random.random() for _ in range(2)][1]")
    assert str(values[0][0]) == whole["result"]


def test_a_copy_of_a_copy(session):
    session.do("x = 1")
    first = session.fork()
    second = first.fork()
    assert first.value("x += 1\nx") == 2
    assert second.value("x += 10\nx") == 11
    assert session.value("x") == 1


def test_tracebacks_of_a_copy_show_the_lines_of_the_former_runs(session):
    session.do("def f():\n    return nothing")
    assert 'File "<run 1>", line 2, in f\n    return nothing\n' in session.fork().run("f()")["error"]["traceback"]


def test_a_copy_is_described(core, session):
    session.do("x = 1")
    name = session.id + ".copy"
    answer = session.call("POST", "/fork", {"session_id": name})
    assert answer.status == 201
    described = answer.json
    assert (described["session_id"], described["runs"]) == (name, 1)
    assert described["state"] in ("suspended", "saved")
    assert core.session(name).describe() == described


def test_a_copy_without_a_name_gets_one(session):
    session.do("x = 1")
    for body in (None, {}, b""):
        answer = session.call("POST", "/fork", body)
        assert answer.status == 201, answer.text
        assert re.fullmatch(r"[0-9a-f]{32}", answer.json["session_id"])


def test_a_copy_with_the_name_of_another_is_409(core, session):
    session.do("x = 1")
    other = core.session()
    other.do("x = 2")
    for name in (other.id, session.id):
        answer = session.call("POST", "/fork", {"session_id": name})
        assert (answer.status, answer.json["error"]["kind"], answer.json["error"]["field"]) == (
            409, "invalid_request", "session_id")
        assert answer.json["error"]["message"] == f'there is a session "{name}" already'
    assert other.value("x") == 2


@pytest.mark.parametrize(("body", "field"), [
    (b"{", "body"), (b"[]", "body"), ({"session_id": 1}, "session_id"), ({"session_id": ""}, "session_id"),
    ({"session_id": "a/b"}, "session_id"), ({"session_id": "x" * 129}, "session_id"), ({"other": 1}, "other"),
])
def test_a_wrong_body_makes_no_copy(core, session, body, field):
    session.do("x = 1")
    before = core.sessions()
    answer = session.call("POST", "/fork", body)
    assert (answer.status, answer.json["error"]["field"]) == (400, field)
    assert core.sessions() == before


def test_a_copy_waits_while_the_session_runs(core, session):
    session.do("x = 1")
    running = session.begin("import time\nx = 2\ntime.sleep(0.4)\nx = 3")
    core.wait_executions("running", 1)
    waiting = session.begin("x = 4")
    core.wait_executions("waiting", 1)
    copies = [open_call(core, "POST", session.path + "/fork", {}) for _ in range(2)]
    answers = [json.loads(connection.getresponse().read()) for connection in copies]
    assert result_of(running)["status"] == result_of(waiting)["status"] == "ok"
    # They are of the state after the run that was under way, not of that after the next one.
    assert [core.session(answer["session_id"]).value("x") for answer in answers] == [3, 3]
    assert session.value("x") == 4
    for connection in copies:
        connection.close()


def test_a_copy_that_waits_for_a_run_that_fails_is_of_the_state_before_it(core, session):
    session.do("x = 1")
    running = session.begin("import time\nx = 2\ntime.sleep(0.3)\n1 / 0")
    core.wait_executions("running", 1)
    assert session.fork().value("x") == 1
    assert result_of(running)["status"] == "python_error"


def test_a_client_that_goes_gets_no_copy(core, session):
    session.do("x = 1")
    running = session.begin("import time; time.sleep(60)", X_Request_Id="goes")
    core.wait_executions("running", 1)
    before = set(core.sessions())
    copying = open_call(core, "POST", session.path + "/fork", {})
    # Only that it was answered would show that it had come; a second one that stays is behind it in the same way.
    staying = open_call(core, "POST", session.path + "/fork", {"session_id": session.id + ".stays"})
    copying.close()
    core.call("DELETE", "/v1/executions/goes")
    assert staying.getresponse().status == 201
    staying.close()
    assert result_of(running)["status"] == "killed"
    assert len(set(core.sessions()) - before) <= 2
    assert session.id + ".stays" in core.sessions()


# ---- ids ----

GOOD_IDS = ["a", "A-Z_a.z:0-9", "0", "-", "_", ":", ".", "..", "...", "x" * 128, "CON", "a.session"]

BAD_IDS = ["", "x" * 129, "a/b", "/etc/passwd", "../a", "a b", "a\n", "\u00e4", "a\\b", "a%2fb", "~", "a,b", "a?b", "a#b", "$(id)"]


@pytest.mark.parametrize("name", GOOD_IDS)
def test_an_id_is_only_ever_a_name(core, name):
    session = core.session(name)
    assert session.value("x = 1\nx") == 1
    assert name in core.sessions()
    path = "/v1/sessions/" + quote(name, safe="").replace(".", "%2E")
    assert core.call("GET", path).json["session_id"] == name
    assert core.call("DELETE", path).status == 200
    assert name not in core.sessions()


@pytest.mark.parametrize("name", BAD_IDS)
def test_another_id_is_refused(core, name):
    before = core.sessions()
    answer = core.call("POST", "/v1/execute", {"code": "1", "session_id": name})
    assert (answer.status, answer.json["error"]["field"]) == (400, "session_id")
    assert "1 to 128 characters of A-Z, a-z, 0-9" in answer.json["error"]["message"]
    assert core.sessions() == before
    for method in ("GET", "DELETE"):
        path = "/v1/sessions/" + quote(name, safe="")
        assert core.call(method, path).status == 404


def test_ids_never_become_paths(tmp_path):
    folder = tmp_path / "deep" / "sessions"
    with AgentCore(tmp_path, SHANNON_SESSIONS_DIRECTORY=folder, SHANNON_SESSIONS_IDLE_MS=10) as core:
        for name in (".", "..", "...", "a.session", "lock", "x" * 128, "a:b"):
            session = core.session(name)
            session.do("x = 1")
            wait_for(lambda: core.call("GET", "/v1/sessions").json["sessions"][0]["state"] == "saved", 20, "saving")
        assert len([each for each in core.session_files() if each.endswith(".session")]) == 7
        assert os.listdir(tmp_path / "deep") == ["sessions"]
        assert (folder.stat().st_mode & 0o777) == 0o700
        for name in core.sessions():
            assert core.call("DELETE", "/v1/sessions/" + name.replace(".", "%2E")).status == 200
        assert core.session_files() == []
        assert os.listdir(tmp_path / "deep") == ["sessions"]


# ---- how many ----

def test_more_sessions_than_there_may_be_are_refused(tmp_path):
    with AgentCore(tmp_path, SHANNON_SESSIONS_MAX_COUNT=2) as core:
        first, second = core.session("first"), core.session("second")
        first.do("x = 1")
        second.do("x = 2")
        for answer in (core.call("POST", "/v1/execute", {"code": "1", "session_id": "third"}),
                       first.call("POST", "/fork", {"session_id": "third"})):
            assert (answer.status, answer.json["error"]["kind"]) == (429, "busy")
            assert answer.json["error"]["message"] == (
                "there are 2 sessions, which is the most: delete one, or raise sessions.max_count")
        assert core.execute("1")["status"] == "ok"
        assert first.value("x") == 1
        second.delete()
        assert core.session("third").value("3") == 3
        # One whose first run fails takes no place.
        core.session("third").delete()
        for _ in range(3):
            assert core.session("fails").run("1 / 0")["status"] == "python_error"
        assert core.session("third").value("3") == 3


def test_without_sessions_there_are_none(tmp_path):
    with AgentCore(tmp_path, SHANNON_SESSIONS_MAX_COUNT=0) as core:
        answer = core.call("POST", "/v1/execute", {"code": "1", "session_id": "a"})
        assert (answer.status, answer.json["error"]["kind"]) == (429, "busy")
        assert "sessions.max_count" in answer.json["error"]["message"]
        assert core.execute("1")["status"] == "ok"


def test_of_more_sessions_than_may_live_the_least_recently_used_have_no_process(tmp_path):
    with AgentCore(tmp_path, SHANNON_SESSIONS_MAX_LIVE=2) as core:
        sessions = [core.session(f"s{i}") for i in range(5)]
        for turn in range(3):
            for i, session in enumerate(sessions):
                assert session.value(f"x = globals().get('x', {i * 10}) + 1\nx") == i * 10 + turn + 1
                assert core.metric("shannon_sessions_live") <= 2
        states = {each["session_id"]: each["state"] for each in core.call("GET", "/v1/sessions").json["sessions"]}
        assert states == {"s0": "suspended", "s1": "suspended", "s2": "suspended", "s3": "live", "s4": "live"}
        assert len(core.guests()) == 2 + core.metric("shannon_spare_processes")


def test_a_session_that_holds_too_much_is_as_it_was_before(tmp_path):
    with AgentCore(tmp_path, SHANNON_SESSIONS_MAX_BYTES=4 * MEBIBYTE) as core:
        session = core.session()
        session.do("import os\nx = os.urandom(2 << 20)")
        answer = session.run("print('printed')\nx += os.urandom(3 << 20)")
        assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("memory_limit", 137, "printed\n")
        assert "sessions.max_bytes" in answer["error"]["message"]
        assert "It is as it was before the run" in answer["error"]["message"]
        assert session.value("len(x)") == 2 << 20
        answer = session.run("open('/workspace/big', 'wb').write(os.urandom(5 << 20))")
        assert answer["status"] == "memory_limit"
        assert session.value("x = 1\nos.listdir('/workspace')") == []
        session.do("y = os.urandom(3 << 20)")


@pytest.mark.parametrize("fill", ["x = bytearray(60 << 20)", "open('/workspace/x', 'wb').write(bytes(48 << 20))"])
def test_each_run_in_a_session_has_its_own_memory_limit(core, session, fill):
    session.do(fill)
    session.do("1")
    for _ in ("in its process", "in another one"):
        answer = session.run("print('ran')", memory_limit_bytes=64 * MEBIBYTE)
        assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("memory_limit", 137, ""), answer
        assert re.fullmatch(r"Memory limit exceeded: the session holds \d+ bytes and the limit is 67108864\. Raise "
                            r"wasi\.memory_limit_bytes \(memory_limit_bytes in a request\)", answer["error"]["message"])
        session.do("1", memory_limit_bytes=128 * MEBIBYTE)
        core.kill_guests()
    answer = session.run("y = bytearray(60 << 20)", memory_limit_bytes=100 * MEBIBYTE)
    assert answer["status"] == "memory_limit"
    assert session.value("y = bytearray(60 << 20)\nlen(y)", memory_limit_bytes=256 * MEBIBYTE) == 60 << 20


def test_a_session_that_is_not_used_is_deleted(tmp_path):
    with AgentCore(tmp_path, SHANNON_SESSIONS_MAX_AGE_MS=1000, SHANNON_SESSIONS_IDLE_MS=50) as core:
        session, used = core.session(), core.session()
        session.do("x = 1")
        used.do("x = 1")
        session.wait_state("saved")

        def is_gone():
            assert used.value("x") == 1
            return not session.exists()
        wait_for(is_gone, 20, "the end of the session")
        assert core.sessions() == [used.id]
        assert len([each for each in core.session_files() if each.endswith(".session")]) <= 1
        assert session.run("x")["error"]["type"] == "NameError"
        assert core.events("a session was not used for long and is deleted")[0]["session_id"] == session.id
