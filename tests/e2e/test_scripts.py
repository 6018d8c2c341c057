"""The scripts that change a machine, run against stand-ins for dpkg-query, apt-get and sudo: what they would do, without
doing it."""
import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WASM = b"\0asm\1\0\0\0"


@pytest.fixture(name="repository")
def copy_of_the_scripts(tmp_path):
    """A repository with the scripts and the recipe alone, which the plain user may enter."""
    folder = tmp_path / "repository"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    shutil.copytree(ROOT / "interpreters", folder / "interpreters")
    return folder


class Machine:
    """A PATH in which dpkg-query, apt-cache, apt-get and sudo are stand-ins that note how they were called."""

    def __init__(self, folder):
        self.folder = folder
        self.calls_file = folder / "calls"
        self.tools = folder / "tools"
        self.tools.mkdir(parents=True)
        for name in ("bash", "env", "cat", "sort", "grep", "sed", "tail", "mktemp", "sleep", "rm", "dirname", "printf", "true", "node"):
            (self.tools / name).symlink_to(shutil.which(name) or "/bin/true")
        self.tool("dpkg-query", f'for p; do grep -s -x "$p" {folder}/installed | sed "s/$/ installed/"; done')
        self.tool("apt-cache", f'test -e {folder}/lists')
        self.tool("apt-get", f'echo "apt-get $DEBIAN_FRONTEND $*" >>{self.calls_file}\n'
                             f'case "$*" in *update*) touch {folder}/lists ;; *install*) test ! -e {folder}/broken ;; esac')
        (self.tools / "touch").symlink_to(shutil.which("touch"))
        self.installed("make")
        (folder / "lists").touch()
        folder.chmod(0o777)

    def tool(self, name, body):
        path = self.tools / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def installed(self, *packages):
        (self.folder / "installed").write_text("".join(f"{package}\n" for package in packages))

    def calls(self):
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture(name="machine")
def stand_ins(tmp_path):
    return Machine(tmp_path / "machine")


def install_packages(repository, machine, *arguments, plain_user=False):
    command = [repository / "scripts" / "install_packages.sh", *arguments]
    if plain_user and os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for folder in (*reversed(repository.parents), repository):
            if folder.stat().st_uid == os.geteuid() and folder.is_relative_to(repository.parents[2]):
                folder.chmod(folder.stat().st_mode | 0o055)
        command = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--", *command]
    return subprocess.run([shutil.which(str(command[0])) or command[0], *command[1:]], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, timeout=60,
                          env={"PATH": str(machine.tools), "TMPDIR": str(machine.folder), "HOME": str(machine.folder)})


def packages(repository, machine, *purposes):
    return install_packages(repository, machine, "--list", *purposes).stdout.split()


def test_nothing_is_done_when_all_is_there(repository, machine):
    machine.installed(*packages(repository, machine))
    done = install_packages(repository, machine)
    assert (done.returncode, done.stdout, done.stderr, machine.calls()) == (0, "", "", [])


def test_node_from_anywhere_will_do(repository, machine):
    assert "nodejs" not in packages(repository, machine, "test")
    (machine.tools / "node").unlink()
    assert "nodejs" in packages(repository, machine, "test")


def test_check_names_what_is_missing_and_installs_nothing(repository, machine):
    every = packages(repository, machine, "build")
    machine.installed(*[package for package in every if package not in ("meson", "libyaml-dev")])
    done = install_packages(repository, machine, "--check", "build")
    assert done.returncode == 3 and machine.calls() == []
    assert "Missing packages: libyaml-dev meson" in done.stderr
    assert "apt-get install --yes --no-install-recommends libyaml-dev meson" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: root installs directly")
def test_root_installs_without_asking(repository, machine):
    machine.installed(*[package for package in packages(repository, machine, "build") if package != "meson"])
    done = install_packages(repository, machine, "build")
    assert done.returncode == 0, done.stderr
    (call,) = machine.calls()
    assert call.startswith("apt-get noninteractive ") and call.endswith(" install --yes --no-install-recommends meson")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: root installs directly")
def test_unknown_packages_make_it_fetch_the_lists_first(repository, machine):
    (machine.folder / "lists").unlink()
    assert install_packages(repository, machine, "bench").returncode == 0
    assert [" update" in call for call in machine.calls()] == [True, False]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: root installs directly")
