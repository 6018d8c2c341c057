"""Many clients at once while processes are killed and the service is restarted; and what is left after many runs.

What is promised: every request gets exactly one answer, of the kind that its program deserves. Besides that,
- "busy" (429) with Retry-After is an answer: the request may be sent again;
- a run whose process is killed from outside answers "killed", no other run does;
- while the service is restarted, a request may find nobody listening, be cut off before the first byte of its answer, or
  be answered that the service is stopping (503) or that the run was ended ("killed"). It may be sent again, and how often
  that was is counted. Half an answer, a second one or somebody else's is never given.

LOAD_SECONDS, LOAD_CLIENTS and LEAK_RUNS make it longer: in full it is 60, 200 and 10000.
"""
import collections
import contextlib
import functools
import http.client
import itertools
import json
import os
import random
import select
import signal
import statistics
import sys
import threading
import time

from agent_core_service import AgentCore, result_of, state_of
from services import wait_for

SECONDS = float(os.environ.get("LOAD_SECONDS", "6"))
CLIENTS = int(os.environ.get("LOAD_CLIENTS", "200"))
LEAK_RUNS = int(os.environ.get("LEAK_RUNS", "600"))
MEBIBYTE = 1 << 20

# Of each kind: how often, the program and the fields of its request, the status and exit code of its answer.
PROGRAMS = [
    (12, "print({token!r})", {}, "ok", 0),
    (3, "print({token!r})\nraise ValueError({token!r})", {}, "python_error", 1),
    (1, "import sys; print({token!r}); sys.exit(7)", {}, "python_error", 7),
    (1, "print({token!r})\nn = 0\nwhile n >= 0: n += 1", {"timeout_ms": 60}, "timeout", 124),
    (1, "print({token!r})\nimport time; time.sleep(60)", {"timeout_ms": 60}, "timeout", 124),
    (1, "print({token!r})\nx = bytes(100 << 20)", {"memory_limit_bytes": 32 * MEBIBYTE}, "memory_limit", 137),
]


class Load:
    """The clients, and what they saw."""

    def __init__(self, port):
        self.port = port
        self.lock = threading.Lock()
        self.ending = False
        self.restarting = False
        self.generation = 0  # of the service
        self.answers = collections.Counter()  # (generation, status)
        self.refused = 0  # connections that nobody accepted
        self.cut = 0  # requests that ended without any answer
        self.asked = collections.Counter()  # requests that a client wants to be done, by client
        self.served = collections.Counter()  # those that are
        self.wrong = []
        self.durations = []
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self.threads), "a request has no answer"

    def count(self, status):
        return sum(number for (_, each), number in self.answers.items() if each == status)

    def note_wrong(self, *what):
        with self.lock:
            self.wrong.append(what)

    def work(self, client):
        choose = random.Random(client)
        connection = None
        number = 0
        while not self.ending:
            (chosen,) = choose.choices(PROGRAMS, [each[0] for each in PROGRAMS])
            number += 1
            self.asked[client] += 1
            done = False
            # Only a service that has failed keeps a client from its answer.
            while not done and not (self.ending and connection is None):
                if connection is None:
                    connection = self.connect()
                if connection is not None:
                    connection, done = self.request(connection, f"{client}-{number}", *chosen[1:])
            self.served[client] += done
        if connection is not None:
            self.close(connection)

    def close(self, connection):
        """Nothing may have come that was not asked for; the end of the connection may."""
        ready, _, _ = select.select([connection.sock], [], [], 0)
        if ready:
            with contextlib.suppress(ConnectionResetError):
                more = connection.sock.recv(1000)
                if more:
                    self.note_wrong("a second answer", more)
        connection.close()

    def connect(self):
        """A connection, or None when nobody listens, which may be during a restart only."""
        restarting = self.restarting
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.connect()
        except OSError as error:
            if not (restarting or self.restarting):
                self.note_wrong("connect", repr(error))
            with self.lock:
                self.refused += 1
            time.sleep(0.01)
            return None
        connection.generation = self.generation
        return connection

    def request(self, connection, token, code, fields, status, exit_code):
        """Sends one request. (the connection if it is still good, whether the request is done with)"""
        restarting = self.restarting
        began = time.monotonic()
        response = None
        try:
            connection.request("POST", "/v1/execute", json.dumps({"code": code.format(token=token), **fields}))
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            # Once an answer has begun it must be whole.
            if response is not None or not (restarting or self.restarting):
                self.note_wrong("cut off", token, repr(error))
            with self.lock:
                self.cut += 1
            connection.close()
            return None, False
        answer = json.loads(body)
        kept = connection
        if response.will_close:
            connection.close()
            kept = None
        during_restart = restarting or self.restarting
        return kept, self.judge(connection.generation, response, answer, token, status, exit_code, during_restart,
                                time.monotonic() - began)

    def judge(self, generation, response, answer, token, status, exit_code, during_restart, duration):
        """Whether the request has its answer and need not be sent again."""
        kind = answer["status"] if response.status == 200 else answer["error"]["kind"]
        with self.lock:
            self.answers[(generation, kind)] += 1
        if response.status == 429:
            if kind != "busy" or response.getheader("Retry-After") != "1":
                self.note_wrong("busy", token, answer)
            time.sleep(0.1)
            return False
        if response.status == 503:
            if kind != "killed" or not during_restart:
                self.note_wrong("503", token, answer)
            return False
        if response.status == 200 and kind == "killed":
            # How many of them there may be is for the end to say.
            if answer["exit_code"] != 137 or answer["stdout"] not in ("", f"{token}\n"):
                self.note_wrong("killed", token, answer)
            return False
        # Where processors are short the time may be up before the first line.
        printed = answer.get("stdout") == f"{token}\n" or (status == "timeout" and answer.get("stdout") == "")
        if (response.status, kind, answer.get("exit_code"), printed) != (200, status, exit_code, True):
            self.note_wrong("answer", token, response.status, answer)
        elif status == "ok":
            with self.lock:
                self.durations.append(duration)
        return True


