"""--help of each command, and the manual pages, which must say the same."""
import re
import shutil
import subprocess

import pytest

from cli_support import ROOT, Shannon

PAGES = ROOT / "docs" / "man"
COMMANDS = ["run", "wasi", "serve", "submit", "interpreter", "doctor", "config"]
ACTIONS = ["list", "add", "build", "check"]


@pytest.fixture
def program(tmp_path):
    return Shannon(tmp_path)


def options_of_help(text):
    """{option: argument} of the Options section; the argument of a flag is empty."""
    section = text.partition("\nOptions:\n")[2].partition("\n\n")[0]
    return dict(re.findall(r"^  (-[-a-z0-9]+)(?: ([A-Z][A-Z=]*))?  ", section, re.MULTILINE))


def options_of_page(text):
    """The same of a manual page: its tagged paragraphs that begin with a dash."""
    found = {}
    for line in re.findall(r"^\.TP\n(.*)$", text, re.MULTILINE):
        plain = line.replace("\\-", "-").replace('"', "")
        match = re.fullmatch(r"\.BI? (-[-a-z0-9]+)(?: +([A-Z][A-Z=]*))?", plain)
        if match:
            found[match[1]] = match[2] or ""
    return found


def page(name):
    return (PAGES / f"{name}.1").read_text()


@pytest.mark.parametrize("words", [[command] for command in COMMANDS] + [["interpreter", action] for action in ACTIONS],
                         ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_each_command(program, words, flag):
    result = program(*words, flag)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: shannon {' '.join(words)} ")
    assert "--help" in options_of_help(result.stdout)


def test_help_counts_before_other_words(program):
    assert program("run", "--timeout", "5s", "--help").status == 0
    assert program("run", "-c", "print(1)", "--help", environ={"PYTHON_WASI_WASM_PATH": "/nonexistent"}).status == 127


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_overview_names_every_command(program, words):
    result = program(*words)
    assert (result.status, result.stderr) == (0, "")
    named = re.findall(r"^  ([a-z]+) ", result.stdout, re.MULTILINE)
    assert set(COMMANDS) <= set(named)
    assert "zygote" not in named


def test_every_command_of_the_overview_has_help_and_a_page(program):
    for name in re.findall(r"^  ([a-z]+) ", program("--help").stdout, re.MULTILINE):
        assert program(name, "--help").status == 0
        assert (PAGES / f"shannon-{name}.1").is_file(), name
        assert f"shannon\\-{name} (1)" in page("shannon")


def test_version(program):
    result = program("--version")
    assert result.status == 0
    assert re.fullmatch(r"shannon \d+\.\d+\.\d+\n", result.stdout)


@pytest.mark.parametrize("words", [[], ["no-such-command"], ["--no-such-option"], [""]])
def test_no_command(program, words):
    result = program(*words)
    assert (result.status, result.stdout) == (125, "")
    assert result.stderr


# ---- manual pages ----

@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "interpreter"])
def test_page_has_the_options_of_help(program, command):
    expected = options_of_help(program(command, "--help").stdout)
    assert len(expected) >= 2
    assert options_of_page(page(f"shannon-{command}")) == expected


@pytest.mark.parametrize("action", ACTIONS)
def test_page_has_the_options_of_each_action(program, action):
    section = page("shannon-interpreter").partition(f"\n.SS {action}\n")[2].partition("\n.S")[0]
    assert options_of_page(section) == options_of_help(program("interpreter", action, "--help").stdout)


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.1")), ids=lambda path: path.name)
def test_page_is_well_formed(path):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    result = subprocess.run(["groff", "-man", "-ww", "-Tutf8", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            check=True)
    assert result.stderr == b""
    assert path.stem.upper().encode() in result.stdout.upper().splitlines()[0]


def test_every_page_is_installed():
    listed = set(re.findall(r"'([a-z-]+\.1)'", (PAGES / "meson.build").read_text()))
    assert listed == {path.name for path in PAGES.glob("*.1")}


def test_exit_statuses_are_on_the_pages(program):
    """Each number that --help names as an exit status stands on the page too."""
    for command in ("run", "wasi", "submit", "doctor"):
        text = program(command, "--help").stdout
        numbers = re.findall(r"\b(\d{1,3}) [a-z]", text.partition("Exit status:")[2].partition("\n\n")[0])
        assert numbers
        section = page(f"shannon-{command}").partition('.SH "EXIT STATUS"')[2]
        for number in numbers:
            assert re.search(rf"^\.B {number}$", section, re.MULTILINE), (command, number)
