"""Programs for the shannon of taken_over/, whose guests can run native code in their own process."""
import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent / "taken_over"
BUILD = FOLDER.parents[2] / "build"
TAKEN_OVER_FD = 23130
REFUSED = 1 << 40


def _names(file, pattern):
    return {name: number for number, name in enumerate(re.findall(pattern, (FOLDER / file).read_text(), re.MULTILINE))}


ACTS = _names("acts.h", r"^ACT\((\w+)\)")
CALLS = _names("calls.c", r"^    \{\"(\w+)\",")
FAULTS = _names("faults.c", r"^    \{\"(\w+)\",")

PRELUDE = f"""import errno, os
def act(number, argument=0):
    answer = os.lseek({TAKEN_OVER_FD}, number | argument << 8, 0)
    return answer if answer < {REFUSED} else errno.errorcode[answer - {REFUSED}]
"""


def act(name, argument=0):
    """The expression of a program that does the act: a number, or the name of the error that refused it."""
    return f"act({ACTS[name]}, {argument})"


def call(name):
    return act("call", CALLS[name])


def fault(name):
    return act("fault", FAULTS[name])


def program(name):
    """The path of the program `taken_over` or another of meson.build, which is built when it is not up to date."""
    target = f"tests/security/{name}"
    if not (BUILD / "build.ninja").is_file():
        pytest.fail(f"there is no {BUILD}: run make")
    made = subprocess.run(["ninja", "-C", BUILD, target], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if made.returncode != 0:
        pytest.fail(f"{target} cannot be built:\n{made.stdout[-4000:]}")
    return BUILD / target
