"""What the benchmarks share."""
import os
import statistics
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
NATIVE = "/usr/bin/python3.11"


def shannon():
    """The program to measure: $SHANNON, else build/shannon."""
    return str(Path(os.environ.get("SHANNON", REPOSITORY / "build" / "shannon")).resolve())


def wall_of_process(command):
    """Seconds from starting a process to having waited for it; its output is thrown away."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    elapsed = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{command[0]} ended with status {os.waitstatus_to_exitcode(status)}")
    return elapsed


def percentile(values, part):
    return sorted(values)[int(len(values) * part)]


def milliseconds(values):
    """Median and 99th percentile, for printing."""
    return f"median {statistics.median(values) * 1000:7.3f} ms, p99 {percentile(values, 0.99) * 1000:7.3f} ms"


def verdict(ratio, target):
    return f"{ratio:.3g} (target at most {target:.3g}: {'met' if ratio <= target else 'MISSED'})"
