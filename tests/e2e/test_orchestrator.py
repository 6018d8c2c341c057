"""The orchestrator over HTTP: tasks, their states, and that none is lost."""
import random
import re
import resource
import time
from datetime import datetime

import pytest

import services
from services import wait_for

ENDED = ("TASK_STATUS_COMPLETED", "TASK_STATUS_FAILED")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("orchestrator")


@pytest.fixture(scope="module")
def agent_core(folder):
    with services.agent_core(folder) as service:
        yield service


@pytest.fixture(scope="module")
def llm_service(folder, agent_core):
    with services.llm_service(folder, agent_core.url) as service:
        yield service


@pytest.fixture(scope="module")
def orchestrator(folder, llm_service):
    with services.orchestrator(folder, llm_service.url) as service:
        yield service


def submit(service, query, **fields):
    answer = service.call("POST", "/api/v1/tasks", {"query": query, **fields})
    assert answer.status == 200, answer.text
    return answer.json["task_id"]


def task_of(service, task_id):
    answer = service.call("GET", f"/api/v1/tasks/{task_id}")
    assert answer.status == 200, answer.text
    return answer.json


def ended(service, task_id, limit=60):
    def end():
        task = task_of(service, task_id)
        return task if task["status"] in ENDED else None
    return wait_for(end, limit, f"the end of {task_id}")


def run(service, query, **fields):
    return ended(service, submit(service, query, **fields))


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# Tasks

def test_a_submission_is_answered_as_clients_expect(orchestrator):
    answer = orchestrator.call("POST", "/api/v1/tasks",
                               {"query": "Execute Python: print(1)", "session_id": "s:1_a-b.c"})
    assert answer.status == 200
    body = answer.json
    assert re.fullmatch(r"task-[0-9a-f]{32}", body["task_id"])
    assert body["workflow_id"] == body["task_id"] == answer.headers["x-workflow-id"]
    assert answer.headers["x-session-id"] == "s:1_a-b.c"
    assert body["status"] == "TASK_STATUS_QUEUED"
    moment(body["created_at"])
    assert ended(orchestrator, body["task_id"])["session_id"] == "s:1_a-b.c"


def test_a_completed_task_has_everything(orchestrator):
    task = run(orchestrator, "Execute Python code to calculate factorial of 10", mode="simple",
               model_tier="small", context={"k": [1, "\u20ac"]})
    assert task["status"] == "TASK_STATUS_COMPLETED" and task["result"] == "3628800"
    assert task["error"] is None and task["progress"] == 1.0
    assert task["query"] == "Execute Python code to calculate factorial of 10"
    assert (task["mode"], task["context"]) == ("simple", {"k": [1, "\u20ac"]})
    assert task["provider"] == "offline" and task["model_used"] is None
    assert moment(task["created_at"]) <= moment(task["completed_at"]) <= moment(task["updated_at"])
    assert task["usage"]["executions"] == 1 and task["metadata"]["attempts"] == 1
    [execution] = task["metadata"]["executions"]
    assert "math.factorial(10)" in execution["code"] and execution["stdout"] == "3628800\n"


def test_a_failed_task_has_its_reason_and_what_it_printed(orchestrator):
    task = run(orchestrator, "Execute Python:\nprint('before')\nraise ValueError('why')")
    assert task["status"] == "TASK_STATUS_FAILED"
    assert "ValueError: why" in task["error"] and task["result"] == "before"
    assert task["metadata"]["error_kind"] == "python_error"
    assert task["progress"] == 0.0


def test_a_request_that_nobody_understands_fails_with_advice(orchestrator):
    task = run(orchestrator, "What is the weather in Berlin?")
    assert task["status"] == "TASK_STATUS_FAILED" and task["result"] == ""
    assert "OPENAI_API_KEY" in task["error"]
    assert task["metadata"]["error_kind"] == "invalid_request"


def test_output_is_kept_whatever_it_is(orchestrator):
    text = "\x00\x1b[0m \u20ac\U0001f40d\r\n\ttab \"quotes\" \\ end"
    assert run(orchestrator, f"Execute Python: print({ascii(text)})")["result"] == text


