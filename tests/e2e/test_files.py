"""Files that go into a run and come out of it: the field `files` of requests and answers, /workspace and /tmp."""
import base64
import os

import pytest

from agent_core_service import AgentCore

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("files")) as service, service.nothing_stays_behind():
        yield service


@pytest.fixture(scope="module")
def small_core(tmp_path_factory):
    """One with small limits."""
    with AgentCore(tmp_path_factory.mktemp("small"), SHANNON_WASI_SCRATCH_LIMIT_BYTES=MEBIBYTE,
                   SHANNON_AGENT_CORE_FILES_LIMIT_BYTES=10) as service, service.nothing_stays_behind():
        yield service


@pytest.fixture(scope="module")
def read_only_core(tmp_path_factory):
    with AgentCore(tmp_path_factory.mktemp("read-only"), SHANNON_WASI_SCRATCH_LIMIT_BYTES=0) as service:
        yield service


def run(core, code, **fields):
    """The answer of an execution that must go well."""
    answer = core.execute(code, **fields)
    assert answer["status"] == "ok", answer
    return answer


def file(path, content, encoding="utf-8"):
    size = len(base64.b64decode(content) if encoding == "base64" else content.encode())
    return {"path": path, "size": size, "content": content, "encoding": encoding}


# ---- in ----

def test_files_of_a_request_are_below_workspace(core):
    answer = run(core, "import os\nprint(open('a.txt').read(), open('/workspace/b/c.txt').read(), sorted(os.listdir()), os.getcwd())",
                 files={"a.txt": "ä", "b/c.txt": ""})
    assert answer["stdout"] == "ä  ['a.txt', 'b'] /workspace\n"
    assert answer["files"] == []


def test_the_home_folder_is_the_working_folder(core):
    answer = run(core, "import os, pathlib\nprint(pathlib.Path.home(), pathlib.Path('~/a.txt').expanduser().read_text())\n"
                       "with open(os.path.expanduser('~/b.txt'), 'w') as f:\n    f.write('new')", files={"a.txt": "given"})
    assert answer["stdout"] == "/workspace given\n"
    assert answer["files"] == [file("b.txt", "new")]
    assert run(core, "import pathlib\nprint(pathlib.Path.home())", env={"HOME": "/tmp"})["stdout"] == "/tmp\n"


def test_files_come_as_a_list_or_as_an_object(core):
    raw = bytes(range(256))
    answer = run(core, "print(open('a').read(), open('b').read(), open('c/d', 'rb').read() == bytes(range(256)))", files=[
        {"path": "a", "content": "text"}, {"path": "b", "content": "ü\r\n", "encoding": "utf-8"},
        {"path": "c/d", "content": base64.b64encode(raw).decode(), "encoding": "base64"}])
    assert answer["stdout"] == "text ü\n True\n"  # a text file's line ends are read as Python reads them
    assert run(core, "print(open('a').read())", files={"a": "1"})["stdout"] == "1\n"
    assert run(core, "import os\nprint(os.listdir())", files=[])["stdout"] == "[]\n"
    assert run(core, "import os\nprint(os.listdir())", files={})["stdout"] == "[]\n"


def test_of_two_files_of_one_path_the_last_counts(core):
    answer = run(core, "print(open('a').read())", files=[{"path": "a", "content": "1"}, {"path": "a", "content": "2"}])
    assert answer["stdout"] == "2\n"


@pytest.mark.parametrize("path", ["a", "a/b/c/d/e/f/g", "...", ".hidden", "a b", "-rf", "ä/ö", "x" * 255, "\t\n", "a\\b", "C:", "*",
                                  "/".join(["d" * 200] * 5)])
def test_any_name_is_fine_that_stays_below(core, path):
    answer = run(core, f"path = {path!r}\nopen(path, 'a').write('!')\nprint(open('/workspace/' + path).read())", files={path: "x"})
    assert answer["stdout"] == "x!\n"
    assert answer["files"] == [file(path, "x!")]


