"""E: output that floods, deceives, or ends in the middle."""
import base64
import contextlib
import http.client
import json
import socket
import time

import pytest

from attack_support import MEBIBYTE, Target, raised, resident_bytes, wait_for
from native import PRELUDE, act, program

ALLOWANCE = 16 * MEBIBYTE
INTERNAL = 11  # enum error_kind


def test_E01_printing_for_ever(core):
    before = resident_bytes(core.process.pid)
    for code in ("while True: print('x' * 1000)", "import os\nwhile True: os.write(1, b'x' * 65536)",
                 "import os\nwhile True:\n    try:\n        while True: os.write(1, b'x' * 65536)\n    except BaseException: pass"):
        answer = core.execute(code, timeout_ms=700)
        assert answer["status"] == "timeout", answer["status"]
        assert len(answer["stdout"]) == MEBIBYTE and answer["stdout_truncated"]
        assert set(answer["stdout"]) <= {"x", "\n"}
        assert not answer["stderr_truncated"]
    assert resident_bytes(core.process.pid) - before < ALLOWANCE


def test_E01_as_much_as_there_is_room_for(core):
    answer = core.execute(f"print('x' * {MEBIBYTE}, end='')")
    assert len(answer["stdout"]) == MEBIBYTE and not answer["stdout_truncated"], "the control: nothing is missing"
    answer = core.execute(f"print('x' * {MEBIBYTE})")
    assert len(answer["stdout"]) == MEBIBYTE and answer["stdout_truncated"]


def test_E02_one_write_of_a_hundred_million_bytes(core):
    before = resident_bytes(core.process.pid)
    answer = core.execute("import sys\nprint(sys.stdout.write('x' * 10**8), file=sys.stderr)")
    assert (answer["status"], answer["stderr"]) == ("ok", "100000000\n"), answer["stderr"]
    assert len(answer["stdout"]) == MEBIBYTE and answer["stdout_truncated"]
    assert resident_bytes(core.process.pid) - before < ALLOWANCE


def test_E02_writes_of_one_byte(core):
    started = time.monotonic()
    answer = core.execute("import os\nfor _ in range(10**6): os.write(2, b'x')\nprint('done')", timeout_ms=60000)
    assert (answer["status"], answer["stdout"]) == ("ok", "done\n")
    assert answer["stderr"] == "x" * 10**6 and not answer["stderr_truncated"]
    assert time.monotonic() - started < 30


def test_E02_both_streams_have_a_limit_each(core):
    answer = core.execute("import sys\nsys.stderr.write('e' * 3_000_000)\nprint('out')\nsys.stdout.write('o' * 10)")
    assert answer["stdout"] == "out\n" + "o" * 10 and not answer["stdout_truncated"]
    assert answer["stderr"] == "e" * MEBIBYTE and answer["stderr_truncated"]


@pytest.mark.parametrize("accept, room", [("application/json", 14), ("text/event-stream", 28)])
def test_E03_nobody_reads_the_answer(core, accept, room):
    """What the program had is free again at once. What is left is the answer, until the client's time is over
    (unit/test_http_stream.c); the worst are bytes that take six in JSON, and come in events and again in the last."""
    before = resident_bytes(core.process.pid)
    ended = core.gauge('shannon_executions_total{status="ok"}')
    body = json.dumps({"code": "import sys\nsys.stdout.write(chr(1) * 2**21)\nsys.stderr.write(chr(1) * 2**21)"}).encode()
    with contextlib.ExitStack() as clients:
        for _ in range(8):
            client = clients.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", core.port))
            client.sendall(b"POST /v1/execute HTTP/1.1\r\nHost: localhost\r\nAccept: %b\r\nContent-Length: %d\r\n\r\n%b"
                           % (accept.encode(), len(body), body))
        wait_for(lambda: core.gauge('shannon_executions_total{status="ok"}') >= ended + 8
                 and core.executions("running") == core.executions("waiting") == 0, 60, "the end of the programs")
        assert core.execute("print(1)")["stdout"] == "1\n"
        assert resident_bytes(core.process.pid) - before < 8 * room * MEBIBYTE + ALLOWANCE
    wait_for(lambda: core.sockets() == 0, 20, "the end of the connections")


def test_E03_the_control_reads_it_all(core):
    connection = core.begin("import sys\nsys.stdout.write(chr(1) * 2**21)")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["stdout"] == "\1" * MEBIBYTE and answer["stdout_truncated"]


def test_E04_bytes_that_are_no_text(core):
    answer = core.execute("import os\nos.write(1, bytes(range(256)))\nos.write(2, b'\\xed\\xa0\\x80\\xff')")
    assert base64.b64decode(answer["stdout_base64"]) == bytes(range(256))
    assert base64.b64decode(answer["stderr_base64"]) == b"\xed\xa0\x80\xff"
    assert answer["stdout"].startswith("\0\1\2") and "\ufffd" in answer["stdout"]
    raised(core.execute("print('\\ud800')"), "UnicodeEncodeError")
    answer = core.execute("print('whole \\N{SNOWMAN} \\U0010ffff')")
    assert answer["stdout"] == "whole \N{SNOWMAN} \U0010ffff\n" and "stdout_base64" not in answer


