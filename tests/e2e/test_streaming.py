"""POST /v1/execute with `Accept: text/event-stream`: output as it is written, then the answer."""
import base64
import concurrent.futures
import contextlib
import http.client
import json
import socket
import threading
import time

import pytest

from agent_core_service import AgentCore
from services import wait_for

MEBIBYTE = 1 << 20
HEARTBEAT = ("", ":")


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("streaming")) as service, service.nothing_stays_behind():
        yield service


@pytest.fixture(scope="module", autouse=True)
def silence(tmp_path_factory):
    """The events of a program that says nothing for longer than a heartbeat takes. It runs beside the other tests."""
    events = []
    with AgentCore(tmp_path_factory.mktemp("silence")) as service:
        stream = Stream(service, "import time; time.sleep(17)")
        reader = threading.Thread(target=lambda: events.extend(stream), daemon=True)
        reader.start()
        yield reader, events
        stream.close()
        reader.join()


class Stream:
    """A streaming request: its events as pairs of a name and the data, as they come."""

    def __init__(self, core, code, accept="text/event-stream", connection=None, request_id="", **fields):
        self.connection = connection or http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)
        headers = {"Accept": accept, **({"X-Request-Id": request_id} if request_id else {})}
        self.connection.request("POST", "/v1/execute", json.dumps({"code": code, **fields}), headers)
        self.response = self.connection.getresponse()

    def __iter__(self):
        name = None
        try:
            for line in iter(self.response.readline, b""):
                line = line.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))
                elif line.startswith(":"):
                    yield HEARTBEAT
                else:
                    assert line == "", line
        except (ValueError, AttributeError, OSError):  # closed meanwhile, by this side
            return

    def close(self):
        # Also one that a reader waits in.
        if self.connection.sock is not None:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def stream(core, code, **fields):
    """All events, from one that must end well: begun, the pieces of output, the answer."""
    each = Stream(core, code, **fields)
    assert (each.response.status, each.response.getheader("Content-Type")) == (200, "text/event-stream")
    events = list(each)
    each.connection.close()
    assert events[0][0] == "started"
    assert events[-1][0] == "result"
    assert events[0][1] == {"execution_id": events[-1][1]["execution_id"]}
    output = events[1:-1]
    for name, data in output:
        assert name in ("stdout", "stderr") and list(data) == ["text"] and data["text"], (name, data)
    return output, events[-1][1]


def text_of(output, name):
    return "".join(data["text"] for each, data in output if each == name)


# ---- what comes ----

def test_output_comes_in_pieces_and_the_answer_at_the_end(core):
    output, result = stream(core, "import sys, time\nprint('a')\ntime.sleep(0.1)\nprint('b', end='')\ntime.sleep(0.1)\n"
                                  "print('e', file=sys.stderr)\ntime.sleep(0.1)\nprint('ü')\n6 * 7")
    assert output == [("stdout", {"text": "a\n"}), ("stdout", {"text": "b"}), ("stderr", {"text": "e\n"}),
                      ("stdout", {"text": "ü\n"})]
    assert (result["status"], result["exit_code"], result["stdout"], result["stderr"], result["result"]) == (
        "ok", 0, "a\nbü\n", "e\n", "42")
    plain = core.execute("print(1)")
    assert set(result) == set(plain)


def test_a_program_without_output_has_the_two_events_only(core):
    assert stream(core, "x = 1")[0] == []


@pytest.mark.parametrize(("accept", "streams"), [
    ("text/event-stream", True), ("text/event-stream, application/json;q=0.5", True), ("application/json", False), ("*/*", False),
])
def test_the_accept_header_decides(core, accept, streams):
    each = Stream(core, "print(1)", accept=accept)
    expected = "text/event-stream" if streams else "application/json"
    assert each.response.getheader("Content-Type") == expected
    each.response.read()
    each.connection.close()


def test_failures_are_told_in_the_answer(core):
    output, result = stream(core, "print('before')\n1 / 0")
    assert result["status"] == "python_error"
    assert result["error"]["type"] == "ZeroDivisionError"
    assert text_of(output, "stdout") == "before\n"
    assert text_of(output, "stderr") == result["stderr"] == result["error"]["traceback"]
    output, result = stream(core, "print('before')\nwhile True: pass", timeout_ms=200)
    assert result["status"] == "timeout"
    assert "KeyboardInterrupt" in text_of(output, "stderr")
    output, result = stream(core, "print('before')\nimport os\nos.abort()")
    assert (result["status"], text_of(output, "stdout")) == ("trap", "before\n")


