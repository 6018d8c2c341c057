"""What is left of `shannon run` and `shannon wasi` when they are interrupted or killed: nothing."""
import os
import pty
import signal
import subprocess
import time

import pytest

from cli_support import (PROGRAM, descendants, end, environment, is_alive, module_cache, shannon, start,  # noqa: F401
                         wait_for, wasi)

ENDLESS = "print('begun', flush=True)\nwhile True: pass"
SLEEPING = "import time\nprint('begun', flush=True)\ntime.sleep(1000)"


def begin(shannon, code, *options):
    """A program that has begun, and the processes it consists of."""
    process = shannon.start("run", "--timeout", "10m", *options, "-c", code)
    assert process.stdout.readline() == b"begun\n"
    children = list(descendants(process.pid))
    assert children
    return process, children


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("code", [ENDLESS, SLEEPING], ids=["busy", "sleeping"])
def test_signal_ends_all(shannon, code, number, status):
    process, children = begin(shannon, code)
    result = end(process, number)
    assert result.status == status
    assert [pid for pid in children if is_alive(pid)] == []
    assert "Traceback" not in result.stderr


def test_control_c_on_a_terminal(shannon):
    """The terminal sends the signal to the whole group, the guest's process included."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(shannon.folder)
        os.execve(PROGRAM, ["shannon", "run", "--timeout", "10m", "-c", SLEEPING],
                  environment(**shannon.settings))
    try:
        output = b""
        while b"begun" not in output:
            output += os.read(master, 1000)
        children = wait_for(lambda: list(descendants(pid)))
        os.write(master, b"\x03")
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 130
        assert [child for child in children if is_alive(child)] == []
    finally:
        os.close(master)


def test_an_interrupt_is_the_parents_to_answer(shannon):
    """A terminal's Ctrl-C may reach the guest's process first; that is not a killing from outside."""
    process, children = begin(shannon, SLEEPING)
    for child in children:
        os.kill(child, signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130


@pytest.mark.parametrize("code", [ENDLESS, SLEEPING], ids=["busy", "sleeping"])
def test_kill_9_leaves_no_process(shannon, code):
    process, children = begin(shannon, code)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(is_alive(pid) for pid in children), limit=10, what="the end of the guest")


def test_program_that_ignores_signals_is_ended_too(shannon):
    code = ("import signal\n"
            "for number in (signal.SIGINT, signal.SIGTERM):\n"
            "    try: signal.signal(number, signal.SIG_IGN)\n"
            "    except (OSError, ValueError, AttributeError): pass\n" + ENDLESS)
    process, children = begin(shannon, code)
    assert end(process, signal.SIGINT).status == 130
    assert [pid for pid in children if is_alive(pid)] == []


def test_guest_that_is_killed_from_outside(shannon):
    process, children = begin(shannon, SLEEPING)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 137
    assert b"killed" in stderr


def test_json_after_a_signal(shannon):
    process = shannon.start("run", "--json", "--timeout", "10m", "-c", SLEEPING)
    wait_for(lambda: descendants(process.pid))
    result = end(process, signal.SIGINT)
    assert result.status == 130
    assert result.json["status"] == "killed"


def test_timeout_leaves_no_process(shannon):
    process = shannon.start("run", "--timeout", "1s", "-c", ENDLESS)
    assert process.stdout.readline() == b"begun\n"
    children = list(descendants(process.pid))
    process.communicate(timeout=30)
    assert process.returncode == 124
    assert [pid for pid in children if is_alive(pid)] == []


def test_time_limit_counts_while_stopped(shannon):
    """A guest that somebody stops cannot outlive its limit."""
    process, children = begin(shannon, SLEEPING, "--timeout", "1s")
    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    process.communicate(timeout=30)
    assert process.returncode == 124
    assert [pid for pid in children if is_alive(pid)] == []


def test_wasi_module_is_ended_too(wasi):
    process = wasi.start("wasi", "--timeout", "10m", start("(loop (br 0))"))
    from_translation = time.monotonic()

    def guest():
        return [pid for pid, command in descendants(process.pid).items() if command.startswith(os.fsencode(str(PROGRAM)))]

    children = wait_for(guest, what="the guest")
    assert time.monotonic() - from_translation < 60
    assert end(process, signal.SIGINT).status == 130
    assert [pid for pid in children if is_alive(pid)] == []


def test_many_at_once(shannon):
    """Each gets its own answer."""
    running = [shannon.start("run", "-c", f"import time; time.sleep(0.2); print({i})") for i in range(12)]
    for i, process in enumerate(running):
        stdout, stderr = process.communicate(timeout=120)
        assert (process.returncode, stdout) == (0, f"{i}\n".encode()), stderr


def test_reader_that_goes_away(shannon):
    """Standard output is closed while the program writes: it ends, and shannon with it."""
    process = shannon.start("run", "--timeout", "10m", "-c", "while True: print('x' * 1000)")
    assert process.stdout.read(1000)
    children = list(descendants(process.pid))
    process.stdout.close()
    process.wait(timeout=30)
    process.stderr.close()
    assert process.returncode not in (0, 124)
    assert [pid for pid in children if is_alive(pid)] == []


def test_standard_input_that_never_ends(shannon):
    """A program that does not read its input is not held up by it."""
    reader, writer = os.pipe()
    try:
        result = shannon.python("print('done')", stdin=reader, timeout=60)
    finally:
        os.close(reader)
        os.close(writer)
    assert (result.status, result.stdout) == (0, "done\n")


def test_signal_that_was_ignored_stays_ignored(shannon):
    """`nohup shannon run` survives the end of its terminal."""
    process = subprocess.Popen(["nohup", PROGRAM, "run", "-c", SLEEPING.replace("1000", "1.5")], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**shannon.settings),
                               cwd=shannon.folder, start_new_session=True)
    assert process.stdout.readline() == b"begun\n"
    os.killpg(process.pid, signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