DECEIVING = "\x1b[2J\x1b]0;title\x07\r{\"level\":\"error\",\"event\":\"forged\"}\n2026-01-01 ERROR forged event=forged\u2028\x9b31m"


def test_E05_escapes_and_lines_like_the_logs(core):
    answer = core.execute(f"import sys\ntext = {DECEIVING!r}\nprint(text)\nprint(text, file=sys.stderr)\nraise ValueError(text)")
    assert answer["stdout"] == DECEIVING + "\n"
    assert DECEIVING in answer["stderr"] and answer["error"]["message"] == DECEIVING
    core.execute("1", env={"NAME": DECEIVING}, argv=[DECEIVING], stdin=DECEIVING)
    for line in list(core.log):
        assert "forged" not in line, line
        assert line.isprintable() or line.rstrip("\n").isprintable(), line


@pytest.mark.parametrize("form", ["json", "text"])
def test_E05_what_a_taken_over_process_says_in_the_log(tmp_path, form):
    """Its reason for not having begun becomes the error's message: a text there, and a text in the log."""
    with Target(tmp_path, program=program("taken_over"), SHANNON_LOGGING_FORMAT=form) as core:
        answer = core.call("POST", "/v1/execute", {"code": PRELUDE + act("report_failure", INTERNAL)})
        assert answer.status == 500 and answer.json["error"]["kind"] == "internal", answer.text
        assert answer.json["error"]["message"].startswith("said by the guest")
        core.prove_it_works()
        wait_for(lambda: "said by the guest" in core.text, 20, "the log line")
    for line in core.text.splitlines():
        assert not line.startswith("level=error"), line
        assert line.isprintable(), line


def test_E06_streams_that_are_closed(core):
    raised(core.execute("import sys\nsys.stdout.close()\nprint(1)"), "ValueError")
    raised(core.execute("import os\nos.close(1)\nprint(1)"), "OSError")
    answer = core.execute("import os\nos.close(1); os.close(2)\nprint(1)")
    raised(answer, "OSError")
    assert answer["error"]["traceback"], "what the host is told does not need the streams"
    answer = core.execute("import os\nfor fd in range(300):\n    try: os.close(fd)\n    except OSError: pass\nraise SystemExit(7)")
    assert (answer["status"], answer["exit_code"]) == ("python_error", 7), answer


def test_E07_an_end_without_a_newline(core):
    for end in ("os._exit(0)", "sys.exit(0)", "pass", "sys.exit()"):
        answer = core.execute(f"import os, sys\nsys.stdout.write('abc')\nsys.stderr.write('def')\n{end}")
        assert (answer["status"], answer["stdout"], answer["stderr"]) == ("ok", "abc", "def"), (end, answer)
    # What the program itself holds back is the program's.
    answer = core.execute("import os\nfile = open(1, 'w', closefd=False)\nfile.write('abc')\nos._exit(0)")
    assert (answer["status"], answer["stdout"]) == ("ok", "")


def test_E08_a_value_whose_repr_is_hostile(core):
    klass = "class A:\n    def __repr__(self): {}\nA()"
    answer = core.execute(klass.format("return 'x' * 10**8"))
    assert answer["status"] == "ok" and answer["result"] == "x" * 65536
    raised(core.execute(klass.format("raise ValueError(1)")), "ValueError")
    raised(core.execute(klass.format("return 5")), "TypeError")
    raised(core.execute(klass.format("return repr(self)")), "RecursionError")
    answer = core.execute(klass.format("\n        while True: pass"), cpu_limit_ms=300)
    assert answer["status"] == "timeout", answer
    assert core.execute(klass.format("import os; os._exit(0)"))["status"] == "ok"
    answer = core.execute(klass.format("return '\\ud800\\x00\\x1b'"))
    assert answer["result"] == "\\ud800\0\x1b"
    answer = core.execute("a = []\na.append(a)\na")
    assert answer["result"] == "[[...]]"
    assert core.execute("class S(str):\n    def __str__(self): return 'other'\nS('x')")["result"] == "'x'", "the control"


def test_E08_a_stream_of_events_that_nobody_waits_for(core):
    """The connection is closed in the middle of an answer in pieces."""
    connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)
    connection.request("POST", "/v1/execute", json.dumps({"code": "while True: print('x' * 100, flush=True)"}),
                       {"Accept": "text/event-stream"})
    response = connection.getresponse()
    assert b"event: started" in response.read(200)
    response.close()
    connection.close()
    core.wait_executions("running", 0)
