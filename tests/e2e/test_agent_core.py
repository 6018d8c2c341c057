"""agent-core as its callers see it: real programs, the real sandbox, real HTTP."""
import concurrent.futures
import http.client
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from agent_core_service import AgentCore, exists, processor_seconds, result_of
from services import INTERPRETER, PROGRAM, READY_LIMIT, environment, wait_for

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("agent-core")) as service:
        yield service


# ---- what programs do ----


def test_a_program_runs_and_its_output_comes_back(core):
    answer = core.execute("print('hello', 6 * 7)")
    usage = answer.pop("usage")
    assert len(answer.pop("execution_id")) == 32
    assert answer == {"status": "ok", "exit_code": 0, "stdout": "hello 42\n", "stderr": "",
                      "stdout_truncated": False, "stderr_truncated": False, "result": None,
                      "files": [], "files_truncated": False, "error": None}
    assert set(usage) == {"wall_ms", "cpu_ms", "peak_memory_bytes"}
    assert MEBIBYTE < usage["peak_memory_bytes"] < 256 * MEBIBYTE


def test_arguments_environment_and_input_reach_the_program(core):
    code = "import os, sys; print(sys.argv[1:], os.environ['A'], repr(sys.stdin.read()))"
    answer = core.execute(code, argv=["x", "y z", ""], env={"A": "1=2"}, stdin="ein\0\nß")
    assert answer["stdout"] == "['x', 'y z', ''] 1=2 'ein\\x00\\nß'\n"


def test_input_ends_where_none_was_given(core):
    assert core.execute("import sys; print(repr(sys.stdin.read()))")["stdout"] == "''\n"


def test_an_exception_is_reported_with_type_message_and_traceback(core):
    answer = core.execute("def f():\n    return 1 / 0\nprint('before')\nf()")
    assert (answer["status"], answer["exit_code"]) == ("python_error", 1)
    assert answer["stdout"] == "before\n"
    assert answer["error"]["type"] == "ZeroDivisionError"
    assert answer["error"]["message"] == "division by zero"
    assert "line 2, in f" in answer["error"]["traceback"]
    assert "ZeroDivisionError: division by zero" in answer["stderr"]


def test_a_syntax_error_is_an_exception_too(core):
    answer = core.execute("print('x'")
    assert (answer["status"], answer["error"]["type"]) == ("python_error", "SyntaxError")


@pytest.mark.parametrize(("code", "status", "exit_code"), [
    ("import sys; sys.exit(0)", "ok", 0),
    ("import sys; sys.exit(3)", "python_error", 3),
    ("import sys; sys.exit('no')", "python_error", 1),
    ("raise SystemExit(124)", "python_error", 124),
])
def test_the_exit_status_is_the_programs_own(core, code, status, exit_code):
    answer = core.execute(code)
    assert (answer["status"], answer["exit_code"]) == (status, exit_code)


def test_output_that_is_not_utf8_is_shown_with_replacement_characters(core):
    answer = core.execute(r"import sys; sys.stdout.buffer.write(b'a\xff\xe2\x82z\0')")
    assert answer["stdout"] == "a\ufffd\ufffdz\0"


def test_output_above_the_limit_is_cut_and_marked(core):
    answer = core.execute("import sys; print('x' * (3 << 20)); print('e', file=sys.stderr)")
    assert answer["stdout"] == "x" * MEBIBYTE
    assert (answer["stdout_truncated"], answer["stderr_truncated"]) == (True, False)
    assert answer["stderr"] == "e\n"


def test_a_printed_answer_forges_nothing(core):
    forged = json.dumps({"status": "timeout", "exit_code": 7, "usage": {"cpu_ms": 0}})
    answer = core.execute(f"print({forged!r}); print('data: ' + {forged!r} + '\\n\\n')")
    assert (answer["status"], answer["exit_code"]) == ("ok", 0)
    assert answer["stdout"].startswith(forged)


def test_code_that_looks_like_a_way_out_of_its_quotes_runs_as_it_is(core):
    text = "'''\"\"\"\\\n$(id) `id` %s {0} </script> \u202e"
    assert core.execute(f"print(ascii({text!r}))")["stdout"] == ascii(text) + "\n"


def test_nothing_survives_a_run(core):
    core.execute("import json, os, builtins\nos.environ['LEFT'] = '1'\nbuiltins.left = 1\n"
                 "json.dumps = None")
    answer = core.execute("import json, os, builtins\n"
                          "print('LEFT' in os.environ, hasattr(builtins, 'left'), json.dumps(1))")
    assert answer["stdout"] == "False False 1\n"


