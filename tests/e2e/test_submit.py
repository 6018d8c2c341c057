"""The guide's tests and examples as its reader runs them, through scripts/submit_task.sh and
`shannon submit`, against `shannon serve`."""
import json
import os
import signal
import socket
import subprocess
import textwrap
import time

import pytest

import services
from services import PROGRAM, ROOT, call, wait_for

SCRIPT = ROOT / "scripts" / "submit_task.sh"

GUIDE_EXAMPLES = {
    "data processing": ("""
        # Fibonacci sequence
        def fibonacci(n):
            fib = [0, 1]
            for i in range(2, n):
                fib.append(fib[-1] + fib[-2])
            return fib[:n]

        print(fibonacci(20))
        """,
                        "[0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, "
                        "2584, 4181]"),
    "json": ("""
        import json

        data = {"users": [{"name": "Alice", "age": 30}, {"name": "Bob", "age": 25}]}
        processed = json.dumps(data, indent=2)
        print(processed)
        """, json.dumps({"users": [{"name": "Alice", "age": 30}, {"name": "Bob", "age": 25}]},
                        indent=2)),
    "computation": ("""
        import math

        # Calculate compound interest
        principal = 1000
        rate = 0.05
        time = 10
        amount = principal * math.pow((1 + rate), time)
        print(f"Amount after {time} years: ${amount:.2f}")
        """, "Amount after 10 years: $1628.89"),
}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("submit")


@pytest.fixture(scope="module")
def url(folder):
    """`shannon serve`: all three services, as a person starts them."""
    agent_core, llm, orchestrator = free_ports(3)
    with open(folder / "serve.log", "w") as log:
        process = subprocess.Popen(
            [PROGRAM, "serve"], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=services.environment(folder, SHANNON_AGENT_CORE_PORT=agent_core,
                                     SHANNON_LLM_PORT=llm, SHANNON_ORCHESTRATOR_PORT=orchestrator))
    address = f"http://127.0.0.1:{orchestrator}"

    def ready():
        assert process.poll() is None, (folder / "serve.log").read_text()
        try:
            return call(address, "GET", "/ready").status == 200
        except OSError:
            return False
    try:
        wait_for(ready, services.READY_LIMIT, "readiness of shannon serve")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def script(url, *arguments, stdin=None, env=None, **options):
    return subprocess.run([SCRIPT, *arguments], input=stdin, capture_output=True, text=True,
                          timeout=120, stdin=None if stdin is not None else subprocess.DEVNULL,
                          env={**os.environ, "SHANNON_URL": url, **(env or {})}, **options)


def command(url, *arguments, stdin=None):
    return subprocess.run([PROGRAM, "submit", *arguments], input=stdin, capture_output=True,
                          text=True, timeout=120,
                          stdin=None if stdin is not None else subprocess.DEVNULL,
                          env={**os.environ, "SHANNON_URL": url})


@pytest.fixture(params=[script, command], ids=["script", "command"])
def submit(request, url):
    return lambda *arguments, **options: request.param(url, *arguments, **options)


# The guide

@pytest.mark.parametrize("query, result", [
    ("Execute this Python code: print('Hello from WASI Python')", "Hello from WASI Python"),
    ("Execute Python code to calculate factorial of 10", "3628800"),
    ("Use Python to generate the first 20 Fibonacci numbers",
     "[0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181]"),
])
def test_the_guides_tests(submit, query, result):
    ended = submit(query)
    assert (ended.returncode, ended.stdout) == (0, result + "\n"), ended.stderr
    assert "COMPLETED" in ended.stderr


@pytest.mark.parametrize("example", GUIDE_EXAMPLES)
@pytest.mark.parametrize("form", ["Execute this Python code:\n{}", "```python\n{}\n```"])
def test_the_guides_examples(submit, example, form):
    code, result = GUIDE_EXAMPLES[example]
    query = form.format(textwrap.dedent(code).strip())
    for ended in (submit(query), submit("-", stdin=query)):
        assert (ended.returncode, ended.stdout) == (0, result + "\n"), ended.stderr


# Failures

def test_a_task_that_fails(submit):
    ended = submit("Execute Python:\nprint('before')\n1 / 0")
    assert (ended.returncode, ended.stdout) == (1, "before\n")
    assert "FAILED" in ended.stderr and "ZeroDivisionError: division by zero" in ended.stderr


