#!/usr/bin/env bash
# Builds python-3.11.wasm: CPython for wasm32-wasi with its whole standard library in one file. See README.md.
set -euo pipefail

RECIPE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPOSITORY=$(cd "$RECIPE/../.." && pwd)
CACHE=${SHANNON_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shannon}/interpreter

# shellcheck source=interpreters/cpython/recipe.conf
source "$RECIPE/recipe.conf"

usage() {
    cat <<'USAGE'
usage: build.sh [--output FILE] [--source FILE|URL --sha256 HEX] [--keep-names]
       build.sh --print-hash | --list-packages | --help

Builds CPython 3.11 for WASI. Without --source, CPython comes from Debian's source package.

  --output FILE       where to put the result (wasm-interpreters/python-3.11.wasm in the repository)
  --source FILE|URL   build this CPython 3.11 tarball instead; needs --sha256
  --sha256 HEX        the tarball's SHA-256; any other file is refused
  --keep-names        keep function names in the file, for profilers
  --print-hash        print the hash of the recipe (with these options) and the tools, and do nothing
  --list-packages     print the Debian packages the build needs, one a line, and do nothing

Environment: SHANNON_CPYTHON_SOURCE and SHANNON_CPYTHON_SHA256 stand in for --source and --sha256; SHANNON_CACHE_DIR is
where downloads and unfinished builds are kept (~/.cache/shannon). Deleting that folder starts from nothing.
USAGE
}

