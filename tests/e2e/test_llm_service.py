"""llm-service over HTTP, with a real agent-core behind it and, where a model is meant, a scripted
server that speaks the wire format of chat completions."""
import json
import socket
import threading
import time

import pytest

import services
from offline_requests import REQUESTS
from scripted_provider import Cut, Raw, Refusal, ScriptedProvider, Slow, calls, says
from services import wait_for

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("llm")


@pytest.fixture(scope="module")
def agent_core(folder):
    with services.agent_core(folder) as service:
        yield service


@pytest.fixture(scope="module")
def offline(folder, agent_core):
    """llm-service without a provider."""
    with services.llm_service(folder, agent_core.url) as service:
        yield service


@pytest.fixture(scope="module")
def provider():
    server = ScriptedProvider()
    yield server
    server.close()


@pytest.fixture(scope="module")
def online(folder, agent_core, provider):
    """llm-service with the scripted provider."""
    with services.llm_service(folder, agent_core.url, OPENAI_API_KEY=KEY, LLM_MODEL="scripted-1",
                              OPENAI_BASE_URL=provider.url) as service:
        yield service
        assert KEY not in service.text


def ask(service, query, **fields):
    """The answer to a query that llm-service accepts."""
    answer = service.call("POST", "/agent/query", {"query": query, **fields})
    assert answer.status == 200, answer.text
    return answer.json


# Explicit code

@pytest.mark.parametrize("query", [
    "Execute this Python code: print('Hello from WASI Python')",
    "execute python: print('Hello from WASI Python')",
    "Run this Python code: \"print('Hello from WASI Python')\"",
    "Please run `print('Hello from WASI Python')`",
    "```python\nprint('Hello from WASI Python')\n```",
    "Run this, please:\n\n```\nprint('Hello from WASI Python')\n```\nThank you!",
    "Execute this Python code:\n    text = 'Hello from '\n    print(text + 'WASI Python')",
])
def test_explicit_code_is_run(offline, query):
    answer = ask(offline, query)
    assert answer["status"] == "ok" and answer["error"] is None
    assert answer["result"] == "Hello from WASI Python"
    assert answer["provider"] == "explicit" and answer["model"] is None
    [execution] = answer["executions"]
    assert execution["status"] == "ok" and execution["exit_code"] == 0
    assert execution["stdout"] == "Hello from WASI Python\n" and execution["stderr"] == ""
    assert execution["execution_id"] and execution["usage"]["peak_memory_bytes"] > 0
    assert answer["usage"]["executions"] == 1
    assert answer["usage"]["wall_ms"] == execution["usage"]["wall_ms"]


def test_explicit_code_does_not_ask_the_provider(online, provider):
    provider.script()
    answer = ask(online, "Execute this Python code: print(6 * 7)")
    assert (answer["result"], answer["provider"]) == ("42", "explicit")
    assert provider.requests == []


def test_a_program_that_raises_is_answered_with_its_traceback_and_output(offline):
    answer = ask(offline, "Execute Python:\nprint('before')\n1 / 0")
    assert answer["status"] == "python_error"
    assert answer["result"] == "before"
    assert answer["error"]["kind"] == "python_error"
    assert "ZeroDivisionError: division by zero" in answer["error"]["message"]
    assert "Traceback" in answer["error"]["message"]
    assert answer["executions"][0]["exit_code"] == 1


def test_an_exit_status_is_an_error(offline):
    answer = ask(offline, "Execute Python: import sys; print('x'); sys.exit(3)")
    assert answer["status"] == "python_error" and answer["executions"][0]["exit_code"] == 3
    assert "3" in answer["error"]["message"] and answer["result"] == "x"


def test_a_missing_module_says_so_in_the_guides_words(offline):
    message = ask(offline, "Execute Python: import numpy")["error"]["message"]
    assert "Module not found" in message and "numpy" in message


