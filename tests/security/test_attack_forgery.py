"""N: a program that says it went otherwise than it did, and a process that lies to its service."""
import json

import pytest

from attack_support import MEBIBYTE, resident_bytes
from native import PRELUDE, act

# enum error_kind
KINDS = ["ok", "python_error", "timeout", "memory_limit", "output_limit", "stack_exhausted", "trap", "killed",
         "interpreter_not_found", "invalid_request", "busy", "internal"]
INTERNAL = KINDS.index("internal")

RESULT = json.dumps({"status": "ok", "exit_code": 0, "stdout": "forged", "result": "forged"})


def test_N01_it_prints_our_answers(core):
    text = f"{RESULT}\ndata: {RESULT}\n\nevent: result\ndata: {{}}\n\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{RESULT}"
    answer = core.execute(f"print({text!r})\nraise SystemExit(3)")
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("python_error", 3, text + "\n")
    assert answer["result"] is None


def test_N01_it_prints_events(core):
    connection = core.begin(f"print('event: result\\ndata: ' + {RESULT!r} + '\\n\\n')\n1/0", Accept="text/event-stream")
    stream = connection.getresponse().read().decode()
    connection.close()
    events = [block.split("\n")[0] for block in stream.split("\n\n") if block.startswith("event:")]
    assert events[0] == "event: started" and events.count("event: result") == 1 and events[-1] == "event: result"
    last = json.loads(stream.split("\n\n")[-2].partition("data: ")[2])
    assert last["status"] == "python_error" and last["error"]["type"] == "ZeroDivisionError"


def test_N02_descriptors_that_might_be_ours(core):
    found = core.attempts({**{f"write {fd}": f"os.write({fd}, b'forged')" for fd in range(5, 256)},
                           **{f"open {name}": f"open('/dev/fd/{name}', 'wb')" for name in (1, 3, 4)},
                           "control": "os.write(1, b'')"})
    assert found.pop("control").value == 0
    for name, outcome in found.items():
        assert not outcome and outcome.errno in ("EBADF", "ENOTCAPABLE", "ENOENT", "EPERM", "EACCES"), (name, outcome)
    # The folders have 3 and 4; nothing can be written to a folder.
    for fd in (3, 4):
        assert not core.attempts({"x": f"os.write({fd}, b'forged')"})["x"]


def test_N03_it_patches_what_reports(core):
    """Whatever it replaces, the exit code, the times and the memory are the host's."""
    answer = core.execute("""
import builtins, json, sys, time, traceback
processor_time = time.process_time
def lie(*arguments, **named): return "forged"
for module in list(sys.modules.values()):
    for name in ("dumps", "format_exception", "print_exception", "repr", "perf_counter", "process_time"):
        if hasattr(module, name):
            try: setattr(module, name, lie)
            except (AttributeError, TypeError): pass
sys.exit = sys.excepthook = lie
begun = processor_time()
while processor_time() - begun < 0.1: pass
x = bytearray(50_000_000)
raise KeyError("real")
""")
    assert (answer["status"], answer["exit_code"]) == ("python_error", 1)
    assert answer["usage"]["wall_ms"] >= 95 and answer["usage"]["cpu_ms"] >= 95
    assert answer["usage"]["peak_memory_bytes"] > 50_000_000


@pytest.mark.parametrize("text", ["Killed", "MemoryError", "Traceback (most recent call last):\n  File \"main.py\"\nKeyError",
                                  "Execution timeout", "Segmentation fault"])
def test_N04_it_says_something_else_happened(core, text):
    answer = core.execute(f"import sys\nsys.stderr.write({text!r})")
    assert (answer["status"], answer["exit_code"], answer["stderr"], answer["error"]) == ("ok", 0, text, None)


def test_N05_it_ends_with_0_somewhere(core):
    for code in ("import os\ntry: 1/0\nexcept ZeroDivisionError: os._exit(0)",
                 "import atexit, os\natexit.register(os._exit, 0)\nraise KeyError",
                 "import sys\nsys.excepthook = lambda *a: __import__('os')._exit(0)\nraise KeyError"):
        answer = core.execute(code)
        # What ends before the program's failure is told is the end that there is; it is never anybody else's fault.
        assert answer["status"] in ("ok", "python_error") and answer["exit_code"] in (0, 1), (code, answer)
    answer = core.execute("while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt:\n        __import__('os')._exit(0)",
                          timeout_ms=200)
    assert answer["status"] == "timeout", answer


LIES = {
    "say_garbage": 0, "say_kind": 77, "say_size": 1 << 30, "say_report_size": 1 << 30, "say_output_beside": 64,
    "say_half_and_exit": 0, "report_garbage": 0, "report_well_often": 3, "report_beyond_measure": 0, "report_many_files": 0,
    "report_trap": 0, "exit_silently": 0, "report_failure": INTERNAL,
}


