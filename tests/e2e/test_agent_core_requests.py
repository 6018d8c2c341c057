"""Requests to agent-core that are wrong in some way: each gets a 4xx that names the field, and none
disturbs the service."""
import http.client
import json

import pytest

from agent_core_service import AgentCore
from services import call

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("agent-core")) as service:
        yield service


WRONG_BODIES = [
    (b"", 400, "body"),
    (b"not json", 400, "body"),
    (b"{", 400, "body"),
    (b'{"code":"print(1)"} trailing', 400, "body"),
    (b"[]", 400, "body"),
    (b'"print(1)"', 400, "body"),
    (b"null", 400, "body"),
    (b"\xef\xbb\xbf{}", 400, "body"),
    (b"[" * 100000, 400, "body"),
    (b'{"a":' * 100000, 400, "a"),
    (b"{}", 400, "code"),
    (b'{"code":""}', 400, "code"),
    (b'{"code":null}', 400, "code"),
    (b'{"code":5}', 400, "code"),
    (b'{"code":["print(1)"]}', 400, "code"),
    (b'{"code":"print(1)\\u0000"}', 400, "code"),
    (b'{"code":"print(1)\x00"}', 400, "code"),
    (b'{"code":"print(\'\xff\')"}', 400, "code"),
    (b'{"code":"print(\'\xc3"}', 400, "code"),
    (b'{"code":"\\ud800"}', 400, "code"),
    (b'{"code":"1","code":"2"}', 400, "code"),
    (b'{"code":"' + b"#" * 2 * MEBIBYTE + b'"}', 413, "code"),
    (b'{"code":"1","unknown":1}', 400, "unknown"),
    (b'{"code":"1","Timeout_ms":1}', 400, "Timeout_ms"),
    (b'{"code":"1","timeout_ms":0}', 400, "timeout_ms"),
    (b'{"code":"1","timeout_ms":-1}', 400, "timeout_ms"),
    (b'{"code":"1","timeout_ms":1e3}', 400, "timeout_ms"),
    (b'{"code":"1","timeout_ms":"1000"}', 400, "timeout_ms"),
    (b'{"code":"1","timeout_ms":true}', 400, "timeout_ms"),
    (b'{"code":"1","timeout_ms":86400000}', 400, "timeout_ms"),
    (b'{"code":"1","timeout_ms":99999999999999999999}', 400, "timeout_ms"),
    (b'{"code":"1","timeout_ms":NaN}', 400, "timeout_ms"),
    (b'{"code":"1","memory_limit_bytes":0}', 400, "memory_limit_bytes"),
    (b'{"code":"1","memory_limit_bytes":-268435456}', 400, "memory_limit_bytes"),
    (b'{"code":"1","memory_limit_bytes":1}', 400, "memory_limit_bytes"),
    (b'{"code":"1","memory_limit_bytes":1099511627776}', 400, "memory_limit_bytes"),
    (b'{"code":"1","argv":"a"}', 400, "argv"),
    (b'{"code":"1","argv":[1]}', 400, "argv"),
    (b'{"code":"1","argv":["\\u0000"]}', 400, "argv"),
    (b'{"code":"1","stdin":7}', 400, "stdin"),
    (b'{"code":"1","env":["A=1"]}', 400, "env"),
    (b'{"code":"1","env":{"A":1}}', 400, "env"),
    (b'{"code":"1","env":{"A=B":"1"}}', 400, "env"),
    (b'{"code":"1","env":{"":"1"}}', 400, "env"),
    (b'{"code":"1","interpreter":7}', 400, "interpreter"),
    (b'{"code":"1","interpreter":""}', 400, "interpreter"),
    (b'{"code":"1","interpreter":"no-such-interpreter"}', 400, "interpreter"),
    (b'{"code":"1","interpreter":"/etc/passwd"}', 400, "interpreter"),
    (b'{"code":"1","interpreter":"../../etc/x"}', 400, "interpreter"),
    (b'{"code":"1","files":{"a":1}}', 400, "files"),
    (b'{"code":"1","files":{"../a":"b"}}', 400, "files"),
    (b'{"code":"1","session_id":"a/b"}', 400, "session_id"),
    (b'{"code":"1","session_id":""}', 400, "session_id"),
]


