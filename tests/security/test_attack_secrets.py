"""M: what is not to be in a process at all: secrets of the service, what other runs had, where the machine keeps pages.

Native code looks through everything that its process can read, in a build without the kernel's walls: with them it could
not even ask where to look. What there is to be found is the same."""
import os
from pathlib import Path

import pytest

import native
from attack_support import Target
from native import PRELUDE, act

OF_THE_KEY, OF_DOTENV, OF_THE_MACHINE, OF_THE_CONFIGURATION, HANDED_ON = range(0x5EC2E7A1, 0x5EC2E7A6)


def canary(number):
    return f"canary-{number:08x}"


def look(*numbers):
    """A program that says how often each canary is in its process, and holds none itself."""
    return PRELUDE + f"print([act({native.ACTS['find_in_process']}, number) for number in {numbers}])"


def found(core, *numbers, **fields):
    answer = core.execute(look(*numbers), **fields)
    assert answer["status"] == "ok", answer
    return eval(answer["stdout"])


def test_M04_M07_secrets_of_the_service(tmp_path):
    """What the service is told is in none of the processes of the sandbox, but for what it is told to hand on."""
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={canary(OF_DOTENV)}\n")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shannon.yaml").write_text(
        f"llm:\n  model: {canary(OF_THE_CONFIGURATION)}\nwasi:\n  env_vars:\n    GREETING: hello-{canary(HANDED_ON)}\n")
    settings = {"SHANNON_LLM_API_KEY": canary(OF_THE_KEY), "OTHER_SECRET": canary(OF_THE_MACHINE)}
    with Target(tmp_path, program=native.program("taken_over_without_walls"), **settings) as core:
        environment = Path(f"/proc/{core.process.pid}/environ").read_bytes()
        assert canary(OF_THE_MACHINE).encode() in environment, "the control: the service has it"
        assert canary(OF_THE_KEY).encode() not in environment, "whoever may look there must not learn the key"
        secrets = (OF_THE_KEY, OF_DOTENV, OF_THE_MACHINE, OF_THE_CONFIGURATION)
        for fields in ({}, {}, {"session_id": "one"}, {"session_id": "one"}):
            *counts, handed_on = found(core, *secrets, HANDED_ON, **fields)
            assert counts == [0] * len(secrets), "a secret of the service is in a guest's process"
            assert handed_on > 0, "the control: what is there is found"
        for pid in core.children():
            for name in ("environ", "cmdline"):
                try:
                    text = Path(f"/proc/{pid}/{name}").read_bytes()
                except PermissionError:
                    continue
                assert not any(canary(number).encode() in text for number in secrets), (pid, name)
        assert not any(canary(number) in core.text for number in secrets)


def run_with(number):
    """A request that is full of a canary: its source, input, arguments, variables, files, memory, output."""
    text = canary(number)
    return {"code": look(number) + f"\nkept = ['{text}' + str(i) for i in range(1000)]\nprint(kept[0], open('file.txt').read())\n"
                                   f"open('made.txt', 'w').write(kept[1])\nkept[2]",
            "stdin": text, "argv": ["main.py", text], "env": {"NAME": text}, "files": [{"path": "file.txt", "content": text}]}


@pytest.mark.parametrize("session", [None, "another"])
def test_M03_M07_what_a_run_had_is_in_no_other(without_walls, session):
    """Neither in those that wait while it runs, nor in those that are forked afterwards."""
    core = without_walls
    fields = {} if session is None else {"session_id": session}
    number = 0xC0FFEE01 if session is None else 0xC0FFEE02
    try:
        for _ in range(3):
            answer = core.execute(**run_with(number), **fields)
            assert answer["status"] == "ok" and canary(number) in answer["stdout"], answer
            assert int(answer["stdout"].split("]")[0][1:]) > 3, "the control: the run itself finds it"
            for _ in range(10):
                assert found(core, number) == [0]
            assert found(core, number, session_id="other") == [0]
            if session is not None:
                assert found(core, number, **fields)[0] > 3, "the control: the session itself keeps it"
    finally:
        for name in ("another", "other"):
            core.call("DELETE", f"/v1/sessions/{name}")
    for _ in range(10):
        assert found(core, number) == [0]


def frames_shown(folder, program):
    """Whether a session's process is told in which frame of the machine's memory a page of its own lies."""
    with Target(folder, program=native.program(program)) as core:
        answer = core.execute(PRELUDE + f"print({act('page_map_shows_frames')})", session_id="one")
        assert answer["status"] == "ok" and answer["stdout"] in ("0\n", "1\n"), answer
        return answer["stdout"] == "1\n"


def test_M07_where_in_the_machine_a_page_lies(tmp_path):
    """A session's process knows its pages by the kernel's page map. Whoever opened it with a capability is told their
    frames too; in a user namespace there is none, and without one it has been given up."""
    for name in ("control", "alone"):
        (tmp_path / name).mkdir()
    if os.geteuid() != 0 or not frames_shown(tmp_path / "control", "taken_over_without_walls"):
        pytest.skip("the kernel shows this user no frames at all")
    assert not frames_shown(tmp_path / "alone", "taken_over_without_user_namespace")
