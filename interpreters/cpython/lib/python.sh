# shellcheck shell=bash disable=SC2034,SC2153,SC2164
# (variables are shared between the files build.sh sources; steps run under set -e)
#
# CPython itself: unpack, configure, compile, link with the guest entry, pack the library. Sourced by build.sh.
#
# Uses: WORK, RECIPE, BUILD_PYTHON and the functions of the other lib files. Gives: the steps, and $WORK/python.wasm.

PYTHON_SOURCE=$WORK/python-source
PYTHON_BUILD=$WORK/python-build
GUEST_BUILD=$WORK/guest
MOUNT=/usr/local/lib/python$PYTHON_SERIES # STDLIB_FS_MOUNT

step_unpack_python() {
    if [[ -n $SOURCE ]]; then
        rm -rf "$PYTHON_SOURCE"
        mkdir -p "$PYTHON_SOURCE"
        tar --extract --file "$SOURCES/cpython.tar" --directory "$PYTHON_SOURCE" --strip-components=1 \
            --no-same-owner --no-same-permissions
    else
        unpack_debian_source "python$PYTHON_SERIES" "$PYTHON_SOURCE"
    fi
    local header=$PYTHON_SOURCE/Include/patchlevel.h version
    version=$(sed -n 's/^#define PY_VERSION *"\([^"]*\)".*/\1/p' "$header" || true)
    if [[ $version != "$PYTHON_SERIES".* ]]; then
        echo "error: the source is not CPython $PYTHON_SERIES but ${version:-something else}"
        return 1
    fi
    # Before patching: the moment of the release, for everything that would record the moment of the build.
    stat --format=%Y "$header" >"$WORK/epoch"
    apply_patches "$PYTHON_SOURCE" python
}

use_python_toolchain() {
    use_toolchain
    SOURCE_DATE_EPOCH=$(<"$WORK/epoch")
    export SOURCE_DATE_EPOCH
}

step_configure_python() {
    use_python_toolchain
    rm -rf "$PYTHON_BUILD"
    mkdir -p "$PYTHON_BUILD"
    cd "$PYTHON_BUILD"
    cat "$PYTHON_SOURCE/Tools/wasm/config.site-wasm32-wasi" "$RECIPE/config.site" >config.site
    export CONFIG_SITE=$PYTHON_BUILD/config.site
    # CPython sets the recursion limit to 600 on WASI, for debug builds on small stacks; 1000 is what programs expect.
    # By a relative name, for configure writes the name of the source folder into the interpreter.
    ../python-source/configure --host=wasm32-unknown-wasi --build="$(sh "$PYTHON_SOURCE/config.guess")" \
        --with-build-python="$BUILD_PYTHON" --prefix=/usr/local --with-pymalloc --disable-test-modules \
        --without-ensurepip --disable-ipv6 --with-tzpath="$MOUNT/zoneinfo/data" \
        CC=wasm32-wasi-clang CPP="wasm32-wasi-clang -E" AR=llvm-ar-19 RANLIB=llvm-ranlib-19 \
        OPT="-DNDEBUG -fwrapv $OPTIMISATION -Wall" CFLAGS="-Wno-int-conversion -DPy_DEFAULT_RECURSION_LIMIT=1000" \
        LDFLAGS="-Wl,-z,stack-size=$STACK_SIZE -Wl,--stack-first"
    check_modules
}

# A library that configure does not find would silently be missing from the interpreter.
check_modules() {
    local module missing=
    for module in ZLIB _BZ2 _LZMA _SQLITE3 PYEXPAT _DECIMAL _BLAKE2 _SHA3 _MD5 _SHA1 _SHA256 _SHA512; do
        grep -q "^MODULE_${module}_STATE=yes" Makefile || missing+=" $module"
    done
    if [[ -n $missing ]]; then
        echo "error: configure leaves out these modules:$missing"
        return 1
    fi
}

step_compile_python() {
    use_python_toolchain
    cd "$PYTHON_BUILD"
    make -j"$JOBS" "libpython$PYTHON_SERIES.a" Modules/_decimal/libmpdec/libmpdec.a Modules/expat/libexpat.a \
        pybuilddir.txt
}

# The guest's own C, then one module out of everything. wasm-ld is called directly: clang would call whatever wasm-opt
# the machine happens to have.
step_link() {
    use_python_toolchain
    local file wraps=()
    rm -rf "$GUEST_BUILD"
    mkdir -p "$GUEST_BUILD"
    cd "$GUEST_BUILD"
    for file in "$RECIPE"/guest/*.c; do
        wasm32-wasi-clang -std=gnu17 "$OPTIMISATION" -fwrapv -Wall -Wextra -Werror "-ffile-prefix-map=$RECIPE=." \
            -D_GNU_SOURCE -D_WASI_EMULATED_SIGNAL -I"$PYTHON_SOURCE/Include" -I"$PYTHON_SOURCE/Include/internal" \
            -I"$PYTHON_BUILD" \
            -c "$file" -o "$(basename "$file" .c).o"
    done
    mapfile -t wraps < <(grep -ho '__wrap___wasi_[a-z_]*' "$RECIPE"/guest/*.c | sort -u | sed 's/__wrap_/--wrap=/')
    wasm-ld-19 -m wasm32 -o linked.wasm ./*.o "$PYTHON_BUILD/libpython$PYTHON_SERIES.a" \
        "$PYTHON_BUILD/Modules/_decimal/libmpdec/libmpdec.a" "$PYTHON_BUILD/Modules/expat/libexpat.a" \
        -L"$LIBRARY_FOLDER" -lz -lbz2 -llzma -lsqlite3 \
        -lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks -lm -lc "$COMPILER_RUNTIME" \
        "${wraps[@]}" --stack-first -z "stack-size=$STACK_SIZE" --export=__stack_pointer
}

# The standard library, the runner, the build's own facts and the time zones, as one archive.
step_archive() {
    use_python_toolchain
    local overlay=$WORK/overlay
    rm -rf "$overlay"
    mkdir -p "$overlay/zoneinfo"
    cp -R "$WORK/zones" "$overlay/zoneinfo/data"
    cp "$RECIPE/guest/shannon_runner.py" "$overlay/_shannon_runner.py"
    "$BUILD_PYTHON" -I "$RECIPE/tools/clean_sysconfig.py" "$WORK=/usr/src" "$BUILD_PYTHON=python$PYTHON_SERIES" \
        "$PYTHON_BUILD/$(<"$PYTHON_BUILD/pybuilddir.txt")"/_sysconfigdata*.py "$overlay"
    # Not -I, which would ignore the fixed hash seed.
    "$BUILD_PYTHON" -s "$RECIPE/tools/make_archive.py" --epoch "$SOURCE_DATE_EPOCH" --output "$WORK/stdlib.archive" \
        "$PYTHON_SOURCE/Lib" "$overlay"
}

step_embed() {
    use_python_toolchain
    local options=()
    [[ -z $KEEP_NAMES ]] || options=(--keep-names)
    "$BUILD_PYTHON" -I "$RECIPE/tools/embed_archive.py" "${options[@]}" "$GUEST_BUILD/linked.wasm" \
        "$WORK/stdlib.archive" "$WORK/python.wasm"
}
