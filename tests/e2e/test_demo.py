"""`make demo` as a newcomer runs it, on a machine where the long steps were done before."""
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 900


@pytest.fixture(scope="module", autouse=True)
def packages_are_there():
    done = subprocess.run([ROOT / "scripts" / "install_packages.sh", "--check", "build", "run", "interpreter"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(done.stderr.strip())


class Demo:
    """A running demo, in a session of its own, so that every process it starts can be found again."""

    def __init__(self, **environment):
        self.process = subprocess.Popen(["make", "--no-print-directory", "demo"], cwd=ROOT, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                                        env={**os.environ, **environment}, text=True, errors="replace")
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def text(self):
        return "".join(self.lines)

    def wait_for_line(self, part):
        deadline = time.monotonic() + LIMIT_SECONDS
        while part not in self.text:
            assert self.process.poll() is None and time.monotonic() < deadline, self.text
            time.sleep(0.02)

    def wait(self):
        """The exit status, once all output was read."""
        status = self.process.wait(LIMIT_SECONDS)
        self.reader.join(30)
        return status

    def left_behind(self):
        """Processes of the session that are still there."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(words[3]) == self.process.pid and words[0] != "Z":
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def ports(self):
        match = re.search(r"^orchestrator (\d+), llm-service (\d+), agent-core (\d+)$", self.text, re.MULTILINE)
        assert match, self.text
        return [int(port) for port in match.groups()]

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.wait()


@pytest.fixture(name="demo")
def start_demo():
    running = []

    def start(**environment):
        running.append(Demo(**environment))
        return running[-1]

    yield start
    for demo in running:
        demo.end()


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_every_answer_is_right_and_nothing_is_left(demo):
    # Settings of the machine have no say.
    run = demo(SHANNON_WASI_EXECUTION_TIMEOUT_MS="1", OPENAI_API_KEY="sk-nobody", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert run.wait() == 0, run.text
    for part in ("Hello from WASI Python", "3628800", "2584, 4181]", '"name": "Alice"', "$1628.89",
                 "all 6 answers are right"):
        assert part in run.text
    assert run.left_behind() == []
    assert not any(answers(port) for port in run.ports())


def test_a_taken_port_is_replaced_and_that_is_said(demo):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is the same
        run = demo()
        assert run.wait() == 0, run.text
    assert run.ports()[0] != 8080
    assert "a free one was taken" in run.text


def test_interrupted_it_stops_what_it_started(demo):
    run = demo()
    run.wait_for_line("== Test 1")
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does at Ctrl-C
    assert run.wait() != 0
    assert "interrupted" in run.text and "answers are right" not in run.text
    assert run.left_behind() == []
    assert not any(answers(port) for port in run.ports())