@pytest.mark.parametrize(("path", "problem"), [
    ("", "be 1 to 1024 bytes"), ("x" * 1025, "be 1 to 1024 bytes"), ("/etc/passwd", "be relative"), ("/", "be relative"),
    ("..", 'not have empty, "." or ".." components'), ("../a", "components"), ("a/../b", "components"), ("a/..", "components"),
    ("./a", "components"), ("a/./b", "components"), (".", "components"), ("a//b", "components"), ("a/", 'not end in "/"'),
    ("x" * 256, "have components of at most 255 bytes"), ("a/" + "x" * 300, "components of at most 255 bytes"),
])
@pytest.mark.parametrize("form", ["list", "object"])
def test_a_path_that_is_wrong_is_refused(core, path, problem, form):
    files = {"good": "", path: "x"} if form == "object" else [{"path": "good", "content": ""}, {"path": path, "content": "x"}]
    answer = core.call("POST", "/v1/execute", {"code": "1", "files": files})
    assert (answer.status, answer.json["error"]["kind"], answer.json["error"]["field"]) == (400, "invalid_request", "files")
    assert answer.json["error"]["message"].startswith("the path of files[1] must ")
    assert problem in answer.json["error"]["message"]


def test_a_file_cannot_be_below_another_file(core):
    answer = core.call("POST", "/v1/execute", {"code": "1", "files": {"a": "x", "a/b": "y"}})
    assert (answer.status, answer.json["error"]["kind"], answer.json["error"]["field"]) == (400, "invalid_request", "files")
    assert "leads through a file" in answer.json["error"]["message"]
    session = core.session()
    session.do("open('a', 'w').close()")
    answer = core.call("POST", "/v1/execute", {"code": "1", "files": {"a/b": "y"}, "session_id": session.id})
    assert (answer.status, answer.json["error"]["kind"]) == (400, "invalid_request")
    assert session.value("import os\nos.listdir()") == ["a"]


@pytest.mark.parametrize(("files", "problem"), [
    ("a", "must be a list of objects"), (1, "must be a list of objects"), (["a"], "files[0] must be an object"),
    ([{"path": "a"}], "files[0] must be an object"), ([{"content": "a"}], "files[0] must be an object"),
    ([{"path": "a", "content": 1}], "files[0] must be an object"), ({"a": 1}, "the content of files[0] must be a string"),
    ({"a": None}, "the content of files[0] must be a string"),
    ([{"path": "a", "content": "", "mode": 1}], 'files[0] has the unknown field "mode"'),
    ([{"path": "a", "content": "", "encoding": "latin-1"}], 'the encoding of files[0] must be "utf-8" or "base64"'),
    ([{"path": "a", "content": "YQ", "encoding": "base64"}], "the content of files[0] is not base64"),
    ([{"path": "a", "content": "!", "encoding": "base64"}], "the content of files[0] is not base64"),
    ({f"f{i}": "" for i in range(1001)}, "files must be at most 1000"),
], ids=str)
def test_files_of_a_wrong_form_are_refused(core, files, problem):
    answer = core.call("POST", "/v1/execute", {"code": "1", "files": files})
    assert (answer.status, answer.json["error"]["field"]) == (400, "files")
    assert problem in answer.json["error"]["message"]


def test_a_thousand_files_go_in_and_come_out(core):
    answer = run(core, "import os\nnames = os.listdir()\nfor name in names: open(name, 'a').write('!')\nlen(names)",
                 files={f"f{i:03}": str(i) for i in range(1000)})
    assert answer["result"] == "1000"
    assert answer["files"] == [file(f"f{i:03}", f"{i}!") for i in range(1000)]
    assert answer["files_truncated"] is False


def test_modules_can_be_imported_from_files(core):
    answer = run(core, "import helper\nfrom package.part import double\nprint(double(helper.value))", files={
        "helper.py": "value = 21", "package/__init__.py": "", "package/part.py": "def double(x): return 2 * x"})
    assert answer["stdout"] == "42\n"


def test_tracebacks_show_the_lines_of_imported_files(core):
    answer = core.execute("import helper\nhelper.f()", files={"helper.py": "def f():\n    return 1 / 0"})
    assert 'File "/workspace/helper.py", line 2, in f\n    return 1 / 0\n' in answer["error"]["traceback"]


# ---- out ----