fail() {
    printf 'build.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

list_packages() {
    local entry
    for entry in "${NEEDED_PACKAGES[@]}"; do
        printf '%s\n' "${entry%% *}"
    done
}

# Is the command or file that stands for a package there?
is_present() {
    case $1 in
        /*) [[ -e $1 ]] ;;
        *) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
    esac
}

check_tools() {
    local entry missing=()
    for entry in "${NEEDED_PACKAGES[@]}"; do
        is_present "${entry#* }" || missing+=("${entry%% *}")
    done
    if ((${#missing[@]} > 0)); then
        fail "these Debian packages are missing: ${missing[*]}
  install them with: sudo apt-get install --yes ${missing[*]}" 3
    fi
    PATH=$PATH:/usr/sbin:/sbin
}

# The Python that generates code for the build. Debian's own before another that may stand first in PATH.
find_build_python() {
    if [[ -x /usr/bin/python$PYTHON_SERIES ]]; then
        BUILD_PYTHON=/usr/bin/python$PYTHON_SERIES
    else
        BUILD_PYTHON=$(command -v "python$PYTHON_SERIES")
    fi
}

read_options() {
    OUTPUT=$REPOSITORY/wasm-interpreters/python-$PYTHON_SERIES.wasm
    SOURCE=${SHANNON_CPYTHON_SOURCE:-}
    SOURCE_SHA256=${SHANNON_CPYTHON_SHA256:-}
    KEEP_NAMES=
    ACTION=build
    while (($# > 0)); do
        case $1 in
            --output | --source | --sha256)
                if (($# < 2)) || [[ -z $2 ]]; then
                    fail "$1 needs a value; see --help" 2
                fi
                case $1 in
                    --output) OUTPUT=$2 ;;
                    --source) SOURCE=$2 ;;
                    --sha256) SOURCE_SHA256=$2 ;;
                esac
                shift
                ;;
            --keep-names) KEEP_NAMES=yes ;;
            --print-hash) ACTION=print-hash ;;
            --list-packages) ACTION=list-packages ;;
            --help | -h) ACTION=help ;;
            *) fail "unknown option $1; see --help" 2 ;;
        esac
        shift
    done
    SOURCE_SHA256=${SOURCE_SHA256,,}
    if [[ -n $SOURCE && ! $SOURCE_SHA256 =~ ^[0-9a-f]{64}$ ]]; then
        fail "--source needs --sha256 with the 64 hexadecimal digits of the file's SHA-256" 2
    fi
    if [[ -z $SOURCE && -n $SOURCE_SHA256 ]]; then
        fail "--sha256 is for --source, which is not given" 2
    fi
}

# Everything the result depends on except the fetched sources, of which only a given tarball is known beforehand.
recipe_hash() {
    {
        (cd "$RECIPE" && find build.sh recipe.conf config.site lib guest patches tools -type f ! -name '*.pyc' -print0 |
            LC_ALL=C sort --zero-terminated | xargs --null sha256sum)
        printf '%s\n' "$RECIPE_SETTINGS"
    } | sha256sum | cut -d' ' -f1
}

# Copies the finished file to where it is wanted; a reader never sees half of it.
deliver() {
    local result=$1 folder
    folder=$(dirname "$OUTPUT")
    mkdir -p "$folder"
    cp "$result" "$OUTPUT.part.$$"
    mv "$OUTPUT.part.$$" "$OUTPUT"
    printf '%s: %s bytes, SHA-256 %s\n' "$OUTPUT" "$(stat --format=%s "$OUTPUT")" \
        "$(sha256sum "$OUTPUT" | cut -d' ' -f1)" >&2
}

build() {
    local started=$SECONDS
    [[ -f $(source_lock) ]] || rm -f "$WORK/stamps/sources"
    run_step sources "fetching the sources" "" "$RECIPE/recipe.conf"
    local lock_hash result
    lock_hash=$(sha256sum "$(source_lock)" | cut -d' ' -f1)
    result=$CACHE/results/$(printf '%s %s' "$(recipe_hash)" "$lock_hash" | sha256sum | cut -d' ' -f1).wasm
    if [[ ! -f $result ]]; then
        run_step toolchain "preparing the compiler" ""
        run_step zlib "building zlib" "sources toolchain"
        run_step bzip2 "building bzip2" "sources toolchain"
        run_step xz "building liblzma" "sources toolchain" "$RECIPE"/patches/xz-*
        run_step sqlite "building SQLite" "sources toolchain" "$RECIPE/guest/sqlite_wasi.h" \
            "$RECIPE"/patches/sqlite-*
        run_step timezones "compiling the time zones" "sources"
        run_step unpack_python "unpacking CPython" "sources" "$RECIPE"/patches/python-*
        run_step configure_python "configuring CPython" "zlib bzip2 xz sqlite unpack_python" "$RECIPE/config.site"
        run_step compile_python "compiling CPython" "configure_python"
        run_step link "linking" "compile_python" "$RECIPE"/guest/*.[ch]
        run_step archive "packing the standard library" "compile_python timezones" \
            "$RECIPE"/guest/*.py "$RECIPE"/tools/*.py
        run_step embed "putting it into the module" "link archive"
        mkdir -p "$CACHE/results"
        cp "$WORK/python.wasm" "$result.part"
        mv "$result.part" "$result"
        printf 'built in %s\n' "$(format_seconds "$((SECONDS - started))")" >&2
    else
        printf 'built before from the same recipe and sources\n' >&2
    fi
    deliver "$result"
}

main() {
    read_options "$@"
    case $ACTION in
        help)
            usage
            return
            ;;
        list-packages)
            list_packages
            return
            ;;
    esac
    check_tools
    find_build_python
    JOBS=$(nproc)
    # One folder for each source, so that switching between two keeps both.
    SOURCES=$CACHE/sources/${SOURCE_SHA256:-debian}
    WORK=$CACHE/work/${SOURCE_SHA256:-debian}
    STEP_TOTAL=13
    # shellcheck source=interpreters/cpython/lib/progress.sh
    source "$RECIPE/lib/progress.sh"
    # shellcheck source=interpreters/cpython/lib/sources.sh
    source "$RECIPE/lib/sources.sh"
    # shellcheck source=interpreters/cpython/lib/toolchain.sh
    source "$RECIPE/lib/toolchain.sh"
    # shellcheck source=interpreters/cpython/lib/libraries.sh
    source "$RECIPE/lib/libraries.sh"
    # shellcheck source=interpreters/cpython/lib/python.sh
    source "$RECIPE/lib/python.sh"
    RECIPE_SETTINGS=$(
        cat "$RECIPE/recipe.conf"
        printf 'source %s\nnames %s\n' "${SOURCE_SHA256:-debian}" "$KEEP_NAMES"
        tool_versions
    )
    if [[ $ACTION == print-hash ]]; then
        recipe_hash
        return
    fi
    mkdir -p "$WORK" || fail "cannot write to the cache folder $CACHE; set SHANNON_CACHE_DIR to another"
    exec 9>"$WORK/lock"
    if ! flock --nonblock 9; then
        printf 'build.sh: waiting for another build of the same source to finish\n' >&2
        flock 9
    fi
    trap 'stop_running_step; printf "\nbuild.sh: interrupted; the same command goes on from here\n" >&2; exit 130' INT TERM HUP
    trap stop_running_step EXIT
    build
}

main "$@"
