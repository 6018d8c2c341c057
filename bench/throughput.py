#!/usr/bin/env python3
"""Executions of `print(1)` a second, over kept-alive connections of wrk, against native `python3.11 -c 'print(1)'`, one
after another on each processor."""
import argparse
import os
import re
import subprocess
import tempfile
import threading
import time

import measure
import service

TARGET = 2000
SCRIPT = """
wrk.method = "POST"
wrk.body = '{"code": "print(1)"}'
wrk.headers["Content-Type"] = "application/json"
response = function(status, headers, body)
    if status ~= 200 or not string.find(body, '"stdout":"1\\\\n"', 1, true) then wrong = (wrong or 0) + 1 end
end
"""


def native_starts(seconds):
    """Native starts a second with as many at a time as there are processors."""
    counts = []

    def start_again_and_again():
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            measure.wall_of_process([measure.NATIVE, "-c", "print(1)"])
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=start_again_and_again) for _ in range(len(os.sched_getaffinity(0)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 2, 4, 16])
    arguments = parser.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script, service.started() as agent_core:
        script.write(SCRIPT)
        script.flush()
        native = native_starts(arguments.seconds)
        print(f"native starts a second             {native:7.0f}")
        best = 0
        for connections in arguments.connections:
            output = subprocess.run(
                ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{arguments.seconds}s", "--latency",
                 "--script", script.name, f"http://127.0.0.1:{agent_core.port}/v1/execute"],
                check=True, capture_output=True, text=True).stdout
            if "Non-2xx" in output or "Socket errors" in output:
                raise SystemExit(output)
            rate = float(re.search(r"Requests/sec:\s+(\S+)", output)[1])
            median, tail = (re.search(rf"{part}%\s+(\S+)", output)[1] for part in (50, 99))
            print(f"executions a second, {connections:3} at a time  {rate:7.0f}  (median {median}, p99 {tail}; {rate / native:.1f} times native)")
            best = max(best, rate)
    print(f"most                               {best:7.0f} (target at least {TARGET}: {'met' if best >= TARGET else 'MISSED'})")


main()