def test_what_a_program_writes_comes_back(core):
    answer = run(core, "import os\nos.makedirs('b/c')\nopen('b/c/d', 'w').write('nested')\nopen('a', 'w').write('ä')\n"
                       "open('e', 'w').close()\nopen('f', 'wb').write(b'\\xff\\x00')\nopen('g', 'wb').write(b'\\x00')")
    assert answer["files"] == [file("a", "ä"), file("b/c/d", "nested"), file("e", ""), file("f", "/wA=", "base64"), file("g", "\0")]
    assert answer["files_truncated"] is False


def test_only_what_changed_comes_back(core):
    answer = run(core, "import os\nopen('read').read()\nos.remove('removed')\nopen('changed', 'w').write('new')\n"
                       "os.rename('moved', 'there')\nos.mkdir('empty')\nopen('made', 'w').close()\nos.remove('made')",
                 files={"read": "r", "removed": "x", "changed": "old", "moved": "m", "untouched": "u"})
    assert answer["files"] == [file("changed", "new"), file("there", "m")]


def test_names_that_are_no_text_are_shown_with_replacement_characters(core):
    answer = run(core, "open(b'a\\xff', 'w').write('x')")
    assert answer["files"] == [file("a\ufffd", "x")]


def test_tmp_does_not_come_back(core):
    answer = run(core, "import tempfile\nopen('/tmp/a', 'w').write('x')\nf = tempfile.NamedTemporaryFile(delete=False)\nprint(f.name)")
    assert answer["stdout"].startswith("/tmp/")
    assert answer["files"] == []


def test_files_come_back_from_runs_that_fail(core):
    for ending, status in (("1 / 0", "python_error"), ("while True: pass", "timeout"), ("import sys; sys.exit(1)", "python_error"),
                           ("import os; os._exit(2)", "python_error"), ("import os; os.abort()", "trap")):
        answer = core.execute("open('a', 'w').write('before')\n" + ending, timeout_ms=300)
        assert (answer["status"], answer["files"]) == (status, [file("a", "before")])


def test_each_run_has_its_own_files(core):
    run(core, "open('a', 'w').write('x')\nopen('/tmp/b', 'w').write('x')")
    assert run(core, "import os\nos.listdir(), os.listdir('/tmp')")["result"] == "([], [])"


# ---- how much ----

def test_contents_above_the_limit_are_named_only(small_core):
    answer = run(small_core, "for name, size in (('a', 5), ('b', 11), ('c', 5), ('d', 1), ('e', 0)): open(name, 'w').write('x' * size)")
    unseen = {"content": None, "encoding": None}
    assert answer["files"] == [file("a", "xxxxx"), {"path": "b", "size": 11, **unseen}, file("c", "xxxxx"),
                               {"path": "d", "size": 1, **unseen}, file("e", "")]
    assert answer["files_truncated"] is False


def test_more_files_than_a_thousand_are_marked(core):
    answer = run(core, "for i in range(1001): open(f'{i:04}', 'w').close()")
    assert [each["path"] for each in answer["files"]] == [f"{i:04}" for i in range(1000)]
    assert answer["files_truncated"] is True


def test_a_megabyte_in_and_out(core):
    raw = os.urandom(MEBIBYTE)
    text = "zeile ä\n" * 100000
    answer = run(core, "open('c', 'wb').write(open('a', 'rb').read()[::-1])\nopen('d', 'w').write(open('b').read())", files=[
        {"path": "a", "content": base64.b64encode(raw).decode(), "encoding": "base64"}, {"path": "b", "content": text}])
    assert base64.b64decode(answer["files"][0]["content"]) == raw[::-1]
    assert answer["files"][1] == file("d", text)


def test_scratch_has_a_limit(small_core):
    code = "import os\ntry:\n    open({path!r}, 'wb').write(bytes(2 << 20))\nexcept OSError as error:\n    print(error)\nos.remove({path!r})\n" \
           "open({path!r}, 'wb').write(bytes(1000000))\nprint(os.path.getsize({path!r}))"
    for path in ("/tmp/a", "/workspace/a"):
        assert run(small_core, code.format(path=path))["stdout"] == "[Errno 51] No space left on device\n1000000\n"