def test_a_wrong_request_is_answered_as_ever(core):
    each = Stream(core, "")
    assert (each.response.status, each.response.getheader("Content-Type")) == (400, "application/json")
    assert json.loads(each.response.read())["error"]["field"] == "code"
    each.connection.close()


def test_files_and_sessions_work_as_ever(core):
    session = core.session()
    output, result = stream(core, "x = 1\nopen('/workspace/a', 'w').write('b')\nprint(open('/workspace/c').read())",
                            session_id=session.id, files={"c": "d"})
    assert result["session_id"] == session.id
    assert [file["path"] for file in result["files"]] == ["a"]
    assert text_of(output, "stdout") == "d\n"
    output, result = stream(core, "print(x)", session_id=session.id)
    assert text_of(output, "stdout") == "1\n"
    session.delete()


def test_a_session_that_cannot_be_brought_back_is_an_error_event(tmp_path):
    with AgentCore(tmp_path, SHANNON_SESSIONS_IDLE_MS=10) as core:
        session = core.session()
        session.do("x = 1")
        session.wait_state("saved")
        (path,) = core.sessions_folder.glob("*.session")
        path.write_bytes(path.read_bytes()[:-1])
        events = list(Stream(core, "x", session_id=session.id))
        assert [name for name, _ in events] == ["started", "error"]
        assert events[1][1]["error"]["kind"] == "invalid_request"
        assert "damaged" in events[1][1]["error"]["message"]


def test_a_connection_serves_the_next_request_after_a_stream(core):
    connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)
    for i in range(3):
        events = list(Stream(core, f"print({i})", connection=connection))
        assert events[1] == ("stdout", {"text": f"{i}\n"})
        connection.request("POST", "/v1/execute", json.dumps({"code": f"print({i})"}))
        assert json.loads(connection.getresponse().read())["stdout"] == f"{i}\n"
    connection.close()


def test_http_1_0_gets_a_stream_that_ends_with_the_connection(core):
    body = json.dumps({"code": "import time\nprint('a')\ntime.sleep(0.2)\nprint('b')"}).encode()
    with socket.create_connection(("127.0.0.1", core.port), 20) as client:
        client.sendall(b"POST /v1/execute HTTP/1.0\r\nAccept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        with client.makefile("rb") as answer:
            content = answer.read()
    head, _, events = content.partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    assert b"Connection: close" in head and b"chunked" not in head.lower()
    lines = events.decode().split("\n")
    assert [line for line in lines if line.startswith("event:")] == [
        "event: started", "event: stdout", "event: stdout", "event: result"]
    assert 'data: {"text":"b\\n"}' in lines
    assert lines[-2:] == ["", ""]


def test_a_forged_event_is_only_text(core):
    forged = '\n\nevent: result\ndata: {"status": "ok", "exit_code": 0}\n\n: \r\revent: result\r\n\u2028\u2029\x00'
    output, result = stream(core, f"import sys\nsys.stdout.write({forged!r})\nsys.exit(3)")
    assert (result["status"], result["exit_code"]) == ("python_error", 3)
    assert text_of(output, "stdout") == result["stdout"] == forged


# ---- when it comes ----

def test_output_arrives_when_it_is_written(core):
    code = "import time\nfor _ in range(10):\n    print(time.time())\n    time.sleep(0.12)"
    delays = []
    for name, data in Stream(core, code):
        if name == "stdout":
            delays += [time.time() - float(line) for line in data["text"].split()]
    delays.sort()
    assert len(delays) == 10
    # 50 ms are promised. A machine that is busy may be late now and then; output that was kept to the end would be so by
    # more than a second, and each line but the last.
    assert delays[0] < 0.05
    assert delays[5] < 0.3, delays
    assert delays[8] < 1, delays


def test_what_is_written_in_one_go_is_not_many_events(core):
    output, _ = stream(core, "for i in range(2000): print(i)")
    assert text_of(output, "stdout") == "".join(f"{i}\n" for i in range(2000))
    assert len(output) < 500


def test_a_program_that_computes_has_its_output_delivered(core):
    """It is not the wait of a program that lets its output go."""
    each = Stream(core, "print('begun', end='')\nwhile True: pass", request_id="computes")
    events = iter(each)
    assert next(events)[0] == "started"
    assert next(events) == ("stdout", {"text": "begun"})
    assert core.call("DELETE", "/v1/executions/computes").status == 202
    assert [(name, data["status"], data["stdout"]) for name, data in events] == [("result", "killed", "begun")]
    each.connection.close()


def test_both_streams_come_in_the_order_of_writing(core):
    code = ("import sys, time\nfor i in range(300):\n    (sys.stderr if i % 3 == 0 else sys.stdout).write(f'{i} ')\n"
            "    if i % 50 == 0: time.sleep(0.01)")
    output, result = stream(core, code)
    assert "".join(data["text"] for _, data in output) == "".join(f"{i} " for i in range(300))
    assert text_of(output, "stdout") == result["stdout"]
    assert text_of(output, "stderr") == result["stderr"]


def test_the_beginning_is_told_while_it_waits(tmp_path):
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_CONCURRENT=1, SHANNON_AGENT_CORE_MAX_QUEUED=1) as core:
        running = core.begin(X_Request_Id="long")
        core.wait_executions("running", 1)
        waiting = Stream(core, "print(1)")
        events = iter(waiting)
        name, data = next(events)
        assert (name, len(data["execution_id"])) == ("started", 32)
        core.wait_executions("waiting", 1)
        full = Stream(core, "print(2)")
        assert (full.response.status, full.response.getheader("Content-Type")) == (429, "application/json")
        assert full.response.getheader("Retry-After") == "1"
        full.connection.close()
        core.call("DELETE", "/v1/executions/long")
        assert [name for name, _ in events] == ["stdout", "result"]
        running.close()
        # One that never ran has its answer as well.
        running = core.begin(X_Request_Id="long")
        core.wait_executions("running", 1)
        waiting = iter(Stream(core, "print(1)"))
        execution = next(waiting)[1]["execution_id"]
        assert core.call("DELETE", f"/v1/executions/{execution}").status == 202
        assert [(name, data["status"]) for name, data in waiting] == [("result", "killed")]
        running.close()