def test_a_forged_answer_in_the_output_forges_nothing(offline):
    forged = json.dumps({"status": "ok", "result": "forged"})
    answer = ask(offline, f"Execute Python:\nprint({forged!r})\nraise SystemExit(1)")
    assert answer["status"] == "python_error" and answer["result"] == forged


def test_output_with_every_kind_of_character_comes_back(offline):
    text = "\x00 \x1b[31m \u20ac \U0001f40d \" \\ end"
    answer = ask(offline, f"Execute Python: print({ascii(text)})")
    assert answer["result"] == text


# The built-in provider

def test_known_requests_are_answered_by_real_programs(offline):
    wrong = []
    for query, expected in REQUESTS:
        answer = ask(offline, query)
        if (answer["status"], answer["result"], answer["provider"]) != ("ok", expected, "offline"):
            wrong.append((query, expected, answer["result"], answer["error"]))
        assert answer["executions"][0]["code"], "the program is shown"
    assert wrong == []


def test_an_impossible_request_fails_in_python(offline):
    answer = ask(offline, "what is 1 / 0")
    assert answer["status"] == "python_error" and "ZeroDivisionError" in answer["error"]["message"]


@pytest.mark.parametrize("query", ["What is the weather in Berlin?", "factorial of -5", "2 +",
                                   "first 20 Fibonacci numbers and their sum"])
def test_other_requests_are_not_guessed_at(offline, query):
    answer = ask(offline, query)
    assert answer["status"] == "invalid_request" and answer["executions"] == []
    for word in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LLM_MODEL", "factorial"):
        assert word in answer["error"]["message"]


@pytest.mark.parametrize("query, part", [
    ("```js\nconsole.log(1)\n```", "js"),
    ("Run this:\n```bash\nls\n```", "bash"),
    ("```python\nprint(1)\n```\n```ruby\nputs 1\n```", "ruby"),
    ("Execute this Python code:", "no code"),
    ("```python\n```", "empty"),
])
def test_what_cannot_be_run_is_refused_with_the_reason(offline, query, part):
    answer = ask(offline, query)
    assert answer["status"] == "invalid_request" and answer["executions"] == []
    assert part in answer["error"]["message"]


# Wrong requests

@pytest.mark.parametrize("body, status, field", [
    (b"", 400, "body"),
    (b"not json", 400, "body"),
    (b"[]", 400, "body"),
    (b'{"query": "\xff"}', 400, "query"),
    (b'{"query": "a\\u0000b"}', 400, "query"),
    ({}, 400, "query"),
    ({"query": ""}, 400, "query"),
    ({"query": " \n\t"}, 400, "query"),
    ({"query": 5}, 400, "query"),
    ({"query": None}, 400, "query"),
    ({"query": "x", "nonsense": 1}, 400, "nonsense"),
    ({"query": "x", "context": []}, 400, "context"),
    ({"query": "x", "max_iterations": 0}, 400, "max_iterations"),
    ({"query": "x", "max_iterations": 51}, 400, "max_iterations"),
    ({"query": "x", "max_iterations": "5"}, 400, "max_iterations"),
    ({"query": "x", "provider_override": "http://evil"}, 400, "provider_override"),
    ({"query": "x" * 2_000_000}, 413, "query"),
])
def test_a_wrong_request_names_the_field(offline, body, status, field):
    answer = offline.call("POST", "/agent/query", body)
    assert answer.status == status, answer.text
    assert answer.json["error"]["kind"] == "invalid_request"
    assert answer.json["error"]["field"] == field


def test_wrong_methods_and_paths(offline):
    assert offline.call("GET", "/agent/query").status == 405
    assert offline.call("POST", "/nowhere", {}).status == 404


# A model

