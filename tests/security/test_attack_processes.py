"""F: processes, threads and signals: there are none for a program, and its own can be killed at any moment."""
import concurrent.futures
import http.client
import json
import os
import signal
import threading
import time

import pytest

from attack_support import Target, descriptor_count, exists_not, raised, refused, resident_bytes, wait_for
from agent_core_service import result_of
from services import call


def test_F01_making_processes(core):
    names = ["fork", "forkpty", "vfork", "execv", "execve", "posix_spawn", "posix_spawnp", "system", "spawnv", "spawnlp", "popen",
             "pipe", "wait", "waitpid", "setsid"]
    arguments = {"execv": "'/bin/sh', ['sh']", "execve": "'/bin/sh', ['sh'], {}", "posix_spawn": "'/bin/sh', ['sh'], {}",
                 "posix_spawnp": "'sh', ['sh'], {}", "system": "'id'", "spawnv": "0, '/bin/sh', ['sh']",
                 "spawnlp": "0, 'sh', 'sh'", "popen": "'id'", "waitpid": "-1, 0"}
    attempts = {name: f"os.{name}({arguments.get(name, '')})" for name in names}
    found = core.attempts({**attempts, "control": "os.getpid()"})
    refused(found, but=["control"])
    assert {outcome.error for name, outcome in found.items() if name != "control"} <= {"AttributeError", "OSError"}
    # A number that says nothing.
    assert found["control"].value == core.attempts({"again": "os.getpid()"})["again"].value


def test_F02_subprocess(core):
    found = core.attempts({"run": "subprocess.run(['id'])", "shell": "subprocess.check_output('id', shell=True)",
                           "popen": "subprocess.Popen(['/bin/true'])", "control": "subprocess.list2cmdline(['a', 'b'])"},
                          "import subprocess")
    refused(found, but=["control"])
    for name in ("run", "shell", "popen"):
        assert (found[name].error, found[name].errno) == ("OSError", "ENOTSUP")
        assert "wasi does not support processes" in found[name].text


def test_F03_threads(core):
    answer = core.execute("""
import threading
failures = 0
for _ in range(10**4):
    try:
        threading.Thread(target=print).start()
    except RuntimeError:
        failures += 1
print(failures, threading.active_count())
""")
    assert answer["stdout"] == "10000 1\n", answer
    found = core.attempts({
        "pool": "list(concurrent.futures.ThreadPoolExecutor(2).map(str, [1]))",
        "processes": "list(concurrent.futures.ProcessPoolExecutor(2).map(str, [1]))",
        "multiprocessing": "__import__('multiprocessing').Process(target=print).start()",
        "multiprocessing pool": "__import__('multiprocessing.pool').pool.ThreadPool(2)",
        "_thread": "__import__('_thread').start_new_thread(print, ())",
        "control": "threading.current_thread().name"}, "import concurrent.futures, threading")
    refused(found, but=["control"])


def test_F04_signals_to_others(core):
    found = core.attempts({"kill": "os.kill(1, 9)", "group": "os.killpg(0, 9)", "parent": "os.getppid()",
                           "thread": "signal.pthread_kill(1, 9)", "fd": "signal.pidfd_send_signal(3, 9)",
                           "own": "signal.raise_signal(signal.SIGCHLD)"}, "import signal")
    refused(found, but=["own"])


def test_F05_signals_to_itself(core):
    zygote = core.zygote()
    fatal = []
    for number in range(1, 32):
        answer = core.execute(f"import signal\nsignal.raise_signal({number})\nprint('lived')")
        assert answer["status"] in ("ok", "python_error", "trap"), (number, answer)
        if answer["status"] == "trap":
            fatal.append(number)
    assert {signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM} <= set(fatal)
    for code in ("import faulthandler; faulthandler._sigsegv()", "import os; os.abort()",
                 "import faulthandler; faulthandler._sigabrt()", "import faulthandler; faulthandler._sigfpe()"):
        answer = core.execute("print('before')\n" + code)
        assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("trap", 134, "before\n"), answer
    assert core.zygote() == zygote, "a fault of the guest is taken for one of the host"


def test_F06_signals_that_are_ignored(core):
    answer = core.execute("""
import signal
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
print("deaf", flush=True)
while True: pass
""", cpu_limit_ms=300)
    assert (answer["status"], answer["stdout"]) == ("timeout", "deaf\n"), answer


def busiest(core):
    """The guest process that uses the processor."""
    def used(pid):
        try:
            words = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return int(words[11]) + int(words[12])

    return wait_for(lambda: next((pid for pid in core.guest_processes() if used(pid) >= 20), None), 20, "a process that works")