def ended(core):
    """How many executions the service has counted, by status; those that wait for nothing."""
    return {status: int(core.metric(f'shannon_executions_total{{status="{status}"}}'))
            for status in ("ok", "python_error", "timeout", "memory_limit", "killed", "busy", "trap", "stack_exhausted", "internal")}


def test_each_request_has_one_answer_whatever_is_killed(tmp_path):
    # It has another zygote only where one was killed.
    first = AgentCore(tmp_path, SHANNON_SANDBOX_ZYGOTE_MAX_RUNS=0)
    with contextlib.ExitStack() as services:
        services.enter_context(first)
        load = Load(first.port)
        killed_children = 0
        try:
            began = time.monotonic()

            def until(part):
                wait_for(lambda: time.monotonic() - began > part * SECONDS, SECONDS + 60, "the time")

            # A process that runs or waits, a few times, until one of them was in a run.
            until(0.1)
            while killed_children < 4 or (load.count("killed") == 0 and killed_children < 100):
                guests = first.guests()
                if guests:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(random.choice(guests), signal.SIGKILL)
                    killed_children += 1
                until(0.1 + 0.02 * min(killed_children, 10))
            for part in (0.35, 0.5):
                until(part)
                former = first.zygote()
                first.kill_zygote()
                first.wait_zygote(former)
            until(0.6)
            assert first.metric("shannon_zygote_starts_total") == 3
            killed_runs = load.count("killed")
            assert 1 <= killed_runs <= killed_children, "only whose process was killed"
            load.restarting = True
            first.stop()
            load.generation += 1
            second = AgentCore(tmp_path, SHANNON_AGENT_CORE_PORT=first.port)
            services.enter_context(second)
            load.restarting = False
            until(1)
        finally:
            load.end()
        assert load.wrong == []
        assert load.served == load.asked and len(load.asked) == CLIENTS
        answers = {status: load.answers[(1, status)] for status in ended(second)}
        # Those that came before the service was ready were told so, or waited.
        assert ended(second) == answers
        assert answers["killed"] == answers["internal"] == 0
        assert min(answers[status] for status in ("ok", "python_error", "timeout", "memory_limit")) > 0
        second.wait_executions("running", 0)
        second.wait_executions("waiting", 0)
        wait_for(lambda: second.metric("shannon_guest_processes_dying") == 0, 20, "the end of all processes")
        assert not [pid for pid in second.children() if state_of(pid) == "Z"]
    durations = sorted(load.durations)
    kinds = dict(sorted(collections.Counter(kind for _, kind in load.answers.elements()).items()))
    print(f"{CLIENTS} clients, {SECONDS:g} s: {kinds}, "
          f"{sum(load.served.values())} requests served, {min(load.served.values())} to {max(load.served.values())} a client; "
          f"{killed_runs} runs of {killed_children} killed processes were told so; "
          f"at the restart {load.refused} connections refused and {load.cut} requests cut off; ok: median {statistics.median(durations) * 1000:.1f} ms, "
          f"p99 {durations[len(durations) * 99 // 100] * 1000:.1f} ms, longest {durations[-1] * 1000:.0f} ms", file=sys.stderr)


def memory_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS:"))


SLEEP = "import time; time.sleep(60)"
# The first ones take about a millisecond each; the others are few.
SHORT_RUNS = [
    ({"code": "print(1)"}, "ok"), ({"code": "1 / 0"}, "python_error"),
    ({"code": "open('a', 'w').write('x' * 1000)"}, "ok"), ({"code": "x = bytes(10 << 20)"}, "ok"),
    ({"code": "print('x' * 100000)"}, "ok"), ({"code": "print(open('a').read())", "files": {"a": "given" * 1000}}, "ok"),
]
OTHER_RUNS = [
    ({"code": "import os; os.abort()"}, "trap"), ({"code": "import json, sqlite3"}, "ok"),
    ({"code": "while True: pass", "timeout_ms": 20}, "timeout"), ({"code": SLEEP, "timeout_ms": 20}, "timeout"),
    ({"code": "x = bytes(100 << 20)", "memory_limit_bytes": 32 * MEBIBYTE}, "memory_limit"),
]


