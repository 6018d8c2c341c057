"""D: more time than there is."""
import concurrent.futures
import time

import pytest

from attack_support import exists_not, raised, wait_for
from agent_core_service import result_of

GRACE = 0.25  # beyond the limit, in which a program may say where it was, and is then killed


def timed_out(answer, *, processor=False, limit_ms, load=4):
    """Ended by its limit: within the grace, by the clock that the limit is of. `load` allows for a busy machine."""
    assert (answer["status"], answer["exit_code"]) == ("timeout", 124), answer
    assert ("processor time" in answer["error"]["message"]) == processor, answer["error"]["message"]
    used = answer["usage"]["cpu_ms" if processor else "wall_ms"]
    assert limit_ms - 20 <= used <= limit_ms + 1000 * GRACE * load, answer["usage"]


BUSY = {
    "pass": "while True: pass",
    "iterator": "for _ in iter(int, 1): pass",
    "recursion": "def f():\n    try: f()\n    except RecursionError: f()\nf()",
    "generator": "import itertools\nfor _ in itertools.count(): pass",
}


@pytest.mark.parametrize("name", BUSY)
def test_D01_loops(core, name):
    timed_out(core.execute("print('begun')\n" + BUSY[name], cpu_limit_ms=300), processor=True, limit_ms=300)


def test_D02_an_interrupt_that_is_swallowed(core):
    answer = core.execute("""
count = 0
while True:
    try:
        while True:  # of a single statement Python itself may forget that it is in a try
            count += 1
            count -= 1
    except BaseException as error:
        print("caught", type(error).__name__, flush=True)
""", cpu_limit_ms=300)
    timed_out(answer, processor=True, limit_ms=300)
    assert answer["stdout"] == "caught KeyboardInterrupt\n", "what it says in its grace arrives"
    answer = core.execute("""
import time
while True:
    try: time.sleep(1000)
    except BaseException: print("caught", flush=True)
""", timeout_ms=300)
    timed_out(answer, limit_ms=300)
    assert answer["stdout"] == "caught\n"


WAITING = {
    "sleep": "import time; time.sleep(1e9)",
    "event": "import threading; threading.Event().wait()",
    "lock": "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "queue": "import queue; queue.Queue().get()",
    "asyncio": "import asyncio; asyncio.run(asyncio.sleep(1e9))",
    "poll": "import select; select.poll().poll()",
}


@pytest.mark.parametrize("name", WAITING)
def test_D03_waiting_for_ever(core, name):
    answer = core.execute(WAITING[name], timeout_ms=300)
    if answer["status"] == "python_error":  # poll of nothing
        raised(answer, "OSError")
        return
    timed_out(answer, limit_ms=300)
    assert core.executions("running") == 0


IN_C = {
    "sum": "sum(range(10**15))",
    "power": "10**10**8",
    "pow": "pow(3, 10**9)",
    "factorial": "__import__('math').factorial(10**7)",
    "join": "''.join(x for x in __import__('itertools').repeat(''))",
    "product": "list(x for x in __import__('itertools').product(range(100), repeat=9) if x is None)",
    "sorted": "import random\nx = list(range(10**6))\nwhile True: random.shuffle(x); x.sort()",
    "hash": "import hashlib; hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**9)",
    "find": "('a' * 5 * 10**6).count('a' * 10**6 + 'b') + max(('ab' * 10**7).find('ab' * 10**6 + 'c') for _ in range(10**6))",
    "deque": "import collections, itertools; collections.deque(itertools.count(), 0)",
}


@pytest.mark.parametrize("name", IN_C)
def test_D04_one_call_that_does_not_return(core, name):
    """Where nothing looks at the interrupt the process is killed when its grace is over."""
    timed_out(core.execute(IN_C[name], cpu_limit_ms=300), processor=True, limit_ms=300)


def test_D05_sleeping_uses_no_processor_time(core):
    answer = core.execute("""
import time
begun = time.monotonic(), time.process_time()
for _ in range(20):
    time.sleep(0.05)
print(round(time.monotonic() - begun[0], 1) >= 1, time.process_time() - begun[1] < 0.2)
""", cpu_limit_ms=400)
    assert (answer["status"], answer["stdout"]) == ("ok", "True True\n"), answer
    assert answer["usage"]["cpu_ms"] < 400 < answer["usage"]["wall_ms"]


def test_D06_the_end_and_the_limit_at_once(core):
    """Whichever comes first, there is one answer, and its parts agree."""
    def run(i):
        return core.execute(f"import time\ntime.sleep({0.018 + (i % 9) / 1000})\nprint('done')", timeout_ms=22)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, range(300)))
    kinds = {answer["status"] for answer in answers}
    assert kinds == {"ok", "timeout"}, "the controls: both were met"
    for answer in answers:
        if answer["status"] == "ok":
            assert (answer["exit_code"], answer["stdout"], answer["error"]) == (0, "done\n", None), answer
        else:
            assert answer["exit_code"] == 124 and "done\n".startswith(answer["stdout"]), answer
            assert answer["error"]["type"] == "timeout"


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "1e308", '"5"', "1.5", "true", "[]", "18446744073709551616", "Infinity"])
def test_D07_limits_that_are_none(core, value):
    """null stands for a field that is not there, as everywhere."""
    for field in ("timeout_ms", "cpu_limit_ms", "memory_limit_bytes"):
        answer = core.call("POST", "/v1/execute", b'{"code":"1","%b":%b}' % (field.encode(), value.encode()))
        if (field, value) == ("cpu_limit_ms", "0"):  # as much as the wall time allows
            assert answer.status == 200
            continue
        assert (answer.status, answer.json["error"]["field"]) == (400, field), answer.text


def test_D08_signals_and_timers_of_the_program(core):
    answer = core.execute("""
import signal
refused = []
for number in range(1, signal.NSIG):
    for handler in (signal.SIG_IGN, lambda *_: None):
        try:
            signal.signal(number, handler)
        except (OSError, ValueError):
            refused.append(number)
for name in ("setitimer", "alarm", "pthread_sigmask", "pidfd_send_signal", "pthread_kill"):
    try:
        getattr(signal, name)
        print("there is", name)
    except AttributeError:
        pass
print("loops", flush=True)
while True:
    pass
""", cpu_limit_ms=300)
    timed_out(answer, processor=True, limit_ms=300)
    assert answer["stdout"] == "loops\n"


def test_D09_the_client_goes(core):
    idle = set(core.guest_processes())
    for code in ("while True: pass", "import time; time.sleep(1000)", "while True: print('x' * 10**5)",
                 "import signal; signal.signal(2, signal.SIG_IGN)\nwhile True: pass"):
        connection = core.begin(code)
        core.wait_executions("running", 1)
        begun = time.monotonic()
        connection.close()
        core.wait_executions("running", 0)
        assert time.monotonic() - begun < 2
    wait_for(lambda: core.gauge("shannon_guest_processes_dying") == 0, 5, "the end of the processes")
    # Of those that ran, none lives; those that wait are new.
    assert exists_not(idle - set(core.guest_processes()))


def test_D09_the_execution_is_cancelled(core):
    connection = core.begin("print('begun', flush=True)\nwhile True: pass", X_Request_Id="to-be-cancelled")
    core.wait_executions("running", 1)
    assert core.call("DELETE", "/v1/executions/to-be-cancelled").status == 202
    assert result_of(connection)["status"] == "killed"
    assert core.call("DELETE", "/v1/executions/to-be-cancelled").status == 404
