"""The limits of a run, and what its answer says when it meets one; and the value of its last expression."""
import ast
import concurrent.futures
import json
import threading
import time

import pytest

from agent_core_service import AgentCore, exists, result_of, state_of
from services import wait_for

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("limits")) as service, service.nothing_stays_behind():
        yield service


@pytest.fixture(params=["a run", "a session"])
def execute(request, core):
    """Runs a program, on its own or in a session."""
    if request.param == "a run":
        return core.execute
    session = core.session()
    session.do("None")
    return session.run


# ---- wall time ----

def test_at_its_time_limit_a_program_says_where_it_was(execute):
    answer = execute("def work(n):\n    while True:\n        n += 1\n\nprint('begun')\nwork(0)", timeout_ms=200)
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("timeout", 124, "begun\n")
    assert answer["error"]["type"] == "timeout"
    assert answer["error"]["message"].startswith("Execution timeout: the program was ended after 200 ms.")
    assert "timeout_ms" in answer["error"]["message"]
    traceback = answer["error"]["traceback"]
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert traceback.endswith("KeyboardInterrupt\n")
    assert "line 6, in <module>\n    work(0)\n" in traceback
    assert ", in work\n" in traceback
    assert answer["stderr"] == traceback
    assert 200 <= answer["usage"]["wall_ms"] < 400


@pytest.mark.parametrize("line", [
    "import time; time.sleep(60)", "import re; re.match('(a*)*b', 'a' * 60)", "10 ** 10 ** 9", "[i for i in iter(int, 1)]",
    "import select; select.select([], [], [], 60)", "class A:\n    def __repr__(self):\n        while True: pass\nA()",
    "import sqlite3; sqlite3.connect(':memory:').execute('with recursive t(a) as (select 1 union all select a + 1 from t) "
    "select count(*) from t')",
])
def test_whatever_it_does_it_ends_at_its_time_limit(core, line):
    answer = core.execute(f"print('begun')\n{line}", timeout_ms=200)
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("timeout", 124, "begun\n")
    assert 200 <= answer["usage"]["wall_ms"] < 2000


def test_a_program_may_tidy_up_at_its_time_limit(execute):
    answer = execute("n = 0\nopen('a', 'w').write('begun')\ntry:\n    while n >= 0: n += 1\nexcept KeyboardInterrupt:\n"
                     "    print('tidied up')\n    open('b', 'w').write('x')", timeout_ms=200)
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("timeout", 124, "tidied up\n")
    assert [file["path"] for file in answer["files"]] == ["a", "b"]


# Not `while True` within the try: CPython 3.11 itself does not catch an interrupt of such a loop there.
@pytest.mark.parametrize("code", [
    "n = 0\nwhile True:\n    try:\n        while n >= 0: n += 1\n    except KeyboardInterrupt:\n        print('caught')",
    "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        print('caught')",
    "n = 0\ntry:\n    while n >= 0: n += 1\nfinally:\n    print('caught')\n    while True: pass",
])
def test_one_that_goes_on_is_killed_200_ms_later(execute, code):
    answer = execute(code, timeout_ms=200)
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("timeout", 124, "caught\n")
    assert 400 <= answer["usage"]["wall_ms"] < 2000


def test_what_was_written_before_the_end_is_not_lost(core):
    answer = core.execute("import sys\nsys.stdout.write('out')\nsys.stderr.write('err')\nsum(iter(int, 1))", timeout_ms=200)
    assert (answer["status"], answer["stdout"]) == ("timeout", "out")
    assert answer["stderr"].startswith("err")


def test_the_time_in_the_queue_does_not_count(tmp_path):
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_CONCURRENT=1) as core, concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = core.begin("import time; time.sleep(0.6)")
        core.wait_executions("running", 1)
        waiting = pool.submit(core.execute, "1", timeout_ms=300)
        core.wait_executions("waiting", 1)
        assert result_of(running)["status"] == "ok"
        answer = waiting.result()
        assert answer["status"] == "ok"
        assert answer["usage"]["wall_ms"] < 300


# ---- processor time ----

