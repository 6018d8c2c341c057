"""P: the HTTP interface of agent-core. What the parser makes of each malformed head is in unit/test_http_parser.c and
fuzz/fuzz_http_request.c; this is the service as its attackers meet it."""
import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from attack_support import MEBIBYTE, resident_bytes, wait_for

BODY = b'{"code": "print(1)"}'
HEAD = b"POST /v1/execute HTTP/1.1\r\nHost: localhost\r\n"


def say(core, *parts, timeout=20, more=False):
    """Sends bytes, and that there is nothing more unless `more`, and reads until the service closes the connection. The
    first line, and all of it. Who says that there is nothing more is gone, for the service: no program runs for them."""
    with socket.create_connection(("127.0.0.1", core.port), timeout) as client:
        answer = b""
        try:
            for part in parts:
                client.sendall(part)
            if not more:
                client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                answer += part
        except (ConnectionResetError, BrokenPipeError):
            pass
    return answer.split(b"\r\n")[0].decode("latin-1"), answer


def status(core, *parts):
    line, _ = say(core, *parts)
    return int(line.split()[1]) if line else 0


def test_P00_the_control(core):
    line, answer = say(core, HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY, more=True)
    assert line == "HTTP/1.1 200 OK" and b'"stdout":"1\\n"' in answer


def test_P01_bodies_that_are_too_large(core):
    before = resident_bytes(core.process.pid)
    assert status(core, HEAD + b"Content-Length: 10000000000000\r\n\r\n") == 413
    assert status(core, HEAD + b"Content-Length: %d\r\n\r\n" % (16 * MEBIBYTE + 1)) == 413
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    line, _ = say(core, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 400)
    assert "413" in line or line == ""
    assert resident_bytes(core.process.pid) - before < 32 * MEBIBYTE


@pytest.mark.parametrize("head", [
    b"Content-Length: 20\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 20\r\nContent-Length: 21\r\n", b"Content-Length: +20\r\n",
    b"Content-Length: 0x14\r\n", b"Content-Length: 20, 20\r\n", b"Content-Length: -1\r\n", b"Content-Length: 2 0\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"A: b\r\n c\r\n", b"A\0: b\r\n", b"A: b\0\r\n", b"A : b\r\n", b": b\r\n", b"A: b\nB: c\r\n",
])
def test_P03_heads_that_can_be_read_in_two_ways(core, head):
    """Refused, and the connection closed: what follows is no second request."""
    smuggled = b"0\r\n\r\nDELETE /v1/sessions/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    line, answer = say(core, HEAD + head + b"\r\n" + BODY + smuggled)
    assert line.split()[1:2] in (["400"], ["501"]), (head, line)
    assert answer.count(b"HTTP/1.1 ") == 1, answer


def test_P03_chunks(core):
    for chunk in (b"ffffffffffffffff\r\nx", b"10000000000000000\r\nx", b"-1\r\nx", b"5;\r\nx", b"5 \r\nabcde\r\n", b"g\r\n", b"5\nabcde\r\n"):
        line, answer = say(core, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"\r\n0\r\n\r\n")
        assert line.split()[1:2] in (["400"], ["413"]) or (chunk.startswith(b"5;") and line), (chunk, line)
        assert answer.count(b"HTTP/1.1 ") <= 1


def test_P04_heads_that_are_too_large(core):
    assert status(core, HEAD + b"A: " + b"x" * 100_000 + b"\r\n\r\n") == 431
    assert status(core, HEAD + b"A: b\r\n" * 10_000 + b"\r\n") == 431
    assert status(core, b"GET /" + b"x" * 65536 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n") in (414, 431)
    _, answer = say(core, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
    assert answer.count(b"HTTP/1.1 200 OK") >= 1


@pytest.mark.parametrize("body", [b'{"code": "pri', b"[" * 100_000, b'{"code": "1", "code": "2"}', b'{"code": 5}', b'{"code": NaN}', b'{"code": "1", "timeout_ms": 1e400}',
                                  b'{"code": "1"} x', b'\xef\xbb\xbf{"code": "1"}', b'{"code": "\\ud800"}', b'{"code": "\xff"}', b"", b"null", b'"code"', b'{"code": "1", "timeout_ms": 99999999999999999999}'])
def test_P05_json(core, body):
    line, answer = say(core, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert line.split()[1] == "400", (body[:40], line)
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert told["error"]["kind"] == "invalid_request" and len(told["error"]["message"]) < 300


def test_P06_methods_and_types(core):
    for method in (b"TRACE", b"CONNECT", b"PUT", b"PATCH", b"NONSENSE"):
        assert status(core, method + b" /v1/execute HTTP/1.1\r\nHost: localhost\r\n\r\n") in (400, 404, 405, 501), method
    assert status(core, b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc") == 200
    compressed = b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\0"
    assert status(core, HEAD + compressed) in (400, 415)


@pytest.mark.parametrize("name", ["../x", "..%2fx", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a/b", "a\0b", "x" * 129, "\u00e9", "", ".." + "/" * 20, "a b", "a\nb"])
def test_P07_names_of_sessions(core, name):
    before = sorted(os.listdir(core.sessions_folder)) if core.sessions_folder.exists() else []
    answer = core.call("POST", "/v1/execute", {"code": "1", "session_id": name})
    assert answer.status == 400 and answer.json["error"]["field"] == "session_id", answer.text
    quoted = "".join(c if c.isascii() and c.isalnum() or c in "%.-_" else "".join(f"%{b:02x}" for b in c.encode()) for c in name)
    assert core.call("GET", f"/v1/sessions/{quoted}").status in (200, 400, 404)
    assert (sorted(os.listdir(core.sessions_folder)) if core.sessions_folder.exists() else []) == before


def test_P07_the_controls_are_names(core):
    for name in ("..", ".", "A:b_c.d-e", "x" * 128):
        assert core.execute("print(1)", session_id=name)["session_id"] == name
        assert core.call("DELETE", f"/v1/sessions/{name}").status == 200, name


def test_P08_nothing_said_becomes_a_header(core):
    _, answer = say(core, HEAD + b"X-Request-Id: a\rSet-Cookie: x\r\nContent-Length: 20\r\n\r\n" + BODY)
    assert b"Set-Cookie" not in answer
    _, answer = say(core, b"GET /a%0d%0aSet-Cookie:%20x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"Set-Cookie: x" not in answer.partition(b"\r\n\r\n")[0]


def test_P02_P09_many_connections_that_say_nothing(core):
    """Others are served meanwhile, and all of it is closed in the end."""
    clients = []
    try:
        for _ in range(300):
            client = socket.create_connection(("127.0.0.1", core.port), 5)
            client.sendall(b"POST /v1/exec")
            clients.append(client)
        started = time.monotonic()
        assert core.execute("print(1)")["stdout"] == "1\n" and time.monotonic() - started < 5
    finally:
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
            client.close()
    wait_for(lambda: core.sockets() == 0, 20, "the end of the connections")


def test_P09_more_requests_than_there_is_room_for(core):
    def ask(_):
        answer = core.call("POST", "/v1/execute", {"code": "import time; time.sleep(0.2)"}, timeout=60)
        return answer.status, answer.headers.get("retry-after")

    with ThreadPoolExecutor(120) as pool:
        answers = list(pool.map(ask, range(120)))
    assert {status for status, _ in answers} == {200, 429}
    assert all((status == 429) == (after is not None) for status, after in answers), answers