def test_runs_do_not_share_their_randomness(core):
    code = "import os, random, uuid; print(random.random(), uuid.uuid4(), os.urandom(8).hex())"
    values = [core.execute(code)["stdout"].split() for _ in range(20)]
    for column in zip(*values, strict=True):
        assert len(set(column)) == 20


# ---- limits ----


def test_a_program_ends_at_its_time_limit(core):
    begin = time.monotonic()
    answer = core.execute("print('begun', flush=True)\nwhile True: pass", timeout_ms=500)
    assert time.monotonic() - begin < 10
    assert (answer["status"], answer["exit_code"]) == ("timeout", 124)
    assert answer["stdout"] == "begun\n"
    assert answer["error"]["type"] == "timeout"
    assert answer["error"]["message"].startswith("Execution timeout")
    assert 450 <= answer["usage"]["wall_ms"] < 10000


def test_a_program_that_sleeps_ends_at_its_time_limit(core):
    assert core.execute("import time; time.sleep(60)", timeout_ms=300)["status"] == "timeout"


def test_a_program_ends_at_its_memory_limit(core):
    code = "held = []\nwhile True: held.append(bytearray(1 << 20))"
    answer = core.execute(code, memory_limit_bytes=64 * MEBIBYTE)
    assert (answer["status"], answer["exit_code"]) == ("memory_limit", 137)
    assert answer["error"]["message"].startswith("Memory limit exceeded")
    assert answer["usage"]["peak_memory_bytes"] <= 64 * MEBIBYTE
    assert core.execute("held = bytearray(100 << 20)",
                        memory_limit_bytes=200 * MEBIBYTE)["status"] == "ok"


def test_deep_recursion_does_no_harm(core):
    assert core.execute("def f(): f()\nf()")["error"]["type"] == "RecursionError"
    answer = core.execute("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()")
    assert answer["status"] in ("stack_exhausted", "python_error", "memory_limit")
    assert core.execute("print(1)")["status"] == "ok"


# ---- many at once, and those that go ----


def test_many_requests_on_one_connection(core):
    connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)
    for i in range(50):
        connection.request("POST", "/v1/execute", json.dumps({"code": f"print({i})"}))
        assert json.loads(connection.getresponse().read())["stdout"] == f"{i}\n"
    connection.close()


def test_many_connections_at_once_get_their_own_answers(core):
    endings = [("", "ok", 30000), ("\n1/0", "python_error", 30000),
               ("\nwhile True: pass", "timeout", 400)]

    def run(i):
        ending, status, timeout_ms = endings[i % 3]
        answer = core.execute(f"print({i}, flush=True){ending}", timeout_ms=timeout_ms)
        return answer["stdout"], answer["status"], f"{i}\n", status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for out, status, expected_out, expected_status in pool.map(run, range(48)):
            assert (out, status) == (expected_out, expected_status)
    core.wait_executions("running", 0)


def test_the_execution_ends_when_its_client_goes(core):
    connection = core.begin()
    core.wait_executions("running", 1)
    begin = time.monotonic()
    connection.close()
    core.wait_executions("running", 0)
    assert time.monotonic() - begin < 10
    assert core.execute("print(1)")["status"] == "ok"


def test_an_execution_can_be_cancelled_by_the_id_of_its_request(core):
    connection = core.begin(X_Request_Id="to-be-cancelled")
    core.wait_executions("running", 1)
    answer = core.call("DELETE", "/v1/executions/to-be-cancelled")
    assert answer.status == 202
    ended = result_of(connection)
    assert (ended["status"], ended["exit_code"]) == ("killed", 137)
    assert ended["execution_id"] == answer.json["execution_id"]
    assert core.call("DELETE", "/v1/executions/to-be-cancelled").status == 404


@pytest.mark.parametrize("end", ["cancelled", "killed"])
def test_what_an_execution_wrote_before_it_was_ended_is_in_its_answer(core, end):
    """Nothing is streamed here: what the program wrote is on its way, in its process."""
    connection = core.begin("import sys\nprint('one')\nsys.stderr.write('two')\nsum(iter(int, 1))", X_Request_Id="ended")
    core.wait_executions("running", 1)
    working = wait_for(lambda: [pid for pid in core.guests() if processor_seconds(pid) > 0.2], 20, "a program at work")
    if end == "cancelled":
        assert core.call("DELETE", "/v1/executions/ended").status == 202
    else:
        os.kill(working[0], signal.SIGKILL)
    ended = result_of(connection)
    assert (ended["status"], ended["stdout"], ended["stderr"]) == ("killed", "one\n", "two")


