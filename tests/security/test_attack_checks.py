"""What is checked after every attack (attack_support.py) finds what it is there to find, and harm done in one test stays there."""
import contextlib
import dataclasses
import os
import signal
import subprocess

import pytest

import native
from attack_support import INTERPRETER, Services, Target, orphans, wait_for
from native import PRELUDE, fault
from services import PROGRAM, environment


@pytest.fixture
def target(tmp_path):
    with Target(tmp_path, program=native.program("taken_over")) as target:
        target.prove_it_works()
        yield target


def test_nothing_is_found_where_nothing_is(target):
    with target.unharmed():
        target.prove_it_works()


def test_a_file_is_found(target):
    with pytest.raises(AssertionError, match="files were left behind"), target.unharmed():
        (target.temporary / "left").write_text("x")


def test_a_session_is_found(target):
    target.execute("x = 1", session_id="before")
    with pytest.raises(AssertionError, match="were left"), target.unharmed():
        target.execute("x = 1", session_id="left")


def test_a_process_is_found(target, tmp_path):
    """One whose parent has gone, as a guest's would be if its service left it."""
    before, left = set(orphans()), set()
    code = "import time; print('begun', flush=True); time.sleep(600)"
    try:
        with pytest.raises(AssertionError, match="processes were left behind"), target.unharmed():
            starter = subprocess.Popen(["sh", "-c", '"$@" & read line', "sh", PROGRAM, "run", "--interpreter", INTERPRETER, "-c", code],
                                       env=environment(tmp_path), cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert starter.stdout.readline() == b"begun\n"
            starter.stdin.close()
            starter.wait()
            left = wait_for(lambda: set(orphans()) - before, 20, "a process without a parent")
    finally:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_a_failure_of_the_services_own_is_found(target):
    with pytest.raises(AssertionError, match='"level":"(error|warning)"|"status":"internal"'), target.unharmed():
        target.call("POST", "/v1/execute", {"code": PRELUDE + f"print({fault('read_null')})"})


def test_an_end_of_the_service_is_found(target):
    with pytest.raises(AssertionError, match="the service ended"), target.unharmed():
        target.process.kill()
        target.process.wait()
    target.reader.join()


@pytest.mark.parametrize("field, least, word", [
    ("descriptors", 1, "descriptors of the service"), ("zygote_descriptors", 1, "descriptors of the zygote"),
    ("resident", 64 << 20, "the service has grown"), ("zygote_resident", 64 << 20, "the zygote has grown")])
def test_more_than_before_is_found(target, field, least, word):
    before = target.inventory()
    with pytest.raises(AssertionError, match=word):
        target.check_unharmed(dataclasses.replace(before, **{field: getattr(before, field) - least}), internal=False)


def test_what_harms_a_service_does_not_harm_the_next_test(tmp_path_factory):
    services = Services(tmp_path_factory.mktemp)
    try:
        with services.attacked("harmed") as first:
            pass
        with pytest.raises(AssertionError, match="files were left behind"), services.attacked("harmed") as again:
            assert again is first, "one that is unharmed is kept"
            (first.folder / "left").write_text("x")
        assert first.process.poll() is not None
        with services.attacked("harmed") as second:
            assert second is not first
    finally:
        services.stop()
