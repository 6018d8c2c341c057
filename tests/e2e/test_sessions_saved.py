"""Sessions that are not used: they are saved, outlive the service, and come back as they were or not at all."""
import ctypes
import hashlib
import json
import os
import re
import signal
import struct
import subprocess

import pytest

from agent_core_service import AgentCore, result_of
from cli_support import module_cache, start  # noqa: F401 (a fixture)
from services import INTERPRETER, wait_for

MEBIBYTE = 1 << 20
SOON = {"SHANNON_SESSIONS_IDLE_MS": 10}


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """One that saves each session as soon as it is not used."""
    with AgentCore(tmp_path_factory.mktemp("sessions"), **SOON) as service, service.nothing_stays_behind():
        yield service


@pytest.fixture
def session(core):
    return core.session()


def saved_files(core):
    return [core.sessions_folder / name for name in core.session_files() if name.endswith(".session")]


def images(core):
    return [core.sessions_folder / name for name in core.session_files() if name.endswith(".image")]


def file_of(core, session):
    """The file of a saved session."""
    return core.sessions_folder / (hashlib.sha256(session.id.encode()).hexdigest() + ".session")


class SavedSession:
    """A saved session's file, taken apart: see src/agent_core/session_files.h."""

    def __init__(self, path):
        self.path = path
        content = path.read_bytes()
        magic, size = struct.unpack_from("<8sI", content)
        assert magic == b"SHNSESS1"
        self.record = json.loads(content[12:12 + size])
        self.state = content[12 + size:]

    def write(self, state=None, **changes):
        head = json.dumps({**self.record, **changes}).encode()
        self.path.write_bytes(struct.pack("<8sI", b"SHNSESS1", len(head)) + head + (self.state if state is None else state))

    def unpacked_state(self, state=None):
        """What the zstd frame holds (or `state`, in its place); None when it is damaged."""
        zstd = ctypes.CDLL("libzstd.so.1")
        zstd.ZSTD_decompress.restype = ctypes.c_size_t
        zstd.ZSTD_isError.argtypes = [ctypes.c_size_t]
        state = self.state if state is None else state
        room = ctypes.create_string_buffer(self.record["size"])
        size = zstd.ZSTD_decompress(room, ctypes.c_size_t(len(room)), state, ctypes.c_size_t(len(state)))
        return None if zstd.ZSTD_isError(size) else room.raw[:size]


def refusal(session):
    """Why a run in the session is refused; its answer must be an error."""
    answer = session.core.call("POST", "/v1/execute", {"code": "x", "session_id": session.id})
    assert 400 <= answer.status < 600, answer.text
    return answer.status, answer.json["error"]["kind"], answer.json["error"]["message"]


# ---- saving ----

def test_a_session_that_is_not_used_is_saved_and_its_process_ends(core, session):
    session.do("import os\nx = 1\nopen('/workspace/a', 'w').write('a')")
    before = session.describe()
    session.wait_state("saved")
    assert session.describe() == {**before, "state": "saved"}
    path = file_of(core, session)
    assert (path.stat().st_mode & 0o777) == 0o600
    assert path.stat().st_size < before["size_bytes"] + 1000
    assert len(images(core)) == 1
    wait_for(lambda: len(core.guests()) == core.metric("shannon_spare_processes"), 20, "the end of its process")
    assert session.value("x, os.listdir('/workspace')") == (1, ["a"])


def test_it_is_saved_again_after_each_use(core, session):
    session.do("x = 0")
    for expected in range(1, 4):
        session.wait_state("saved")
        former = file_of(core, session).read_bytes()
        assert session.value("x += 1\nx") == expected
        session.wait_state("saved")
        assert file_of(core, session).read_bytes() != former


def test_what_a_program_left_is_not_readable_by_others(core, session):
    session.do("x = 'a secret of a session'")
    session.wait_state("saved")
    assert (core.sessions_folder.stat().st_mode & 0o777) == 0o700
    for path in core.sessions_folder.iterdir():
        assert (path.stat().st_mode & 0o077) == 0


