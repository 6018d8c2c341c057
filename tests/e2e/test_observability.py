"""What an operator learns of a running agent-core: metrics, health, and the walls that stand or are missing."""
import json
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent_core_service import AgentCore, result_of
from services import PROGRAM, environment, wait_for

WITHOUT_CALLS = Path(__file__).with_name("without_calls.py")
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWNS = 0x10000000, 0x20000000, 0x40000000, 0x08000000, 0x00020000

INDISPENSABLE = ["no_new_privs", "seccomp", "rlimits", "capabilities", "not_dumpable", "descriptors"]
WALLS = [*INDISPENSABLE, "user_namespace", "pid_namespace", "network_namespace", "ipc_namespace", "mount_namespace", "landlock"]

# Each wall that a machine may lack, the calls that its kernel withholds then, and what else is missing with it.
MISSING = {
    "landlock": (["landlock_create_ruleset"], []),
    "user_namespace": ([f"unshare:0:{CLONE_NEWUSER}", f"clone:0:{CLONE_NEWUSER}"],
                       ["pid_namespace", "network_namespace", "ipc_namespace", "mount_namespace"]),
    "pid_namespace": ([f"unshare:0:{CLONE_NEWPID}", f"clone:0:{CLONE_NEWPID}"], []),
    "network_namespace": ([f"unshare:0:{CLONE_NEWNET}"], []),
    "ipc_namespace": ([f"unshare:0:{CLONE_NEWIPC}"], []),
    "mount_namespace": ([f"unshare:0:{CLONE_NEWNS}"], []),
}

# Every kind, as in the answers.
STATUSES = {"ok", "python_error", "timeout", "memory_limit", "output_limit", "stack_exhausted", "trap", "killed",
            "interpreter_not_found", "invalid_request", "busy", "internal"}


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("observability")) as service, service.nothing_stays_behind():
        yield service


class Metrics:
    """One scrape, as Prometheus reads it."""

    def __init__(self, core):
        answer = core.call("GET", "/metrics")
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.text = answer.text
        self.families = list(text_string_to_metric_families(self.text))
        self.samples = {}
        for family in self.families:
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in self.samples, key
                self.samples[key] = sample.value

    def __getitem__(self, key):
        name, labels = key if isinstance(key, tuple) else (key, {})
        return self.samples[(name, tuple(sorted(labels.items())))]

    def ended(self, status):
        return int(self["shannon_executions_total", {"status": status}])


# ---- metrics ----

def test_metrics_are_named_as_prometheus_wants_it(core):
    core.execute("print(1)")
    metrics = Metrics(core)
    assert len({family.name for family in metrics.families}) == len(metrics.families)
    for family in metrics.families:
        assert family.name.startswith("shannon_"), family
        assert family.documentation.endswith("."), family
        assert family.type in ("counter", "gauge", "histogram"), family
        for sample in family.samples:
            # The parser takes the suffix off a counter's name.
            assert sample.name.endswith("_total") == (family.type == "counter"), sample
            assert sample.value >= 0, sample
        # Base units (prometheus.io/docs/practices/naming).
        assert not any(unit in family.name for unit in ("_ms", "_us", "millisecond", "microsecond", "_kb", "_mib")), family
    names = {family.name for family in metrics.families}
    assert {"shannon_executions", "shannon_execution_duration_seconds", "shannon_execution_cpu_seconds", "shannon_output_bytes",
            "shannon_executions_running", "shannon_executions_waiting", "shannon_spare_processes", "shannon_sessions",
            "shannon_sessions_live", "shannon_session_state_bytes"} <= names


def test_executions_are_counted_by_what_became_of_them(core):
    programs = {
        "ok": ("1", {}), "python_error": ("1 / 0", {}), "timeout": ("while True: pass", {"timeout_ms": 100}),
        "memory_limit": ("x = bytes(100 << 20)", {"memory_limit_bytes": 32 << 20}), "trap": ("import os; os.abort()", {}),
    }
    before = Metrics(core)
    assert {labels[0][1] for name, labels in before.samples if name == "shannon_executions_total"} == STATUSES
    for status, (code, fields) in programs.items():
        assert core.execute(code, **fields)["status"] == status
    connection = core.begin(X_Request_Id="counted")
    core.wait_executions("running", 1)
    assert core.call("DELETE", "/v1/executions/counted").status == 202
    assert result_of(connection)["status"] == "killed"
    after = Metrics(core)
    counted = {status: after.ended(status) - before.ended(status) for status in STATUSES}
    assert counted == {status: int(status in (*programs, "killed")) for status in STATUSES}