def test_many_small_files_are_limited_too(small_core):
    answer = small_core.execute("for i in range(100000): open(f'/tmp/{i}', 'w').close()")
    assert (answer["status"], answer["error"]["type"]) == ("python_error", "OSError")
    assert answer["error"]["message"].startswith("[Errno 51] No space left on device")


def test_files_of_a_request_count_as_scratch(small_core):
    answer = small_core.execute("print('ran')", files={"a": "x" * (2 * MEBIBYTE)})
    assert (answer["status"], answer["exit_code"], answer["stdout"]) == ("memory_limit", 137, "")
    assert answer["error"]["message"].startswith("Memory limit exceeded: the files for /workspace do not fit.")
    assert "wasi.scratch_limit_bytes" in answer["error"]["message"]


def test_scratch_counts_as_memory(core):
    code = "f = open('/tmp/a', 'wb')\nwritten = 0\ntry:\n    while True: written += f.write(bytes(1 << 20))\nexcept OSError as error:\n" \
           "    print(error)\nwritten >> 20"
    answer = run(core, code, memory_limit_bytes=64 * MEBIBYTE)
    assert answer["stdout"] == "[Errno 51] No space left on device\n"
    assert 20 <= int(answer["result"]) <= 50
    assert 60 * MEBIBYTE < answer["usage"]["peak_memory_bytes"] <= 64 * MEBIBYTE
    # The other way round: with the same files Python has less for itself.
    answer = core.execute("f = open('/tmp/a', 'wb')\nfor _ in range(20): f.write(bytes(1 << 20))\nx = bytes(30 << 20)",
                          memory_limit_bytes=64 * MEBIBYTE)
    assert answer["status"] == "memory_limit"
    assert core.execute("x = bytes(30 << 20)", memory_limit_bytes=64 * MEBIBYTE)["status"] == "ok"


def test_without_scratch_everything_is_read_only(read_only_core):
    code = "import os\nfor f in (lambda: open('/tmp/a', 'w'), lambda: open('/workspace/a', 'w'), lambda: open('/workspace/given', 'a'),\n" \
           "          lambda: os.mkdir('/workspace/b'), lambda: os.remove('/workspace/given'),\n" \
           "          lambda: os.rename('/workspace/given', '/workspace/c')):\n" \
           "    try:\n        f()\n        print('done')\n    except OSError as error:\n        print(error.strerror)"
    answer = run(read_only_core, code, files={"given": "x"})
    assert answer["stdout"] == "Read-only file system\n" * 6
    assert answer["files"] == []
    answer = run(read_only_core, "import os\nprint(os.listdir(), open('given').read(), os.listdir('/tmp'))", files={"given": "x"})
    assert answer["stdout"] == "['given'] x []\n"


# ---- the machine's own ----

def test_folders_of_the_machine_appear_only_when_they_are_allowed(tmp_path):
    granted, other = tmp_path / "granted", tmp_path / "other"
    for folder in (granted, other):
        folder.mkdir()
        (folder / "file").write_text(f"of {folder.name}")
    code = "import os\nfor path in ({!r}, {!r}, '/etc/passwd', '/proc/self/environ'):\n    try:\n        print(open(path).read())\n" \
           "    except OSError as error:\n        print('refused')\n" \
           "try:\n    open({!r}, 'w')\nexcept OSError as error:\n    print('refused')\nos.listdir('/workspace'), os.listdir('/tmp')"
    code = code.format(str(granted / "file"), str(other / "file"), str(granted / "new"))
    with AgentCore(tmp_path, SHANNON_WASI_ALLOWED_PATHS=f"[{granted}]") as core:
        answer = run(core, code)
        assert answer["stdout"] == "of granted\n" + "refused\n" * 4
        assert answer["result"] == "([], [])"
        assert answer["files"] == []
        session = core.session()
        session.do(f"f = open({str(granted / 'file')!r})\nf.seek(3)")
        core.kill_guests()
        assert session.value("f.read()") == "granted"
        assert os.listdir(granted) == ["file"]
    with AgentCore(tmp_path) as core:
        assert run(core, code)["stdout"] == "refused\n" * 5