def test_deleting_removes_the_file_and_the_last_one_the_image(core, session):
    other = core.session()
    for each in (session, other):
        each.do("x = 1")
        each.wait_state("saved")
    path = file_of(core, session)
    session.delete()
    assert not path.exists()
    assert len(images(core)) >= 1
    assert other.value("x") == 1


def test_requests_that_come_before_while_and_after_it_is_written_all_count(core, session):
    session.do("import os\nx = os.urandom(8 << 20)\nn = 0")
    before = core.metric("shannon_session_saves_total")
    turn = 0
    while turn < 30 or core.metric("shannon_session_saves_total") < before + 3:
        turn += 1
        assert session.value("n += 1\nn, len(x)") == (turn, 8 << 20)
        for _ in range(turn * 7 % 100):  # a pause of another length each time
            core.call("GET", "/health")
        assert turn < 1000
    assert session.fork().value("n") == turn


def test_copies_of_a_saved_session(core, session):
    session.do("import random\nx = 1\nrandom.seed(1)")
    session.wait_state("saved")
    copies = [session.fork() for _ in range(2)]
    for each in copies:
        each.wait_state("saved")
    numbers = {each.value("x, random.random()") for each in (session, *copies)}
    assert {x for x, _ in numbers} == {1}
    assert len(numbers) == 3


def test_many_sessions_come_and_go(core):
    sessions = [core.session() for _ in range(24)]
    for turn in range(2):
        for i, session in enumerate(sessions):
            assert session.value(f"x = globals().get('x', {i * 10}) + 1\nx") == i * 10 + turn + 1
    for session in sessions:
        session.wait_state("saved")
    assert core.metric("shannon_sessions_live") == 0
    assert core.metric("shannon_sessions_unsaved") == 0
    for i, session in enumerate(sessions):
        assert session.value("x") == i * 10 + 2
        session.delete()


# ---- the service ends and begins again ----

def test_sessions_outlive_the_service(tmp_path):
    with AgentCore(tmp_path) as core:
        kept, idle, copied = core.session("kept"), core.session("idle"), core.session("copied")
        kept.do("import random, os, sqlite3\nx = 1\ndb = sqlite3.connect(':memory:')\ndb.execute('create table t (a)')\n"
                "f = open('/workspace/a', 'w+')\nf.write('abc')\nf.seek(1)\nrandom.seed(5)\nrandom.random()")
        idle.do("x = 2")
        copied.do("import random\nx = 3\nrandom.seed(6)")
        copied.fork("copy")
        core.kill_guests()  # so that some have a process and some have none
        idle.do("x += 20")
        kept.do("1")
        before = core.call("GET", "/v1/sessions").json
        assert {each["session_id"]: each["state"] for each in before["sessions"]} == {
            "kept": "live", "idle": "live", "copied": "suspended", "copy": "suspended"}
    with AgentCore(tmp_path) as core:
        after = core.call("GET", "/v1/sessions").json
        for each in before["sessions"]:
            each["state"] = "saved"
        assert after == before
        assert core.session("kept").value("db.execute('select count(*) from t').fetchone(), f.read(), x") == ((0,), "bc", 1)
        whole = core.execute("import random\nrandom.seed(5)\n[random.random() for _ in range(2)][1]")["result"]
        assert core.session("kept").run("random.random()")["result"] == whole
        assert core.session("idle").value("x") == 22
        numbers = [core.session(name).value("x, random.random()") for name in ("copied", "copy")]
        assert [x for x, _ in numbers] == [3, 3]
        assert numbers[0] != numbers[1]
        for name in core.sessions():
            core.session(name).delete()
        assert core.session_files() == []


def test_a_run_that_the_end_of_the_service_cut_short_leaves_nothing(tmp_path):
    with AgentCore(tmp_path) as core:
        session = core.session("a")
        session.do("x = 1")
        running = session.begin("x = 2\nimport time; time.sleep(60)")
        core.wait_executions("running", 1)
        core.process.send_signal(signal.SIGTERM)
        assert core.process.wait(20) == 0
        assert result_of(running)["status"] == "killed"
    with AgentCore(tmp_path) as core:
        assert core.session("a").value("x") == 1


