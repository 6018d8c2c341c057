"""Writes C source that holds the text of some files, so that the program needs none of them when
it runs. Usage: embed_text.py OUTPUT NAME=FILE ..."""
import sys


def c_string(text: str) -> str:
    lines = []
    for line in text.splitlines(keepends=True):
        escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'    "{escaped}"')
    return "\n".join(lines)


def main() -> None:
    output, *items = sys.argv[1:]
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "engine/embedded_text.h"\n\n')
        for item in items:
            name, path = item.split("=", 1)
            with open(path, encoding="utf-8") as source:
                out.write(f"const char {name}[] =\n{c_string(source.read())};\n\n")


main()
