"""Reads names of files of the repository on standard input and checks the house rules that can be counted (see
CONTRIBUTING.md): which layer includes which, how long a file is, and what may not stand in one.
"""
import re
import sys
from pathlib import Path

# Lower layers first. A file includes headers of its own layer and of lower ones; the services share a layer but do not
# know each other, since one reaches another only over HTTP.
LAYERS = [["base"], ["engine"], ["wasi"], ["sandbox"], ["agent_core", "llm_service", "orchestrator"], ["cli"]]
LEVEL = {folder: level for level, folders in enumerate(LAYERS) for folder in folders}
LINES_MAXIMUM = 1000

INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_]+)/([^"]+)"')
# Written so that this file does not contain them.
UNFINISHED = re.compile(r"\b(TO" "DO|FIX" "ME|X" "XX|not " "implemented)\\b")
REGISTRIES = re.compile(r"pypi\.o" r"rg|pythonhosted\.o" r"rg|deb\.deb" r"ian\.org|registry\.npm" r"js\.org|crates\.i" "o")
# Kinds of files in which a registry's or a language's own words are data.
PLAIN = {".c", ".h", ".py", ".sh", ".md", ".yaml", ".yml", ".toml", ".build", ".conf", ".txt", ""}


def check_includes(name, number, line):
    parts = Path(name).parts
    match = INCLUDE.match(line)
    if parts[0] != "src" or len(parts) < 3 or not match:
        return
    own, other = parts[1], match.group(1)
    if other not in LEVEL:
        return
    if own not in LEVEL:
        yield f"{name}: the folder src/{own} has no place among the layers; give it one in {Path(__file__).name}"
    elif LEVEL[other] > LEVEL[own]:
        yield f"{name}:{number}: {own} includes {other}, which lies above it"
    elif LEVEL[other] == LEVEL[own] and other != own:
        yield f"{name}:{number}: {own} includes {other}; services reach each other only over HTTP"


def check_file(name):
    path = Path(name)
    if path.suffix not in PLAIN or "patches" in path.parts:
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return
    if path.suffix in {".c", ".h", ".py", ".sh"} and len(lines) > LINES_MAXIMUM:
        yield f"{name}: {len(lines)} lines; the limit is {LINES_MAXIMUM}"
    for number, line in enumerate(lines, 1):
        yield from check_includes(name, number, line)
        if path.suffix != ".md" and UNFINISHED.search(line):
            yield f"{name}:{number}: unfinished work: {line.strip()}"
        if REGISTRIES.search(line):
            yield f"{name}:{number}: names a registry's host: {line.strip()}"


def main():
    problems = [problem for name in sys.stdin.read().split() for problem in check_file(name)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
