# shellcheck shell=bash disable=SC2034,SC2153,SC2164
# (variables are shared between the files build.sh sources; steps run under set -e)
#
# The compiler for wasm32-wasi. Sourced by build.sh.
#
# Debian's clang and wasi-libc, behind one command, wasm32-wasi-clang, with a sysroot of our own: it holds copies of
# wasi-libc's headers and libraries and receives those we build, and nothing of the machine's own /usr/include.
#
# Uses: WORK, TARGET_FLAGS. Gives: SYSROOT, COMPILER_RUNTIME, step_toolchain, use_toolchain, tool_versions.

SYSROOT=$WORK/sysroot
COMPILER_RUNTIME=/usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a
LIBRARY_FOLDER=$SYSROOT/lib/wasm32-wasi
HEADER_FOLDER=$SYSROOT/include/wasm32-wasi

step_toolchain() {
    rm -rf "$SYSROOT" "$WORK/toolchain"
    mkdir -p "$SYSROOT/include" "$SYSROOT/lib" "$WORK/toolchain"
    cp -R /usr/include/wasm32-wasi "$SYSROOT/include/"
    cp -R /usr/lib/wasm32-wasi "$SYSROOT/lib/"
    {
        printf '#!/bin/sh\n'
        printf 'exec clang-19 %s "--sysroot=%s" "-ffile-prefix-map=%s=." "$@"\n' "${TARGET_FLAGS[*]}" "$SYSROOT" "$WORK"
    } >"$WORK/toolchain/wasm32-wasi-clang"
    chmod +x "$WORK/toolchain/wasm32-wasi-clang"
}

# In a step: the tools by name, and nothing of the machine's libraries through pkg-config.
use_toolchain() {
    export PATH=$WORK/toolchain:$PATH
    export PKG_CONFIG_LIBDIR=$WORK/no-pkg-config PKG_CONFIG_PATH=
    export LC_ALL=C.UTF-8 TZ=UTC PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
    unset CC CXX CFLAGS CPPFLAGS CXXFLAGS LDFLAGS LIBS MAKEFLAGS MAKELEVEL CONFIG_SITE
    unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONOPTIMIZE
}

# What the result depends on beside the recipe and the sources. zic and tclsh only move text about.
tool_versions() {
    clang-19 --version | head -n 1
    wasm-ld-19 --version
    sha256sum /usr/lib/wasm32-wasi/libc.a /usr/lib/wasm32-wasi/libm.a "$COMPILER_RUNTIME" | cut -d' ' -f1
    "$BUILD_PYTHON" -I -c 'import sys, zlib; print(sys.version, zlib.ZLIB_RUNTIME_VERSION)'
    zic --version
}
