"""`shannon doctor`: what it finds on a machine that is well, and on ones that are not."""
import http.server
import json
import os
import resource
import socket
import threading

import pytest

from cli_support import PROGRAM, Shannon, copy_for_all, module_cache, plain_user, shannon, start, wait_for, wasi  # noqa: F401


def free_ports(count):
    """Ports that nobody has; they are all taken at once so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports


@pytest.fixture
def ports():
    orchestrator, llm, agent_core = free_ports(3)
    return {"SHANNON_ORCHESTRATOR_PORT": orchestrator, "SHANNON_LLM_PORT": llm, "SHANNON_AGENT_CORE_PORT": agent_core}


def examine(program, /, **options):
    """The exit status, and the checks by name (a list each)."""
    result = program("doctor", "--json", **options)
    answer = result.json
    checks = {}
    for check in answer["checks"]:
        assert check["status"] in ("ok", "warning", "problem")
        assert (check["remedy"] is None) == (check["status"] == "ok"), check
        assert "\n" not in check["message"]
        checks.setdefault(check["name"], []).append(check)
    assert answer["problems"] == sum(check["status"] == "problem" for check in answer["checks"])
    assert answer["warnings"] == sum(check["status"] == "warning" for check in answer["checks"])
    assert answer["healthy"] == (answer["problems"] == 0) == (result.status == 0)
    return result.status, checks


def test_machine_that_is_well(shannon, ports):
    shannon("run", "-c", "pass")  # translated from here on
    status, checks = examine(shannon, environ=ports)
    assert status == 0, checks
    for name in ("wasm2c", "clang", "processor", "seccomp", "openat2", "no_new_privs", "rlimits", "memfd", "address space", "cache",
                 "configuration", ".env", "interpreter", "sandbox", "provider"):
        assert [check["status"] for check in checks[name]].count("problem") == 0, (name, checks)
    assert "printed 42" in checks["sandbox"][0]["message"]
    for port in ports.values():
        assert "free" in checks[f"port {port}"][0]["message"]


def test_text_has_a_line_each_and_no_colours(shannon, ports):
    result = shannon("doctor", environ=ports)
    assert result.status == 0
    assert "\x1b" not in result.stdout
    assert "problems" in result.stdout.splitlines()[-1]
    assert all(line.startswith(("ok ", "warning ", "problem ", " ")) for line in result.stdout.splitlines()[:-2])


def problems_of(checks, name):
    """There may be more of them: the interpreters beside the program."""
    return [check for check in checks[name] if check["status"] == "problem"]


def test_missing_interpreter(tmp_path, ports):
    status, checks = examine(Shannon(tmp_path, PYTHON_WASI_WASM_PATH="/nonexistent/python.wasm"), environ=ports)
    assert status == 1
    [check] = problems_of(checks, "interpreter")
    assert "/nonexistent/python.wasm" in check["message"] and "PYTHON_WASI_WASM_PATH" in check["message"]
    assert "setup_python_wasi.sh" in check["remedy"]
    assert "sandbox" not in checks


def test_interpreter_that_is_no_module(tmp_path, ports):
    (tmp_path / "python.wasm").write_text("not a module")
    status, checks = examine(Shannon(tmp_path, PYTHON_WASI_WASM_PATH="python.wasm"), environ=ports)
    assert status == 1
    assert "not a WebAssembly module" in problems_of(checks, "interpreter")[0]["message"]


def test_interpreter_that_is_not_translated(shannon, ports, tmp_path):
    """It says so and does not translate it."""
    status, checks = examine(shannon, environ={**ports, "SHANNON_CACHE_DIR": tmp_path / "cache"})
    assert status == 0
    assert checks["interpreter"][0]["status"] == "warning"
    assert "shannon interpreter build" in checks["interpreter"][0]["remedy"]
    assert "sandbox" not in checks
    assert not (tmp_path / "cache").exists()


def test_interpreter_that_does_not_work(wasi, ports):
    path = start("unreachable")
    wasi("wasi", path)  # translated
    status, checks = examine(wasi, environ={**ports, "PYTHON_WASI_WASM_PATH": path})
    assert status == 1
    assert checks["sandbox"][0]["status"] == "problem"
    assert "unreachable" in checks["sandbox"][0]["message"]


def test_missing_tools(shannon, ports, tmp_path):
    (tmp_path / "empty").mkdir()
    shannon("run", "-c", "pass")
    status, checks = examine(shannon, environ={**ports, "PATH": tmp_path / "empty"})
    assert status == 0  # what is translated runs
    assert checks["wasm2c"][0]["remedy"] == "apt-get install wabt"
    assert "clang-19" in checks["clang"][0]["remedy"]
    assert "printed 42" in checks["sandbox"][0]["message"]
    status, checks = examine(shannon, environ={**ports, "PATH": tmp_path / "empty", "SHANNON_CACHE_DIR": tmp_path / "new"})
    assert status == 1  # nothing can be run
    assert problems_of(checks, "interpreter")


@pytest.mark.parametrize("script, name", [
    ("#!/bin/sh\necho '9.9.9'\n", "wasm2c"),
    ("#!/bin/sh\nexit 1\n", "wasm2c"),
    ("#!/bin/sh\necho 'clang version 11.0.1-2'\n", "clang-19"),
    ("#!/bin/sh\necho 'hello'\n", "clang-19"),
    ("no program at all", "clang-19"),
])
def test_tool_of_an_odd_version(shannon, ports, tmp_path, script, name):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / name).write_text(script)
    (tmp_path / "bin" / name).chmod(0o755)
    _, checks = examine(shannon, environ={**ports, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
    assert checks[name.partition("-")[0]][0]["status"] == "warning"


# ---- the cache ----

def test_cache_that_others_may_write_to(shannon, ports, tmp_path):
    (tmp_path / "cache" / "objects").mkdir(parents=True)
    (tmp_path / "cache" / "objects").chmod(0o777)
    status, checks = examine(shannon, environ={**ports, "SHANNON_CACHE_DIR": tmp_path / "cache"})
    assert status == 1
    assert checks["cache"][0]["remedy"] == f"chmod go-w {tmp_path / 'cache' / 'objects'}"


def test_cache_that_cannot_be_written(ports):
    with plain_user() as (folder, as_user):
        (folder / "closed").mkdir()
        (folder / "closed").chmod(0o555)
        program = Shannon(folder, SHANNON_CACHE_DIR=folder / "closed" / "cache")
        _, checks = examine(program, program=copy_for_all(PROGRAM, folder), before=as_user, environ=ports)
        assert checks["cache"][0]["status"] == "warning"
        assert "cannot be written" in checks["cache"][0]["message"]
        assert "SHANNON_CACHE_DIR" in checks["cache"][0]["remedy"]


def test_no_place_for_a_cache(tmp_path, ports):
    program = Shannon(tmp_path, SHANNON_CACHE_DIR=None, XDG_CACHE_HOME=None, HOME=None)
    status, checks = examine(program, environ=ports)
    assert status == 1
    assert "SHANNON_CACHE_DIR" in checks["cache"][0]["remedy"]


# ---- configuration ----

@pytest.mark.parametrize("name, content, words", [
    ("config/shannon.yaml", "wasi:\n  execution_timeout: 5\n", ["config/shannon.yaml:2", "execution_timeout"]),
    ("config/shannon.yaml", "wasi: [\n", ["config/shannon.yaml"]),
    (".env", "SHANNON_WASI_EXECUTION_TIMEOUT_MS=soon\n", [".env:1"]),
])
def test_wrong_configuration(shannon, tmp_path, ports, name, content, words):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    status, checks = examine(shannon, environ=ports)
    assert status == 1
    for word in words:
        assert word in checks["configuration"][0]["message"]


def test_named_configuration_file(shannon, tmp_path, ports):
    (tmp_path / "mine.yaml").write_text("wasi:\n  execution_timeout_ms: 5000\n")
    result = shannon("doctor", "--config", "mine.yaml", environ=ports)
    assert "mine.yaml is valid" in result.stdout
    assert shannon("doctor", "--config", "missing.yaml", environ=ports).status == 1


@pytest.mark.parametrize("key", ["sk-very-secret-key", "sk-very secret-key"])
def test_key_is_never_printed(shannon, tmp_path, ports, key):
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY='{key}'\nOPENAI_BASE_URL=https://user:very-secret@host.example/v1\n")
    for mode in (0o644, 0o600):
        (tmp_path / ".env").chmod(mode)
        for words in (["doctor"], ["doctor", "--json"]):
            result = shannon(*words, environ=ports)
            assert "very" not in result.stdout + result.stderr
        if " " not in key:
            _, checks = examine(shannon, environ=ports)
            assert checks[".env"][0]["status"] == ("ok" if mode == 0o600 else "warning")


@pytest.mark.parametrize("settings, status, word", [
    ({}, "ok", "offline"),
    ({"OPENAI_API_KEY": "sk-x"}, "warning", "no model"),
    ({"OPENAI_API_KEY": "sk-x", "LLM_MODEL": "m-1"}, "ok", "m-1"),
    ({"OPENAI_BASE_URL": "http://host.example/v1", "LLM_MODEL": "m-1"}, "ok", "host.example"),
])
def test_provider(shannon, ports, settings, status, word):
    _, checks = examine(shannon, environ={**ports, **settings})
    assert checks["provider"][0]["status"] == status
    assert word in checks["provider"][0]["message"]


# ---- ports ----

def answering(content):
    """A server on a free port that answers every request with these bytes."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize("content, status, word", [
    (json.dumps({"status": "healthy", "service": "llm-service"}).encode(), "ok", "is running"),
    (json.dumps({"status": "healthy", "service": "orchestrator"}).encode(), "problem", "another program"),
    (b"<html>", "problem", "another program"),
    (b"[]", "problem", "another program"),
    (b"", "problem", "another program"),
])
def test_port_that_somebody_has(shannon, ports, content, status, word):
    server = answering(content)
    port = server.server_address[1]
    try:
        exit_status, checks = examine(shannon, environ={**ports, "SHANNON_LLM_PORT": port})
    finally:
        server.shutdown()
        server.server_close()
    [check] = checks[f"port {port}"]
    assert (check["status"], exit_status) == (status, 0 if status == "ok" else 1)
    assert word in check["message"]
    if status == "problem":
        assert "llm.port" in check["remedy"]


