#!/usr/bin/env python3
"""Runs all of CPython's own tests in the sandbox, each module in both ways that users meet, and compares with the table
(results.tsv, failures.tsv, skips.tsv). Exits with 1 when something differs. SHANNON_CPYTHON_TESTS names the folder of the tests."""
import argparse
import collections
import os
import sys
import time

import cpython_suite
import table

UNKNOWN = "not looked into yet"


def rewrite(results):
    """Puts what was found into the table. What fails and did not before gets a reason that the tests refuse."""
    former, failures = table.read_failures(), {}
    for (module, way), result in results.items():
        for test in result.failed:
            before = failures.get((module, test))
            reason = former.get((module, test), ("", UNKNOWN))[1]
            failures[module, test] = (table.BOTH if before and before[0] != way else way, reason)
    table.write_failures(failures)
    forked = [result for (_, way), result in results.items() if way == "forked"]
    table.write_results(table.row_of(result) for result in forked)
    table.write_skips({result.module: table.skips_of(result) for result in forked})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--write", action="store_true", help="write the table anew, from all modules")
    parser.add_argument("modules", nargs="*", help="default: all")
    arguments = parser.parse_args()
    suite = cpython_suite.suite_folder()
    if suite is None:
        sys.exit("SHANNON_CPYTHON_TESTS is not set: tests/fetch_dependencies.sh prints it")
    if arguments.write and arguments.modules:
        parser.error("--write is for all modules")
    print(f"CPython's tests of {cpython_suite.source_of(suite)}")
    modules = arguments.modules or cpython_suite.find_modules(suite)
    results, differing = {}, 0
    for way in cpython_suite.WAYS:
        started = time.monotonic()
        counts, tests = collections.Counter(), collections.Counter()
        for result in cpython_suite.run_modules(way, suite, modules, arguments.jobs):
            results[result.module, way] = result
            counts[table.row_of(result).outcome] += 1
            tests.update(passed=result.passed, skipped=len(result.skipped), failed=len(result.failed))
            for difference in table.differences(result):
                differing += 1
                print(difference, flush=True)
        print(f"{way}: {len(modules)} modules: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped; "
              f"tests: {tests['passed']} passed, {tests['failed']} failed, {tests['skipped']} skipped; "
              f"{time.monotonic() - started:.0f} s", flush=True)
    if arguments.write:
        rewrite(results)
    print("as the table says" if differing == 0 else f"{differing} differences")
    sys.exit(0 if differing == 0 or arguments.write else 1)


main()
