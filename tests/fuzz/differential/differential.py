"""Runs generated programs through our translation, through a translation with every access checked, and through wasmtime
where there is one, and compares what they print and how they end. See `run --help`.

A seed makes the same on every machine. Every eighth is a program of Csmith, the others are random modules.
"""
import argparse
import collections
import contextlib
import dataclasses
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import csmith
import edge_cases
import frame
import generate
import verdict
from engines import REPOSITORY, BuildError, check, engines
from reduce import Reducer

ARTIFACTS = REPOSITORY / "build-fuzzing" / "differential"
REDUCE_SECONDS = 240


@dataclasses.dataclass
class Program:
    name: str
    path: Path  # of the wasm file
    arguments: list
    loose: bool = False
    module: object = None  # wat.Module, when it can be reduced


@dataclasses.dataclass
class Statistics:
    modules: int = 0
    runs: int = 0
    lines: int = 0  # printed by all of our runs: each is a function called from outside
    endings: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    verdicts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    differences: list = dataclasses.field(default_factory=list)

    def add(self, outcomes, judged):
        self.runs += 1
        self.lines += outcomes[0].lines()
        ending = outcomes[1].ending
        self.endings["exit" if ending.startswith("exit") else ending] += 1
        self.verdicts[judged] += 1

    def __str__(self):
        parts = [f"{self.modules} modules, {self.runs} runs, {self.lines} lines printed"]
        parts += [f"  {count:8} {ending}" for ending, count in self.endings.most_common()]
        parts.append("verdicts: " + ", ".join(f"{count} {name}" for name, count in self.verdicts.most_common()))
        parts.append(f"{len(self.differences)} programs with a difference" +
                     "".join(f"\n  {name}" for name in self.differences))
        return "\n".join(parts)


def assemble(text, path):
    path.with_suffix(".wat").write_text(text)
    check(["wat2wasm", path.with_suffix(".wat"), "-o", path], timeout=120)
    return path


def random_program(seed, folder):
    module, plan = generate.make_module(seed)
    path = assemble(frame.render(module), Path(folder) / f"random-{seed}.wasm")
    return Program(f"random-{seed}", path, [frame.argument(i) for i in range(len(module.scenarios))], plan.loose, module)


def csmith_program(seed, folder):
    path = csmith.make_module(seed, folder)
    return None if path is None else Program(f"csmith-{seed}", path, [""])


def edge_program(number, folder):
    name, module = edge_cases.modules()[number]
    path = assemble(frame.render(module), Path(folder) / f"edge-{name}.wasm")
    return Program(f"edge-{name}", path, [frame.argument(i) for i in range(len(module.scenarios))], False, module)


def kept_program(path, folder):
    """A module of the corpus, in text, whose first line says how it is run: ";; arguments: A B..."."""
    text = Path(path).read_text()
    words = text.split("\n", 1)[0].removeprefix(";; arguments:").split()
    return Program(Path(path).stem, assemble(text, Path(folder) / f"{Path(path).stem}.wasm"), words or [""])


def build_all(chosen, path):
    """Builds with every engine; the outcomes that stand for those that refuse."""
    refused = {}
    for engine in chosen:
        try:
            engine.build(path)
        except BuildError as error:
            refused[engine] = verdict.refusal(str(error))
    return refused


def run_all(chosen, refused, argument):
    """The outcomes in the engines' order. The reference is the slowest: what it does not end in time is not run by others."""
    reference = refused.get(chosen[1]) or chosen[1].run(argument)
    if reference.ending == verdict.TIMEOUT:
        return [reference] * len(chosen)
    return [reference if engine is chosen[1] else refused.get(engine) or engine.run(argument) for engine in chosen]


def examine(program, chosen, statistics):
    """Runs a program with each of its arguments; the first (argument, outcomes, verdict) that is a difference, or None."""
    refused = build_all(chosen, program.path)
    statistics.modules += 1
    first = None
    for argument in program.arguments:
        outcomes = run_all(chosen, refused, argument)
        judged = verdict.judge(outcomes, program.loose)
        statistics.add(outcomes, judged)
        if first is None and verdict.is_difference(judged):
            first = argument, outcomes, judged
        if outcomes[1].ending == verdict.TIMEOUT:
            break  # the others would take as long
    return first


