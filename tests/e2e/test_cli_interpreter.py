"""`shannon interpreter`: list, add, build, check."""
import hashlib
import os
import shutil

import pytest

from cli_support import (INTERPRETER, PROGRAM, Shannon, copy_for_all, descendants, end, is_alive,  # noqa: F401
                         module, module_cache, plain_user, shannon, start, wait_for, wasi)

EXIT_4 = "(call $exit (i32.const 4))"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def listed(program, **options):
    result = program("interpreter", "list", "--json", **options)
    assert result.status == 0, result
    return {entry["name"]: entry for entry in result.json["interpreters"]}


@pytest.fixture
def alone(tmp_path):
    """A copy of the program, beside which there are no interpreters, and a cache of its own."""
    (tmp_path / "bin").mkdir()
    copy = tmp_path / "bin" / "shannon"
    shutil.copy(PROGRAM, copy)
    work = tmp_path / "work"
    work.mkdir()
    program = Shannon(work, SHANNON_CACHE_DIR=tmp_path / "cache")

    def run(*words, **options):
        return program(*words, program=copy, **options)

    run.folder = work
    run.start = lambda *words, **options: program.start(*words, program=copy, **options)
    return run


def files(folder):
    return sorted(path.name for path in (folder / "wasm-interpreters").iterdir())


# ---- list ----

def test_list_of_none(alone):
    if os.path.isdir("/opt/wasm-interpreters"):
        pytest.skip("this machine has interpreters in /opt")
    result = alone("interpreter", "list")
    assert result.status == 0
    assert "no interpreter yet" in result.stdout
    assert alone("interpreter", "list", "--json").json == {"interpreters": []}


def test_list_shows_each_once_with_what_is_known(alone):
    folder = alone.folder / "wasm-interpreters"
    folder.mkdir()
    shutil.copy(start(EXIT_4), folder / "one.wasm")
    shutil.copy(start(""), folder / "two.wasm")
    (folder / ".hidden.wasm").write_bytes(b"")
    (folder / "notes.txt").write_text("")
    (folder / "folder.wasm").mkdir()
    beside = alone.folder.parent / "wasm-interpreters"
    beside.mkdir()
    shutil.copy(start(EXIT_4), beside / "two.wasm")
    shutil.copy(start(EXIT_4), beside / "three.wasm")
    found = listed(alone, environ={"SHANNON_WASI_INTERPRETER": "two"})
    assert {"one", "two", "three"} <= set(found)
    assert not {"", ".hidden", "folder", "notes"} & set(found)
    assert found["two"] == {"name": "two", "path": "wasm-interpreters/two.wasm", "size_bytes": start("").stat().st_size,
                            "sha256": sha256(start("")), "translated": False, "default": True}
    assert found["three"]["path"] == str(beside / "three.wasm")
    assert [entry["default"] for entry in found.values()].count(True) == 1


def test_list_marks_the_configured_file(alone):
    path = alone.folder / "elsewhere.wasm"
    shutil.copy(start(EXIT_4), path)
    found = listed(alone, environ={"PYTHON_WASI_WASM_PATH": path})
    assert found["elsewhere"]["default"] is True
    text = alone("interpreter", "list", environ={"PYTHON_WASI_WASM_PATH": path}).stdout
    assert "elsewhere (default)" in text
    assert sha256(path) in text
    assert "translated  no" in text


def test_list_notices_an_altered_file(alone):
    folder = alone.folder / "wasm-interpreters"
    folder.mkdir()
    shutil.copy(start(EXIT_4), folder / "one.wasm")
    first = listed(alone)["one"]["sha256"]
    with open(folder / "one.wasm", "ab") as file:
        file.write(b"\0\1\0")
    assert listed(alone)["one"]["sha256"] == sha256(folder / "one.wasm") != first


def test_list_tells_what_is_translated(alone):
    folder = alone.folder / "wasm-interpreters"
    folder.mkdir()
    shutil.copy(start(EXIT_4), folder / "one.wasm")
    assert listed(alone)["one"]["translated"] is False
    assert alone("interpreter", "build", "one").status == 0
    assert listed(alone)["one"]["translated"] is True


# ---- add ----

def test_add_makes_an_interpreter_that_is_found(alone):
    result = alone("interpreter", "add", "mine", start(EXIT_4))
    assert result.status == 0, result
    assert sha256(start(EXIT_4)) in result.stdout
    assert files(alone.folder) == ["mine.wasm"]
    copied = alone.folder / "wasm-interpreters" / "mine.wasm"
    assert copied.read_bytes() == start(EXIT_4).read_bytes()
    assert copied.stat().st_mode & 0o777 == 0o644
    assert alone("run", "--interpreter", "mine", "-c", "anything").status == 4


def test_add_with_options_after_the_words(alone):
    sum_of_file = sha256(start(EXIT_4))
    assert alone("interpreter", "add", "mine", start(EXIT_4), "--sha256", sum_of_file.upper()).status == 0
    assert alone("interpreter", "add", "--force", f"--sha256={sum_of_file}", "mine", start(EXIT_4)).status == 0


