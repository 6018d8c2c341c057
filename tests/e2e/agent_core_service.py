"""A running agent-core, as its callers and its operator see it."""
import ast
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import uuid
from pathlib import Path

from services import INTERPRETER, Service, wait_for


def stat_of(pid):
    """The fields of proc(5)'s stat from the state on. None when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def state_of(pid):
    """One letter: "Z" waits to be reaped. None when there is no such process."""
    fields = stat_of(pid)
    return fields and fields[0]


def processor_seconds(pid):
    """What the process has used; 0 when it is gone."""
    fields = stat_of(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0


def exists(pid):
    """Whether the process lives (one that only waits to be reaped does not)."""
    return state_of(pid) not in (None, "Z")


class AgentCore(Service):
    def __init__(self, folder, ready=True, **settings):
        assert INTERPRETER.is_file(), f"{INTERPRETER} is missing: run `make interpreter`"
        self.sessions_folder = Path(settings.get("SHANNON_SESSIONS_DIRECTORY") or Path(folder) / "sessions")
        super().__init__("agent-core", folder, **settings)
        self.port = int(self.url.rpartition(":")[2])
        if ready:
            self.wait_ready()

    def stop(self):
        status = super().stop()
        assert status == 0, self.text
        return status

    def execute(self, code, timeout=60, **fields):
        """The answer object of an execution that must take place."""
        answer = self.call("POST", "/v1/execute", {"code": code, **fields}, timeout=timeout)
        assert answer.status == 200, answer.text
        return answer.json

    def begin(self, code="import time; time.sleep(30)", session_id=None, **headers):
        """Sends a request and leaves its answer open. Returns the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"code": code} if session_id is None else {"code": code, "session_id": session_id}
        connection.request("POST", "/v1/execute", json.dumps(body), headers)
        return connection

    def raw(self, *parts):
        """Sends bytes as they are. (status, headers, parsed body) of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as client:
            for part in parts:
                client.sendall(part)
            response = http.client.HTTPResponse(client)
            response.begin()
            return response.status, response.headers, json.loads(response.read())

    def executions(self, state):
        """How many are "running" or "waiting"."""
        return self.call("GET", "/health").json["executions"][state]

    def wait_executions(self, state, count):
        wait_for(lambda: self.executions(state) == count, 20, f"{count} executions {state}")

    def children(self):
        """{pid: words of the command line} of the processes that it started and has not reaped."""
        found = {}
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in path.read_text().split():
            try:
                found[int(pid)] = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def events(self, name):
        """The log's lines of that event."""
        # Most lines are of requests, and there may be very many.
        return [line for line in (json.loads(each) for each in list(self.log) if name in each) if line["event"] == name]

    def zygotes(self):
        """The interpreters' processes: the children whose numbers their log lines give."""
        children = self.children()
        return [line["pid"] for line in self.events("interpreter ready") if line["pid"] in children]

    def zygote(self):
        """The last one."""
        return self.events("interpreter ready")[-1]["pid"]

    def guests(self):
        """The processes that run programs, hold sessions or wait for either."""
        zygotes = self.zygotes()
        return [pid for pid in self.children() if pid not in zygotes and exists(pid)]

    def kill_zygote(self):
        """kill -9 of the last one. The next one may be under way only."""
        os.kill(self.zygote(), signal.SIGKILL)

    def wait_zygote(self, former):
        wait_for(lambda: self.zygote() != former, 20, "another zygote")

    def wait_process(self):
        """Waits until some run has a process."""
        wait_for(lambda: len(self.guests()) > self.metric("shannon_spare_processes"), 20, "a process for the run")

    def kill_guests(self):
        """kill -9 of all of them, as when memory is short."""
        guests = self.guests()
        for pid in guests:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: all(state_of(pid) is None for pid in guests), 20, "the end of the guest processes")

    def metric(self, name):
        """The value of a sample; `name` with its labels as they stand there."""
        for line in self.call("GET", "/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        raise AssertionError(f"there is no {name}")

    def sessions(self):
        """The ids of all sessions, last used first."""
        return [each["session_id"] for each in self.call("GET", "/v1/sessions").json["sessions"]]

    def session(self, name=None):
        """A session of that id, else of a fresh one; it begins to exist with its first run."""
        return Session(self, name or f"test-{uuid.uuid4().hex[:12]}")

    # ---- what is left behind ----

    def rest(self, connection):
        """How many descriptors it has open, but for the one of each guest process that waits; None while something is
        under way. The connection is the only one that there is."""
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        spares = int(samples["shannon_spare_processes"])
        busy = [name for name in ("shannon_executions_running", "shannon_executions_waiting",
                                  "shannon_guest_processes_dying") if samples[name] != "0"]
        zombies = [pid for pid in self.children() if state_of(pid) == "Z"]
        if busy or zombies or len(self.guests()) != spares:
            return None
        return len(os.listdir(f"/proc/{self.process.pid}/fd")) - spares

    @contextlib.contextmanager
    def nothing_stays_behind(self):
        """After what is done meanwhile, and when its sessions are deleted, it is as it was: no process but the
        interpreters' and those that wait, no zombie, no descriptor, no file of a session."""
        counts = []

        def counted_alike(connection):
            counts.append(self.rest(connection))
            return len(counts) >= 5 and len(set(counts[-5:])) == 1 and counts[-1] is not None

        self.execute("None")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            wait_for(lambda: counted_alike(connection), 20, "rest before the tests")
        yield
        for name in self.sessions():
            assert self.call("DELETE", f"/v1/sessions/{name}").status == 200
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            try:
                wait_for(lambda: self.rest(connection) == counts[-1] and not self.session_files(), 20, "rest after the tests")
            except AssertionError as trouble:
                folder = f"/proc/{self.process.pid}/fd"
                raise AssertionError(
                    f"{trouble}: {counts[-1]} descriptors before, now "
                    f"{[os.readlink(f'{folder}/{fd}') for fd in os.listdir(folder)]}; "
                    f"children {self.children()}; files {self.session_files()}") from None

    def session_files(self):
        """The names in the sessions folder; all of them must be of the two kinds there are."""
        names = sorted(os.listdir(self.sessions_folder))
        for name in names:
            assert re.fullmatch(r"[0-9a-f]{64}\.session|[0-9a-f]{32}\.image|.*\.part", name), names
        return names


class Session:
    """One session, as its caller uses it."""

    def __init__(self, core, name):
        self.core = core
        self.id = name
        self.path = f"/v1/sessions/{name}"

    def run(self, code, **fields):
        """The answer object of a run that must take place."""
        return self.core.execute(code, session_id=self.id, **fields)

    def do(self, code, **fields):
        """A run that must go well; what it printed."""
        answer = self.run(code, **fields)
        assert answer["status"] == "ok", answer
        return answer["stdout"]

    def value(self, code, **fields):
        """The value of the last expression of a run that must go well."""
        answer = self.run(code, **fields)
        assert answer["status"] == "ok", answer
        return ast.literal_eval(answer["result"])

    def call(self, method, path="", body=None, **options):
        return self.core.call(method, self.path + path, body, **options)

    def begin(self, code, **headers):
        """Sends a request and leaves its answer open. Returns the connection."""
        return self.core.begin(code, session_id=self.id, **headers)

    def describe(self):
        answer = self.call("GET")
        assert answer.status == 200, answer.text
        return answer.json

    @property
    def state(self):
        return self.describe()["state"]

    def exists(self):
        return self.call("GET").status == 200

    def wait_state(self, state):
        wait_for(lambda: self.state == state, 20, f"state {state} of {self.id}")

    def fork(self, name=None):
        """An independent copy."""
        answer = self.call("POST", "/fork", None if name is None else {"session_id": name})
        assert answer.status == 201, answer.text
        return Session(self.core, answer.json["session_id"])

    def delete(self):
        answer = self.call("DELETE")
        assert answer.status == 200, answer.text


def result_of(connection):
    """The answer object of a request that AgentCore.begin sent."""
    try:
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
