"""The examples of docs/api.md, typed in their order, answer what stands there, and its tables name what there is."""
import json
import os
import re
import subprocess

import pytest

from agent_core_service import AgentCore
from services import ROOT

API = (ROOT / "docs" / "api.md").read_text()
SECTION = API[API.index("## agent-core"):API.index("## llm-service")]
EXAMPLES = re.findall(r"^```bash\n(.*?)^```\n```(\w*)\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)

# What differs from run to run; of the same type, and of the same form where it is text.
VARYING = {"wall_ms", "cpu_ms", "peak_memory_bytes", "size_bytes"}
FORMS = {"execution_id": r"[0-9a-f]{32}", "created_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
         "last_used_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"}
# Which walls there are is the machine's to say.
OF_THE_MACHINE = {"walls"}


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("api")) as service:
        yield service


def type_in(core, command):
    command = command.replace("127.0.0.1:50051", f"127.0.0.1:{core.port}")
    ended = subprocess.run(["bash", "-euc", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                           env={"PATH": os.environ["PATH"]})
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def check(documented, real, name=""):
    if documented == "...":
        assert isinstance(real, str) and real, name
    elif name in VARYING:
        assert isinstance(real, int), name
    elif name in FORMS:
        assert re.fullmatch(FORMS[name], documented) and re.fullmatch(FORMS[name], real), (documented, real)
    elif isinstance(documented, dict) and list(documented) == ["..."]:
        assert set(real.values()) == set(documented.values()), name
    elif isinstance(documented, dict):
        assert list(real) == list(documented), name
        for key, value in documented.items():
            if name in OF_THE_MACHINE:
                assert isinstance(real[key], bool)
            else:
                check(value, real[key], key)
    elif isinstance(documented, list):
        assert len(real) == len(documented), name
        for one, other in zip(documented, real, strict=True):
            check(one, other, name)
    else:
        assert real == documented and isinstance(real, type(documented)), name


def events(text):
    return [(event, json.loads(data) if "..." not in data else None)
            for event, data in re.findall(r"^event: (\w+)\ndata: (.*)$", text, re.MULTILINE)]


def test_examples(core):
    assert len(EXAMPLES) >= 10
    for command, language, documented in EXAMPLES:
        output = type_in(core, command)
        if language == "json":
            # Of several commands the last one's answer is shown.
            check(json.loads(documented), json.loads(output.strip().splitlines()[-1]))
            continue
        shown, real = events(documented), events(output)
        assert [name for name, _ in shown] == [name for name, _ in real]
        for (_, one), (_, other) in zip(shown, real, strict=True):
            if one is not None:
                check(one, other)


def test_every_field_of_a_request_is_listed():
    source = (ROOT / "src" / "agent_core" / "execute_request.c").read_text()
    fields = re.findall(r'\{"(\w+)", JSON_FIELD_', source)
    table = SECTION[SECTION.index("| field | type"):]
    assert sorted(fields) == sorted(re.findall(r"^\| `(\w+)` \|", table[:table.index("\n\n")], re.MULTILINE))


def test_every_metric_is_listed(core):
    listed = set()
    for cell in re.findall(r"^\| (`shannon_.*?) \|", SECTION, re.MULTILINE):
        first, *others = re.findall(r"`([a-z_]+)(?:\{\w+\})?`", cell)
        listed.add(first)
        for other in others:
            # "_live" is said of `shannon_sessions`, "_restores_total" beside `shannon_session_saves_total`.
            beginning = first.removesuffix("_running").removesuffix("_saves_total")
            listed.add(beginning + other if other.startswith("_") else other)
    real = re.findall(r"^# TYPE (\w+) ", core.call("GET", "/metrics").text, re.MULTILINE)
    assert listed == set(real)


def test_every_route_is_listed():
    source = (ROOT / "src" / "agent_core" / "agent_core.c").read_text()
    table = SECTION[:SECTION.index("### ")]
    for method, path in re.findall(r'\{"([A-Z]+)", "(/[^"]*)"', source):
        (line,) = [line for line in table.splitlines() if f"{path}`" in line]
        assert method in line
