"""Our translation against one with every access checked, on fixed programs: the edge cases, the corpus, which is mostly
modules that once showed a difference, and a few seeds of the generators. The long run is tests/fuzz/differential/run.

A difference leaves the program and what each engine made of it in build-fuzzing/differential.
"""
import concurrent.futures
import contextlib
import os
import queue
import sys
from pathlib import Path

import pytest

FUZZER = Path(__file__).resolve().parents[2] / "fuzz" / "differential"
sys.path.insert(0, str(FUZZER))

import csmith  # noqa: E402
import differential  # noqa: E402
import edge_cases  # noqa: E402
import engines  # noqa: E402
import verdict  # noqa: E402

CORPUS = sorted((FUZZER / "corpus").glob("*.wat"))
SEEDS = range(40)
CSMITH_SEEDS = [1, 8]
WORKERS = 2


@pytest.fixture(scope="module")
def compare():
    """A function from makers of programs to the statistics of running them all; it fails when any of them differs."""
    if not Path(os.environ.get("SHANNON") or engines.REPOSITORY / "build" / "shannon").is_file():
        pytest.fail("there is no build/shannon: run make first, or set SHANNON to the program")
    idle = queue.SimpleQueue()
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        for _ in range(WORKERS):
            idle.put(stack.enter_context(engines.engines()))

        def run_one(make):
            program = make()
            chosen = idle.get()
            try:
                statistics = differential.Statistics()
                difference = differential.examine(program, chosen, statistics)
                if difference is None:
                    assert statistics.runs == len(program.arguments)
                    return statistics, None
                differential.keep(program, difference, chosen, differential.ARTIFACTS, reducing=False)
                return statistics, f"{program.name}, argument {difference[0]!r}: {difference[2]}"
            finally:
                idle.put(chosen)

        def run_all(makers):
            total = differential.Statistics()
            problems = []
            for statistics, problem in workers.map(run_one, makers):
                total.endings += statistics.endings
                problems += [problem] if problem else []
            assert not problems, f"see {differential.ARTIFACTS}"
            return total

        yield run_all


def test_edge_cases(compare, tmp_path):
    count = len(edge_cases.modules())
    total = compare([lambda number=number: differential.edge_program(number, tmp_path) for number in range(count)])
    assert {"exit", verdict.OUT_OF_BOUNDS, verdict.INDIRECT_CALL, "trap integer overflow", "trap integer divide by zero",
            "trap invalid conversion to integer"} <= set(total.endings)


@pytest.mark.parametrize("path", CORPUS, ids=[path.stem for path in CORPUS])
def test_kept_module(path, compare, tmp_path):
    compare([lambda: differential.kept_program(path, tmp_path)])


def test_random_modules(compare, tmp_path):
    total = compare([lambda seed=seed: differential.random_program(seed, tmp_path) for seed in SEEDS])
    # They are worth their time: much runs to its end, and much traps.
    assert total.endings["exit"] > 200 and total.endings[verdict.OUT_OF_BOUNDS] > 50


def test_c_programs(compare, tmp_path):
    if not csmith.available():
        pytest.skip("csmith, libcsmith-dev and wasi-libc are needed for programs of Csmith")
    total = compare([lambda seed=seed: differential.csmith_program(seed, tmp_path) for seed in CSMITH_SEEDS])
    assert total.endings["exit"] == len(CSMITH_SEEDS)