def test_processor_time_has_a_limit_of_its_own(execute):
    answer = execute("print('begun')\nwhile True: pass", cpu_limit_ms=150)
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("timeout", 124, "begun\n")
    assert answer["error"]["message"].startswith("Execution timeout: the program was ended after 150 ms of processor time.")
    assert "cpu_limit_ms" in answer["error"]["message"]
    assert answer["error"]["traceback"].endswith("KeyboardInterrupt\n")
    assert 150 <= answer["usage"]["cpu_ms"] < 400


def test_time_asleep_is_no_processor_time(execute):
    answer = execute("import time\nfor _ in range(4): time.sleep(0.1)\n'slept'", cpu_limit_ms=100)
    assert (answer["status"], answer["result"]) == ("ok", "'slept'")
    assert answer["usage"]["wall_ms"] >= 400
    assert answer["usage"]["cpu_ms"] < 100


def test_each_run_of_a_session_has_the_whole_of_its_processor_time(core):
    session = core.session()
    for _ in range(3):
        session.do("import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass", cpu_limit_ms=180)


# ---- memory ----

def test_a_program_that_needs_more_memory_ends(execute):
    answer = execute("print('begun')\nx = bytearray(300 << 20)", memory_limit_bytes=64 * MEBIBYTE)
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("memory_limit", 137, "begun\n")
    assert answer["error"]["type"] == "memory_limit"
    assert answer["error"]["message"].startswith("Memory limit exceeded: the program needed more than 67108864 bytes.")
    assert "memory_limit_bytes" in answer["error"]["message"]
    assert "line 2, in <module>" in answer["error"]["traceback"]
    assert answer["error"]["traceback"].endswith("MemoryError\n")
    assert answer["usage"]["peak_memory_bytes"] <= 64 * MEBIBYTE


def test_a_program_that_catches_it_goes_on(execute):
    answer = execute("try:\n    x = bytearray(300 << 20)\nexcept MemoryError:\n    print('caught')\nx = bytearray(10 << 20)\nlen(x)",
                     memory_limit_bytes=64 * MEBIBYTE)
    assert (answer["status"], answer["exit_code"], answer["stdout"], answer["result"]) == ("ok", 0, "caught\n", str(10 << 20))


def test_within_its_limit_it_runs(core):
    for limit in (64, 128, 512):
        answer = core.execute(f"x = bytearray({limit - 32} << 20)", memory_limit_bytes=limit * MEBIBYTE)
        assert answer["status"] == "ok"
        assert (limit - 32) * MEBIBYTE < answer["usage"]["peak_memory_bytes"] <= limit * MEBIBYTE


def test_a_program_that_only_claims_it_has_not_met_the_limit(core):
    answer = core.execute("raise MemoryError('mine')")
    assert (answer["status"], answer["error"]["type"], answer["error"]["message"]) == ("python_error", "MemoryError", "mine")


# ---- depth ----

def test_recursion_without_end_is_an_exception(execute):
    answer = execute("def f(n):\n    return f(n + 1)\nf(0)")
    assert (answer["status"], answer["error"]["type"]) == ("python_error", "RecursionError")
    assert "[Previous line repeated" in answer["error"]["traceback"]
    assert len(answer["stderr"]) < 10000


@pytest.mark.parametrize("code", [
    "x = []\nfor _ in range(10 ** 5): x = [x]\ndel x", "import json; json.loads('[' * 10 ** 5)",
    "import sys\nsys.setrecursionlimit(20000)\ndef f(n): return f(n + 1)\nf(0)", "eval('-' * 10 ** 5 + '1')",
    "import sys\nsys.setrecursionlimit(10 ** 6)\nx = []\nfor _ in range(2 * 10 ** 4): x = [x]\nstr(x) and None",
])
def test_depth_of_other_kinds_ends_in_an_exception_or_well(core, code):
    answer = core.execute(code)
    assert answer["status"] in ("ok", "python_error", "stack_exhausted"), answer
    assert core.execute("1")["result"] == "1"


# ---- the value of the last expression ----

