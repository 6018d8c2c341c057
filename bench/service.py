"""agent-core for the benchmarks that send it requests."""
import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import time

import measure

READY_LIMIT_SECONDS = 900


class Connection:
    """One kept-alive connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method, path, body=b""):
        """Sends a request; the status and the body of its answer."""
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._receive()
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        while len(rest) < length:
            rest += self._receive()
        return int(head.split()[1]), rest

    def run(self, code, session=None):
        """Runs a program, which must end well; its answer."""
        request = {"code": code} if session is None else {"code": code, "session_id": session}
        status, answer = self.ask("POST", "/v1/execute", json.dumps(request).encode())
        answer = json.loads(answer)
        if status != 200 or answer["status"] != "ok":
            raise SystemExit(f"HTTP {status}: {answer}")
        return answer

    def _receive(self):
        part = self.socket.recv(65536)
        if not part:
            raise SystemExit("agent-core closed the connection")
        return part


class Service:
    """agent-core on a free port."""

    def __init__(self, folder, settings):
        environment = dict(os.environ, SHANNON_LOGGING_FORMAT="json", SHANNON_SESSIONS_DIRECTORY=f"{folder}/sessions",
                           PYTHON_WASI_WASM_PATH=os.environ.get("PYTHON_WASI_WASM_PATH")
                           or str(measure.REPOSITORY / "wasm-interpreters" / "python-3.11.wasm"), **settings)
        with open(os.path.join(folder, "log"), "wb") as log:
            self._process = subprocess.Popen([measure.shannon(), "serve", "agent-core", "--port", "0"], cwd=folder,
                                             env=environment, stdin=subprocess.DEVNULL, stderr=log)
        self.pid = self._process.pid
        self._wait_until_ready(os.path.join(folder, "log"))

    def _wait_until_ready(self, log):
        deadline = time.monotonic() + READY_LIMIT_SECONDS
        self.port = None
        while self.port is None or Connection(self.port).ask("GET", "/ready")[0] != 200:
            with open(log, "rb") as file:
                text = file.read()
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"agent-core did not become ready:\n{text.decode()}")
            found = re.search(rb'"listening".*"port": ?(\d+)', text)
            self.port = int(found[1]) if found else None
            time.sleep(0.05)

    def children(self):
        """The processes it has made: zygotes, spares and sessions."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def stop(self):
        self._process.terminate()
        self._process.wait()


@contextlib.contextmanager
def started(**settings):
    """agent-core with these environment variables, stopped in the end."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, settings)
        try:
            yield service
        finally:
            service.stop()
