"""`make install`: the program finds its interpreter wherever the prefix is, and has its manual pages."""
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(*words):
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "DESTDIR")}
    done = subprocess.run(["make", "--no-print-directory", *words], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.skipif(not (ROOT / "wasm-interpreters" / "python-3.11.wasm").is_file(), reason="the interpreter is not built")
def test_a_prefix_named_after_the_first_build_is_used(tmp_path):
    build, root = tmp_path / "build", tmp_path / "root"
    make(f"BUILD={build}")
    make("install", f"BUILD={build}", f"DESTDIR={root}", "prefix=/opt/shannon")
    installed = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert "opt/shannon/bin/shannon" in installed
    assert "opt/shannon/share/man/man1/shannon-run.1" in installed
    assert all(name.startswith("opt/shannon/") for name in installed)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SHANNON", "PYTHON_WASI"))}
    if "SHANNON_CACHE_DIR" in os.environ:
        environment["SHANNON_CACHE_DIR"] = os.environ["SHANNON_CACHE_DIR"]
    done = subprocess.run([root / "opt/shannon/bin/shannon", "run", "-c", "print('installed')"], cwd=tmp_path, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=900)
    assert (done.returncode, done.stdout) == (0, "installed\n")