def test_a_program_of_a_megabyte(orchestrator):
    filler = "#" * 1_000_000
    task = run(orchestrator, f"Execute Python:\nprint('big')\n{filler}")
    assert task["result"] == "big" and len(task["query"]) > 1_000_000


def test_many_tasks_at_once(orchestrator):
    ids = [submit(orchestrator, f"Execute Python: print({i} * 2)") for i in range(60)]
    assert len(set(ids)) == 60
    for i, task_id in enumerate(ids):
        assert ended(orchestrator, task_id)["result"] == str(2 * i)


def test_tasks_are_listed(orchestrator):
    session = "listing"
    ids = [submit(orchestrator, f"Execute Python: print({i})", session_id=session)
           for i in range(5)]
    failed = submit(orchestrator, "Execute Python: 1 / 0", session_id=session)
    for task_id in (*ids, failed):
        ended(orchestrator, task_id)
    path = f"/api/v1/tasks?session_id={session}"
    everything = orchestrator.call("GET", path).json
    assert everything["total_count"] == 6
    assert [t["task_id"] for t in everything["tasks"]] == [failed, *reversed(ids)]
    for item in everything["tasks"]:
        assert item["query"] and item["status"] in ENDED
        moment(item["created_at"])
    page = orchestrator.call("GET", path + "&limit=2&offset=1").json
    assert [t["task_id"] for t in page["tasks"]] == [ids[4], ids[3]] and page["total_count"] == 6
    for status in ("FAILED", "TASK_STATUS_FAILED"):
        some = orchestrator.call("GET", f"{path}&status={status}").json
        assert [t["task_id"] for t in some["tasks"]] == [failed]
    assert orchestrator.call("GET", path + "&status=CANCELLED").json["tasks"] == []


# Wrong requests

@pytest.mark.parametrize("body, status, field", [
    (b"", 400, "body"),
    (b"{", 400, "body"),
    (b'"text"', 400, "body"),
    (b'{"query": "\xff"}', 400, "query"),
    (b'{"query": "a\\u0000b"}', 400, "query"),
    (b'{"query": "a", "query": "b"}', 400, "query"),
    ({}, 400, "query"),
    ({"query": ""}, 400, "query"),
    ({"query": "  \n"}, 400, "query"),
    ({"query": ["x"]}, 400, "query"),
    ({"query": "x", "unknown": 1}, 400, "unknown"),
    ({"query": "x", "session_id": "a b"}, 400, "session_id"),
    ({"query": "x", "session_id": ""}, 400, "session_id"),
    ({"query": "x", "session_id": "s" * 129}, 400, "session_id"),
    ({"query": "x", "mode": "warp"}, 400, "mode"),
    ({"query": "x", "model_tier": "huge"}, 400, "model_tier"),
    ({"query": "x", "provider_override": "other"}, 400, "provider_override"),
    ({"query": "x", "context": "text"}, 400, "context"),
    ({"query": "x", "max_iterations": -1}, 400, "max_iterations"),
    ({"query": "x", "skill": "s"}, 400, "skill"),
    ({"query": "x" * 2_000_000}, 413, "query"),
])
def test_a_wrong_submission_names_the_field_and_stores_nothing(orchestrator, body, status, field):
    before = orchestrator.call("GET", "/api/v1/tasks?limit=1").json["total_count"]
    answer = orchestrator.call("POST", "/api/v1/tasks", body)
    assert answer.status == status, answer.text
    assert answer.json["error"]["kind"] == "invalid_request"
    assert answer.json["error"]["field"] == field
    assert orchestrator.call("GET", "/api/v1/tasks?limit=1").json["total_count"] == before