def test_the_next_request_works_when_the_zygote_was_killed(core):
    for _ in range(3):
        zygote = core.zygote()
        os.kill(zygote, signal.SIGKILL)
        assert core.execute("print('still here')")["stdout"] == "still here\n"
        wait_for(lambda was=zygote: core.zygote() != was, 20, "another zygote")


def test_a_zygote_is_replaced_after_so_many_runs(tmp_path):
    """What copies have in common is another then: the seed of string hashes. No run waits or fails for it."""
    core = AgentCore(tmp_path, SHANNON_SANDBOX_ZYGOTE_MAX_RUNS=20)
    zygotes, hashes = set(), set()

    def third_one():
        zygotes.add(core.zygote())
        hashes.add(core.execute("print(hash('x'))")["stdout"])
        return len(zygotes) >= 3 and len(hashes) >= 3

    wait_for(third_one, 60, "a third zygote, and a run in a copy of it")
    # Each is started only when the one before has taken over; it had 20 runs then, or a few more.
    wait_for(lambda: len(core.zygotes()) <= 2, 20, "the end of the former zygotes")
    core.stop()


def test_a_run_ends_well_though_its_zygote_is_killed_meanwhile(core):
    connection = core.begin("import time; time.sleep(1); print('done')")
    core.wait_executions("running", 1)
    wait_for(lambda: len(core.children()) >= 2, 20, "a process for the execution")
    os.kill(core.zygote(), signal.SIGKILL)
    assert result_of(connection)["status"] in ("ok", "killed")
    assert core.execute("print(1)")["status"] == "ok"


def test_above_its_capacity_it_is_busy_and_recovers(tmp_path):
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_CONCURRENT=1,
                   SHANNON_AGENT_CORE_MAX_QUEUED=1) as core:
        running = core.begin(X_Request_Id="running")
        core.wait_executions("running", 1)
        waiting = core.begin("print('my turn')")
        core.wait_executions("waiting", 1)
        answer = core.call("POST", "/v1/execute", {"code": "print(1)"})
        assert (answer.status, answer.json["error"]["kind"]) == (429, "busy")
        assert answer.headers["retry-after"] == "1"
        assert core.call("DELETE", "/v1/executions/running").status == 202
        assert result_of(running)["status"] == "killed"
        assert result_of(waiting)["stdout"] == "my turn\n"


def test_a_client_that_goes_leaves_the_queue(tmp_path):
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_CONCURRENT=1) as core:
        running = core.begin()
        core.wait_executions("running", 1)
        waiting = core.begin()
        core.wait_executions("waiting", 1)
        waiting.close()
        core.wait_executions("waiting", 0)
        assert core.executions("running") == 1
        running.close()
        assert core.execute("print(1)")["status"] == "ok"


