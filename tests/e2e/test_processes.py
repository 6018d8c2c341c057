"""The processes behind runs: that they are there before they are needed, how many wait, and what becomes of a run whose
process or whose zygote is not as it should be."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import resource
import signal
import time

import pytest

from agent_core_service import AgentCore, result_of, state_of
from cli_support import module, module_cache  # noqa: F401
from services import wait_for


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("processes"), SHANNON_AGENT_CORE_MAX_SPARES=2) as service, \
            service.nothing_stays_behind():
        yield service


def spares(core):
    """(how many wait, how many should)"""
    return core.metric("shannon_spare_processes"), core.metric("shannon_spare_processes_wanted")


def wait_spares(core):
    """Until all that should wait do; they are returned, the one that waits longest first."""
    def full():
        there, wanted = spares(core)
        guests = core.guests()
        return there == wanted == len(guests) > 0 and core.executions("running") == 0 and guests

    return wait_for(full, 20, "the processes that wait")


@contextlib.contextmanager
def stopped(*pids):
    """They do nothing meanwhile, and can be killed."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: all(state_of(pid) == "T" for pid in pids), 20, "the stop of the processes")
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def catches(pid, number):
    """Whether the process has a handler for the signal."""
    mask = next(line for line in open(f"/proc/{pid}/status", encoding="ascii") if line.startswith("SigCgt:")).split()[1]
    return int(mask, 16) >> (number - 1) & 1


def test_processes_wait_before_the_first_request(tmp_path):
    with AgentCore(tmp_path) as core:
        waiting = wait_spares(core)
        assert core.metric('shannon_executions_total{status="ok"}') == 0
        with stopped(core.zygote()):
            assert [core.execute("6 * 7")["result"] for _ in waiting] == ["42"] * len(waiting)
        assert core.metric("shannon_zygote_starts_total") == 1


def test_how_many_wait_follows_the_load(tmp_path):
    most = 5
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_SPARES=most, SHANNON_AGENT_CORE_MAX_CONCURRENT=16) as core, \
            concurrent.futures.ThreadPoolExecutor(16) as pool:
        wait_spares(core)
        assert spares(core)[1] < most

        def loaded():
            assert [answer["result"] for answer in pool.map(core.execute, ["1"] * 64)] == ["1"] * 64
            there, wanted = spares(core)
            assert there <= most and wanted <= most
            return wanted == most

        wait_for(loaded, 60, "as many as there may be")
        assert len(wait_spares(core)) == most
        wait_for(lambda: spares(core)[1] < most, 60, "fewer, as nobody comes")
        wait_spares(core)


def test_a_run_whose_process_dies_before_it_begins_goes_to_another(core):
    waiting = wait_spares(core)
    with stopped(*waiting):
        connection = core.begin("print('once')")
        core.wait_executions("running", 1)
        os.kill(waiting[0], signal.SIGKILL)
        wait_for(lambda: state_of(waiting[0]) is None, 20, "the end of the process")
        os.kill(waiting[1], signal.SIGCONT)
        answer = result_of(connection)
    assert (answer["status"], answer["stdout"]) == ("ok", "once\n")


def test_it_goes_to_another_once_only(core):
    """Else a request that kills what touches it would go through all processes."""
    waiting = wait_spares(core)
    killed = core.metric('shannon_executions_total{status="killed"}')
    with stopped(core.zygote(), *waiting):
        connection = core.begin("print('once')")
        for number, pid in enumerate(waiting, 1):
            wait_for(lambda left=len(waiting) - number: spares(core)[0] == left, 20, "that the process has the request")
            os.kill(pid, signal.SIGKILL)
        answer = result_of(connection)
    assert len(waiting) == 2
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("killed", 137, "")
    assert core.metric('shannon_executions_total{status="killed"}') == killed + 1
    assert core.execute("print('next')")["stdout"] == "next\n"


def test_a_process_that_waits_has_nothing_to_send(core):
    """It has run a program before, to be warm. What that wrote is nobody's, whenever it is time to send output."""
    waiting = wait_spares(core)
    for pid in waiting:
        os.kill(pid, signal.SIGVTALRM)
    assert core.execute("pass")["stdout"] == ""
    assert set(waiting[1:]) <= set(wait_spares(core))
    assert core.events("a guest process could not be made") == []


@contextlib.contextmanager
def no_new_descriptors(pid):
    """That process can open nothing more."""
    limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, limit[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)