def test_the_histogram_is_one(core):
    def state():
        metrics = Metrics(core)
        (family,) = [family for family in metrics.families if family.name == "shannon_execution_duration_seconds"]
        assert family.type == "histogram"
        buckets = [(float(sample.labels["le"]), sample.value) for sample in family.samples if sample.name.endswith("_bucket")]
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf")
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)
        assert buckets[-1][1] == metrics["shannon_execution_duration_seconds_count"]
        return dict(buckets), metrics["shannon_execution_duration_seconds_sum"], metrics["shannon_execution_cpu_seconds_total"]

    before, sum_before, cpu_before = state()
    wall = core.execute("import time; time.sleep(0.2)")["usage"]["wall_ms"]
    after, sum_after, cpu_after = state()
    # One more in each bucket from its own on.
    for bound, count in after.items():
        if not wall <= bound * 1000 < wall + 1:
            assert count - before[bound] == (wall < bound * 1000), bound
    assert wall / 1000 <= sum_after - sum_before < wall / 1000 + 0.002
    assert 0 < cpu_after - cpu_before < 0.2


def test_output_is_counted_in_bytes_as_far_as_it_is_kept(core):
    def sizes():
        metrics = Metrics(core)
        return [metrics["shannon_output_bytes_total", {"stream": stream}] for stream in ("stdout", "stderr")]

    before = sizes()
    core.execute("import sys\nprint('ä' * 10)\nsys.stderr.write('x' * (2 << 20))")
    assert [after - each for after, each in zip(sizes(), before, strict=True)] == [21, 1 << 20]


def test_the_queue_is_seen(tmp_path):
    with AgentCore(tmp_path, SHANNON_AGENT_CORE_MAX_CONCURRENT=1, SHANNON_AGENT_CORE_MAX_QUEUED=2) as core:
        connections = [core.begin(X_Request_Id=f"request-{i}") for i in range(3)]
        wait_for(lambda: Metrics(core)["shannon_executions_waiting"] == 2, 20, "two that wait")
        assert Metrics(core)["shannon_executions_running"] == 1
        answer = core.call("POST", "/v1/execute", {"code": "1"})
        assert (answer.status, answer.json["error"]["kind"], answer.headers["retry-after"]) == (429, "busy", "1")
        assert Metrics(core).ended("busy") == 1
        assert core.call("GET", "/health").json["executions"] == {"running": 1, "waiting": 2}
        for i in (2, 1, 0):
            core.call("DELETE", f"/v1/executions/request-{i}")
        assert [result_of(connection)["status"] for connection in connections] == ["killed"] * 3
        metrics = Metrics(core)
        assert (metrics["shannon_executions_running"], metrics["shannon_executions_waiting"]) == (0, 0)
        # Only one of them ran, and has a duration.
        assert metrics.ended("killed") == 3


def test_processes_and_zygotes_are_seen(core):
    def at_rest():
        metrics = Metrics(core)
        return metrics["shannon_spare_processes"] == metrics["shannon_spare_processes_wanted"] > 0 and \
            metrics["shannon_guest_processes"] == len(core.guests())

    wait_for(at_rest, 20, "the spare processes")
    before = Metrics(core)
    for _ in range(5):
        core.execute("1")
    assert Metrics(core)["shannon_guest_process_forks_total"] >= before["shannon_guest_process_forks_total"] + 1
    zygote = core.zygote()
    core.kill_zygote()
    core.wait_zygote(zygote)
    assert Metrics(core)["shannon_zygote_starts_total"] == before["shannon_zygote_starts_total"] + 1


def test_sessions_are_seen(tmp_path):
    with AgentCore(tmp_path, SHANNON_SESSIONS_IDLE_MS=100) as core:
        session = core.session("seen")
        session.do("x = bytes(1 << 20)")
        session.wait_state("saved")
        metrics = Metrics(core)
        assert (metrics["shannon_sessions"], metrics["shannon_sessions_live"], metrics["shannon_sessions_unsaved"]) == (1, 0, 0)
        assert metrics["shannon_session_state_bytes"] > 1 << 16
        assert metrics["shannon_session_saves_total"] >= 1
        assert core.call("GET", "/health").json["sessions"] == {"all": 1, "live": 0}
        assert session.value("len(x)") == 1 << 20
        assert Metrics(core)["shannon_session_restores_total"] == metrics["shannon_session_restores_total"] + 1
        session.delete()
        metrics = Metrics(core)
        assert (metrics["shannon_sessions"], metrics["shannon_session_state_bytes"]) == (0, 0)


# ---- walls ----

