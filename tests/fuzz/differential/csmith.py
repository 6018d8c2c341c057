"""Programs of Csmith: C without undefined behaviour, which prints a checksum of its variables."""
import shutil
import subprocess
from pathlib import Path

INCLUDE = Path("/usr/include/csmith")
GENERATE_SECONDS = 60
SIZE = ["--max-funcs", "5", "--max-block-size", "3", "--max-block-depth", "4"]  # a second or two to compile


def available():
    return shutil.which("csmith") is not None and (INCLUDE / "csmith.h").is_file() and Path("/usr/lib/wasm32-wasi").is_dir()


def make_source(seed, path):
    """Writes the program of a seed, with floating point in every second."""
    path = Path(path).absolute()
    command = ["csmith", "--seed", str(seed % (1 << 31)), "--output", str(path), "--no-argc", "--concise", *SIZE]
    if seed // 8 % 2:
        command.append("--float")
    # It leaves a platform.info where it is run.
    subprocess.run(command, check=True, timeout=GENERATE_SECONDS, stdout=subprocess.DEVNULL, cwd=path.parent)


def compile_source(path, module, level):
    """Compiles for WASI. Line numbers of Csmith's own headers are no warning of ours."""
    subprocess.run(["clang-19", "--target=wasm32-wasi", level, "-w", f"-I{INCLUDE}", "-o", str(module), str(path)],
                   check=True, timeout=GENERATE_SECONDS * 2)


def make_module(seed, folder):
    """The path of a module; None where Csmith gave up."""
    source, module = Path(folder) / f"csmith-{seed}.c", Path(folder) / f"csmith-{seed}.wasm"
    try:
        make_source(seed, source)
        compile_source(source, module, "-O2" if seed // 16 % 2 else "-O1")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return module