def test_F07_the_process_is_killed(tmp_path):
    """By SIGKILL: it is the first process of a namespace, to which the kernel brings no other signal by default."""
    with Target(tmp_path) as core, core.unharmed(internal=True):
        zygote = core.zygote()
        for _ in range(2):
            answers = []
            runner = threading.Thread(target=lambda: answers.append(core.execute("print('begun', flush=True)\nwhile True: pass")))
            runner.start()
            core.wait_executions("running", 1)
            os.kill(busiest(core), signal.SIGKILL)
            runner.join()
            assert (answers[0]["status"], answers[0]["exit_code"]) == ("killed", 137), answers
        assert core.zygote() == zygote


def test_F07_the_zygote_is_killed(tmp_path):
    with Target(tmp_path) as core, core.unharmed(internal=True):
        running = core.begin("import time\ntime.sleep(0.5)\nprint('done')")
        core.wait_executions("running", 1)
        former = core.zygote()
        os.kill(former, signal.SIGKILL)
        answers = [core.execute(f"print({i})") for i in range(5)]
        assert [answer["stdout"] for answer in answers] == [f"{i}\n" for i in range(5)], answers
        assert result_of(running)["stdout"] == "done\n", "what runs already goes on"
        wait_for(lambda: core.zygote() != former, 20, "another zygote")


def test_F07_the_service_is_killed(tmp_path):
    core = Target(tmp_path)
    core.execute("x = 1", session_id="lost")
    connection = core.begin("while True: pass")
    core.wait_executions("running", 1)
    family = list(core.children())
    core.kill()
    assert exists_not(family)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
    connection.close()
    with Target(tmp_path) as again, again.unharmed():
        assert again.execute("print(1)")["stdout"] == "1\n"


MIXED = [
    ("print(1)", "ok"), ("1/0", "python_error"), ("import os; os.abort()", "trap"), ("raise SystemExit(3)", "python_error"),
    ("import os; os._exit(0)", "ok"), ("x = []\nwhile True: x.append(bytes(1 << 20))", "memory_limit"),
    ("def f(): return list(map(lambda _: f(), [1]))\nimport sys; sys.setrecursionlimit(10**9); f()", "stack_exhausted"),
    ("while True: pass", "timeout"), ("print('x' * 10**6)", "ok"), ("open('/tmp/x', 'wb').write(bytes(10**6))", "ok"),
]


def test_F08_many_runs_one_after_the_other(core):
    connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)

    def run(count):
        begun = time.monotonic()
        for _ in range(count):
            connection.request("POST", "/v1/execute", b'{"code":"print(1)"}', {"Content-Type": "application/json"})
            assert b'"stdout":"1\\n"' in connection.getresponse().read()
        return (time.monotonic() - begun) / count

    run(200)
    descriptors, resident = descriptor_count(core.process.pid), resident_bytes(core.process.pid)
    zygote = resident_bytes(core.zygote())
    times = [run(300) for _ in range(5)]
    # A leak of so little as 400 bytes a run would show.
    assert resident_bytes(core.process.pid) - resident < 600_000
    assert resident_bytes(core.zygote()) - zygote < 600_000
    wait_for(lambda: abs(descriptor_count(core.process.pid) - descriptors) <= 8, 20, "as many descriptors as before")
    assert min(times[3:]) < 5 * min(times[:2]), times
    connection.close()


def test_F08_mixed_crashes_in_parallel(core):
    before = len(core.guest_processes())

    def run(i):
        code, status = MIXED[i % len(MIXED)]
        while True:
            answer = call(core.url, "POST", "/v1/execute", {"code": code, "timeout_ms": 2000 if status == "timeout" else 30000,
                                                            "cpu_limit_ms": 150 if status == "timeout" else 0,
                                                            "memory_limit_bytes": 48 << 20})
            if answer.status == 429:
                continue
            assert answer.status == 200 and answer.json["status"] == status, (code, answer.text[:500])
            return json.loads(answer.text)["execution_id"]

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        identifiers = list(pool.map(run, range(200)))
    assert len(set(identifiers)) == 200
    core.settle()
    assert len(core.guest_processes()) <= max(before, 8)


def test_F08_crashes_of_one_kind_after_another(core):
    zygote = core.zygote()
    for _ in range(100):
        assert core.execute("import os; os.abort()")["status"] == "trap"
    raised(core.execute("1/0"), "ZeroDivisionError")
    assert core.zygote() == zygote
