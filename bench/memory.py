#!/usr/bin/env python3
"""What waiting processes and live sessions cost in memory, and how long a saved session takes to come back."""
import argparse
import random
import statistics
import time

import measure
import service

SPARE_TARGET_MIB = 1
SESSIONS_TARGET_MIB = 2048
RESTORE_TARGET_MS = 10
PROGRAM = """
import json, re
number = {number}
def add(more):
    return number + more
table = {{"key": [1, 2, 3]}}
"""


def rollup(pid, field):
    """A field of a process's smaps_rollup, in KiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(field + ":"))


def available():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable:"))


def spares():
    with service.started() as agent_core:
        connection = service.Connection(agent_core.port)
        for _ in range(50):
            connection.run("print(1)")
        time.sleep(0.5)  # the last ones are still being made
        zygote, *waiting = sorted(agent_core.children())
        dirty = [rollup(pid, "Private_Dirty") / 1024 for pid in waiting]
        print(f"zygote, private            {rollup(zygote, 'Private_Dirty') / 1024:8.2f} MiB")
        print(f"a waiting process, private {statistics.median(dirty):8.2f} MiB, at most {max(dirty):.2f} "
              f"(target below {SPARE_TARGET_MIB}: {'met' if max(dirty) < SPARE_TARGET_MIB else 'MISSED'}; {len(dirty)} of them)")


def sessions(count):
    settings = {"SHANNON_SESSIONS_MAX_LIVE": str(count), "SHANNON_SESSIONS_MAX_COUNT": str(count),
                "SHANNON_SESSIONS_IDLE_MS": "3600000"}
    before = available()
    with service.started(**settings) as agent_core:
        connection = service.Connection(agent_core.port)
        for number in range(count):
            connection.run(PROGRAM.format(number=number), f"session-{number}")
        for number in range(count):
            if connection.run("add(1)", f"session-{number}")["result"] != str(number + 1):
                raise SystemExit(f"session {number} is another one")
        used = (before - available()) / 1024
        shares = sum(rollup(pid, "Pss") for pid in [agent_core.pid] + agent_core.children()) / 1024
        print(f"{count} live sessions        {used:8.0f} MiB less available, {shares:.0f} MiB by proportional set sizes "
              f"(target at most {SESSIONS_TARGET_MIB}: {'met' if used <= SESSIONS_TARGET_MIB else 'MISSED'})")


def restoring(count):
    restored, native = [], []
    with service.started(SHANNON_SESSIONS_IDLE_MS="100") as agent_core:
        connection = service.Connection(agent_core.port)
        for number in range(count):
            connection.run(PROGRAM.format(number=number), f"session-{number}")
        while b'"live":0' not in connection.ask("GET", "/health")[1].replace(b" ", b""):
            time.sleep(0.05)
        for number in random.sample(range(count), count):
            started = time.perf_counter()
            answer = connection.run("add(1)", f"session-{number}")
            restored.append(time.perf_counter() - started)
            if answer["result"] != str(number + 1):
                raise SystemExit(f"session {number} is another one")
            native.append(measure.wall_of_process([measure.NATIVE, "-c", PROGRAM.format(number=number)]))
    median = statistics.median(restored)
    print(f"request to a saved session {measure.milliseconds(restored)} "
          f"(target below {RESTORE_TARGET_MS} ms: {'met' if median * 1000 < RESTORE_TARGET_MS else 'MISSED'})")
    print(f"the same program, native   {measure.milliseconds(native)}, ratio of the medians {median / statistics.median(native):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    arguments = parser.parse_args()
    spares()
    sessions(arguments.sessions)
    restoring(min(arguments.sessions, 100))


main()
