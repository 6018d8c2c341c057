"""What README.md tells people to type works, and so does the example that it names."""
import json
import os
import re
import subprocess
import sys

import pytest

import services
from scripted_provider import ScriptedProvider, calls, says

README = (services.ROOT / "README.md").read_text()
LIMIT_SECONDS = 120


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module", name="agent_core")
def running_agent_core(tmp_path_factory):
    with services.agent_core(tmp_path_factory.mktemp("agent-core")) as service:
        yield service


@pytest.fixture(name="clone")
def folder_like_a_clone(tmp_path):
    """A folder in which the commands of the README can be typed without changing the repository."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "shannon").symlink_to(services.PROGRAM)
    (tmp_path / "wasm-interpreters").mkdir()
    (tmp_path / "wasm-interpreters" / "python-3.11.wasm").symlink_to(services.INTERPRETER)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "architecture.md").write_text("text\n")
    return tmp_path


def type_in(clone, command):
    return subprocess.run(["bash", "-c", command], cwd=clone, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=LIMIT_SECONDS, env=services.environment(clone))


RUN_COMMANDS = {
    "2 ** 100": (0, "1267650600228229401496703205376\n"),
    "reverse.py": (0, "olleh\n"),
    "range(10 ** 6)": (0, "499999500000\n"),
    "os.listdir": (0, "['architecture.md']\n"),
    "--json -c '1/0'": (1, '"type": "ZeroDivisionError"'),
    "import mine": (0, "42\n"),
}


def commands_of_the_readme():
    lines = [line for block in blocks("bash") for line in block.splitlines() if "build/shannon run" in line]
    text = "\n".join(blocks("bash"))
    assert len(lines) == len(RUN_COMMANDS), lines
    for part, expected in RUN_COMMANDS.items():
        (line,) = [line for line in lines if part in line]
        # The command that prepares it stands in the line before.
        before = re.search(r"^(mkdir -p modules.*)\n" + re.escape(line), text, re.MULTILINE)
        yield (before[1] + "\n" if before else "") + line, expected


@pytest.mark.parametrize(("command", "expected"), commands_of_the_readme(), ids=list(RUN_COMMANDS))
def test_commands(clone, command, expected):
    done = type_in(clone, command)
    assert done.returncode == expected[0], done.stderr
    assert expected[1] in done.stdout


def test_the_first_screen_shows_what_happens(clone):
    (block,) = blocks("console")
    _, _, shown = block.partition("$ build/shannon run -c ")
    code, _, output = shown.partition("\n")
    done = type_in(clone, f"build/shannon run -c {code}")
    assert (done.returncode, done.stderr) == (1, output)


def test_curl(clone, agent_core):
    commands = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("curl ")]
    answers = []
    for command in commands:
        done = type_in(clone, command.replace("http://127.0.0.1:50051", agent_core.url))
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert [answer["status"] for answer in answers] == ["ok"] * 3, answers
    assert answers[0]["stdout"] == "5050\n"
    # The session knows what the command before left in it.
    assert answers[2]["result"] == "12.566370614359172"


def test_python(clone, agent_core):
    (program,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", program.replace("http://127.0.0.1:50051", agent_core.url)], cwd=clone,
                          capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    assert (done.returncode, done.stdout) == (0, "ok hello from the sandbox\n\n"), done.stderr


def test_the_configuration_is_valid(clone):
    block = [block for block in blocks("yaml") if block.startswith("wasi:")][0]
    (clone / "config").mkdir()
    (clone / "config" / "shannon.yaml").write_text(block.replace("/srv/data", str(clone / "docs")))
    done = type_in(clone, "build/shannon run -c 'import os; print(os.environ[\"GREETING\"], os.listdir(\"'$PWD'/docs\"))'")
    assert (done.returncode, done.stdout) == (0, "hello ['architecture.md']\n"), done.stderr


def test_the_example_agent(agent_core):
    provider = ScriptedProvider()
    try:
        provider.script(calls(("call_1", {"code": "print(sum(1 for n in range(2, 100) if all(n % d for d in range(2, n))))"})),
                        says("There are 25."))
        done = subprocess.run([sys.executable, services.ROOT / "docs" / "examples" / "agent.py", "How many primes below 100?"],
                              capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS,
                              env={**os.environ, "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": provider.url,
                                   "LLM_MODEL": "scripted", "AGENT_CORE_URL": agent_core.url})
        assert (done.returncode, done.stdout) == (0, "There are 25.\n"), done.stderr
        assert provider.requests[0]["body"]["tools"][0]["function"]["name"] == "python_executor"
        assert provider.requests[1]["body"]["messages"][-1] == {"role": "tool", "tool_call_id": "call_1", "content": "25\n"}
    finally:
        provider.close()