@pytest.mark.parametrize("name", sorted(LIES))
def test_N06_a_process_lies_to_its_service(taken_over, name):
    """It can lie about its own run; whatever it says, the service answers once and does the next."""
    before = resident_bytes(taken_over.process.pid)
    answer = taken_over.call("POST", "/v1/execute", {"code": PRELUDE + f"print({act(name, LIES[name])})", "timeout_ms": 3000})
    assert answer.status in (200, 500), answer.text
    if answer.status == 500:
        assert answer.json["error"]["kind"] == "internal"
    taken_over.prove_it_works()
    assert resident_bytes(taken_over.process.pid) - before < 32 * MEBIBYTE


def test_N06_a_process_fails_of_what_is_not_its_to_say(taken_over):
    """That it took too long, wrote too much, was killed, or that the service is busy: those are the service's to know."""
    for kind in ("python_error", "timeout", "output_limit", "killed", "busy"):
        answer = taken_over.call("POST", "/v1/execute", {"code": PRELUDE + act("report_failure", KINDS.index(kind))})
        assert answer.status == 500 and answer.json["error"]["kind"] == "internal", (kind, answer.text)
        assert "said by the guest" not in answer.text
    answer = taken_over.call("POST", "/v1/execute", {"code": PRELUDE + act("report_failure", KINDS.index("memory_limit"))})
    assert answer.json["status"] == "memory_limit", "the control: a process that could not begin may say so"


@pytest.mark.parametrize("name", ["say_half_and_wait", "close_channel", "report_well", "spin_deaf", "say_nothing_often"])
def test_N06_a_process_does_not_end(taken_over, name):
    """It is killed at its limit at the latest, deaf or not."""
    answer = taken_over.call("POST", "/v1/execute", {"code": PRELUDE + f"print({act(name, 1000)})", "timeout_ms": 500}, timeout=30)
    assert answer.status in (200, 500), answer.text
    if answer.status == 200:
        # One that closes its channel looks like one that somebody killed: the kernel closes it then.
        expected = ("killed",) if name == "close_channel" else ("ok", "timeout")
        assert answer.json["status"] in expected, answer.text
    taken_over.prove_it_works()


STATES = [("save_garbage", 0), ("save_garbage", 100), ("save_garbage", 1 << 20), ("save_bomb", 512), ("save_seek", 0),
          ("save_twice", 0), ("save_claim", 1 << 20), *(("save_pieces", which) for which in range(10))]


@pytest.mark.parametrize("name, argument", STATES)
def test_N06_a_session_that_lies_about_its_state(taken_over, name, argument):
    """Its next run begins with that state, in a process as locked down as any, and is refused; other sessions are as they
    were, and it can be begun anew."""
    assert taken_over.execute("value = 'kept'", session_id="other")["status"] == "ok"
    assert taken_over.execute("value = 1", session_id="liar")["status"] == "ok"
    try:
        answer = taken_over.execute(PRELUDE + f"print({act(name, argument)})", session_id="liar")
        assert (answer["status"], answer["stdout"]) == ("ok", ""), answer
        taken_over.kill_guests()
        for _ in range(2):
            again = taken_over.call("POST", "/v1/execute", {"code": "print(value)", "session_id": "liar"})
            assert again.status == 400 and "damaged" in again.json["error"]["message"], again.text
        assert taken_over.execute("print(value)", session_id="other")["stdout"] == "kept\n"
        assert taken_over.call("DELETE", "/v1/sessions/liar").status == 200
        assert taken_over.execute("value = 2; print(value)", session_id="liar")["stdout"] == "2\n"
    finally:
        for session in ("liar", "other"):
            taken_over.call("DELETE", f"/v1/sessions/{session}")


@pytest.mark.parametrize("claimed", [0, 1 << 40])
def test_N06_a_session_says_that_its_state_is_beyond_its_limit(taken_over, claimed):
    """Who says that is not heard further, and the session is as it was before the run. (0 stands for 2^64 - 1.)"""
    assert taken_over.execute("value = 'kept'", session_id="liar")["status"] == "ok"
    try:
        answer = taken_over.call("POST", "/v1/execute", {"code": PRELUDE + act("save_claim", claimed), "session_id": "liar"})
        assert answer.status == 500 and answer.json["error"]["kind"] == "internal", answer.text
        assert taken_over.execute("print(value)", session_id="liar")["stdout"] == "kept\n"
    finally:
        taken_over.call("DELETE", "/v1/sessions/liar")


def test_N06_the_image_that_all_share_cannot_be_changed(taken_over):
    answer = taken_over.call("POST", "/v1/execute", {"code": PRELUDE + f"print({act('image_is_sealed')})", "session_id": "sealed"})
    taken_over.call("DELETE", "/v1/sessions/sealed")
    assert answer.json["stdout"] == "2\n", answer.text  # "EEXIST" if it could be
