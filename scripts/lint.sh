#!/usr/bin/env bash
# Checks what a compiler does not: formatting, shell scripts, Python syntax, and the house rules that can be counted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=()
for tool in clang-format-19 shellcheck python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if ((${#missing[@]} > 0)); then
    printf 'lint.sh: not installed: %s; run scripts/install_packages.sh test\n' "${missing[*]}" >&2
    exit 3
fi

# The repository's files; in a copy without git, all that are there.
list_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
            [[ ! -f $file ]] || printf '%s\n' "$file"
        done
    else
        find "${@%%/}" -type f ! -path '*/__pycache__/*' ! -path './build*' ! -path './wasm-interpreters/*'
    fi
}

failed=()
check() {
    local name=$1
    shift
    if "$@"; then
        printf 'lint: %s: fine\n' "$name"
    else
        printf 'lint: %s: FAILED\n' "$name"
        failed+=("$name")
    fi
}

check_format() {
    local files
    mapfile -t files < <(list_files src tests interpreters | grep -E '\.[ch]$')
    clang-format-19 --dry-run -Werror "${files[@]}"
}

check_shell() {
    local files
    mapfile -t files < <(list_files . | grep -v '/patches/' | xargs grep -l -E '^#!(/usr/bin/env bash|/bin/(ba)?sh)|^# shellcheck shell=')
    shellcheck --external-sources "${files[@]}"
}

check_python() {
    list_files . | grep -E '\.py$' | python3 -I -c '
import sys
status = 0
for name in sys.stdin.read().split():
    try:
        compile(open(name, "rb").read(), name, "exec", dont_inherit=True)
    except SyntaxError as error:
        print(f"{name}:{error.lineno}: {error.msg}")
        status = 1
sys.exit(status)'
}

check_sources() {
    list_files . | python3 -I scripts/check_sources.py
}

check 'clang-format' check_format
check 'shellcheck' check_shell
check 'Python syntax' check_python
check 'house rules' check_sources
((${#failed[@]} == 0))
