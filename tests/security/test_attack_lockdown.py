"""O: past the first two walls. Guests of `taken_over` run native code in their own process; `without_walls` is the same
without the kernel's, where what is refused here works. The walls one by one are in test_kernel_*.c."""
import json

import pytest

from attack_support import raised
from native import CALLS, FAULTS, PRELUDE, act, call, fault

# Refused by a wall other than the filter as well; each wall alone is test_kernel_*.c's.
ALLOWED_CALLS = {"bytes_to_read", "getrandom"}
# What is on the list and fails by another wall: the process's root is empty and Landlock forbids it all.
REFUSED_CALLS = {"open_passwd", "open_root", "create_file", "stat_passwd"}
KILLING_CALLS = sorted(set(CALLS) - ALLOWED_CALLS - REFUSED_CALLS)


def run(core, expression):
    return core.call("POST", "/v1/execute", {"code": PRELUDE + f"print({expression})"})


def internal(answer):
    """Asserts that the run is the host's own failure, never the guest's; the message."""
    assert answer.status == 500 and answer.json["error"]["kind"] == "internal", answer.text
    return answer.json["error"]["message"]


def test_O01_the_control_is_allowed(taken_over):
    for name in sorted(ALLOWED_CALLS):
        answer = run(taken_over, call(name))
        assert answer.status == 200 and answer.json["stdout"].strip().isdigit(), (name, answer.text)


@pytest.mark.parametrize("name", KILLING_CALLS)
def test_O01_O03_O04_a_call_that_is_not_on_the_list_kills(taken_over, name):
    assert "system call that is not allowed" in internal(run(taken_over, call(name)))


def test_O01_the_control_without_walls_is_not_killed(without_walls):
    """Each of them is answered there, with a result or with an error of its own, for which Python may have no name."""
    for name in KILLING_CALLS:
        answer = run(without_walls, call(name))
        assert answer.status == 200, (name, answer.text)
        assert answer.json["stdout"].strip() or answer.json["error"]["type"] == "KeyError", (name, answer.text)


@pytest.mark.parametrize("name", sorted(REFUSED_CALLS))
def test_O02_files_by_their_absolute_path(taken_over, without_walls, name):
    answer = run(taken_over, call(name))
    if answer.status == 200:  # by the namespaces or Landlock; else by the filter
        assert answer.json["stdout"].strip().startswith("E"), answer.text
    else:
        assert "system call that is not allowed" in internal(answer)
    control = run(without_walls, call(name)).json["stdout"].strip()
    assert control.isdigit() or (name, control) == ("create_file", "EACCES"), control


def test_O05_descriptors_and_memory(taken_over):
    """The kernel's limits hold against native code: some thousand descriptors, some GiB."""
    answer = run(taken_over, act("open_lots"))
    assert answer.status == 200 and 1 <= int(answer.json["stdout"]) < 1200, answer.text
    answer = run(taken_over, act("reserve_lots"))
    assert answer.status == 200 and int(answer.json["stdout"]) < 16, answer.text


def test_O05_the_control_without_limits(without_walls):
    assert int(run(without_walls, act("reserve_lots")).json["stdout"]) > 16


def test_G05_F06_it_holds_its_channel_and_what_was_granted(taken_over):
    """A bit for each descriptor below 62: the channel, and the granted folder. None of the service's."""
    answer = run(taken_over, act("descriptors"))
    held = int(answer.json["stdout"])
    assert held & 0b111 == 0 and held & 0b1000 and bin(held).count("1") <= 3, bin(held)


def test_M07_nothing_of_the_service_in_its_environment(taken_over):
    # At most what a zygote is given: where programs, homes, caches and temporary files are, and what sanitizers read.
    assert 0 <= int(run(taken_over, act("count_environment")).json["stdout"]) <= 7


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_O07_a_fault_of_the_host_is_internal(taken_over, name):
    """Also where the address is one that a guest's own code would trap at: the program counter decides."""
    zygote = taken_over.zygote()
    message = internal(run(taken_over, fault(name)))
    assert "trap" not in message, message
    taken_over.prove_it_works()
    # Nobody can explain it: the next ones are copies of another process.
    taken_over.wait_zygote(zygote)


def test_O07_the_control_is_a_fault_of_the_guest(core):
    answer = core.execute("import faulthandler\nfaulthandler._sigsegv()")
    assert answer["status"] == "trap" and answer["exit_code"] != 0, answer


def test_O06_what_stands_is_said(core):
    """In /health, in the log and by shannon doctor the same (test_observability and test_cli_sandbox have the rest)."""
    walls = core.call("GET", "/health").json["walls"]
    ready = core.events("interpreter ready")[-1]
    names = json.dumps(walls)
    for wall in ("no_new_privs", "seccomp", "rlimits", "capabilities", "not_dumpable", "descriptors"):
        assert wall in names
    assert ready["pid"] == core.zygote()


def test_O02_the_control_program_is_refused_nothing_that_is_its_own(core):
    raised(core.execute("open('/etc/passwd')"), "PermissionError", "FileNotFoundError")
    assert core.execute("open('own.txt', 'w').write('x'); print(open('own.txt').read())")["stdout"] == "x\n"
