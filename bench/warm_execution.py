#!/usr/bin/env python3
"""`print(1)` sent to agent-core over one kept-alive HTTP connection, from writing the request to having read the answer,
against a whole native `python3.11 -c 'print(1)'`. One native start is measured for every ten executions."""
import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time

import measure

TARGET = 0.2
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
            answer += self.receive()
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        while len(rest) < length:
            rest += self.receive()
        return int(head.split()[1]), rest

    def receive(self):
        part = self.socket.recv(65536)
        if not part:
            raise SystemExit("agent-core closed the connection")
        return part


def start_service(folder):
    """agent-core on a free port; the process and the port."""
    environment = dict(os.environ, SHANNON_LOGGING_FORMAT="json",
                       PYTHON_WASI_WASM_PATH=os.environ.get("PYTHON_WASI_WASM_PATH")
                       or str(measure.REPOSITORY / "wasm-interpreters" / "python-3.11.wasm"))
    log = open(os.path.join(folder, "log"), "w+b")
    process = subprocess.Popen([measure.shannon(), "serve", "agent-core", "--port", "0"], cwd=folder, env=environment,
                               stdin=subprocess.DEVNULL, stderr=log)
    deadline = time.monotonic() + READY_LIMIT_SECONDS
    port = None
    while port is None or Connection(port).ask("GET", "/ready")[0] != 200:
        log.seek(0)
        text = log.read()
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"agent-core did not become ready:\n{text.decode()}")
        found = re.search(rb'"listening".*"port": ?(\d+)', text)
        port = int(found[1]) if found else None
        time.sleep(0.05)
    return process, port


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1000)
    executions = parser.parse_args().executions
    body = json.dumps({"code": "print(1)"}).encode()
    with tempfile.TemporaryDirectory() as folder:
        process, port = start_service(folder)
        try:
            connection = Connection(port)
            warm, native = [], []
            for number in range(-20, executions):  # the first 20 are not counted
                started = time.perf_counter()
                status, answer = connection.ask("POST", "/v1/execute", body)
                elapsed = time.perf_counter() - started
                if status != 200 or json.loads(answer)["stdout"] != "1\n":
                    raise SystemExit(f"HTTP {status}: {answer.decode()}")
                if number >= 0:
                    warm.append(elapsed)
                if number >= 0 and number % 10 == 0:
                    native.append(measure.wall_of_process([measure.NATIVE, "-c", "print(1)"]))
        finally:
            process.terminate()
            process.wait()
    print(f"POST /v1/execute, print(1)   {measure.milliseconds(warm)}  ({len(warm)} executions)")
    print(f"python3.11 -c 'print(1)'     {measure.milliseconds(native)}")
    print(f"ratio of the medians         {measure.verdict(statistics.median(warm) / statistics.median(native), TARGET)}")


main()