def test_a_failure_is_tried_again_with_fresh_lists_and_then_told(repository, machine):
    (machine.folder / "broken").touch()
    done = install_packages(repository, machine, "bench")
    assert done.returncode == 1
    assert [" update" in call for call in machine.calls()] == [False, True, False]
    assert "could not be installed" in done.stderr and "apt-get install" in done.stderr


def test_a_plain_user_without_sudo_is_told_what_to_do(repository, machine):
    done = install_packages(repository, machine, "bench", plain_user=True)
    assert done.returncode == 3 and machine.calls() == []
    assert "Install them as root with\n  apt-get install --yes --no-install-recommends python3.11 wrk\n" in done.stderr


def test_a_plain_user_with_sudo_installs(repository, machine):
    machine.tool("sudo", f'echo "sudo $*" >>{machine.calls_file}; shift; exec "$@"')
    done = install_packages(repository, machine, "bench", plain_user=True)
    assert done.returncode == 0, done.stderr
    assert machine.calls()[0] == "sudo -n true"
    assert machine.calls()[1].startswith("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get ")
    assert machine.calls()[2].startswith("apt-get noninteractive ")


def test_sudo_that_wants_a_password_is_no_sudo_without_a_terminal(repository, machine):
    machine.tool("sudo", "exit 1")
    done = install_packages(repository, machine, "bench", plain_user=True)
    assert done.returncode == 3 and machine.calls() == []


# ---- setup_python_wasi.sh ----


def setup_python_wasi(repository, *arguments):
    return subprocess.run([repository / "scripts" / "setup_python_wasi.sh", *map(str, arguments)], capture_output=True,
                          text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)


@pytest.fixture(name="module")
def small_module(tmp_path):
    path = tmp_path / "small.wasm"
    path.write_bytes(WASM)
    return path


def test_a_file_is_installed_when_its_sum_is_right(repository, module):
    sum_of_it = hashlib.sha256(WASM).hexdigest()
    done = setup_python_wasi(repository, "--from", module, "--sha256", sum_of_it.upper())
    assert done.returncode == 0, done.stderr
    assert (repository / "wasm-interpreters" / "small.wasm").read_bytes() == WASM
    assert f"small  {' ' * 17}" in setup_python_wasi(repository, "--list").stdout and sum_of_it in setup_python_wasi(repository, "--list").stdout
    assert "is there already" in setup_python_wasi(repository, "--from", module, "--sha256", sum_of_it).stdout


@pytest.mark.parametrize("content", [WASM, b"<html>not found</html>"])
def test_another_file_or_no_module_is_refused_and_leaves_nothing(repository, module, content):
    module.write_bytes(content)
    expected = hashlib.sha256(b"another" if content == WASM else content).hexdigest()
    done = setup_python_wasi(repository, "--from", module, "--sha256", expected)
    assert done.returncode == 1 and "not installed" in done.stderr
    assert list((repository / "wasm-interpreters").iterdir()) == []


@pytest.mark.parametrize(("arguments", "message"), [
    (["--from", "x.wasm"], "needs --sha256"),
    (["--from", "x.wasm", "--sha256", "beef"], "needs --sha256"),
    (["--sha256", "0" * 64], "--sha256 is for --from"),
    (["--from", "x.wasm", "--sha256", "0" * 64, "--name", "../x"], "cannot be an interpreter's name"),
    (["--frobnicate"], "unknown option"),
    (["--from"], "needs a value"),
])
def test_wrong_options_are_refused(repository, arguments, message):
    done = setup_python_wasi(repository, *arguments)
    assert done.returncode == 2 and message in done.stderr


def test_env_sets_the_path_and_keeps_the_rest(repository, module):
    env = repository / ".env"
    env.write_text("LLM_MODEL=some\nexport PYTHON_WASI_WASM_PATH=/old\n")
    env.chmod(0o600)
    done = setup_python_wasi(repository, "--from", module, "--sha256", hashlib.sha256(WASM).hexdigest(), "--env")
    assert done.returncode == 0, done.stderr
    assert env.read_text() == f"LLM_MODEL=some\nPYTHON_WASI_WASM_PATH={repository}/wasm-interpreters/small.wasm\n"
    assert env.stat().st_mode & 0o777 == 0o600
