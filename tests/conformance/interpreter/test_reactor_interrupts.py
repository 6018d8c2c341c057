"""A host interrupts a program that runs in the reactor (shannon_interrupt_words)."""

import pytest
from interpreter_fixtures import FINAL, INTERRUPTED, PRELOAD, UNBUFFERED, run_all

BEGIN = "import sys; sys.stdout.write('begun\\n'); sys.stdout.flush()\n"
AFTER = "print('alive', x)"


def interrupted(code, moment, initialize=0, **fields):
    """Runs the code and interrupts it, then another program in the same instance, which must know nothing of it."""
    first, answer, after = run_all("x = 1", {"code": code, "interrupt": moment, **fields}, AFTER, initialize=initialize)
    assert first["status"] == 0
    assert (after["status"], after["stdout"], after["stderr"]) == (0, "alive 1\n", "")
    return answer


@pytest.mark.parametrize("initialize", [0, PRELOAD, PRELOAD | UNBUFFERED])
@pytest.mark.parametrize("code", [
    BEGIN + "while True: pass",
    BEGIN + "import itertools, re\nfor _ in itertools.count(): re.sub('a', 'b', 'aaa')",
    BEGIN + "def f(n):\n    while True: f(n - 1) if n else None\nf(300)",
])
def test_a_loop_ends(code, initialize):
    answer = interrupted(code, "output", initialize=initialize)
    assert (answer["status"], answer["stdout"]) == (INTERRUPTED, "begun\n")
    assert answer["stderr"].startswith("Traceback (most recent call last):\n  File \"main.py\", line ")
    assert answer["stderr"].endswith("\nKeyboardInterrupt\n")
    assert answer["result"] == {"type": "KeyboardInterrupt", "message": "", "traceback": answer["stderr"]}


@pytest.mark.parametrize("initialize", [0, PRELOAD])
@pytest.mark.parametrize("code", [
    "import time\ntime.sleep(10_000)",
    "import select\nselect.select([], [], [], 10_000)",
    "import select\nselect.poll().poll(10_000_000)",
])
def test_a_wait_ends(code, initialize):
    answer = interrupted(code, "wait", initialize=initialize)
    assert answer["status"] == INTERRUPTED
    assert 'File "main.py", line 2, in <module>\n' in answer["stderr"]
    assert answer["result"]["type"] == "KeyboardInterrupt"


def test_a_wait_for_a_task_ends():
    code = "import asyncio\nasync def main():\n    try:\n        await asyncio.sleep(10_000)\n    finally:\n        print('left')\n"
    _, answer, after = run_all("import asyncio", {"code": code + "asyncio.run(main())", "interrupt": "wait"},
                               code.replace("10_000", "0.001") + "asyncio.run(main())")
    assert (answer["status"], answer["stdout"], answer["result"]["type"]) == (INTERRUPTED, "left\n", "KeyboardInterrupt")
    assert (after["status"], after["stdout"]) == (0, "left\n")


def test_waiting_for_input_ends():
    answer = interrupted("text = input()", "read")
    assert answer["status"] == INTERRUPTED and "text = input()" in answer["stderr"]


def test_a_wait_that_ends_early_goes_on_for_a_handler_that_returns():
    code = ("import signal, time\nsignal.signal(signal.SIGINT, lambda number, frame: print('handled', number))\n"
            "begun = time.monotonic()\ntime.sleep(0.2)\nprint(time.monotonic() - begun >= 0.2)")
    _, answer, _ = run_all("import signal, time", {"code": code, "interrupt": "wait"}, "pass")
    assert (answer["status"], answer["stdout"]) == (0, "handled 2\nTrue\n")


@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_the_program_can_catch_it(initialize):
    code = "try:\n    print('begun', flush=True)\n    while True: pass\nexcept KeyboardInterrupt:\n    print('caught')\nprint('end')"
    answer = interrupted(code, "output", initialize=initialize)
    assert (answer["status"], answer["stdout"], answer["stderr"]) == (0, "begun\ncaught\nend\n", "")


@pytest.mark.parametrize("handler", ["SIG_IGN", "SIG_DFL"])
def test_it_does_nothing_to_a_program_that_does_not_handle_it(handler):
    """As PyErr_SetInterrupt() does nothing then."""
    code = (f"import signal\nformer = signal.signal(signal.SIGINT, signal.{handler})\nprint('begun', flush=True)\n"
            "for _ in range(1000): pass\nsignal.signal(signal.SIGINT, former)\nprint('end')")
    answer = interrupted(code, "writing")
    assert (answer["status"], answer["stdout"], answer["stderr"]) == (0, "begun\nend\n", "")


@pytest.mark.parametrize("initialize", [0, PRELOAD])
def test_one_at_the_beginning_ends_the_program(initialize):
    answer = interrupted("while True: pass", "start", initialize=initialize)
    assert (answer["status"], answer["stdout"]) == (INTERRUPTED, "")
    assert answer["stderr"].endswith("KeyboardInterrupt\n") and "Python in a state" not in answer["stderr"]
    assert answer["result"]["type"] == "KeyboardInterrupt"


@pytest.mark.parametrize("flags", [0, FINAL])
def test_one_that_comes_too_late_is_forgotten(flags):
    """The program has ended, and what it printed is on its way: neither its answer nor the next program's changes."""
    answer, after = run_all({"code": "print('all of it')", "interrupt": "writing", "flags": flags}, "print('alive')")
    assert (answer["status"], answer["stdout"], answer["stderr"], answer["result"]) == (0, "all of it\n", "", {})
    assert (after["status"], after["stdout"], after["stderr"]) == (0, "alive\n", "")


@pytest.mark.parametrize("code", [
    "import atexit, time\natexit.register(time.sleep, 10_000)",
    "import time\nclass D:\n    def __del__(self): time.sleep(10_000)\nd = D()",
])
def test_what_runs_at_the_end_can_be_interrupted(code):
    _, answer, _ = run_all("x = 1", {"code": code + "\nprint('end')", "flags": FINAL, "interrupt": "wait"}, AFTER)
    assert (answer["status"], answer["stdout"]) == (0, "end\n")


SLOW_TO_TELL = """
import time
class E(Exception):
    asked = False
    def __str__(self):
        if not E.asked:
            E.asked = True
            time.sleep(10_000)
        return 'told'
raise E
"""


@pytest.mark.parametrize("code", ["import sys, time\nsys.excepthook = lambda *a: time.sleep(10_000)\n1/0", SLOW_TO_TELL])
def test_what_an_exception_says_can_be_interrupted(code):
    answer = interrupted(code, "wait")
    assert answer["status"] == 1 and answer["stderr"] != "" and "Python in a state" not in answer["stderr"]


def test_a_copy_is_interrupted_alone():
    """The words are in the copy's own memory, at the same addresses."""
    loop = {"code": "print('begun', flush=True)\nwhile True: pass", "interrupt": "output"}
    answers = run_all("x = 1", {"copy": "other"}, {**loop, "in": "other"}, AFTER, {"code": AFTER, "in": "other"},
                      loop, {"code": AFTER, "in": "other"}, AFTER, initialize=PRELOAD)
    assert [answer["status"] for answer in answers if answer] == [0, INTERRUPTED, 0, 0, INTERRUPTED, 0, 0]
    assert [answer["stdout"] for answer in answers[3:5] + answers[6:]] == ["alive 1\n"] * 4
