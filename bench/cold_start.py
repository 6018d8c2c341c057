#!/usr/bin/env python3
"""A whole `shannon run -c 'print(1)'` against a whole native `python3.11 -c 'print(1)'`: wall time of the processes,
in turn, A B A B. The interpreter has been translated before."""
import argparse
import statistics

import measure

TARGET = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    pairs = parser.parse_args().pairs
    commands = ([measure.shannon(), "run", "-c", "print(1)"], [measure.NATIVE, "-c", "print(1)"])
    for command in commands * 3:  # warm the caches
        measure.wall_of_process(command)
    ours, native = [], []
    for _ in range(pairs):
        ours.append(measure.wall_of_process(commands[0]))
        native.append(measure.wall_of_process(commands[1]))
    print(f"shannon run -c 'print(1)'    {measure.milliseconds(ours)}")
    print(f"python3.11 -c 'print(1)'     {measure.milliseconds(native)}")
    print(f"ratio of the medians         {measure.verdict(statistics.median(ours) / statistics.median(native), TARGET)}")


main()