def test_a_silent_program_has_a_heartbeat(silence):
    reader, events = silence
    reader.join(40)
    assert not reader.is_alive()
    assert [name for name, _ in events] == ["started", "", "result"]
    assert events[1] == HEARTBEAT
    assert events[-1][1]["status"] == "ok"


# ---- characters ----

def test_characters_that_are_cut_between_writes_stay_whole(core):
    text = "aß€😀"
    code = f"import os, time\nfor byte in {text!r}.encode():\n    os.write(1, bytes([byte]))\n    time.sleep(0.02)"
    output, result = stream(core, code)
    assert text_of(output, "stdout") == result["stdout"] == text
    assert all(data["text"] for _, data in output)
    assert "stdout_base64" not in result


def test_a_character_is_whole_though_the_other_stream_comes_between(core):
    code = ("import os, time\n"
            "for stream, part in ((1, b'\\xe2'), (2, b'\\xc3'), (1, b'\\x82'), (2, b'\\x9f'), (1, b'\\xac'), (2, b'x')):\n"
            "    os.write(stream, part)\n    time.sleep(0.02)")
    output, _ = stream(core, code)
    assert (text_of(output, "stdout"), text_of(output, "stderr")) == ("€", "ßx")


def test_what_is_no_text_is_marked_in_the_stream_and_whole_in_the_answer(core):
    raw = b"a\xff\xc3(\xe2\x82"
    output, result = stream(core, f"import os, time\nos.write(1, {raw!r})\ntime.sleep(0.05)\nos.write(1, b'\\xf0')")
    assert text_of(output, "stdout") == result["stdout"] == (raw + b"\xf0").decode(errors="replace")
    assert base64.b64decode(result["stdout_base64"]) == raw + b"\xf0"


def test_characters_at_the_boundaries_of_large_output_stay_whole(core):
    text = "€😀x" * 60000
    output, result = stream(core, "import sys\nsys.stdout.write('€😀x' * 60000)")
    assert text_of(output, "stdout") == result["stdout"] == text


# ---- much ----

def test_output_above_the_limit_is_cut_and_marked(core):
    output, result = stream(core, "import sys\nsys.stdout.write('x' * (3 << 20))\nsys.stderr.write('e' * 10)")
    assert len(text_of(output, "stdout")) == MEBIBYTE
    assert result["stdout"] == "x" * MEBIBYTE
    assert text_of(output, "stderr") == "e" * 10
    assert (result["stdout_truncated"], result["stderr_truncated"]) == (True, False)


@pytest.mark.parametrize("streams", [False, True])
def test_what_is_within_the_limit_is_whole_however_it_was_written(core, streams):
    code = "import os\nos.write(1, b'a' * 21)\nos.write(2, b'e' * (2 << 20))\nfor _ in range(300): os.write(1, b'a' * 9001)"
    result = stream(core, code)[1] if streams else core.execute(code)
    assert (len(result["stdout"]), len(result["stderr"])) == (MEBIBYTE, MEBIBYTE)
    assert result["stdout_truncated"] and result["stderr_truncated"]