@pytest.mark.parametrize("query, field", [
    ("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("limit=-1", "limit"),
    ("offset=-1", "offset"), ("offset=99999999999999999999", "offset"),
    ("status=PENDING", "status"),
])
def test_a_wrong_list_names_the_parameter(orchestrator, query, field):
    answer = orchestrator.call("GET", f"/api/v1/tasks?{query}")
    assert answer.status == 400 and answer.json["error"]["field"] == field


def test_unknown_tasks_methods_and_paths(orchestrator):
    assert orchestrator.call("GET", "/api/v1/tasks/task-unknown").status == 404
    assert orchestrator.call("GET", "/api/v1/tasks/..%2f..%2fetc").status == 404
    assert orchestrator.call("DELETE", "/api/v1/tasks").status == 405
    assert orchestrator.call("GET", "/nowhere").status == 404


def test_health_and_readiness(orchestrator):
    assert orchestrator.call("GET", "/health").json["status"] == "healthy"
    for path in ("/ready", "/readiness"):
        answer = orchestrator.call("GET", path)
        assert (answer.status, answer.json["status"]) == (200, "ready")


# The guide's four troubles, in its words

def test_troubles_are_named_as_in_the_guide(tmp_path):
    with services.agent_core(tmp_path, SHANNON_WASI_EXECUTION_TIMEOUT_MS=1000) as core, \
            services.llm_service(tmp_path, core.url) as llm, \
            services.orchestrator(tmp_path, llm.url) as service:
        task = run(service, "Execute Python:\nprint('begun', flush=True)\nwhile True: pass")
        assert task["status"] == "TASK_STATUS_FAILED" and "Execution timeout" in task["error"]
        assert task["metadata"]["error_kind"] == "timeout" and task["result"] == "begun"
        task = run(service, "Execute Python: x = bytearray(10**9)")
        assert task["status"] == "TASK_STATUS_FAILED" and "Memory limit exceeded" in task["error"]
        task = run(service, "Execute Python: import pandas")
        assert task["status"] == "TASK_STATUS_FAILED" and "Module not found" in task["error"]


def test_a_missing_interpreter_is_named_as_in_the_guide(tmp_path):
    nowhere = tmp_path / "python-3.11.4.wasm"
    with services.Service("agent-core", tmp_path, PYTHON_WASI_WASM_PATH=nowhere) as core, \
            services.llm_service(tmp_path, core.url) as llm, \
            services.orchestrator(tmp_path, llm.url) as service:
        task = run(service, "Execute Python: print(1)")
        assert task["status"] == "TASK_STATUS_FAILED"
        assert "Python WASI interpreter not found" in task["error"]
        assert str(nowhere) in task["error"]
        assert task["metadata"]["error_kind"] == "interpreter_not_found"


# What is not lost

def test_kill_9_loses_no_task_and_doubles_none(tmp_path, llm_service):
    """Tasks are submitted while the orchestrator is killed again and again."""
    chance = random.Random(11)
    stored = {}
    service = services.orchestrator(tmp_path, llm_service.url)
    try:
        for _ in range(6):
            for _ in range(chance.randrange(10, 25)):
                number = len(stored)
                stored[submit(service, f"Execute Python: print({number})")] = str(number)
            time.sleep(chance.random() * 0.05)
            service.kill()
            service = services.orchestrator(tmp_path, llm_service.url)
        for task_id, result in stored.items():
            task = ended(service, task_id)
            # A task that was running at three of the kills fails, and says so.
            if task["status"] == "TASK_STATUS_FAILED":
                assert "3 times" in task["error"]
            else:
                assert task["result"] == result
        assert service.call("GET", "/api/v1/tasks?limit=1").json["total_count"] == len(stored)
        assert service.stop() == 0
    finally:
        if service.process.poll() is None:
            service.kill()


def test_a_task_that_was_running_is_run_again(tmp_path, llm_service):
    query = "Execute Python: import time; time.sleep(1.5); print('whole')"
    with services.orchestrator(tmp_path, llm_service.url) as service:
        task_id = submit(service, query)
        wait_for(lambda: task_of(service, task_id)["status"] == "TASK_STATUS_RUNNING")
        service.kill()
    with services.orchestrator(tmp_path, llm_service.url) as service:
        task = ended(service, task_id)
        assert task["result"] == "whole" and task["metadata"]["attempts"] == 2


def test_a_stop_hands_running_tasks_back(tmp_path, llm_service):
    query = "Execute Python: import time; time.sleep(4); print('whole')"
    with services.orchestrator(tmp_path, llm_service.url) as service:
        task_id = submit(service, query)
        wait_for(lambda: task_of(service, task_id)["status"] == "TASK_STATUS_RUNNING")
        started = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - started < 4
    with services.orchestrator(tmp_path, llm_service.url) as service:
        task = ended(service, task_id)
        # The attempt that was handed back does not count.
        assert task["result"] == "whole" and task["metadata"]["attempts"] == 1


def test_tasks_wait_for_an_llm_service_that_is_down(tmp_path, agent_core):
    with services.llm_service(tmp_path, agent_core.url) as first:
        url = first.url
    with services.orchestrator(tmp_path, url) as service:
        answer = service.call("GET", "/ready")
        assert (answer.status, answer.json["status"]) == (503, "not_ready")
        ids = [submit(service, f"Execute Python: print({i})") for i in range(20)]
        wait_for(lambda: "task deferred" in service.text, what="a deferral")
        assert task_of(service, ids[0])["status"] == "TASK_STATUS_QUEUED"
        with services.llm_service(tmp_path, agent_core.url,
                                  SHANNON_LLM_PORT=url.rsplit(":", 1)[1]):
            for i, task_id in enumerate(ids):
                task = ended(service, task_id)
                assert task["result"] == str(i) and task["metadata"]["attempts"] == 1


def test_an_llm_service_that_stays_down_fails_the_task_in_the_end(tmp_path, agent_core):
    with services.llm_service(tmp_path, agent_core.url) as gone:
        url = gone.url
    with services.orchestrator(tmp_path, url) as service:
        task = ended(service, submit(service, "Execute Python: print(1)"), 90)
        assert task["status"] == "TASK_STATUS_FAILED"
        assert "llm-service is out of reach" in task["error"] and "10 tries" in task["error"]


def test_agent_core_may_be_restarted_under_a_task(tmp_path, folder):
    with services.agent_core(tmp_path) as core:
        port = core.url.rsplit(":", 1)[1]
        with services.llm_service(tmp_path, core.url) as llm, \
                services.orchestrator(tmp_path, llm.url) as service:
            running = submit(service, "Execute Python: import time; time.sleep(3); print('whole')")
            wait_for(lambda: core.call("GET", "/health").json["executions"]["running"] == 1)
            core.kill()
            waiting = submit(service, "Execute Python: print('later')")
            with services.agent_core(tmp_path, SHANNON_AGENT_CORE_PORT=port):
                assert ended(service, running)["result"] == "whole"
                assert ended(service, waiting)["result"] == "later"


def test_a_full_disk_is_answered_503_and_nothing_is_lost(tmp_path, llm_service):
    """The disk is full where files may not grow: to the store that is a write that fails."""
    with services.orchestrator(tmp_path, llm_service.url) as service:
        before = submit(service, "Execute Python: print('before')")
        ended(service, before)
        normal = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (4096, normal[1]))
        answer = service.call("POST", "/api/v1/tasks", {"query": "x" * 200_000})
        assert answer.status == 503, answer.text
        assert answer.json["error"]["kind"] == "internal"
        assert "task store" in answer.json["error"]["message"]
        assert service.call("GET", "/health").status == 200
        assert task_of(service, before)["result"] == "before"
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, normal)
        assert run(service, "Execute Python: print('after')")["result"] == "after"
        assert service.call("GET", "/api/v1/tasks?limit=1").json["total_count"] == 2


def test_two_orchestrators_do_not_share_a_store(tmp_path, llm_service):
    with services.orchestrator(tmp_path, llm_service.url):
        with pytest.raises(AssertionError, match="another orchestrator"):
            services.orchestrator(tmp_path, llm_service.url)


def test_a_store_that_cannot_be_used_is_named(tmp_path, llm_service):
    (tmp_path / "tasks.db").write_text("this is no database\n" * 1000)
    with pytest.raises(AssertionError, match="tasks.db"):
        services.orchestrator(tmp_path, llm_service.url)
