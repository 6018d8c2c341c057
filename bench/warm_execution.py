#!/usr/bin/env python3
"""`print(1)` sent to agent-core over one kept-alive HTTP connection, from writing the request to having read the answer,
against a whole native `python3.11 -c 'print(1)'`. One native start is measured for every ten executions. Once with a
client that never pauses, once with one that waits a moment after each answer, as one that reads it does."""
import argparse
import json
import statistics
import time

import measure
import service

TARGET = 1 / 30
TAIL_TARGET = 4
PAUSE_SECONDS = 0.002
NOT_COUNTED = 300


def measure_both(connection, executions, pause):
    body = json.dumps({"code": "print(1)"}).encode()
    warm, native = [], []
    for number in range(-NOT_COUNTED, executions):
        if number >= 0 and number % 100 == 0:  # apart, so that neither is in the other's way
            native += [measure.wall_of_process([measure.NATIVE, "-c", "print(1)"]) for _ in range(10)]
        started = time.perf_counter()
        status, answer = connection.ask("POST", "/v1/execute", body)
        elapsed = time.perf_counter() - started
        if status != 200 or json.loads(answer)["stdout"] != "1\n":
            raise SystemExit(f"HTTP {status}: {answer.decode()}")
        if number >= 0:
            warm.append(elapsed)
        if pause:
            time.sleep(pause)
    return warm, native


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=2000)
    executions = parser.parse_args().executions
    with service.started() as agent_core:
        connection = service.Connection(agent_core.port)
        for name, pause in (("without a pause", 0), (f"every {PAUSE_SECONDS * 1000:g} ms", PAUSE_SECONDS)):
            warm, native = measure_both(connection, executions, pause)
            ratio = statistics.median(warm) / statistics.median(native)
            tail = measure.percentile(warm, 0.99) / statistics.median(warm)
            print(f"POST /v1/execute, print(1)   {measure.milliseconds(warm)}  ({len(warm)} executions, {name})")
            print(f"python3.11 -c 'print(1)'     {measure.milliseconds(native)}")
            print(f"ratio of the medians         {measure.verdict(ratio, TARGET)}, 1/{1 / ratio:.1f}")
            print(f"p99 against the median       {measure.verdict(tail, TAIL_TARGET)}")


main()
