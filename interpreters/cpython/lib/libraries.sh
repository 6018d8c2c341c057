# shellcheck shell=bash disable=SC2034,SC2153,SC2164
# (variables are shared between the files build.sh sources; steps run under set -e)
#
# The libraries that are linked into the interpreter, and the time zones. Sourced by build.sh.
#
# Each library goes into the sysroot, where CPython's configure finds it as it would find a system library.
#
# Uses: WORK, OPTIMISATION, the functions of toolchain.sh and sources.sh.

# compile_objects FLAG... -- SOURCE...: compiles into the current folder.
compile_objects() {
    local flags=() file
    while [[ $1 != -- ]]; do
        flags+=("$1")
        shift
    done
    shift
    for file in "$@"; do
        wasm32-wasi-clang -w "$OPTIMISATION" "${flags[@]}" -c "$file" -o "$(basename "$file" .c).o"
    done
}

make_library() {
    local name=$1
    shift
    rm -f "$LIBRARY_FOLDER/$name"
    llvm-ar-19 rcsD "$LIBRARY_FOLDER/$name" "$@"
}

step_zlib() {
    use_toolchain
    unpack_debian_source zlib "$WORK/zlib"
    cd "$WORK/zlib"
    compile_objects -DHAVE_UNISTD_H -DHAVE_HIDDEN -- adler32.c compress.c crc32.c deflate.c infback.c inffast.c \
        inflate.c inftrees.c trees.c uncompr.c zutil.c gzclose.c gzlib.c gzread.c gzwrite.c
    make_library libz.a ./*.o
    cp zlib.h zconf.h "$HEADER_FOLDER/"
}

step_bzip2() {
    use_toolchain
    unpack_debian_source bzip2 "$WORK/bzip2"
    cd "$WORK/bzip2"
    compile_objects -- blocksort.c huffman.c crctable.c randtable.c compress.c decompress.c bzlib.c
    make_library libbz2.a ./*.o
    cp bzlib.h "$HEADER_FOLDER/"
}

step_xz() {
    use_toolchain
    unpack_debian_source xz-utils "$WORK/xz"
    apply_patches "$WORK/xz" xz
    cd "$WORK/xz"
    ./configure --host=wasm32-unknown-wasi --build="$(sh build-aux/config.guess)" \
        --disable-shared --disable-threads --disable-assembler --disable-sandbox --disable-nls --disable-doc \
        --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-lzma-links --disable-scripts \
        CC=wasm32-wasi-clang AR=llvm-ar-19 RANLIB=llvm-ranlib-19 CFLAGS="$OPTIMISATION -w"
    make -C src/liblzma -j"$JOBS"
    cp src/liblzma/.libs/liblzma.a "$LIBRARY_FOLDER/"
    cp -R src/liblzma/api/lzma src/liblzma/api/lzma.h "$HEADER_FOLDER/"
}

# SQLite's sources are assembled into one file by its own scripts, which need a C compiler and Tcl of this machine.
step_sqlite() {
    use_toolchain
    unpack_debian_source sqlite3 "$WORK/sqlite"
    apply_patches "$WORK/sqlite" sqlite
    cd "$WORK/sqlite"
    ./configure --disable-shared --disable-readline --disable-tcl CC=clang-19 CFLAGS=-O0
    make sqlite3.c BCC="clang-19 -O0"
    compile_objects "${SQLITE_OPTIONS[@]}" -include "$RECIPE/guest/sqlite_wasi.h" -- sqlite3.c
    make_library libsqlite3.a sqlite3.o
    cp sqlite3.h sqlite3ext.h "$HEADER_FOLDER/"
}

# The zones as zoneinfo reads them, without leap seconds, in the compact form.
step_timezones() {
    use_toolchain
    unpack_debian_source tzdata "$WORK/tzdata"
    cd "$WORK/tzdata"
    rm -rf "$WORK/zones"
    zic -b slim -d "$WORK/zones" "${TIME_ZONE_FILES[@]}"
    cp iso3166.tab zone.tab zone1970.tab "$WORK/zones/"
}
