"""The table of what becomes of CPython's own tests in the sandbox: results.tsv, a line a module; failures.tsv, a line for
each test that fails, with the reason why; skips.tsv, the reasons that tests give for skipping themselves."""
import collections
import csv
import dataclasses
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.tsv"
FAILURES = FOLDER / "failures.tsv"
SKIPS = FOLDER / "skips.tsv"
BOTH = "both"
NOTHING_RAN = "each of its tests skips itself (skips.tsv)"
# The files that messages of OSError name, some of them by chance.
NAMES_OF_FILES = re.compile(r"(\[Errno .*?): b?'.*")


@dataclasses.dataclass(frozen=True)
class Row:
    """What is expected of a module, and found. One in which no test ran is skipped: nothing of it is known to work."""
    module: str
    outcome: str  # passed, failed, skipped
    passed: int
    skipped: int
    failed: int
    why_skipped: str = ""


def row_of(result):
    """The row of a ModuleResult (cpython_suite.py)."""
    outcome = "failed" if result.failed else "passed" if result.passed > 0 and result.skip_reason is None else "skipped"
    why = result.skip_reason or (NOTHING_RAN if outcome == "skipped" else "")
    return Row(result.module, outcome, result.passed, len(result.skipped), len(result.failed), " ".join(why.split()))


def skips_of(result):
    """{reason: number of tests} of a ModuleResult."""
    return collections.Counter(NAMES_OF_FILES.sub(r"\1", " ".join(reason.split())) for _, reason in result.skipped)


def read_results():
    """{module: Row}, of a forked interpreter."""
    with RESULTS.open(newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["module"]: Row(row["module"], row["outcome"], int(row["passed"]), int(row["skipped"]), int(row["failed"]),
                                   row["why_skipped"]) for row in rows}


def read_failures():
    """{(module, test): (way, reason)}; a way is "fresh", "forked" or both."""
    with FAILURES.open(newline="") as file:
        return {(row["module"], row["test"]): (row["way"], row["reason"]) for row in csv.DictReader(file, delimiter="\t")}


def read_skips():
    """{module: {reason: number of tests}}, of a forked interpreter."""
    skips = collections.defaultdict(collections.Counter)
    with SKIPS.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            skips[row["module"]][row["reason"]] = int(row["tests"])
    return skips


def expected_failures(module, way):
    """The names of the tests of the module that fail in this way of running it."""
    return {test for (other, test), (where, _) in read_failures().items() if other == module and where in (way, BOTH)}


def write_results(rows):
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow([field.name for field in dataclasses.fields(Row)])
        writer.writerows(dataclasses.astuple(row) for row in sorted(rows, key=lambda row: row.module))


def write_failures(failures):
    with FAILURES.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["module", "test", "way", "reason"])
        writer.writerows([module, test, *rest] for (module, test), rest in sorted(failures.items()))


def write_skips(skips):
    """Takes what read_skips() returns."""
    with SKIPS.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["module", "tests", "reason"])
        writer.writerows([module, tests, reason] for module, reasons in sorted(skips.items())
                         for reason, tests in sorted(reasons.items()))


def differences(result):
    """How a ModuleResult differs from the table, a line each. Also what passes unexpectedly: the table is to be true."""
    found = []
    expected = expected_failures(result.module, result.way)
    for test in sorted(set(result.failed) - expected):
        found.append(f"{result.module}: {test} fails:\n{result.failed[test]}")
    for test in sorted(expected - set(result.failed)):
        found.append(f"{result.module}: {test} is in failures.tsv and does not fail")
    row = read_results().get(result.module)
    if row is None:
        found.append(f"{result.module} is not in results.tsv")
    elif not found and result.way == "forked" and row != row_of(result):
        found.append(f"{result.module}: {row} expected, {row_of(result)} found")
    if not found and result.way == "forked":
        expected, skips = read_skips()[result.module], skips_of(result)
        found += [f"{result.module}: {expected[reason]} tests expected to be skipped, {skips[reason]} are: {reason}"
                  for reason in sorted(expected.keys() | skips.keys()) if expected[reason] != skips[reason]]
    return found