def reduce(program, argument, judged, chosen, folder):
    """The text of a smaller module whose only scenario gives the same verdict."""
    module = program.module.copy()
    number = program.arguments.index(argument)
    path = Path(folder) / "reduced.wasm"

    def holds(candidate):
        try:
            assemble(frame.render(candidate), path)
        except BuildError:
            return False
        return verdict.judge(run_all(chosen, build_all(chosen, path), frame.argument(0)), program.loose) == judged

    module.scenarios = [module.scenarios[number]]
    if holds(module):
        module = Reducer(module, holds, REDUCE_SECONDS).reduce()
        return f";; arguments: {frame.argument(0)}\n{frame.render(module)}"
    return None


def keep(program, difference, chosen, artifacts, reducing):
    """Writes the program, what each engine made of it and, where it can be had, a smaller one into the artifacts' folder."""
    argument, outcomes, judged = difference
    folder = Path(artifacts) / program.name
    folder.mkdir(parents=True, exist_ok=True)
    for path in program.path.parent.glob(f"{program.path.stem}.*"):
        shutil.copy(path, folder)
    report = [f"{program.name}, argument {argument!r}: {judged}"]
    report += [f"---- {engine.name}: {outcome}" for engine, outcome in zip(chosen, outcomes)]
    (folder / "report.txt").write_text("\n".join(report) + "\n")
    print("\n".join(line if len(line) < 200 else line[:200] for line in report), flush=True)
    if reducing and program.module is not None:
        text = reduce(program, argument, judged, chosen, program.path.parent)
        if text is not None:
            (folder / "reduced.wat").write_text(text)
            print(f"reduced: {folder / 'reduced.wat'}", flush=True)


def seeded_program(seed, folder, kinds):
    if "csmith" in kinds and (seed % 8 == 7 or kinds == ["csmith"]):
        return csmith_program(seed, folder)
    return random_program(seed, folder)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="run", description="Compares our translation of generated programs with others.")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--count", type=int, help="so many seeds; without it and --seconds, 40")
    parser.add_argument("--seconds", type=float, help="as many seeds as there is time for")
    parser.add_argument("--kind", action="append", choices=["random", "csmith", "edge"], help="only these; repeatable")
    parser.add_argument("--module", action="append", default=[], help="compare this .wat file instead; repeatable")
    parser.add_argument("--artifacts", default=ARTIFACTS, help="folder for what differs (build-fuzzing/differential)")
    parser.add_argument("--stop", action="store_true", help="end at the first difference")
    parser.add_argument("--no-reduce", action="store_true", help="do not make smaller what differs")
    parser.add_argument("--no-wasmtime", action="store_true", help="no third opinion, also where there is wasmtime")
    parser.add_argument("--sanitize", action="store_true", help="the reference reports C's undefined behaviour")
    options = parser.parse_args(arguments)
    options.kind = options.kind or ["random", "csmith", "edge"]
    if options.count is None:
        options.count = 40 if options.seconds is None else 1 << 62
    return options


def programs(options, folder):
    """Yields what the options ask for."""
    if options.module:
        yield from (kept_program(path, folder) for path in options.module)
        return
    if "edge" in options.kind:
        yield from (edge_program(number, folder) for number in range(len(edge_cases.modules())))
    kinds = [kind for kind in options.kind if kind != "edge"]
    if "csmith" in kinds and not csmith.available():
        print("Csmith or what compiles for WASI is not installed; random modules only", flush=True)
        kinds.remove("csmith")
    if kinds:
        yield from (seeded_program(options.seed + i, folder, kinds) for i in range(options.count))


def interrupt(number, frame_):
    del number, frame_
    raise KeyboardInterrupt


def main(arguments=None):
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # also in the background: what was found so far is told
        signal.signal(number, interrupt)
    statistics = Statistics()
    started = told = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shannon-programs-") as folder, \
            engines(sanitize=options.sanitize, wasmtime=not options.no_wasmtime) as chosen, \
            contextlib.suppress(KeyboardInterrupt):
        print("engines: " + ", ".join(engine.name for engine in chosen), flush=True)
        for program in programs(options, folder):
            if program is None:
                continue
            difference = examine(program, chosen, statistics)
            if difference is not None:
                statistics.differences.append(f"{program.name}: {difference[2]}")
                keep(program, difference, chosen, options.artifacts, not options.no_reduce)
                if options.stop:
                    break
            for path in Path(folder).iterdir():
                path.unlink()
            now = time.monotonic()
            if now - told > 60:
                told = now
                print(f"{now - started:.0f} s: {program.name}: {statistics.modules} modules, {statistics.runs} runs, "
                      f"{len(statistics.differences)} different", flush=True)
            if options.seconds is not None and now - started > options.seconds:
                break
    print(f"{statistics}\n{time.monotonic() - started:.0f} s", flush=True)
    return 1 if statistics.differences else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"run: {error}")
