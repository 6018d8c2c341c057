"""Every case of the list has a test, or a reason in README.md why not."""
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# How many cases the list has, letter by letter.
CASES = {"A": 14, "B": 17, "C": 9, "D": 9, "E": 8, "F": 8, "G": 5, "H": 7, "I": 7, "J": 8, "K": 7, "L": 8, "M": 10, "N": 6, "O": 7,
         "P": 11, "Q": 9}


def covered():
    found = set()
    for path in FOLDER.glob("test_attack_*.py"):
        for name in re.findall(r"^def test_(\w+)\(", path.read_text(), re.MULTILINE):
            found.update((letter, int(number)) for letter, number in re.findall(r"(?:^|_)([A-Q])(\d\d)(?=_|$)", name))
    return found


def named():
    rows = re.findall(r"^\| ([A-Q])(\d+) \| (.+) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    return {(letter, int(number)): reason for letter, number, reason in rows}


def test_each_case_has_a_test_or_a_reason():
    wanted = {(letter, number) for letter, count in CASES.items() for number in range(1, count + 1)}
    missing = wanted - covered() - set(named())
    assert not missing, f"no test and no reason: {sorted(missing)}"
    assert all(len(reason) > 10 for reason in named().values())


def test_files_that_are_named_are_there():
    for name in re.findall(r"`((?:e2e|unit|fuzz)/[\w.]+)`", (FOLDER / "README.md").read_text()):
        assert (FOLDER.parent / name).is_file(), name