def test_a_request_that_is_not_understood(submit):
    ended = submit("What is the weather in Berlin?")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "OPENAI_API_KEY" in ended.stderr


def test_a_program_that_prints_nothing(submit):
    ended = submit("Execute Python: pass")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "printed nothing" in ended.stderr


def test_odd_and_large_output(submit):
    text = "\u20ac \U0001f40d \x1b[31m tab\t \"q\" '\\ $HOME `id` %s"
    ended = submit(f"Execute Python: print({ascii(text)})")
    assert (ended.returncode, ended.stdout) == (0, text + "\n")
    ended = submit("Execute Python: print('x' * 900_000)")
    assert ended.stdout == "x" * 900_000 + "\n"


def test_a_task_is_data_to_the_shell(submit, folder):
    mark = folder / "mark"
    ended = submit(f"Execute Python: print('$(touch {mark}) `touch {mark}` ; touch {mark} #')")
    assert ended.stdout == f"$(touch {mark}) `touch {mark}` ; touch {mark} #\n"
    assert not mark.exists()


def test_a_refused_task_names_the_field(submit):
    ended = submit("-", stdin="x" * 2_000_000)
    assert ended.returncode == 125 and "query" in ended.stderr
    ended = submit(" ")
    assert ended.returncode == 125 and "query" in ended.stderr


def test_wrong_usage(submit):
    for ended in (submit(), submit("two", "tasks")):
        assert ended.returncode == 125 and ended.stdout == ""
    assert "quotes" in submit("two", "tasks").stderr
    help_text = submit("--help")
    assert help_text.returncode == 0 and "TASK" in help_text.stdout


@pytest.mark.parametrize("run", [script, command], ids=["script", "command"])
def test_without_an_orchestrator_it_says_how_to_start_one(run):
    ended = run(f"http://127.0.0.1:{free_ports(1)[0]}", "Execute Python: print(1)")
    assert ended.returncode == 125 and ended.stdout == ""
    assert "does not answer" in ended.stderr and "shannon serve" in ended.stderr


def test_the_script_names_tools_that_are_missing(url, folder):
    tools = folder / "tools"
    tools.mkdir()
    for tool in ("bash", "cat", "env"):
        (tools / tool).symlink_to(f"/bin/{tool}" if tool != "env" else "/usr/bin/env")
    ended = script(url, "2 + 2", env={"PATH": str(tools)})
    assert ended.returncode == 125
    assert "curl jq" in ended.stderr and "apt-get install" in ended.stderr


# What only the command has

def test_the_command_prints_the_whole_task_as_json(url):
    ended = command(url, "--json", "2 + 2")
    task = json.loads(ended.stdout)
    assert ended.returncode == 0 and task["result"] == "4"
    assert task["status"] == "TASK_STATUS_COMPLETED"
    ended = command(url, "--json", "Execute Python: 1 / 0")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["status"] == "TASK_STATUS_FAILED"


def test_the_command_stops_waiting(url):
    started = time.monotonic()
    ended = command(url, "--timeout", "300ms", "Execute Python: import time; time.sleep(3)")
    assert ended.returncode == 124 and "goes on" in ended.stderr
    assert time.monotonic() - started < 2.5


def test_the_command_takes_the_address_as_an_option(url):
    ended = command("http://127.0.0.1:1", "--url", url + "/", "2 + 2")
    assert (ended.returncode, ended.stdout) == (0, "4\n")


def test_an_orchestrator_that_is_restarted_meanwhile_is_waited_for(tmp_path):
    with services.agent_core(tmp_path) as core, services.llm_service(tmp_path, core.url) as llm:
        with services.orchestrator(tmp_path, llm.url) as service:
            waiting = [subprocess.Popen(
                [*start, "Execute Python: import time; time.sleep(2); print(5)"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env={**os.environ, "SHANNON_URL": service.url})
                       for start in ([SCRIPT], [PROGRAM, "submit"])]
            tasks = "/api/v1/tasks?status=RUNNING"
            wait_for(lambda: service.call("GET", tasks).json["total_count"] == 2)
            service.kill()
        with services.orchestrator(tmp_path, llm.url,
                                   SHANNON_ORCHESTRATOR_PORT=service.url.rsplit(":", 1)[1]):
            for process in waiting:
                out, err = process.communicate(timeout=60)
                assert (process.returncode, out) == (0, "5\n"), err