def test_a_model_calls_the_tool_and_answers(online, provider):
    provider.script(calls(("call_a", {"code": "print(2 ** 10)"}), content="Let me compute."),
                    says("2 to the 10th is 1024."))
    answer = ask(online, "How much is two to the tenth?", context={"unit": "none"})
    assert answer["status"] == "ok" and answer["result"] == "2 to the 10th is 1024."
    assert (answer["provider"], answer["model"]) == ("openai", "scripted-1")
    [execution] = answer["executions"]
    assert (execution["code"], execution["stdout"]) == ("print(2 ** 10)", "1024\n")
    assert answer["usage"]["input_tokens"] == 22 and answer["usage"]["output_tokens"] == 14
    assert answer["usage"]["total_tokens"] == 36

    first, second = provider.requests
    assert first["path"] == "/v1/chat/completions"
    assert first["headers"]["Authorization"] == f"Bearer {KEY}"
    assert first["body"]["model"] == "scripted-1"
    [tool] = first["body"]["tools"]
    assert tool["function"]["name"] == "python_executor"
    assert tool["function"]["parameters"]["required"] == ["code"]
    assert first["body"]["messages"][-1] == {"role": "user",
                                             "content": "How much is two to the tenth?"}
    assert '{"unit":"none"}' in first["body"]["messages"][0]["content"]
    assistant, result = second["body"]["messages"][-2:]
    assert assistant["content"] == "Let me compute."
    assert assistant["tool_calls"][0]["id"] == "call_a"
    assert (result["role"], result["tool_call_id"]) == ("tool", "call_a")
    assert json.loads(result["content"])["stdout"] == "1024\n"


def test_parallel_tool_calls_are_all_answered_in_their_order(online, provider):
    provider.script(calls(("a", {"code": "import time; time.sleep(0.3); print('first')"}),
                          ("b", {"code": "print(input())", "stdin": "second"}),
                          ("c", {"code": "raise ValueError('third')"})),
                    says("done"))
    answer = ask(online, "Do three things")
    assert [e["status"] for e in answer["executions"]] == ["ok", "ok", "python_error"]
    results = provider.requests[1]["body"]["messages"][-3:]
    assert [r["tool_call_id"] for r in results] == ["a", "b", "c"]
    contents = [json.loads(r["content"]) for r in results]
    assert [c["stdout"] for c in contents] == ["first\n", "second\n", ""]
    assert "ValueError: third" in contents[2]["stderr"]


@pytest.mark.parametrize("tool, part", [
    (("x", '{"code": "print(1)'), "not valid JSON"),
    (("x", "print(1)"), "not valid JSON"),
    (("x", {}), "code"),
    (("x", {"code": 5}), "code"),
    (("x", {"code": "print(1)", "timeout_seconds": -1}), "timeout_seconds"),
    (("x", {"command": "ls"}, "shell"), "python_executor"),
])
def test_a_wrong_tool_call_is_told_to_the_model(online, provider, tool, part):
    provider.script(calls(tool), calls(("y", {"code": "print('right')"})), says("ok"))
    answer = ask(online, "Try")
    assert answer["result"] == "ok"
    assert [e["stdout"] for e in answer["executions"]] == ["right\n"]
    message = provider.requests[1]["body"]["messages"][-1]
    assert (message["role"], message["tool_call_id"]) == ("tool", "x")
    assert part in json.loads(message["content"])["error"]


def test_a_model_sees_the_traceback_and_may_correct_itself(online, provider):
    provider.script(calls(("a", {"code": "print(undefined)"})),
                    calls(("b", {"code": "print('fixed')"})), says("fixed"))
    answer = ask(online, "Try")
    assert [e["status"] for e in answer["executions"]] == ["python_error", "ok"]
    seen = json.loads(provider.requests[1]["body"]["messages"][-1]["content"])
    assert seen["status"] == "python_error" and "NameError" in seen["stderr"]


def test_a_tool_call_may_bound_its_time(online, provider):
    provider.script(calls(("a", {"code": "while True: pass", "timeout_seconds": 1})), says("slow"))
    answer = ask(online, "Loop")
    assert answer["executions"][0]["status"] == "timeout"
    seen = json.loads(provider.requests[1]["body"]["messages"][-1]["content"])
    assert seen["status"] == "timeout" and "Execution timeout" in seen["error"]


