#!/usr/bin/env python3
"""CPU-bound programs in the sandbox against Debian's native python3.11, in one run.

For each program in bench/programs: `shannon run FILE` and `python3.11 -I FILE` in turn, A B A B, as
whole processes. Printed: the median processor time of each, and the ratio (the median of the pairs'
ratios); last the geometric mean of the ratios. The outputs must be the same.
"""
import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(command):
    """Output and processor seconds of one whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, stdin=subprocess.DEVNULL).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return output, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shannon", default=os.environ.get("SHANNON", HERE.parent / "build" / "shannon"))
    parser.add_argument("--native", default="/usr/bin/python3.11")
    parser.add_argument("--interpreter", help="another interpreter than the default")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("programs", nargs="*", help="names of programs; all by default")
    arguments = parser.parse_args()
    guest = [str(arguments.shannon), "run", "--timeout", "5m", "--memory", "1G"]
    if arguments.interpreter:
        guest += ["--interpreter", arguments.interpreter]
    programs = sorted(p for p in (HERE / "programs").glob("*.py") if not arguments.programs or p.stem in arguments.programs)
    rows = []
    for program in programs:
        ours, native, ratios = [], [], []
        for counted in range(arguments.runs + 1):
            ours_output, ours_time = run([*guest, str(program)])
            native_output, native_time = run([arguments.native, "-I", str(program)])
            if ours_output != native_output:
                sys.exit(f"{program.name}: the outputs differ: {ours_output!r} and {native_output!r}")
            if counted:  # the first pair warms the caches
                ours.append(ours_time)
                native.append(native_time)
                ratios.append(ours_time / native_time)
        rows.append((program.stem, statistics.median(ours), statistics.median(native), statistics.median(ratios)))
        if not arguments.json:
            print(f"{rows[-1][0]:22} sandbox {rows[-1][1]:7.3f} s   native {rows[-1][2]:7.3f} s   ratio {rows[-1][3]:5.2f}", flush=True)
    mean = math.exp(statistics.fmean(math.log(row[3]) for row in rows))
    if arguments.json:
        print(json.dumps({"geometric_mean": mean, "programs": {row[0]: {"sandbox_s": row[1], "native_s": row[2], "ratio": row[3]} for row in rows}}))
    else:
        print(f"{'geometric mean':22} {'':37} ratio {mean:5.2f}")


main()
