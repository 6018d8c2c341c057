"""A running agent-core, as its callers and its operator see it."""
import http.client
import json
import socket
from pathlib import Path

from services import INTERPRETER, Service, wait_for


def exists(pid):
    """Whether the process lives (one that only waits to be reaped does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class AgentCore(Service):
    def __init__(self, folder, ready=True, **settings):
        assert INTERPRETER.is_file(), f"{INTERPRETER} is missing: run `make interpreter`"
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

    def begin(self, code="import time; time.sleep(30)", **headers):
        """Sends a request and leaves its answer open. Returns the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", "/v1/execute", json.dumps({"code": code}), headers)
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

    def zygote(self):
        """The interpreter's process: the child whose number its log line gives."""
        ready = [json.loads(line) for line in list(self.log) if '"interpreter ready"' in line]
        return ready[-1]["pid"]


def result_of(connection):
    """The answer object of a request that AgentCore.begin sent."""
    try:
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