def test_port_of_a_program_that_says_nothing(shannon, ports):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        status, checks = examine(shannon, environ={**ports, "SHANNON_AGENT_CORE_PORT": port}, timeout=60)
    assert status == 1
    assert checks[f"port {port}"][0]["status"] == "problem"


def test_address_that_is_not_this_machines(shannon, ports):
    status, checks = examine(shannon, environ={**ports, "SHANNON_LLM_HOST": "203.0.113.1"})
    assert status == 1
    assert "llm.host" in checks[f"port {ports['SHANNON_LLM_PORT']}"][0]["remedy"]


def test_running_services_are_recognised(shannon, ports, tmp_path):
    """The real thing: all three are started, and the doctor finds them."""
    settings = {**ports, "SHANNON_ORCHESTRATOR_DATABASE": tmp_path / "tasks.db"}
    process = shannon.start("serve", environ=settings)
    try:
        def all_run():
            status, checks = examine(shannon, environ=settings)
            return status == 0 and all("is running" in checks[f"port {port}"][0]["message"] for port in ports.values())

        wait_for(all_run, what="recognition of the three services")
    finally:
        process.terminate()
        process.communicate(timeout=60)


# ---- the kernel ----

def test_address_space_limit(shannon, ports):
    status, checks = examine(shannon, environ=ports,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)))
    assert status == 1
    assert checks["address space"][0]["remedy"] == "ulimit -v unlimited"


def test_wrong_command_line(shannon):
    for words in (["extra"], ["--no-such"], ["--json=1"]):
        result = shannon("doctor", *words)
        assert (result.status, result.stdout) == (125, "")