def test_after_kill_9_of_the_service_what_was_saved_comes_back(tmp_path):
    with AgentCore(tmp_path, SHANNON_SESSIONS_IDLE_MS=300) as core:
        saved, changed, never = core.session("saved"), core.session("changed"), core.session("never")
        saved.do("x = 1")
        changed.do("x = 2")
        saved.wait_state("saved")
        changed.wait_state("saved")
        changed.do("x = 3")
        never.do("x = 4")
        running = saved.begin("x = 5\nimport time; time.sleep(60)")
        core.wait_executions("running", 1)
        core.kill()
        running.close()
    with AgentCore(tmp_path) as core:
        assert set(core.sessions()) == {"saved", "changed"}
        assert core.session("saved").value("x") == 1
        assert core.session("changed").value("x") == 2
        assert core.session("never").run("x")["error"]["type"] == "NameError"


def test_what_a_killed_writer_left_is_cleared_away(tmp_path):
    with AgentCore(tmp_path) as core:
        core.session("a").do("x = 1")
    folder = tmp_path / "sessions"
    kept = sorted(os.listdir(folder))
    (folder / ("0" * 64 + ".session.123.part")).write_bytes(b"SHNSESS1")
    (folder / ("0" * 32 + ".image")).write_bytes(b"x")
    (folder / "notes.txt").write_text("somebody else's")
    with AgentCore(tmp_path) as core:
        assert sorted(os.listdir(folder)) == sorted([*kept, "notes.txt"])
        assert core.session("a").value("x") == 1


def test_two_services_do_not_share_a_folder(tmp_path):
    folder = tmp_path / "sessions"
    (tmp_path / "other").mkdir()
    with AgentCore(tmp_path, **SOON) as first:
        session = first.session("a")
        session.do("x = 1")
        session.wait_state("saved")
        with AgentCore(tmp_path / "other", SHANNON_SESSIONS_DIRECTORY=folder, **SOON) as second:
            (said,) = second.events("sessions are kept in memory only")
            assert said["level"] == "warning"
            assert str(folder) in said["reason"] and "sessions.directory" in said["reason"]
            other = second.session("a")
            assert other.run("x")["error"]["type"] == "NameError"
            other.do("x = 2")
            other.wait_state("suspended")
            assert other.value("x") == 2
            assert session.value("x") == 1
            other.delete()
        session.wait_state("saved")
        first.kill()
    with AgentCore(tmp_path / "other", SHANNON_SESSIONS_DIRECTORY=folder) as third:
        assert third.events("sessions are kept in memory only") == []
        assert third.session("a").value("x") == 1


# ---- damage ----

