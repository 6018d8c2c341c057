"""CPython's own tests, inside the sandbox: every module of them by agent-core, compared with the table beside this file.
What passes, fails and is skipped must be what the table says, in both directions. run_all.py does the same in the other
way of running them as well, and writes the table anew."""
import concurrent.futures
import os

import pytest

import cpython_suite
import table

SUITE = cpython_suite.suite_folder()
pytestmark = pytest.mark.skipif(SUITE is None, reason="CPython's tests are not there (SHANNON_CPYTHON_TESTS)")


@pytest.fixture(scope="session")
def results(request):
    """{module: future of its result}, of the modules whose tests were selected."""
    modules = [item.callspec.params["module"] for item in request.session.items if "module" in getattr(item, "fixturenames", [])
               and item.path.parent == table.FOLDER]
    jobs = len(os.sched_getaffinity(0))
    with cpython_suite.interpreters("forked", SUITE, jobs) as interpreter, concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {module: pool.submit(interpreter.run, module) for module in modules}
        yield futures
        for future in futures.values():
            future.cancel()


def test_every_module_is_in_the_table():
    assert sorted(table.read_results()) == cpython_suite.find_modules(SUITE)


def test_every_failure_has_a_reason():
    failures = table.read_failures()
    assert all(way in ("fresh", "forked", table.BOTH) and len(reason) > 20 for way, reason in failures.values())
    rows = table.read_results()
    assert {module for module, _ in failures} <= set(rows)
    for row in rows.values():
        assert row.failed == len(table.expected_failures(row.module, "forked")), row
        assert row.outcome in ("passed", "failed", "skipped") and (row.outcome != "skipped" or row.why_skipped), row
        assert row.outcome != "passed" or row.passed > 0, row


def test_every_skip_has_a_reason():
    rows, skips = table.read_results(), table.read_skips()
    assert set(skips) <= set(rows)
    for row in rows.values():
        assert row.skipped == sum(skips[row.module].values()) and all(len(reason) > 5 for reason in skips[row.module]), row


@pytest.mark.parametrize("module", sorted(table.read_results()))
def test_module(results, module):
    found = table.differences(results[module].result())
    assert not found, "\n".join(found)