def doctor(*before):
    """{wall: status} as `shannon doctor` says it."""
    answer = subprocess.run([*before, PROGRAM, "doctor", "--json"], stdout=subprocess.PIPE, timeout=60, check=False)
    checks = {check["name"]: check for check in json.loads(answer.stdout)["checks"]}
    for wall in WALLS:
        assert checks[wall]["message"] and (checks[wall]["remedy"] is None) == (checks[wall]["status"] == "ok")
    return {wall: checks[wall]["status"] for wall in WALLS}


def without(wall):
    """The beginning of a command whose program finds a kernel without that wall."""
    return [sys.executable, WITHOUT_CALLS, *MISSING[wall][0], "--"]


def serve(folder, *before, **settings):
    """A start of the service that must fail: its last words."""
    ended = subprocess.run([*before, PROGRAM, "serve", "agent-core"], cwd=folder, env=environment(folder, **settings), text=True,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert ended.returncode == 125, ended.stderr
    assert ended.stdout == ""
    return ended.stderr


def test_health_log_and_doctor_agree_about_the_walls(core):
    health = core.call("GET", "/health").json
    assert list(health["walls"]) == WALLS
    assert all(health["walls"][wall] for wall in INDISPENSABLE)
    assert doctor() == {wall: "ok" if there else "warning" for wall, there in health["walls"].items()}
    told = core.events("programs run without some of the walls; `shannon doctor` says how to get them")
    missing = [wall for wall, there in health["walls"].items() if not there]
    assert [line["missing"] for line in told] == ([", ".join(missing)] if missing else [])


@pytest.mark.parametrize("wall", MISSING)
def test_a_wall_that_the_kernel_does_not_permit_is_told(tmp_path, core, wall):
    if not core.call("GET", "/health").json["walls"][wall]:
        pytest.skip(f"this machine does not permit {wall} at all")
    with AgentCore(tmp_path, before=without(wall)) as lesser:
        walls = lesser.call("GET", "/health").json["walls"]
        missing = [name for name, there in walls.items() if not there]
        assert wall in missing
        # Without a user namespace root still has the rights to make the others.
        assert set(missing) <= {wall, *MISSING[wall][1]}
        (line,) = lesser.events("programs run without some of the walls; `shannon doctor` says how to get them")
        assert (line["level"], line["missing"]) == ("warning", ", ".join(missing))
        assert doctor(*without(wall)) == {name: "ok" if there else "warning" for name, there in walls.items()}
        # The others hold all the same, and programs run.
        assert lesser.execute("6 * 7")["result"] == "42"
    assert not (tmp_path / "sessions").exists() or list((tmp_path / "sessions").glob("*.session")) == []


@pytest.mark.parametrize("wall", MISSING)
def test_it_does_not_start_without_a_wall_that_is_required(tmp_path, core, wall):
    if not core.call("GET", "/health").json["walls"][wall]:
        pytest.skip(f"this machine does not permit {wall} at all")
    words = serve(tmp_path, *without(wall), SHANNON_SANDBOX_REQUIRE=f"[seccomp, {wall}]")
    assert f"sandbox.require asks for {wall}" in words
    assert "which this machine does not permit" in words
    assert "listening" not in words
    others = [name for name, there in core.call("GET", "/health").json["walls"].items()
              if there and name not in (wall, *MISSING[wall][1])]
    with AgentCore(tmp_path, before=without(wall), SHANNON_SANDBOX_REQUIRE=f"[{', '.join(others)}]") as lesser:
        assert lesser.execute("1")["status"] == "ok"


def test_all_walls_that_are_there_can_be_required(tmp_path, core):
    walls = [wall for wall, there in core.call("GET", "/health").json["walls"].items() if there]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shannon.yaml").write_text(f"sandbox:\n  require: [{', '.join(walls)}]\n")
    with AgentCore(tmp_path) as strict:
        assert strict.execute("1")["status"] == "ok"


def test_a_wall_that_does_not_exist_is_a_mistake_in_the_configuration(tmp_path):
    words = serve(tmp_path, SHANNON_SANDBOX_REQUIRE="[seccomp, moat]")
    assert 'sandbox.require names "moat", which is no wall; there are ' + ", ".join(WALLS) in words
    assert "listening" not in words


def test_without_an_indispensable_wall_nothing_runs(tmp_path):
    before = [sys.executable, WITHOUT_CALLS, "capset", "--"]
    assert "walls" in serve(tmp_path, *before) or "capabilit" in serve(tmp_path, *before)
    answer = subprocess.run([*before, PROGRAM, "doctor", "--json"], stdout=subprocess.PIPE, timeout=60, check=False)
    (check,) = [check for check in json.loads(answer.stdout)["checks"] if check["name"] == "walls"]
    assert (check["status"], answer.returncode) == ("problem", 1)
    assert "nothing is run" in check["message"]
