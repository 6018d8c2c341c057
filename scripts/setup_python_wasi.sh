#!/usr/bin/env bash
# Installs a Python interpreter for the sandbox into wasm-interpreters/.
set -euo pipefail

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$REPOSITORY"
# shellcheck source=scripts/lib/progress.sh
source scripts/lib/progress.sh

FOLDER=$REPOSITORY/wasm-interpreters
DEFAULT_NAME=python-3.11
# What every WebAssembly module begins with: "\0asm" and version 1.
WASM_START=0061736d01000000

usage() {
    cat <<'USAGE'
usage: setup_python_wasi.sh [--env]
       setup_python_wasi.sh --from FILE|URL --sha256 HEX [--name NAME] [--env]
       setup_python_wasi.sh --list | --check [--name NAME] | --help

Without --from, builds python-3.11.wasm from Debian's CPython source (`make interpreter`), installing the packages that
are missing. It may be run again at any time; what is there already is kept.

  --from FILE|URL   install this WASI build of Python instead
  --sha256 HEX      the file's SHA-256; any other file is refused
  --name NAME       under which name (default: python-3.11, or the file's own name with --from)
  --env             write PYTHON_WASI_WASM_PATH=FILE to .env, so that the services use it
  --list            print the installed interpreters
  --check           run a small program in the interpreter and say whether it works
USAGE
}

fail() {
    printf 'setup_python_wasi.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

sha256_of() {
    sha256sum "$1" | cut -d' ' -f1
}

list_interpreters() {
    local file found=
    for file in "$FOLDER"/*.wasm; do
        [[ -f $file ]] || continue
        found=yes
        printf '%-24s %10s bytes  SHA-256 %s\n' "$(basename "$file" .wasm)" "$(stat --format=%s "$file")" "$(sha256_of "$file")"
    done
    if [[ -z $found ]]; then
        printf 'There is no interpreter in wasm-interpreters/ yet; run scripts/setup_python_wasi.sh.\n'
    fi
}

check_interpreter() {
    local file=$FOLDER/$name.wasm answer
    [[ -f $file ]] || fail "Python WASI interpreter not found: there is no $file. Run scripts/setup_python_wasi.sh" 127
    if [[ ! -x build/shannon ]]; then
        scripts/install_packages.sh build run
        make --no-print-directory all >&2
    fi
    answer=$(build/shannon run --interpreter "$file" -c 'import sys; print(6 * 7, sys.version.split()[0])') ||
        fail "$file does not run; the reason stands above"
    [[ $answer == "42 "* ]] || fail "$file runs, but answers wrongly: $answer"
    printf '%s works: Python %s\n' "$name" "${answer#42 }"
}

build_default() {
    scripts/install_packages.sh interpreter
    run_visibly interpreters/cpython/build.sh --output "$FOLDER/$name.wasm"
}

# Puts the file in place only when it is the one that was asked for and a WebAssembly module.
install_from() {
    local target=$FOLDER/$name.wasm sum log
    if [[ -f $target && $(sha256_of "$target") == "$sha256" ]]; then
        printf '%s is there already\n' "$target"
        return
    fi
    mkdir -p "$FOLDER"
    part=$(mktemp "$FOLDER/.$name.XXXXXX")
    case $from in
        http://* | https://*)
            scripts/install_packages.sh run
            log=$(mktemp "${TMPDIR:-/tmp}/shannon-download.XXXXXX")
            run_with_progress "downloading $from" "$log" curl --fail --location --silent --show-error --retry 2 \
                --connect-timeout 20 --proto '=http,https' --output "$part" "$from" ||
                fail "$from could not be downloaded"
            rm -f "$log"
            ;;
        *)
            cp -- "$from" "$part" || fail "cannot read $from"
            ;;
    esac
    sum=$(sha256_of "$part")
    if [[ $sum != "$sha256" ]]; then
        fail "$from is not the expected file, so it is not installed.
  its SHA-256 is  $sum
  --sha256 says   $sha256"
    fi
    if [[ $(head --bytes=8 "$part" | od -An -v -tx1 | tr -d ' \n') != "$WASM_START" ]]; then
        fail "$from is no WebAssembly module, so it is not installed"
    fi
    chmod 644 "$part"
    mv "$part" "$target"
    part=
    printf '%s: %s bytes, SHA-256 %s\n' "$target" "$(stat --format=%s "$target")" "$sum"
}

# Sets PYTHON_WASI_WASM_PATH in .env and leaves its other lines as they are.
write_env() {
    local line="PYTHON_WASI_WASM_PATH=$FOLDER/$name.wasm" new
    if [[ -f .env ]] && grep -q -x -F "$line" .env; then
        return
    fi
    new=$(mktemp .env.XXXXXX)
    if [[ -f .env ]]; then
        chmod --reference=.env "$new"
        grep -v '^[[:space:]]*\(export[[:space:]]\+\)\?PYTHON_WASI_WASM_PATH=' .env >"$new" || true
    fi
    printf '%s\n' "$line" >>"$new"
    mv "$new" .env
    printf '.env: %s\n' "$line"
}

read_options() {
    action=install name='' from='' sha256='' env=''
    while (($# > 0)); do
        case $1 in
            --from | --sha256 | --name)
                if (($# < 2)) || [[ -z $2 ]]; then
                    fail "$1 needs a value; see --help" 2
                fi
                printf -v "${1#--}" '%s' "$2"
                shift
                ;;
            --env) env=yes ;;
            --list) action=list ;;
            --check) action=check ;;
            --help | -h) action=help ;;
            *) fail "unknown option $1; see --help" 2 ;;
        esac
        shift
    done
    sha256=${sha256,,}
    if [[ -n $from && ! $sha256 =~ ^[0-9a-f]{64}$ ]]; then
        fail "--from needs --sha256 with the 64 hexadecimal digits of the file's SHA-256" 2
    fi
    if [[ -z $from && -n $sha256 ]]; then
        fail "--sha256 is for --from, which is not given" 2
    fi
    if [[ -z $name && -n $from ]]; then
        name=$(basename "${from%%[?#]*}" .wasm)
    fi
    name=${name:-$DEFAULT_NAME}
    if [[ ! $name =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]]; then
        fail "\"$name\" cannot be an interpreter's name: letters, digits, '.', '_' and '-' only; give one with --name" 2
    fi
    if [[ $action == install && -z $from && $name != "$DEFAULT_NAME" ]]; then
        fail "only $DEFAULT_NAME is built here; install another with --from and --sha256" 2
    fi
}

main() {
    local action name from sha256 env part=
    read_options "$@"
    case $action in
        help) usage ;;
        list) list_interpreters ;;
        check) check_interpreter ;;
        install)
            trap 'stop_running; [[ -z ${part:-} ]] || rm -f "$part"' EXIT
            trap 'exit 130' INT TERM HUP
            if [[ -n $from ]]; then
                install_from
            else
                build_default
            fi
            [[ -z $env ]] || write_env
            ;;
    esac
}

main "$@"