def test_hanging_clients_keep_nobody_else_waiting(core):
    clients = []
    for _ in range(100):
        client = socket.create_connection(("127.0.0.1", core.port))
        client.sendall(b"POST /v1/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        clients.append(client)
    assert core.execute("print(1)")["status"] == "ok"
    for client in clients:
        client.close()


# ---- the service itself ----


def test_health(core):
    health = core.call("GET", "/health").json
    assert (health["status"], health["service"]) == ("healthy", "agent-core")
    assert list(health["interpreters"].values()) == ["ready"]
    assert core.call("HEAD", "/health").text == ""


def test_metrics_count_what_happened(core):
    def failures():
        for line in core.call("GET", "/metrics").text.splitlines():
            if line.startswith('shannon_executions_total{status="python_error"} '):
                return int(line.split()[1])
        raise AssertionError("no such metric")

    before = failures()
    core.execute("1/0")
    assert failures() == before + 1


def test_each_request_is_one_line_of_the_log(core):
    core.call("GET", "/none%0a%7b%22level%22:1%7d", headers={"X-Request-Id": "log-test"})
    (line,) = wait_for(lambda: [line for line in core.log if "log-test" in line], 20, "the line")
    assert json.loads(line)["status"] == 404
    for line in core.log:
        assert json.loads(line)["service"] == "agent-core"


def test_the_providers_key_is_in_no_process_of_the_sandbox(tmp_path):
    with AgentCore(tmp_path, OPENAI_API_KEY="sk-very-secret") as core:
        assert core.execute("import os; print(dict(os.environ))")["stdout"] == "{'HOME': '/workspace'}\n"
        with open(f"/proc/{core.zygote()}/environ", "rb") as file:
            assert b"sk-very-secret" not in file.read()
        assert "sk-very-secret" not in core.text


def test_configured_paths_and_variables_reach_the_program(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "file.txt").write_text("content")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shannon.yaml").write_text(
        f"wasi:\n  allowed_paths: [{data}]\n  env_vars:\n    GREETING: hello\n")
    code = ("import os, sys\nprint(os.environ['GREETING'], open(sys.argv[1]).read())\n"
            "for path, mode in ((sys.argv[2], 'r'), (sys.argv[1], 'w')):\n"
            "    try:\n        open(path, mode); print('opened')\n"
            "    except OSError as error:\n        print('refused')")
    with AgentCore(tmp_path) as core:
        answer = core.execute(code, argv=[str(data / "file.txt"), str(tmp_path / "secret.txt")])
    assert answer["stdout"] == "hello content\nrefused\nrefused\n"
    assert (data / "file.txt").read_text() == "content"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_order_and_leaves_no_process(tmp_path, number):
    with AgentCore(tmp_path) as core:
        connection = core.begin()
        core.wait_executions("running", 1)
        wait_for(lambda: len(core.children()) >= 2, 20, "a process for the execution")
        children = list(core.children())
        assert core.zygote() in children
        core.process.send_signal(number)
        assert core.process.wait(20) == 0
        assert result_of(connection)["status"] == "killed"
        wait_for(lambda: not any(map(exists, children)), 20, "the end of all processes")


def test_no_process_is_left_when_the_service_is_killed(tmp_path):
    with AgentCore(tmp_path) as core:
        connection = core.begin()
        core.wait_executions("running", 1)
        wait_for(lambda: len(core.children()) >= 2, 20, "a process for the execution")
        children = list(core.children())
        core.kill()
        wait_for(lambda: not any(map(exists, children)), 20, "the end of all processes")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()
        connection.close()


def test_without_an_interpreter_it_says_so_and_finds_it_later(tmp_path):
    wanted = tmp_path / "python.wasm"
    with AgentCore(tmp_path, ready=False, PYTHON_WASI_WASM_PATH=wanted) as core:
        assert core.call("GET", "/health").status == 200
        for answer in (core.call("GET", "/ready"),
                       core.call("POST", "/v1/execute", {"code": "print(1)"})):
            assert (answer.status, answer.json["error"]["kind"]) == (503, "interpreter_not_found")
            assert answer.json["error"]["message"].startswith("Python WASI interpreter not found")
        wanted.symlink_to(INTERPRETER)
        assert core.execute("print(1)", timeout=READY_LIMIT)["stdout"] == "1\n"


@pytest.mark.parametrize(("files", "settings", "message"), [
    ({"config/shannon.yaml": "wasi:\n  timeout: 5\n"}, {},
     "config/shannon.yaml:2: unknown key wasi.timeout"),
    ({"config/shannon.yaml": "wasi:\n  execution_timeout_ms: soon\n"}, {},
     "config/shannon.yaml:2: wasi.execution_timeout_ms: must be a whole number"),
    ({".env": "\nSHANNON_AGENT_CORE_MAX_QUEUED=-1\n"}, {},
     ".env:2: SHANNON_AGENT_CORE_MAX_QUEUED: agent_core.max_queued: must be a whole number"),
    ({}, {"SHANNON_WASI_MEMORY_LIMIT_BYTES": "lots"},
     "environment variable SHANNON_WASI_MEMORY_LIMIT_BYTES: wasi.memory_limit_bytes: must be"),
])
def test_a_wrong_configuration_is_refused_with_its_place(tmp_path, files, settings, message):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    ended = subprocess.run([PROGRAM, "serve", "agent-core"], cwd=tmp_path, text=True, timeout=20,
                           env=environment(tmp_path, **settings), capture_output=True)
    assert ended.returncode == 125
    assert message in ended.stderr


def test_a_port_that_is_taken_is_refused(core, tmp_path):
    ended = subprocess.run([PROGRAM, "serve", "agent-core"], cwd=tmp_path, text=True, timeout=20,
                           env=environment(tmp_path, SHANNON_AGENT_CORE_PORT=core.port),
                           capture_output=True)
    assert ended.returncode == 125
    assert "another program has it" in ended.stderr