@pytest.mark.parametrize(("code", "result"), [
    ("6 * 7", "42"), ("x = 1", None), ("x = 1\nx", "1"), ("'ä\\n'", r"'ä\n'"), ("None", None), ("print(1)", None), ("1;", "1"), ("1; 2", "2"),
    ("1\n# the end\n", "1"), ("def f():\n    'text'", None), ("for i in range(3): i", None), ("if True:\n    5", None),
    ("(\n    1,\n    2,\n)", "(1, 2)"), ("[i * i for i in range(4)]", "[0, 1, 4, 9]"), ("...", "Ellipsis"), ("lambda: 1", "..."),
    ("class A:\n    def __repr__(self): return 'an A'\nA()", "an A"), ("'\\ud800'", r"'\ud800'"), ("import sys\nsys.exit(0)\n7", None),
])
def test_the_value_of_a_last_expression_is_the_result(core, code, result):
    answer = core.execute(code)
    assert answer["status"] == "ok", answer
    if result == "...":
        assert answer["result"].startswith("<function <lambda> at 0x")
    else:
        assert answer["result"] == result


def test_a_result_is_no_output(core):
    answer = core.execute("print('printed')\n'value'")
    assert (answer["stdout"], answer["result"]) == ("printed\n", "'value'")


def test_a_repr_that_fails_is_the_programs_failure(execute):
    answer = execute("class A:\n    def __repr__(self):\n        return 1 / 0\nA()")
    assert (answer["status"], answer["error"]["type"], answer["result"]) == ("python_error", "ZeroDivisionError", None)


def test_a_failure_has_no_result(execute):
    answer = execute("7\n1 / 0")
    assert (answer["status"], answer["result"]) == ("python_error", None)


def test_a_long_result_is_cut(core):
    answer = core.execute("'x' * 100000")
    assert answer["status"] == "ok"
    assert answer["result"] == "'" + "x" * 65535


# ---- how many, and who ends them ----

def test_no_more_wait_than_are_allowed_and_the_others_are_told_when_to_come_again(tmp_path):
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_CONCURRENT=2, SHANNON_AGENT_CORE_MAX_QUEUED=3) as core, \
            core.nothing_stays_behind(), concurrent.futures.ThreadPoolExecutor(20) as pool:
        blockers = [core.begin(X_Request_Id=f"blocker-{i}") for i in range(2)]
        core.wait_executions("running", 2)
        answers = [pool.submit(core.call, "POST", "/v1/execute", {"code": f"print({i})"}) for i in range(20)]
        core.wait_executions("waiting", 3)
        done, waiting = concurrent.futures.wait(answers, 20, concurrent.futures.FIRST_COMPLETED)
        while len(waiting) > 3:
            more, waiting = concurrent.futures.wait(waiting, 20, concurrent.futures.FIRST_COMPLETED)
            assert more
            done |= more
        for each in done:
            answer = each.result()
            assert (answer.status, answer.json["error"]["kind"], answer.headers["retry-after"]) == (429, "busy", "1")
            assert "agent_core.max_queued" in answer.json["error"]["message"]
        for i, blocker in enumerate(blockers):
            core.call("DELETE", f"/v1/executions/blocker-{i}")
            assert result_of(blocker)["status"] == "killed"
        for each in waiting:
            assert each.result().json["stdout"] == f"{answers.index(each)}\n"


PROGRAMS_THAT_DO_NOT_END = {
    "asleep": "import time; time.sleep(60)", "computing": "while True: pass",
    "deaf": "import time\nwhile True:\n    try: time.sleep(60)\n    except BaseException: pass",
    "writing": "while True: print('x' * 1000)", "with files": "open('/tmp/a', 'wb').write(bytes(20 << 20))\nwhile True: pass",
    "with memory": "x = b'x' * (100 << 20)\nwhile True: pass",
}