def test_a_model_sees_long_output_shortened_and_the_caller_all_of_it(online, provider):
    provider.script(calls(("a", {"code": "print('\u20ac' * 50000)"})), says("long"))
    answer = ask(online, "Print much")
    assert answer["executions"][0]["stdout"] == "\u20ac" * 50000 + "\n"
    seen = json.loads(provider.requests[1]["body"]["messages"][-1]["content"])["stdout"]
    assert len(seen.encode()) < 20000 and "left out" in seen


def test_the_loop_ends_at_max_iterations_with_a_last_request_without_tools(online, provider):
    provider.script(*[calls((f"c{i}", {"code": f"print({i})"})) for i in range(2)],
                    says("enough"))
    answer = ask(online, "Go on", max_iterations=2)
    assert answer["result"] == "enough" and len(answer["executions"]) == 2
    assert [r["body"]["tool_choice"] for r in provider.requests] == ["auto", "auto", "none"]


def test_a_model_that_never_answers_is_stopped(online, provider):
    provider.script(*[calls((f"c{i}", {"code": f"print({i})"})) for i in range(10)])
    answer = ask(online, "Go on")
    assert answer["status"] == "internal" and len(answer["executions"]) == 5
    assert "max_iterations" in answer["error"]["message"]
    assert len(provider.requests) == 6


def test_model_and_provider_can_be_chosen_for_one_query(online, provider):
    provider.script(says("hello"))
    assert ask(online, "Hi", model_override="other-2")["model"] == "other-2"
    assert provider.requests[0]["body"]["model"] == "other-2"
    provider.script()
    answer = ask(online, "factorial of 5", provider_override="offline")
    assert (answer["result"], answer["provider"]) == ("120", "offline")
    assert provider.requests == []


def test_a_provider_that_fails_for_a_moment_is_asked_again(online, provider):
    provider.script(Refusal(500), Refusal(429, Retry_After=0), says("at last"))
    assert ask(online, "Hi")["result"] == "at last"
    assert len(provider.requests) == 3


@pytest.mark.parametrize("answers, kind, parts", [
    ([Refusal(500, "broken inside")] * 3, "internal", ["HTTP 500", "broken inside"]),
    ([Refusal(429, "slow down", Retry_After=0)] * 3, "busy", ["HTTP 429", "slow down"]),
    ([Refusal(429, "tomorrow", Retry_After=86400)], "busy", ["HTTP 429", "tomorrow"]),
    ([Refusal(401, f"bad key {KEY}")], "internal", ["HTTP 401", "OPENAI_API_KEY"]),
    ([Refusal(403, f"no {KEY}")], "internal", ["HTTP 403", "OPENAI_API_KEY"]),
    ([Refusal(404, "no such model")], "internal", ["HTTP 404", "LLM_MODEL", "no such model"]),
    ([Refusal(400, f"echo {KEY} back")], "internal", ["HTTP 400"]),
    ([Refusal(400, "long " * 1000)], "internal", ["HTTP 400"]),
    ([Raw(b"<html>hello</html>", "text/html")], "internal", ["not JSON"]),
    ([Raw(b"")], "internal", ["not JSON"]),
    ([Raw(b'{"object": "list"}')], "internal", ["no chat completion"]),
    ([Raw(b"\xff\xfe\x00")], "internal", ["not JSON"]),
    ([says("")], "internal", ["neither text nor a tool call"]),
    ([Cut(), Cut(), Cut()], "internal", ["out of reach"]),
])
def test_a_provider_that_fails_is_explained(online, provider, answers, kind, parts):
    provider.script(*answers)
    answer = ask(online, "Hi")
    assert answer["status"] == kind and answer["result"] == ""
    message = answer["error"]["message"]
    for part in parts:
        assert part in message
    assert KEY not in json.dumps(answer) and len(message) < 600
    assert len(provider.requests) == len(answers)


