"""What the attack tests share: an agent-core under attack, and what must hold after every attack.

The fixture `core` gives the service and checks, when the test has ended, that an innocent program is answered rightly and
that nothing is left behind: no process, no descriptor, no file, no memory, no entry in the log that speaks of a failure of
the service's own. Tests assert only what their attack came to.
"""
import contextlib
import dataclasses
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import services  # noqa: E402
from agent_core_service import AgentCore, exists  # noqa: E402
from services import INTERPRETER, ROOT, wait_for  # noqa: E402

MEBIBYTE = 1 << 20

# What the allocator of the service and of the zygote may keep of what a test made them use. An attack that works is not a
# matter of this size, one that leaks a little is found by its repetition in test_F08.
GROWTH_MAXIMUM = 24 * MEBIBYTE

# What the log says of clients, which may be the attack.
ABOUT_CLIENTS = ("a client that does not take its answer is cut off",)

INNOCENT = """
import os, random, sys
assert os.listdir("/workspace") == [] and os.listdir("/tmp") == [], "files of another"
assert sys.argv == ["main.py"] and sys.stdin.read() == "", "input of another"
assert dict(os.environ) == {"HOME": "/workspace"}, "variables of another"
print(sum(range(10)), sorted(name for name in globals() if not name.startswith("__")))
"""
INNOCENT_OUTPUT = "45 ['os', 'random', 'sys']\n"


def status_of(pid, name):
    """A number of /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise AssertionError(f"/proc/{pid}/status has no {name}")


def resident_bytes(pid):
    return status_of(pid, "VmRSS") * 1024


def descriptor_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def processes_of_session():
    """{pid: parent} of the processes in this one's session that were executed from a program of shannon's."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        words = rest.split()
        name = name.partition("(")[2]
        if int(words[3]) == os.getsid(0) and words[0] != "Z" and name in ("shannon", "exe", "taken_over", "taken_over_with"):
            found[int(folder.name)] = int(words[1])
    return found


def orphans():
    """Processes of shannon whose parents are neither of shannon nor this one."""
    parents = processes_of_session()
    return [pid for pid, parent in parents.items() if parent not in parents and parent != os.getpid()]


def exists_not(pids):
    """Whether all of the processes are gone, soon."""
    return wait_for(lambda: not any(exists(pid) for pid in pids), 20, "the end of processes")


def files_below(folder):
    return sorted((str(path), path.lstat().st_size) for path in Path(folder).rglob("*") if not path.is_dir())


@dataclasses.dataclass
class Inventory:
    """What a service has while it has nothing to do."""
    descriptors: int
    zygote_descriptors: int
    files: list
    resident: int
    zygote_resident: int
    orphans: set  # somebody else's, who runs shannon in this session too
    log: int  # lines


class Target(AgentCore):
    """An agent-core under attack, in a folder where nothing else is. `program` is another build of it."""

    def __init__(self, folder, program=None, **settings):
        self.folder = Path(folder)
        self.temporary = self.folder / "temporary"
        self.sessions_folder = self.folder / "sessions"
        self.temporary.mkdir(exist_ok=True)
        settings.setdefault("SHANNON_SESSIONS_DIRECTORY", self.sessions_folder)
        former, services.PROGRAM = services.PROGRAM, program or services.PROGRAM
        try:
            super().__init__(folder, TMPDIR=self.temporary, **settings)
        finally:
            services.PROGRAM = former

    def _port(self):
        """Also where the log is text."""
        assert self.process.poll() is None, f"{self.name} ended: {self.text}"
        found = re.search(r'listening.*port"?[:=]([0-9]+)', self.text)
        return found and found.group(1)

    def gauge(self, name):
        for line in self.call("GET", "/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(f"there is no metric {name}")

    def connections_and_processes_settled(self):
        """Whether nothing runs, waits or dies, and as many processes wait as are wanted."""
        text = self.call("GET", "/metrics").text
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        value = lambda name: float(values[f"shannon_{name}"])  # noqa: E731
        return (value("executions_running") == value("executions_waiting") == value("guest_processes_dying") == 0
                and value("spare_processes") >= value("spare_processes_wanted"))

    def settle(self):
        wait_for(self.connections_and_processes_settled, 60, "quiet of the service")

    def sockets(self):
        """How many connections of clients it has."""
        count = 0
        inodes = set()
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(f"/proc/{self.process.pid}/fd/{name}")
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[9] in inodes and words[3] != "0A":  # listening
                count += 1
        return count

    def guest_processes(self):
        """The numbers of its children that are not zygotes: a zygote leads its process group."""
        return [pid for pid in self.children() if not self._leads_group(pid)]

    def zygotes(self):
        return [pid for pid in self.children() if self._leads_group(pid)]

    @staticmethod
    def _leads_group(pid):
        try:
            return os.getpgid(pid) == pid
        except ProcessLookupError:
            return False

    def open_files(self):
        found = []
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(f"/proc/{self.process.pid}/fd/{name}"))
        return sorted(found)

    def own_descriptors(self):
        """How many descriptors the service has without those of guest processes, of which each has one channel. A process
        that is being made has its channel before it is there to be counted: counted until it is the same several times."""
        counts = []

        def is_steady():
            counts.append(descriptor_count(self.process.pid) - len(self.guest_processes()))
            return len(counts) >= 4 and len(set(counts[-4:])) == 1

        wait_for(is_steady, 20, "a steady number of descriptors")
        return counts[-1]

    def inventory(self):
        self.settle()
        # A zygote that met what nobody can explain is replaced by another, and is there as long as that takes.
        wait_for(lambda: len(self.zygotes()) == 1, 60, "a single zygote")
        wait_for(lambda: self.sockets() == 0, 20, "the end of the clients' connections")
        zygote = self.zygote()
        return Inventory(
            descriptors=self.own_descriptors(),
            zygote_descriptors=descriptor_count(zygote) if os.geteuid() == 0 else 0,
            files=files_below(self.folder),
            resident=resident_bytes(self.process.pid),
            zygote_resident=resident_bytes(zygote),
            orphans=set(orphans()),
            log=len(self.log))

    def prove_it_works(self):
        answer = self.execute(INNOCENT)
        assert (answer["status"], answer["stdout"], answer["stderr"]) == ("ok", INNOCENT_OUTPUT, ""), answer

    def check_unharmed(self, before, internal):
        """`internal`: whether the test had the service meet a failure of its own, which it may then log."""
        assert self.process.poll() is None, f"the service ended\n{self.text[-4000:]}"
        self.prove_it_works()
        after = self.inventory()
        assert after.descriptors == before.descriptors, \
            f"descriptors of the service were left open: {self.open_files()} and {len(self.guest_processes())} guest processes"
        assert after.zygote_descriptors == before.zygote_descriptors, "descriptors of the zygote were left open"
        assert after.files == before.files, "files were left behind"
        assert after.resident - before.resident < GROWTH_MAXIMUM, "the service has grown"
        assert after.zygote_resident - before.zygote_resident < GROWTH_MAXIMUM, "the zygote has grown"
        assert after.orphans <= before.orphans, "processes were left behind"
        if internal:
            return
        for line in list(self.log)[before.log:]:
            record = json.loads(line)
            assert record["event"] in ABOUT_CLIENTS or record["level"] not in ("error", "warning"), line
            assert record.get("status") != "internal", line

    @contextlib.contextmanager
    def unharmed(self, internal=False):
        before = self.inventory()
        yield self
        self.check_unharmed(before, internal)

    # ---- programs ----

    def attempts(self, expressions, setup="", **fields):
        """Evaluates each of the expressions (a dict) in one program. {name: Outcome}."""
        answer = self.execute(attempts_program(expressions, setup), **fields)
        assert answer["status"] == "ok", answer
        return outcomes(answer["stdout"])