def test_add_refuses_another_sum(alone):
    result = alone("interpreter", "add", "mine", start(EXIT_4), "--sha256", "0" * 64)
    assert result.status == 125
    assert sha256(start(EXIT_4)) in result.stderr
    assert files(alone.folder) == []


def test_add_replaces_only_by_force(alone):
    assert alone("interpreter", "add", "mine", start(EXIT_4)).status == 0
    result = alone("interpreter", "add", "mine", start(""))
    assert result.status == 125
    assert "--force" in result.stderr
    assert (alone.folder / "wasm-interpreters" / "mine.wasm").read_bytes() == start(EXIT_4).read_bytes()
    assert alone("interpreter", "add", "mine", start(""), "--force").status == 0
    assert (alone.folder / "wasm-interpreters" / "mine.wasm").read_bytes() == start("").read_bytes()
    assert files(alone.folder) == ["mine.wasm"]


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../up", "a b", "x" * 101, "name.wasm", "\u00e4"])
def test_add_refuses_names_that_would_not_be_found(alone, name):
    result = alone("interpreter", "add", name, start(EXIT_4))
    assert result.status == 125
    assert result.stderr
    assert not (alone.folder / "wasm-interpreters").exists()


@pytest.mark.parametrize("content, word", [
    (b"", "not a WebAssembly module"),
    (b"#!/usr/bin/python3\n", "not a WebAssembly module"),
    (b"\0asm\1\0\0\0", "exports no memory"),
])
def test_add_refuses_what_is_no_module(alone, content, word):
    path = alone.folder / "file"
    path.write_bytes(content)
    result = alone("interpreter", "add", "mine", path)
    assert result.status == 125
    assert word in result.stderr and str(path) in result.stderr
    assert not (alone.folder / "wasm-interpreters").exists()


@pytest.mark.parametrize("text, word", [
    ('(module (import "env" "f" (func)) (memory (export "memory") 1) (func (export "_start")))', "wasi_snapshot_preview1"),
    ('(module (memory (export "memory") 1))', "_start"),
])
def test_add_refuses_a_module_that_is_no_interpreter(alone, text, word):
    result = alone("interpreter", "add", "mine", module(text))
    assert result.status == 125
    assert word in result.stderr


@pytest.mark.parametrize("words", [["missing.wasm"], ["."], ["/dev/zero"], []])
def test_add_of_no_file(alone, words):
    result = alone("interpreter", "add", "mine", *words, timeout=20)
    assert result.status in (125, 127)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [["a", "b", "c"], ["a", "b", "--sha256", "123"], ["a", "b", "--sha256"], ["a", "b", "--x"]])
def test_add_with_a_wrong_command_line(alone, words):
    assert alone("interpreter", "add", *words).status == 125


def test_add_to_a_folder_that_cannot_be_written():
    with plain_user() as (folder, as_user):
        (folder / "wasm-interpreters").mkdir()
        (folder / "wasm-interpreters").chmod(0o555)
        result = Shannon(folder)("interpreter", "add", "mine", copy_for_all(start(EXIT_4), folder),
                                 program=copy_for_all(PROGRAM, folder), before=as_user)
        assert result.status == 125
        assert "cannot write to the folder wasm-interpreters" in result.stderr
        assert files(folder) == []


# ---- build ----

RECIPE = """#!/usr/bin/env bash
echo "building" >&2
%s
mkdir -p wasm-interpreters
cp "$MODULE" wasm-interpreters/python-3.11.wasm
"""


def make_recipe(folder, lines=""):
    """A clone whose recipe takes no time."""
    recipe = folder / "interpreters" / "cpython" / "build.sh"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(RECIPE % lines)
    recipe.chmod(0o755)


@pytest.mark.parametrize("words", [[], ["python-3.11"]])
def test_build_runs_the_recipe_and_translates(alone, words):
    make_recipe(alone.folder)
    result = alone("interpreter", "build", *words, environ={"MODULE": start(EXIT_4)})
    assert result.status == 0, result
    assert "building" in result.stderr
    assert listed(alone)["python-3.11"]["translated"] is True
    assert alone("run", "-c", "anything").status == 4


def test_build_in_a_clone_from_elsewhere(alone):
    """The program in the clone's build folder is enough."""
    make_recipe(alone.folder.parent)
    result = alone("interpreter", "build", environ={"MODULE": start(EXIT_4)})
    assert result.status == 0, result
    assert (alone.folder.parent / "wasm-interpreters" / "python-3.11.wasm").is_file()


def test_build_without_a_clone(alone):
    if os.path.exists("/opt/wasm-interpreters/python-3.11.wasm"):
        pytest.skip("this machine has the interpreter in /opt")
    result = alone("interpreter", "build")
    assert result.status == 125
    assert "needs a clone" in result.stderr