def test_a_damaged_file_is_refused_whole_and_can_be_deleted(core, session):
    other = core.session()
    for each in (session, other):
        each.do("import os\nx = 1\ny = os.urandom(3000)")
        each.wait_state("saved")
    path = file_of(core, session)
    good = path.read_bytes()
    saved = SavedSession(path)
    state = len(good) - len(saved.state)
    damages = [good[:size] for size in (0, 7, 11, 100, state, state + 1, (state + len(good)) // 2, len(good) - 4, len(good) - 1)]
    for at in (0, 7, 8, 9, 12, state, state + 4, state + 20, *range(state + 64, len(good), (len(good) - state) // 16),
               len(good) - 4, len(good) - 1):
        changed = good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
        # Not all bits of a frame mean something: what unpacks to the same is not damaged.
        if at < state or saved.unpacked_state(changed[state:]) != saved.unpacked_state():
            damages.append(changed)
    damages += [good + b"\0", good[:state] + good[state:] * 2, b"", b"\0" * len(good)]
    for damage in damages:
        path.write_bytes(damage)
        status, kind, message = refusal(session)
        assert (status, kind) == (400, "invalid_request"), message
        assert re.fullmatch(r"the saved session .*is damaged.* Delete (it|the session) and begin anew", message)
        assert session.state == "saved"
    path.write_bytes(good)
    assert session.value("x") == 1
    session.wait_state("saved")
    path.write_bytes(good[:-1])
    refusal(session)
    session.delete()
    assert not path.exists()
    assert session.run("x")["error"]["type"] == "NameError"
    assert other.value("x, len(y)") == (1, 3000)


def test_a_damaged_file_cannot_be_copied_either(core, session):
    session.do("x = 1")
    session.wait_state("saved")
    path = file_of(core, session)
    path.write_bytes(path.read_bytes()[:50])
    before = core.sessions()
    answer = session.call("POST", "/fork")
    assert (answer.status, answer.json["error"]["kind"]) == (400, "invalid_request")
    assert core.sessions() == before


def test_a_file_that_is_gone_is_an_error_and_no_new_session(core, session):
    session.do("x = 1")
    session.wait_state("saved")
    file_of(core, session).unlink()
    status, kind, message = refusal(session)
    assert (status, kind) == (500, "internal")
    assert "No such file or directory" in message
    session.delete()
    assert session.run("x")["error"]["type"] == "NameError"


def test_damage_that_a_restart_finds_is_an_error_and_no_new_session(tmp_path):
    ends = {"cut": lambda good: good[:5], "empty": lambda good: b"", "magic": lambda good: b"X" + good[1:],
            "record": lambda good: good[:12] + b"[" + good[13:], "state": lambda good: good[:-9] + b"?" + good[-8:],
            "length": lambda good: good[:8] + b"\xff" + good[9:]}
    with AgentCore(tmp_path) as core:
        for name in (*ends, "good"):
            core.session(name).do(f"x = {name!r}")
    for path in (tmp_path / "sessions").glob("*.session"):
        saved = SavedSession(path)
        if saved.record["session_id"] in ends:
            path.write_bytes(ends[saved.record["session_id"]](path.read_bytes()))
    with AgentCore(tmp_path) as core, core.nothing_stays_behind():
        assert set(core.sessions()) == {"good", "state"}
        assert len(core.events("a saved session cannot be read")) == len(ends) - 1
        assert core.session("good").value("x") == "good"
        for name in ends:
            session = core.session(name)
            status, kind, message = refusal(session)
            assert (status, kind) == (400, "invalid_request"), message
            assert "is damaged" in message and "Delete" in message
            assert core.session("good").call("POST", "/fork", {"session_id": name}).status in (400, 409)
            session.delete()
            assert session.call("DELETE").status == 404
            session.do("x = 'new'")
        assert len(saved_files(core)) == 1  # of "good"; the new ones are not saved yet
        assert core.session("good").value("x") == "good"


def test_one_flipped_bit_in_the_record_changes_nothing_or_is_an_error(tmp_path):
    with AgentCore(tmp_path) as core:
        core.session("s0").do("x = 'kept'\nf = open('/workspace/f', 'w')")
        for i in range(1, 40):
            core.session("s0").fork(f"s{i}")
    for path in (tmp_path / "sessions").glob("*.session"):
        content = bytearray(path.read_bytes())
        size = struct.unpack_from("<I", content, 8)[0]
        content[12 + int(SavedSession(path).record["session_id"][1:]) * (size - 1) // 39] ^= 1
        path.write_bytes(content)
    with AgentCore(tmp_path) as core:
        went_well = 0
        for i in range(40):
            answer = core.call("POST", "/v1/execute", {"code": "x, f.tell()", "session_id": f"s{i}"})
            if answer.status == 200:
                assert answer.json["result"] == "('kept', 0)", (i, answer.text)
                went_well += 1
            else:
                assert answer.json["error"]["message"], (i, answer.text)
        assert went_well < 40


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "empty"])
def test_a_damaged_memory_image_is_an_error(tmp_path, damage):
    """What all states differ from is in a file of its own."""
    with AgentCore(tmp_path) as core:
        core.session("a").do("x = 1")
    (image,) = (tmp_path / "sessions").glob("*.image")
    good = image.read_bytes()
    at = len(good) // 3
    if damage == "gone":
        image.unlink()
    else:
        image.write_bytes({"flipped": good[:at] + bytes([good[at] ^ 1]) + good[at + 1:], "cut": good[:-65536], "empty": b""}[damage])
    with AgentCore(tmp_path) as core, core.nothing_stays_behind():
        for _ in range(2):
            status, kind, message = refusal(core.session("a"))
            if damage == "gone":
                assert (status, kind) == (500, "internal") and "No such file or directory" in message
            else:
                assert (status, kind) == (400, "invalid_request") and "is damaged" in message
        assert core.session("a").call("POST", "/fork").status >= 400
        assert core.session("b").value("2") == 2
        if damage != "gone":
            image.write_bytes(good)
            assert core.session("a").value("x") == 1


def test_a_session_of_another_build_of_the_interpreter_is_refused(core, session):
    session.do("x = 1")
    session.wait_state("saved")
    saved = SavedSession(file_of(core, session))
    state = saved.unpacked_state()
    assert state[8:40].hex() == saved.record["interpreter_sha256"]
    saved.write(state=state[:8] + bytes(32) + state[40:])
    assert refusal(session) == (
        400, "invalid_request", "the saved session was made by another build of the interpreter and cannot be brought back by "
        "this one. Delete it and begin anew")
    # The control: only the interpreter was wrong.
    saved.write(state=state)
    assert session.value("x") == 1


def test_a_state_under_the_record_of_another_session_is_refused(core):
    """A file that was renamed is not taken for the session whose name it got."""
    first, second = core.session(), core.session()
    for each, value in ((first, 1), (second, 2)):
        each.do(f"x = {value}")
        each.wait_state("saved")
    file_of(core, first).write_bytes(file_of(core, second).read_bytes())
    assert "is damaged" in refusal(first)[2]
    assert second.value("x") == 2


@pytest.mark.parametrize(("offset", "form", "value"), [
    (56, "<Q", 1 << 40), (56, "<Q", 65536), (56, "<Q", 65537), (72, "<Q", 1 << 40), (72, "<Q", 1), (80, "<I", 0xFFFFFFFF),
    (80, "<I", 0), (84, "<I", 1), (88, "<I", 0xFFFFFFF8), (92, "<I", 0xFFFFFFFF), (92, "<I", 7),
])
def test_a_forged_state_is_refused(core, session, offset, form, value):
    """A state with a good checksum whose head or first run of memory lies: see src/sandbox/session_state.h."""
    session.do("x = 1")
    session.wait_state("saved")
    saved = SavedSession(file_of(core, session))
    state = bytearray(saved.unpacked_state())
    struct.pack_into(form, state, offset, value)
    saved.write(state=bytes(state))
    status, kind, message = refusal(session)
    assert (status, kind) == (400, "invalid_request"), message
    assert "damaged" in message
    assert core.execute("1")["status"] == "ok"


# ---- folders ----

@pytest.mark.parametrize("make", [
    lambda folder: folder.parent.write_text("a file"),
    lambda folder: (folder.mkdir(parents=True), folder.chmod(0o777)),
    lambda folder: (folder.parent.mkdir(), folder.write_text("a file")),
], ids=["below a file", "writable by all", "a file"])
def test_without_a_usable_folder_sessions_are_kept_in_memory(tmp_path, make):
    folder = tmp_path / "state" / "sessions"
    make(folder)
    with AgentCore(tmp_path, SHANNON_SESSIONS_DIRECTORY=folder, **SOON) as core:
        (said,) = core.events("sessions are kept in memory only")
        assert said["level"] == "warning"
        assert str(folder) in said["reason"] and "sessions.directory" in said["reason"]
        session = core.session()
        session.do("x = 1")
        session.wait_state("suspended")
        assert session.value("x") == 1
        assert session.fork().value("x") == 1
        session.delete()
        session.do("x = 2")
    assert core.events("sessions are lost with this process")[0]["count"] == 2


def in_mount_namespace(folder, options):
    """Words that execute a program in a world where a small file system is at `folder`; skips where that cannot be."""
    words = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c",
             f'mount -t tmpfs -o mode=700 none "$0" && mount -o "remount,{options}" "$0" && exec "$@"', str(folder)]
    tried = subprocess.run([*words, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")
    return words


@pytest.mark.parametrize(("options", "reason"), [("size=64k", "No space left on device"), ("ro", "Read-only file system")])
def test_when_nothing_can_be_written_the_service_says_so_and_goes_on(tmp_path, options, reason):
    folder = tmp_path / "sessions"
    folder.mkdir(mode=0o700)
    with AgentCore(tmp_path, before=in_mount_namespace(folder, options), **SOON) as core:
        session = core.session()
        session.do("x = 1")
        (said,) = wait_for(lambda: core.events("a session cannot be saved"), 20, "the failure")
        assert (said["level"], said["session_id"]) == ("error", session.id)
        assert reason in said["error"]
        assert session.value("x") == 1
        assert core.session().value("2") == 2
        assert core.metric("shannon_session_save_failures_total") >= 1
        assert core.metric("shannon_sessions_unsaved") == 2
        # It does not say so again and again.
        assert len(core.events("a session cannot be saved")) < 5
        assert session.state in ("live", "suspended")
    assert core.events("sessions are lost with this process")[0]["count"] == 2


# ---- interpreters ----

def test_a_session_keeps_its_interpreter(tmp_path):
    folder = tmp_path / "wasm-interpreters"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.wasm").symlink_to(INTERPRETER)
    with AgentCore(tmp_path) as core:
        session = core.session("a")
        session.do("x = 1", interpreter="one")
        assert session.describe()["interpreter"] == "one.wasm"
        assert session.value("x", interpreter="one") == 1
        assert session.value("x") == 1
        answer = core.call("POST", "/v1/execute", {"code": "x", "session_id": "a", "interpreter": "two"})
        assert (answer.status, answer.json["error"]["field"]) == (400, "session_id")
        assert "belongs to the interpreter" in answer.json["error"]["message"]
        answer = core.call("POST", "/v1/execute", {"code": "x", "session_id": "a", "interpreter": "three"})
        assert (answer.status, answer.json["error"]["field"]) == (400, "interpreter")
        assert core.session("b").value("2") == 2
        assert session.fork("copy").describe()["interpreter"] == "one.wasm"
    with AgentCore(tmp_path) as core:
        assert core.session("a").value("x") == core.session("copy").value("x") == 1
        assert core.session("copy").value("x", interpreter="one") == 1
    (folder / "one.wasm").unlink()
    with AgentCore(tmp_path) as core:
        status, kind, message = refusal(core.session("a"))
        assert (status, kind) == (503, "interpreter_not_found")
        assert str(folder / "one.wasm") in message or "one.wasm" in message
        assert core.session("b").value("2") == 2
        core.session("a").delete()


@pytest.fixture
def command():
    """A WASI module that is no reactor; it prints a line whatever its arguments are."""
    return start("""(i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 6))
                    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
                    (data (i32.const 8) "hello\\n\"""")


def test_an_interpreter_that_cannot_keep_sessions_says_so(tmp_path, module_cache, command):  # noqa: F811
    with AgentCore(tmp_path, PYTHON_WASI_WASM_PATH=command, SHANNON_CACHE_DIR=module_cache) as core:
        assert core.execute("1")["stdout"] == "hello\n"
        for _ in range(2):
            status, kind, message = refusal(core.session("a"))
            assert (status, kind) == (400, "invalid_request")
            assert message.startswith("this interpreter cannot keep sessions")
        assert core.sessions() == []
        assert core.execute("1")["stdout"] == "hello\n"


def test_an_interpreter_that_was_replaced_by_another_kind_says_so(tmp_path, module_cache, command):  # noqa: F811
    path = tmp_path / "python.wasm"
    path.symlink_to(INTERPRETER)
    with AgentCore(tmp_path, PYTHON_WASI_WASM_PATH=path) as core:
        core.session("a").do("x = 1")
    path.unlink()
    path.symlink_to(command)
    with AgentCore(tmp_path, PYTHON_WASI_WASM_PATH=path, SHANNON_CACHE_DIR=module_cache) as core:
        status, kind, message = refusal(core.session("a"))
        assert (status, kind) == (400, "invalid_request"), message
        core.session("a").delete()
        assert core.session_files() == []
