"""The runtimes that a program is run with, and the programs themselves, built once."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import programs  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def shannon_is_built():
    if not programs.SHANNON.is_file():
        pytest.fail(f"there is no {programs.SHANNON}: run make first, or set SHANNON to the program")


@pytest.fixture(params=["shannon", "wasmtime"])
def runtime(request):
    """A function from a module, arguments, folders and variables to a command."""
    if request.param == "shannon":
        return programs.shannon_command
    if programs.WASMTIME_PYTHON is None:
        pytest.skip("SHANNON_WASMTIME_PYTHON names no Python with wasmtime; tests/fetch_dependencies.sh makes one")
    return programs.wasmtime_command


@pytest.fixture(scope="session")
def c_program(tmp_path_factory):
    """A function from the name of a C program to its module."""
    return builder(tmp_path_factory.mktemp("c"), programs.c_program,
                   "clang-19, lld-19, wasi-libc and libclang-rt-19-dev-wasm32 are needed to compile C for WASI")


@pytest.fixture(scope="session")
def rust_program(tmp_path_factory):
    """A function from the name of a Rust program to its module."""
    return builder(tmp_path_factory.mktemp("rust"), programs.rust_program,
                   "rustc, libstd-rust-dev-wasm32, lld-19 and llvm-19 are needed to compile Rust for WASI")


def builder(folder, build, missing):
    modules = {}

    def get(name):
        if name not in modules:
            modules[name] = build(name, folder)
            if modules[name] is not None:
                programs.translate(modules[name])
        if modules[name] is None:
            pytest.skip(missing)
        return modules[name]

    return get


@pytest.fixture
def shown(tmp_path):
    """A folder to be shown to a program, with a neighbour that is not to be seen."""
    folder = tmp_path / "shown"
    (folder / "sub").mkdir(parents=True)
    (folder / "hello.txt").write_text("hello, world\n")
    (folder / "empty.txt").write_text("")
    (folder / "sub" / "deep.txt").write_text("deep")
    (folder / "link.txt").symlink_to("hello.txt")
    (tmp_path / "secret.txt").write_text("SECRET")
    return folder