def test_build_does_not_run_a_recipe_of_a_folder_above(alone):
    """Whoever may write to /tmp, say, must not choose what is run in a folder beneath it."""
    make_recipe(alone.folder, "touch was-run")
    deep = alone.folder / "a" / "b"
    deep.mkdir(parents=True)
    alone("interpreter", "build", cwd=deep, environ={"MODULE": start(EXIT_4)})
    assert not list(alone.folder.rglob("was-run"))


def test_build_whose_recipe_fails(alone):
    make_recipe(alone.folder, "echo 'package missing' >&2; exit 3")
    result = alone("interpreter", "build")
    assert result.status == 125
    assert "package missing" in result.stderr
    assert "exit status 3" in result.stderr


def test_build_of_another_translates_it(alone):
    (alone.folder / "wasm-interpreters").mkdir()
    shutil.copy(start(EXIT_4), alone.folder / "wasm-interpreters" / "mine.wasm")
    first = alone("interpreter", "build", "mine")
    assert (first.status, "translated" in first.stdout) == (0, True)
    second = alone("interpreter", "build", "mine")
    assert (second.status, "translated before" in second.stdout) == (0, True)


def test_build_of_what_is_not_there(alone):
    result = alone("interpreter", "build", "no-such")
    assert result.status == 127
    assert "Python WASI interpreter not found" in result.stderr


@pytest.mark.parametrize("number, status", [(2, 130), (15, 143)])
def test_build_that_is_interrupted(alone, number, status):
    make_recipe(alone.folder, "touch begun; sleep 1000 & sleep 1000; wait")
    process = alone.start("interpreter", "build")
    wait_for((alone.folder / "begun").exists, what="the recipe's beginning")
    children = wait_for(lambda: len(descendants(process.pid)) >= 3 and descendants(process.pid))
    result = end(process, number)
    assert result.status == status, result
    wait_for(lambda: not any(is_alive(pid) for pid in children), limit=10, what="the end of the recipe")


# ---- check ----

def test_check_of_the_real_interpreter(shannon):
    result = shannon("interpreter", "check")
    assert result.status == 0, result
    lines = result.stdout.splitlines()
    assert sum(line.startswith("pass  guide, example") for line in lines) == 3
    assert lines[-1].endswith(" passed, 0 failed")
    assert not [line for line in lines if line.startswith("FAIL")]


def test_check_as_json(shannon):
    answer = shannon("interpreter", "check", INTERPRETER, "--json").json
    assert answer["failed"] == 0
    assert answer["passed"] == len(answer["checks"]) > 8
    assert all(check["passed"] and check["message"] is None and check["wall_ms"] >= 0 for check in answer["checks"])


def test_check_of_a_module_that_is_not_python(wasi):
    result = wasi("interpreter", "check", start(EXIT_4))
    assert result.status == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "does not run Python" in result.stderr and "status 4" in result.stderr
    answer = wasi("interpreter", "check", start(EXIT_4), "--json")
    assert (answer.status, answer.json["passed"], answer.json["failed"]) == (1, 0, 1)


def test_check_of_a_module_that_traps(wasi):
    result = wasi("interpreter", "check", start("unreachable"))
    assert result.status == 1
    assert len(result.stderr.splitlines()) == 1
    assert "unreachable" in result.stderr


def test_check_of_a_module_that_does_not_end(wasi):
    result = wasi("interpreter", "check", start("(loop (br 0))"), environ={"SHANNON_WASI_EXECUTION_TIMEOUT_MS": "500"},
                  timeout=60)
    assert result.status == 1
    assert "Execution timeout" in result.stderr


def test_check_of_one_that_prints_the_first_answer_only(wasi):
    """Every program is compared: knowing one answer is not enough."""
    text = """(data (i32.const 64) "42\\0a") (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 3))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"""
    result = wasi("interpreter", "check", module(text))
    assert result.status == 1
    assert "1 passed" in result.stdout
    assert 'it printed "42 " instead of' in result.stdout


@pytest.mark.parametrize("content", [b"print(1)", b"\0asm\1\0\0\0"])
def test_check_of_what_is_no_module(wasi, content):
    (wasi.folder / "file.wasm").write_bytes(content)
    result = wasi("interpreter", "check", "file.wasm")
    assert result.status == 125
    assert len(result.stderr.splitlines()) == 1


def test_check_of_what_is_not_there(wasi):
    assert wasi("interpreter", "check", "no-such").status == 127


def test_check_that_is_interrupted(wasi):
    process = wasi.start("interpreter", "check", start("(loop (br 0))"))
    children = wait_for(lambda: [pid for pid, command in descendants(process.pid).items()
                                 if command.startswith(os.fsencode(str(PROGRAM)))], what="the guest")
    assert end(process, 2).status in (-2, 130)
    wait_for(lambda: not any(is_alive(pid) for pid in children), limit=10, what="the end of the guest")


@pytest.mark.parametrize("words", [[], ["bogus"], ["--x"], ["list", "x"], ["build", "a", "b"], ["check", "a", "b"]])
def test_wrong_command_line(wasi, words):
    result = wasi("interpreter", *words)
    assert (result.status, result.stdout) == (125, "")
    assert result.stderr