@dataclasses.dataclass
class Outcome:
    """What became of an expression: its value (as JSON) or the exception's type, errno's name and text."""
    value: object = None
    error: str = ""
    errno: str = ""
    text: str = ""

    def __bool__(self):
        """Whether it could be evaluated."""
        return not self.error


def attempts_program(expressions, setup=""):
    return f"""
import errno as _errno, json as _json, os, sys
{setup}
for _name, _code in {dict(expressions)!r}.items():
    try:
        _outcome = [eval(_code), "", "", ""]
        _json.dumps(_outcome)
    except TypeError as _error:
        _outcome = [repr(_outcome[0]), "", "", ""] if _error.args and "JSON" in str(_error) else \\
            [None, "TypeError", "", str(_error)]
    except BaseException as _error:
        _number = getattr(_error, "errno", None)
        _outcome = [None, type(_error).__name__, _errno.errorcode.get(_number, str(_number or "")), str(_error)]
    print(_json.dumps([_name, _outcome]), flush=True)
"""


def outcomes(text):
    return {name: Outcome(*outcome) for name, outcome in map(json.loads, text.splitlines())}


def refused(found, *, but=()):
    """Asserts that every attempt but the controls failed, and that those did not."""
    for name, outcome in found.items():
        if name in but:
            assert outcome, f"the control {name} failed: {outcome}"
        else:
            assert not outcome, f"{name} gave {outcome.value!r}"


def raised(answer, *types):
    """Asserts that the program ended with one of the exceptions."""
    assert answer["status"] == "python_error", answer
    assert answer["error"]["type"] in types, answer["error"]


class Services:
    """Services that several tests use, one after the other, each made when it is first asked for, and again when an
    attack has ended it."""

    def __init__(self, make_folder):
        self.make_folder = make_folder
        self.running = {}

    def get(self, name, **options):
        service = self.running.get(name)
        if service is None or service.process.poll() is not None:
            service = self.running[name] = Target(self.make_folder(name), **options)
            for _ in range(20):  # so that what it does only once is done
                service.prove_it_works()
        return service

    @contextlib.contextmanager
    def attacked(self, name, internal=False, **options):
        """The service `name` for one test. One that was harmed is of no use to the next test, which would fail too."""
        service = self.get(name, **options)
        try:
            with service.unharmed(internal):
                yield service
        except BaseException:
            del self.running[name]
            if service.process.poll() is None:
                service.kill()
            raise

    def stop(self):
        for service in self.running.values():
            if service.process.poll() is None:
                service.stop()


__all__ = ["INTERPRETER", "MEBIBYTE", "ROOT", "Outcome", "Services", "Target", "attempts_program", "descriptor_count",
           "exists_not", "files_below", "orphans", "outcomes", "raised", "refused", "resident_bytes", "status_of",
           "wait_for"]
