"""Starts Shannon's services for a test and ends them with it.

Each service listens on a port that the kernel chose, in a folder of its own, with nothing of the
caller's configuration. The program is the one that SHANNON_PROGRAM names, else build/shannon; the
interpreter the one that SHANNON_INTERPRETER names, else wasm-interpreters/python-3.11.wasm.
"""
import http.client
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("SHANNON_PROGRAM") or ROOT / "build" / "shannon").resolve()
INTERPRETER = Path(os.environ.get("SHANNON_INTERPRETER")
                   or ROOT / "wasm-interpreters" / "python-3.11.wasm").resolve()

# A start of agent-core may have to translate the interpreter first.
READY_LIMIT = 600


def wait_for(condition, limit=30, what="the condition"):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + limit
    pause = 0.01
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} was not met within {limit} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


class Answer:
    """An HTTP answer: `status`, `headers` (names in lower case), `text`, `json`."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)


def call(url, method, path, body=None, headers=None, timeout=60):
    """One request. `body` is sent as JSON unless it is bytes. Connection errors are raised."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection.request(method, path, body,
                           {"Content-Type": "application/json", **(headers or {})})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def environment(folder, **settings):
    """The environment of a service: the settings, and of the caller's only what a program needs."""
    needed = ("PATH", "HOME", "TMPDIR", "LANG", "XDG_CACHE_HOME", "SHANNON_CACHE_DIR")
    kept = {name: os.environ[name] for name in needed if name in os.environ}
    kept.update({
        "PYTHON_WASI_WASM_PATH": str(INTERPRETER),
        "SHANNON_LOGGING_FORMAT": "json",
        "SHANNON_ORCHESTRATOR_DATABASE": str(Path(folder) / "tasks.db"),
        "SHANNON_SESSIONS_DIRECTORY": str(Path(folder) / "sessions"),
        "SHANNON_AGENT_CORE_PORT": "0",
        "SHANNON_LLM_PORT": "0",
        "SHANNON_ORCHESTRATOR_PORT": "0",
    })
    kept.update({name: str(value) for name, value in settings.items()})
    return kept


class Service:
    """One running `shannon serve NAME`; `url` is where it listens, `log` all lines it wrote. `before` are words of a
    command that executes it in a world of its own."""

    def __init__(self, name, folder, before=(), **settings):
        self.name = name
        self.log = []
        self.process = subprocess.Popen(
            [*before, PROGRAM, "serve", name], cwd=folder, env=environment(folder, **settings),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace")
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        try:
            port = wait_for(self._port, 30, f"listening of {name}")
        except AssertionError as trouble:
            self.stop()
            raise AssertionError(f"{trouble}\n{self.text}") from None
        self.url = f"http://127.0.0.1:{port}"

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def _port(self):
        assert self.process.poll() is None, f"{self.name} ended: {self.text}"
        for line in list(self.log):
            if '"listening"' in line:
                return json.loads(line)["port"]
        return None

    @property
    def text(self):
        return "".join(self.log)

    def call(self, method, path, body=None, **options):
        return call(self.url, method, path, body, **options)

    def wait_ready(self):
        wait_for(lambda: self.call("GET", "/ready").status == 200, READY_LIMIT,
                 f"readiness of {self.name}")

    def kill(self):
        """kill -9, as a crash does."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()

    def stop(self):
        """SIGTERM; the service must end by itself."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within 20 s\n{self.text}") from None
        self.reader.join()
        self.process.stderr.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            status = self.stop()
            assert status == 0, f"{self.name} ended with status {status}\n{self.text[-4000:]}"


def agent_core(folder, **settings):
    service = Service("agent-core", folder, **settings)
    service.wait_ready()
    return service


def llm_service(folder, agent_core_url, **settings):
    return Service("llm-service", folder, SHANNON_LLM_AGENT_CORE_URL=agent_core_url, **settings)


def orchestrator(folder, llm_service_url, **settings):
    return Service("orchestrator", folder, SHANNON_ORCHESTRATOR_LLM_SERVICE_URL=llm_service_url,
                   **settings)