@pytest.mark.parametrize("streams", [False, True])
def test_text_that_is_cut_at_the_limit_ends_in_a_whole_character(core, streams):
    code = "print('€' * 400000)"
    result = stream(core, code)[1] if streams else core.execute(code)
    assert result["stdout_truncated"]
    assert result["stdout"] == "€" * (MEBIBYTE // 3)
    assert "stdout_base64" not in result


def resident_memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
    raise AssertionError("there is no VmRSS")


@pytest.mark.parametrize("streams", [False, True])
def test_a_flood_takes_no_memory_and_delays_nobody(core, streams):
    """A gigabyte on each of the two streams."""
    code = ("import os\npiece = b'x' * (1 << 20)\n"
            "for _ in range(1024):\n    os.write(1, piece)\n    os.write(2, piece)\nos.write(1, b'end')")
    core.execute("print('x' * (1 << 20))")
    before = resident_memory(core.process.pid)
    peak, waits = before, []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        flood = pool.submit(lambda: stream(core, code)[1] if streams else core.execute(code))
        while not waits or not flood.done():
            began = time.monotonic()
            assert core.execute("print(1)")["stdout"] == "1\n"
            waits.append(time.monotonic() - began)
            peak = max(peak, resident_memory(core.process.pid))
        result = flood.result()
    assert result["status"] == "ok"
    assert (len(result["stdout"]), len(result["stderr"])) == (MEBIBYTE, MEBIBYTE)
    assert (result["stdout_truncated"], result["stderr_truncated"]) == (True, True)
    assert peak - before < 32 * MEBIBYTE
    assert sorted(waits)[len(waits) // 2] < 0.5, waits


def test_a_client_that_does_not_read_delays_nobody(core):
    each = Stream(core, "import sys\nsys.stdout.write('x' * (4 << 20))\nsys.stderr.write('x' * (4 << 20))")
    core.wait_executions("running", 0)
    assert core.execute("print(1)")["stdout"] == "1\n"
    assert list(each)[-1][1]["stdout_truncated"]
    each.connection.close()


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_clients_that_do_not_read_fill_no_memory_and_delay_nobody(tmp_path, accept):
    """Each asks for answers of several megabytes, as control characters become six times as long in JSON."""
    code = "import os\nfor _ in range(8):\n    os.write(1, b'\\1' * 65536)\n    os.write(2, b'\\2' * 65536)"
    body = json.dumps({"code": code}).encode()
    request = (b"POST /v1/execute HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\nContent-Length: %d\r\n\r\n%s"
               % (accept.encode(), len(body), body))
    waits = []
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_OUTPUT_LIMIT_BYTES=512 << 10, SHANNON_AGENT_CORE_FILES_LIMIT_BYTES=0,
                   SHANNON_AGENT_CORE_MAX_QUEUED=100) as core, contextlib.ExitStack() as clients:
        before = resident_memory(core.process.pid)
        for _ in range(60):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", core.port), 60))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sendall(request)
        while core.executions("running") + core.executions("waiting") > 0:
            began = time.monotonic()
            assert core.call("GET", "/ready").status == 200
            waits.append(time.monotonic() - began)
        assert resident_memory(core.process.pid) - before < 120 * MEBIBYTE
        assert core.events("a client that does not take its answer is cut off")
        # One that reads has its whole answer all the same.
        assert core.execute(code)["stdout"] == "\1" * (512 << 10)
    assert sorted(waits)[len(waits) // 2] < 0.5, waits


def test_many_streams_at_once_get_their_own_events(core):
    def run(i):
        output, result = stream(core, f"import time\nfor j in range(5):\n    print({i}, j)\n    time.sleep(0.02)")
        return text_of(output, "stdout"), result["stdout"], "".join(f"{i} {j}\n" for j in range(5))

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for events, answer, expected in pool.map(run, range(48)):
            assert events == answer == expected


# ---- clients that go ----

@pytest.mark.parametrize("code", [
    "import time\nwhile True:\n    print('x')\n    time.sleep(0.01)", "print('x')\nwhile True: pass",
    "import time\nprint('x')\ntime.sleep(60)", "while True: print('x' * 100000)",
])
def test_the_execution_ends_when_its_client_goes(core, code):
    each = Stream(core, code)
    events = iter(each)
    assert [next(events)[0], next(events)[0]] == ["started", "stdout"]
    core.wait_process()
    each.close()
    core.wait_executions("running", 0)
    wait_for(lambda: len(core.guests()) == core.metric("shannon_spare_processes"), 20, "the end of its process")
