#!/usr/bin/env bash
# rustc's linker for wasm32-wasi: lld-19, which Debian's rustc does not know. Since version 18 it refuses the metadata
# member of Rust libraries (lib.rmeta, no object file), so each library is linked from a copy without it.
set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

arguments=()
for argument in "$@"; do
    if [[ $argument == *.rlib ]]; then
        copy=$scratch/$(basename "$argument")
        cp "$argument" "$copy"
        chmod u+w "$copy"
        llvm-ar-19 d "$copy" lib.rmeta
        argument=$copy
    fi
    arguments+=("$argument")
done
wasm-ld-19 "${arguments[@]}"
