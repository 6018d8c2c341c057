"""The build recipe's promises that can be tested without building."""

import functools
import hashlib
import http.server
import os
import pathlib
import subprocess
import threading

import pytest
from interpreter_fixtures import REPOSITORY, interpreter_path

BUILD = REPOSITORY / "interpreters" / "cpython" / "build.sh"


def build(*arguments, cache, environment=None):
    return subprocess.run(
        [str(BUILD), *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "SHANNON_CACHE_DIR": str(cache), **(environment or {})})


@pytest.fixture(name="needs_tools")
def needs_tools_fixture(tmp_path):
    done = build("--print-hash", cache=tmp_path)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())


def test_packages_are_listed(tmp_path):
    done = build("--list-packages", cache=tmp_path)
    packages = done.stdout.split()
    assert done.returncode == 0 and {"clang-19", "lld-19", "wasi-libc", "dpkg-dev"} <= set(packages)
    assert list(tmp_path.iterdir()) == []


def test_hash_is_stable_and_depends_on_the_options(needs_tools, tmp_path):
    first, second = build("--print-hash", cache=tmp_path), build("--print-hash", cache=tmp_path / "elsewhere")
    assert first.returncode == 0 and first.stdout == second.stdout and len(first.stdout.strip()) == 64
    other = build("--print-hash", "--source", "x.tar", "--sha256", "0" * 64, cache=tmp_path)
    assert other.returncode == 0 and other.stdout != first.stdout
    assert build("--print-hash", "--keep-names", cache=tmp_path).stdout != first.stdout


def test_missing_tools_are_one_clear_error(tmp_path):
    for name in ("bash", "dirname", "cat", "env"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = build("--print-hash", cache=tmp_path / "cache", environment={"PATH": str(tmp_path)})
    assert done.returncode == 3 and done.stdout == ""
    assert done.stderr.startswith("build.sh: these Debian packages are missing: ")
    assert "sudo apt-get install --yes " in done.stderr and "make" in done.stderr and len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(("arguments", "message"), [
    (["--source", "x.tar"], "needs --sha256"),
    (["--source", "x.tar", "--sha256", "beef"], "needs --sha256"),
    (["--sha256", "0" * 64], "--sha256 is for --source"),
    (["--output"], "--output needs a value"),
    (["--frobnicate"], "unknown option --frobnicate"),
])
def test_wrong_options(tmp_path, arguments, message):
    done = build(*arguments, cache=tmp_path)
    assert done.returncode == 2 and message in done.stderr


@pytest.fixture(name="served_folder")
def served_folder_fixture(tmp_path):
    """A folder, and the address of an HTTP server that serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *arguments: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("scheme", ["path", "file", "http"])
def test_wrong_checksum_is_refused(needs_tools, served_folder, tmp_path, scheme):
    folder, address = served_folder
    tarball = folder / "Python-3.11.99.tar.xz"
    tarball.write_bytes(b"not what was asked for")
    source = {"path": tarball, "file": f"file://{tarball}", "http": f"{address}/{tarball.name}"}[scheme]
    output = tmp_path / "python.wasm"
    done = build("--source", source, "--sha256", "0" * 64, "--output", output, cache=tmp_path / "cache")
    assert done.returncode == 1 and not output.exists()
    assert "is not the expected one" in done.stderr
    assert hashlib.sha256(tarball.read_bytes()).hexdigest() in done.stderr and "0" * 64 in done.stderr
    log = done.stderr.split("whole log: ")[1].splitlines()[0]
    assert 'step "sources"' in done.stderr and pathlib.Path(log).is_file()


def test_unreachable_source(needs_tools, served_folder, tmp_path):
    _, address = served_folder
    for source in (f"{address}/missing.tar.xz", tmp_path / "missing.tar.xz"):
        done = build("--source", source, "--sha256", "0" * 64, cache=tmp_path / "cache")
        assert done.returncode == 1
        assert str(source) in done.stderr and ("cannot download" in done.stderr or "cannot read" in done.stderr)


def test_unwritable_cache(needs_tools, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = build(cache=blocked)
    assert done.returncode == 1 and "cannot write to the cache folder" in done.stderr


def test_the_result_does_not_know_where_it_was_built():
    """Neither the recipe's folder nor the cache: the same inputs give the same file in any of them."""
    contents = pathlib.Path(interpreter_path()).read_bytes()
    for trace in (b"/interpreters/cpython/", b"/interpreter/work/"):
        assert trace not in contents