def test_a_zygote_that_cannot_fork_is_kept_until_it_can(tmp_path):
    with AgentCore(tmp_path) as core:
        wait_spares(core)
        with no_new_descriptors(core.zygote()):
            core.kill_guests()
            answer = core.call("POST", "/v1/execute", {"code": "1"})
            assert (answer.status, answer.json["error"]["kind"]) == (500, "internal"), answer.text
            assert "cannot make a process" in answer.json["error"]["message"]
        assert core.execute("print(1)")["stdout"] == "1\n"
        wait_spares(core)


def test_a_process_that_cannot_be_had_is_not_asked_for_again_and_again(tmp_path):
    def wakeups():
        with open(f"/proc/{core.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read(), re.MULTILINE)[1])

    with AgentCore(tmp_path) as core:
        wait_spares(core)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)) as connection:
            connection.connect()
            core.call("GET", "/health")  # by now the first one is accepted
            with no_new_descriptors(core.process.pid):
                connection.request("POST", "/v1/execute", b'{"code": "print(1)"}', {"Content-Type": "application/json"})
                assert json.load(connection.getresponse())["stdout"] == "1\n"
                wait_for(lambda: core.events("no process can be asked for"), 20, "a failure")
                before = wakeups()
                time.sleep(1)
                assert wakeups() - before < 200
                assert len(core.events("no process can be asked for")) == 1
        for _ in range(2):
            assert core.execute("print(1)")["stdout"] == "1\n"
        assert len(wait_spares(core)) == 2


def test_after_a_failure_that_nobody_can_explain_there_is_another_zygote(core):
    """A process is made to die of a fault that is its guest's: its handler of faults goes away with the first one that is
    not. Nobody but the machine's owner can do that."""
    exhausting = "def f(): return list(map(lambda _: f(), [1]))\nimport sys; sys.setrecursionlimit(10**9); f()"
    assert core.execute(exhausting)["status"] == "stack_exhausted"
    waiting = wait_spares(core)
    former = core.zygote()
    for pid in waiting:
        os.kill(pid, signal.SIGSEGV)
        wait_for(lambda pid=pid: not catches(pid, signal.SIGSEGV), 20, "the end of the handler")
    answer = core.call("POST", "/v1/execute", {"code": exhausting})
    assert (answer.status, answer.json["error"]["kind"]) == (500, "internal"), answer.text
    core.wait_zygote(former)
    wait_for(lambda: core.zygotes() == [core.zygote()], 20, "the end of the former zygote")
    wait_for(lambda: not set(waiting) & set(core.children()), 20, "the end of the processes that it had made")
    assert core.execute(exhausting)["status"] == "stack_exhausted"


# A reactor (interpreters/cpython/guest/shannon_guest.h) that prints "ran" for each run.
REACTOR = """
(global (export "__stack_pointer") (mut i32) (i32.const 65536))
(data (i32.const 16) "\\01\\00\\00\\00\\40\\00\\00\\00") (data (i32.const 32) "\\28\\00\\00\\00\\04\\00\\00\\00ran\\0a")
(func (export "_start"))
(func (export "shannon_abi_version") (result i32) (i32.const 2))
(func (export "shannon_initialize") (param i32) (result i32) (i32.const 0))
(func (export "shannon_refresh") (result i32) (i32.const {refreshed}))
(func (export "shannon_interrupt_words") (result i32) (i32.const 16))
(func (export "shannon_allocate") (param i32) (result i32) (i32.const 1024))
(func (export "shannon_run") (param i32 i32) (result i32)
  (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 48)))
(func (export "shannon_result_address") (result i32) (i32.const 0))
(func (export "shannon_result_size") (result i32) (i32.const 0))
"""


def test_nothing_is_run_in_a_copy_that_could_not_be_made_to_differ(tmp_path, module_cache):  # noqa: F811
    with AgentCore(tmp_path, PYTHON_WASI_WASM_PATH=module(REACTOR.format(refreshed=0)), SHANNON_CACHE_DIR=module_cache) as core:
        assert (core.execute("1")["status"], core.execute("1")["stdout"]) == ("ok", "ran\n")
    with AgentCore(tmp_path, PYTHON_WASI_WASM_PATH=module(REACTOR.format(refreshed=1)), SHANNON_CACHE_DIR=module_cache) as core:
        for _ in range(3):
            answer = core.call("POST", "/v1/execute", {"code": "1"})
            assert (answer.status, answer.json["error"]["kind"]) == (500, "internal"), answer.text
            assert "could not be made to differ from its siblings" in answer.json["error"]["message"]