@pytest.mark.parametrize("code", PROGRAMS_THAT_DO_NOT_END.values(), ids=PROGRAMS_THAT_DO_NOT_END)
@pytest.mark.parametrize("how", ["DELETE", "client gone"])
def test_a_run_is_ended_at_once_and_leaves_nothing(core, how, code):
    """What it leaves is counted by the fixture, too."""
    before = set(core.guests())
    connection = core.begin(code, X_Request_Id="endless")
    core.wait_executions("running", 1)
    core.wait_process()
    began = time.monotonic()
    if how == "DELETE":
        assert core.call("DELETE", "/v1/executions/endless").status == 202
        answer = result_of(connection)
        assert (answer["status"], answer["exit_code"], answer["error"]["type"]) == ("killed", 137, "killed")
    else:
        connection.close()
    core.wait_executions("running", 0)
    wait_for(lambda: core.metric("shannon_guest_processes_dying") == 0, 20, "the end of its process")
    # It is killed, not asked: no time of grace.
    assert time.monotonic() - began < 5
    assert not [pid for pid in before if state_of(pid) == "Z"]
    assert core.execute("1")["status"] == "ok"


@pytest.mark.parametrize("stream", [False, True])
def test_all_runs_end_when_the_service_stops(tmp_path, stream):
    before = set(tmp_path.iterdir())
    core = AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_CONCURRENT=6)
    try:
        headers = {"Accept": "text/event-stream"} if stream else {}
        connections = [core.begin(code, **headers) for code in PROGRAMS_THAT_DO_NOT_END.values()]
        waiting = core.begin("1", **headers)
        core.wait_executions("running", 6)
        core.wait_executions("waiting", 1)
        children = list(core.children())
        began = time.monotonic()
        answers = []
        # Whoever reads its answer keeps the service no longer than that takes.
        readers = [threading.Thread(target=lambda each=each: answers.append(each.getresponse().read().decode()))
                   for each in (*connections, waiting)]
        for reader in readers:
            reader.start()
        core.stop()
        assert time.monotonic() - began < 10
        for reader in readers:
            reader.join(20)
        assert len(answers) == 7
        for answer in answers:
            last = answer.rstrip("\n").splitlines()[-1].removeprefix("data: ")
            assert json.loads(last)["status"] == "killed"
        wait_for(lambda: not any(map(exists, children)), 20, "the end of all processes")
        assert {path for path in tmp_path.iterdir() if path.name != "sessions"} == before
        assert core.session_files() == []
    finally:
        if core.process.poll() is None:
            core.kill()


# ---- folders of the machine ----

def test_folders_of_the_machine_are_read_only_in_every_way(tmp_path):
    granted = tmp_path / "granted"
    (granted / "folder").mkdir(parents=True)
    (granted / "file").write_text("content")
    (granted / "folder" / "file").write_text("below")
    code = f"""
import os
def refused(action):
    try:
        action()
    except OSError as error:
        return True
    return False
here = {str(granted)!r} + '/'
os.chmod(here + 'file', 0o777)  # WASI knows no modes, so this does nothing at all
[open(here + 'folder/file').read(), sorted(os.listdir(here)), *(refused(action) for action in (
    lambda: open(here + 'file', 'w'), lambda: open(here + 'file', 'a'), lambda: open(here + 'file', 'r+'), lambda: open(here + 'new', 'x'),
    lambda: os.mkdir(here + 'new'), lambda: os.remove(here + 'file'), lambda: os.rmdir(here + 'folder'),
    lambda: os.rename(here + 'file', here + 'new'), lambda: os.rename(here + 'file', '/tmp/file'), lambda: os.utime(here + 'file', (1, 1)),
    lambda: os.symlink('file', here + 'new'), lambda: os.link(here + 'file', here + 'new'), lambda: os.truncate(here + 'file', 0),
    lambda: open(here + '../outside').read(), lambda: os.listdir(here + '..')))]
"""
    (tmp_path / "outside").write_text("secret")
    before = {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in granted.rglob("*")}
    with AgentCore(tmp_path, SHANNON_WASI_ALLOWED_PATHS=f"[{granted}]") as core:
        answer = core.execute(code)
    assert answer["status"] == "ok", answer
    assert ast.literal_eval(answer["result"]) == ["below", ["file", "folder"], *[True] * 15]
    assert {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in granted.rglob("*")} == before
    assert (granted / "file").read_text() == "content"