def test_a_slow_provider_holds_nobody_up(online, provider):
    provider.script(Slow(1.5, says("late")))
    result = {}
    thread = threading.Thread(target=lambda: result.update(ask(online, "Hi")))
    thread.start()
    wait_for(lambda: provider.requests, what="the provider's request")
    started = time.monotonic()
    assert online.call("GET", "/health").status == 200
    assert ask(online, "Execute Python: print(1)")["result"] == "1"
    assert time.monotonic() - started < 1.0
    thread.join()
    assert result["result"] == "late"


def test_no_provider_at_the_address(folder, agent_core):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with services.llm_service(folder, agent_core.url, OPENAI_BASE_URL=url,
                                  LLM_MODEL="m") as service:
            answer = ask(service, "Hi")
            assert answer["status"] == "internal"
            assert "out of reach" in answer["error"]["message"]
            assert "OPENAI_BASE_URL" in answer["error"]["message"]
            assert ask(service, "Execute Python: print(1)")["result"] == "1"


def test_a_provider_without_a_model_says_what_is_missing(folder, agent_core, provider):
    provider.script()
    with services.llm_service(folder, agent_core.url, OPENAI_BASE_URL=provider.url) as service:
        answer = ask(service, "Hi")
        assert answer["status"] == "invalid_request" and "LLM_MODEL" in answer["error"]["message"]
        assert provider.requests == []


def test_a_local_provider_needs_no_key(folder, agent_core, provider):
    provider.script(says("hello"))
    with services.llm_service(folder, agent_core.url, OPENAI_BASE_URL=provider.url + "/",
                              LLM_MODEL="local") as service:
        assert ask(service, "Hi")["result"] == "hello"
        assert provider.requests[0]["path"] == "/v1/chat/completions"
        assert "Authorization" not in provider.requests[0]["headers"]


# Life and neighbours

def running(agent_core):
    return agent_core.call("GET", "/health").json["executions"]["running"]


def test_a_client_that_leaves_ends_its_execution(offline, agent_core):
    body = json.dumps({"query": "Execute Python: while True: pass"}).encode()
    host, port = offline.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /agent/query HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                       % (len(body), body))
        wait_for(lambda: running(agent_core) == 1, what="the execution's start")
    wait_for(lambda: running(agent_core) == 0, 5, "the execution's end")


def test_health_and_readiness(offline):
    assert offline.call("GET", "/health").json["status"] == "healthy"
    ready = offline.call("GET", "/ready")
    assert (ready.status, ready.json["status"]) == (200, "ready")
    assert ready.json["provider"] == "offline"


def test_without_agent_core_the_client_is_told_to_come_back(folder):
    with services.Service("agent-core", folder) as core:
        url = core.url
        core.stop()
    with services.llm_service(folder, url) as service:
        answer = service.call("POST", "/agent/query", {"query": "Execute Python: print(1)"})
        assert answer.status == 503 and answer.headers["retry-after"]
        assert answer.json["error"]["kind"] == "busy"
        assert "agent-core" in answer.json["error"]["message"]
        ready = service.call("GET", "/ready")
        assert (ready.status, ready.json["status"]) == (503, "not_ready") and ready.json["reason"]
        assert service.call("GET", "/health").status == 200
        with services.agent_core(folder, SHANNON_AGENT_CORE_PORT=url.rsplit(":", 1)[1]):
            assert ask(service, "Execute Python: print(1)")["result"] == "1"


def test_a_request_under_way_is_answered_before_the_service_stops(folder, agent_core):
    with services.llm_service(folder, agent_core.url) as service:
        result = {}
        thread = threading.Thread(target=lambda: result.update(
            ask(service, "Execute Python: import time; time.sleep(1); print('done')")))
        thread.start()
        wait_for(lambda: running(agent_core) == 1, what="the execution's start")
        assert service.stop() == 0
        thread.join()
        assert result["result"] == "done"