@pytest.mark.parametrize(("body", "status", "field"), WRONG_BODIES,
                         ids=[repr(body[:48]) for body, _, _ in WRONG_BODIES])
def test_a_wrong_body_is_refused_and_the_field_named(core, body, status, field):
    answer = core.call("POST", "/v1/execute", body)
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["error"]["field"] == field
    assert answer.json["error"]["kind"] in ("invalid_request", "interpreter_not_found")
    assert answer.json["error"]["message"]
    assert core.execute("print(1)")["stdout"] == "1\n"


def test_a_body_above_the_limit_is_refused_and_the_reason_can_be_read(core):
    answer = core.call("POST", "/v1/execute", b"x" * (40 * MEBIBYTE))
    assert (answer.status, answer.json["error"]["field"]) == (413, "body")


HEAD = b"POST /v1/execute HTTP/1.1\r\nHost: localhost\r\n"


def test_a_body_without_end_is_refused_at_the_limit(core):
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    status, _, body = core.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 300)
    assert (status, body["error"]["field"]) == (413, "body")


def test_a_chunked_body_is_as_good_as_another(core):
    connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)
    connection.request("POST", "/v1/execute", iter([b'{"code":', b'"print(7)"}']),
                       encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert json.loads(connection.getresponse().read())["stdout"] == "7\n"
    connection.close()


@pytest.mark.parametrize(("method", "path", "status", "field", "allowed"), [
    ("GET", "/v1/execute", 405, "method", "POST"),
    ("PUT", "/v1/execute", 405, "method", "POST"),
    ("BREW", "/v1/execute", 405, "method", "POST"),
    ("POST", "/health", 405, "method", "GET, HEAD"),
    ("GET", "/v1/executions/1", 405, "method", "DELETE"),
    ("DELETE", "/v1/executions/no-such-id", 404, "id", None),
    ("POST", "/", 404, "path", None),
    ("POST", "/v1/execute/", 404, "path", None),
    ("POST", "/v1/EXECUTE", 404, "path", None),
    ("POST", "//v1/execute", 404, "path", None),
    ("POST", "/v1/../v1/execute", 404, "path", None),
    ("POST", "/v1/execute%00", 404, "path", None),
    ("POST", "/v1/%zz", 404, "path", None),
])
def test_a_wrong_method_or_path_is_refused(core, method, path, status, field, allowed):
    answer = core.call(method, path, {"code": "print(1)"})
    assert (answer.status, answer.json["error"]["field"]) == (status, field)
    assert answer.headers.get("allow") == allowed


@pytest.mark.parametrize("request_bytes", [
    b"GARBAGE\r\n\r\n",
    b"\r\n\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\n",
    b"GET /health HTTP/1.1\r\n\r\n",
    b"GET /health HTTP/1.1\nHost: localhost\n\n",
    b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nA\x00: b\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nA : b\r\n\r\n",
    b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 100000 + b"\r\n\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n",
    HEAD + b"Content-Length: +2\r\n\r\n{}",
    HEAD + b"Content-Length: 0x2\r\n\r\n{}",
    HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
    HEAD + b"Expect: something\r\nContent-Length: 2\r\n\r\n{}",
])
def test_malformed_http_is_refused_in_json(core, request_bytes):
    status, headers, body = core.raw(request_bytes)
    assert 400 <= status < 500
    assert body["error"]["kind"] == "invalid_request"
    assert headers["Connection"] == "close"
    assert core.execute("print(1)")["stdout"] == "1\n"


def test_web_pages_cannot_reach_it(core):
    for name, value, status in (("Origin", "https://evil.example", 403),
                                ("Host", "evil.example", 421)):
        answer = core.call("POST", "/v1/execute", {"code": "1"}, headers={name: value})
        assert (answer.status, answer.json["error"]["field"]) == (status, name)


def test_request_ids_go_through_when_they_are_harmless(core):
    answer = call(core.url, "GET", "/health", headers={"X-Request-Id": "my-id"})
    assert answer.headers["x-request-id"] == "my-id"
    answer = call(core.url, "GET", "/health", headers={"X-Request-Id": "a b"})
    assert answer.headers["x-request-id"] not in ("", "a b")