class Runs:
    """Runs of all kinds, one after the other, and how many of each there were."""

    def __init__(self, core):
        self.core = core
        self.connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=60)
        self.counts = collections.Counter()
        self.number = 0  # of a run, whatever its kind
        self.sessions = 0
        self.others = itertools.cycle([
            *(functools.partial(self.plain, *each) for each in OTHER_RUNS), self.session_used, self.deleted, self.deleted_stream,
            self.session_copied, self.client_gone, self.client_gone_stream, self.session_saved, self.session_failing,
            self.session_deleted])

    def __call__(self, count):
        until = self.number + count
        while self.number < until:
            self.plain(*SHORT_RUNS[self.number % len(SHORT_RUNS)])
            if self.number % 8 == 0:
                next(self.others)()
        self.connection.close()

    def plain(self, fields, status, kind=None):
        self.connection.request("POST", "/v1/execute", json.dumps(fields))
        answer = json.loads(self.connection.getresponse().read())
        assert answer["status"] == status, answer
        self.count(kind or status)
        return answer

    def count(self, kind):
        self.number += 1
        self.counts[kind] += 1

    def begin(self, kind, **more):
        self.count(kind)
        connection = self.core.begin(SLEEP, X_Request_Id=f"run-{self.number}", **more)
        self.core.wait_executions("running", 1)
        return connection

    def deleted(self, **more):
        connection = self.begin("deleted", **more)
        assert self.core.call("DELETE", f"/v1/executions/run-{self.number}").status == 202
        assert b'"killed"' in connection.getresponse().read()
        connection.close()

    def deleted_stream(self):
        self.deleted(Accept="text/event-stream")

    def client_gone(self, **more):
        self.begin("client gone", **more).close()
        self.core.wait_executions("running", 0)

    def client_gone_stream(self):
        connection = self.begin("client gone", Accept="text/event-stream")
        response = connection.getresponse()
        assert response.readline() == b"event: started\n"
        # Only both of them hold the socket.
        response.close()
        connection.close()
        self.core.wait_executions("running", 0)

    def session(self):
        self.sessions += 1
        session = self.core.session(f"session-{self.sessions}")
        session.do("x = 1")
        self.count("session")
        return session

    def session_used(self):
        session = self.session()
        for i in range(3):
            assert session.value(f"x += 1\nopen('file', 'a').write('x' * 1000)\nx") == i + 2
            self.count("session")
        session.delete()

    def session_copied(self):
        session = self.session()
        copy = session.fork()
        session.delete()
        assert copy.value("x") == 1
        self.count("session")
        copy.delete()

    def session_saved(self):
        session = self.session()
        session.wait_state("saved")
        assert session.value("x") == 1
        self.count("session")
        session.delete()

    def session_failing(self):
        session = self.session()
        for fields, status in (({"code": "1 / 0"}, "python_error"), ({"code": SLEEP, "timeout_ms": 20}, "timeout"),
                               ({"code": "import os; os.abort()"}, "trap")):
            self.plain({**fields, "session_id": session.id}, status, "session")
        self.client_gone(session_id=session.id)
        self.deleted(session_id=session.id)
        assert session.value("x") == 1
        self.count("session")
        session.delete()

    def session_deleted(self):
        """While it runs."""
        session = self.session()
        connection = self.begin("session", session_id=session.id)
        session.delete()
        assert result_of(connection)["status"] == "killed"


def test_nothing_is_left_after_many_runs(tmp_path):
    with AgentCore(tmp_path, SHANNON_SANDBOX_ZYGOTE_MAX_RUNS=0, SHANNON_SESSIONS_IDLE_MS=50) as core:
        zygote = core.zygote()
        runs = Runs(core)

        def state():
            return {"descriptors of the zygote": len(os.listdir(f"/proc/{zygote}/fd")),
                    "files": sorted(str(path) for path in tmp_path.rglob("*"))}

        # Each kind is known before anything is counted.
        runs(300)
        runs.counts.clear()
        began = time.monotonic()
        # It counts processes, zombies, files of sessions and the service's descriptors.
        with core.nothing_stays_behind():
            before = state()
            memory = {pid: memory_of(pid) for pid in (core.process.pid, zygote)}
            runs(LEAK_RUNS)
        assert state() == before
        assert core.zygote() == zygote
        grown = {pid: memory_of(pid) - size for pid, size in memory.items()}
        print(f"{sum(runs.counts.values())} runs in {time.monotonic() - began:.0f} s: {dict(runs.counts)}; resident memory of the "
              f"service {memory[core.process.pid] >> 10} KiB and {grown[core.process.pid] >> 10:+} KiB, of the zygote "
              f"{memory[zygote] >> 10} KiB and {grown[zygote] >> 10:+} KiB", file=sys.stderr)
        assert max(grown.values()) < 2 * MEBIBYTE
