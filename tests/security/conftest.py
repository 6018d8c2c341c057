"""For all security tests."""
import signal

import pytest

import native
from attack_support import Services

# A shell that starts a job in the background has it ignore these, and so would every program started here.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def services(tmp_path_factory):
    kept = Services(tmp_path_factory.mktemp)
    yield kept
    kept.stop()


@pytest.fixture
def core(services):
    """The service as everybody has it. See attack_support for what is checked afterwards."""
    with services.attacked("core") as service:
        yield service


@pytest.fixture
def granting(services, tmp_path_factory):
    """One that grants the folder `granting.granted` (empty at first; what tests put there they take away)."""
    folder = tmp_path_factory.getbasetemp() / "granted"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    with services.attacked("granting", SHANNON_WASI_ALLOWED_PATHS=f"[{folder}]") as service:
        service.granted = folder
        yield service


@pytest.fixture
def taken_over(services, tmp_path_factory):
    """One whose guests can run native code: see native.py. It may log failures of its own."""
    folder = tmp_path_factory.getbasetemp() / "granted to taken over"
    folder.mkdir(exist_ok=True)
    (folder / "file.txt").write_text("granted")
    with services.attacked("taken_over", internal=True, program=native.program("taken_over"),
                           SHANNON_WASI_ALLOWED_PATHS=f"[{folder}]") as service:
        service.granted = folder
        yield service


@pytest.fixture
def taken_over_ungranted(services):
    """The same with no folder granted, as shannon is unless it is told otherwise."""
    with services.attacked("taken_over_ungranted", internal=True, program=native.program("taken_over")) as service:
        yield service


@pytest.fixture
def without_walls(services):
    """The same without any of the kernel's walls: the control of `taken_over`."""
    with services.attacked("without_walls", internal=True, program=native.program("taken_over_without_walls")) as service:
        yield service
