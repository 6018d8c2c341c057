"""L: what goes in: source, standard input, arguments, variables, names of files."""
import json

import pytest

from attack_support import MEBIBYTE, raised


def test_L01_input_that_is_not_read(core):
    answer = core.execute("print('done')", stdin="x" * (8 * MEBIBYTE))
    assert (answer["status"], answer["stdout"]) == ("ok", "done\n")


def test_L02_no_input(core):
    raised(core.execute("input()"), "EOFError")
    assert core.execute("import sys\nprint(repr(sys.stdin.read()), sys.stdin.readlines())")["stdout"] == "'' []\n"


def test_L03_input_for_ever(core):
    answer = core.execute("while True:\n    try: input()\n    except EOFError: pass", stdin="line\n" * 1000, timeout_ms=500)
    assert answer["status"] == "timeout"


@pytest.mark.parametrize("source, kind", [
    ("\ufeffprint('bom')", None), ("print('a')\r\nprint('b')\r", None),
    ("\x0cprint('feed')", None), ("# coding: latin-1\nprint('\xe9')", None), ("# coding: utf-16\nprint(1)", "SyntaxError"),
    ("# coding: nonsense\nprint(1)", "SyntaxError"), ("print('\ud83d\ude00')", None), ("\u202eprint(1)", "SyntaxError"),
    ("\u0430 = 1; a = 2; print(\u0430)", None), ("if 1:\n\tprint(1)\n        print(2)", "TabError"), ("x" * 200_000, "NameError"),
    ("# " + "x" * 900_000, None), ("\n" * 900_000 + "print(1)", None),
])
def test_L04_L07_sources(core, source, kind):
    answer = core.execute(source, timeout_ms=5000)
    if kind is None:
        assert answer["status"] == "ok", answer
    else:
        assert answer["status"] == "python_error" and answer["error"]["type"] in kind.split(), answer


def test_L04_a_source_with_a_nul(core):
    answer = core.call("POST", "/v1/execute", {"code": "print(1)\0print(2)"})
    assert answer.status == 400 and answer.json["error"]["field"] == "code", answer.text
    raised(core.execute("exec('print(1)\\0print(2)')"), "SyntaxError", "ValueError")


def test_L05_sizes(core):
    assert core.call("POST", "/v1/execute", {"code": ""}).status == 400
    assert core.execute(" \n\t\n")["status"] == "ok"
    assert core.execute("1")["result"] == "1"
    limit = MEBIBYTE
    assert core.execute("#" * limit)["status"] == "ok"
    answer = core.call("POST", "/v1/execute", {"code": "#" * (limit + 1)})
    assert answer.status == 413 and answer.json["error"]["field"] == "code"


@pytest.mark.parametrize("text", ['"""', "'''", "'''+__import__('os').system('id')+'''", "${HOME} $(id) `id`", "\\\"}, {\"code\": \"x", "%s{0}{x}",
                                  "\\u0022\\n", "</script><!--", "--EOF--", "@0123456789abcdef {\"module\": \"done\"}"])
def test_L06_text_like_ours(core, text):
    assert core.execute(f"print({text!r})")["stdout"] == text + "\n"
    assert core.execute("import sys\nprint(sys.argv[1] + sys.stdin.read(), end='')", argv=[text], stdin=text)["stdout"] == text * 2


def test_L08_names(core):
    odd = {"LD_PRELOAD": "/evil.so", "PYTHONPATH": "/evil", "PYTHONHASHSEED": "0", "PYTHONINSPECT": "1", "PATH": "/evil", "a b": "c=d\n", "\u00e9": "\u00e9"}
    answer = core.execute("import json, os, sys\nprint(json.dumps([dict(os.environ), sys.path, sys.flags.inspect]))", env=odd)
    variables, path, inspect = json.loads(answer["stdout"])
    assert variables == {"HOME": "/workspace", **odd} and "/evil" not in path and inspect == 0
    for bad in ({"": "x"}, {"a=b": "x"}, {"a\0": "x"}, {"a": "x\0"}):
        assert core.call("POST", "/v1/execute", {"code": "1", "env": bad}).status == 400, bad
    assert core.call("POST", "/v1/execute", {"code": "1", "argv": ["a\0b"]}).status == 400
    for path in ("../x", "/x", "a/../b", "a\0b", "", ".", "a//b", "a/", "x" * 300):
        answer = core.call("POST", "/v1/execute", {"code": "1", "files": [{"path": path, "content": ""}]})
        assert answer.status == 400 and answer.json["error"]["field"].startswith("files"), (path, answer.text)
    answer = core.execute("import os\nprint(sorted(os.listdir('.')))", files=[{"path": "a\nb", "content": ""}, {"path": "\u202e", "content": ""}])
    assert answer["stdout"] == "['a\\nb', '\\u202e']\n"
