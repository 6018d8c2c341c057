"""`shannon wasi` with small modules: arguments, exit status, limits, and each of WebAssembly's traps."""
import resource
import subprocess
import sys

import pytest

from cli_support import IMPORTS, PROGRAM, environment, module, module_cache, start, wasi  # noqa: F401 (fixtures)


def print_bytes(address, size):
    """Instructions that write guest memory to standard output."""
    return (f"(i32.store (i32.const 0) (i32.const {address})) (i32.store (i32.const 4) (i32.const {size}))"
            "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))")


# ---- ordinary endings ----

def test_return_from_start(wasi):
    result = wasi("wasi", start(""))
    assert (result.status, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("code", [0, 1, 2, 7, 124, 127, 134, 137, 255])
def test_exit_code_arrives(wasi, code):
    assert wasi("wasi", start(f"(call $exit (i32.const {code}))")).status == code


def test_exit_code_of_more_than_a_byte_is_not_success(wasi):
    assert wasi("wasi", start("(call $exit (i32.const 256))")).status == 1
    assert wasi("wasi", start("(call $exit (i32.const -1))")).status == 255


def test_output(wasi):
    result = wasi("wasi", module(f'(data (i32.const 64) "Hello\\0a") (func (export "_start") {print_bytes(64, 6)})'))
    assert (result.status, result.stdout) == (0, "Hello\n")


ECHO_ARGUMENTS = """(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 16) (i32.const 20)))
    (drop (call $get (i32.const 1024) (i32.const 4096)))
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.load (i32.const 20)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""


def test_arguments(wasi):
    path = module(ECHO_ARGUMENTS)
    result = wasi("wasi", path, "one", "--two", "", "dr\u00f6i")
    assert result.status == 0
    assert result.stdout.split("\0") == [str(path), "one", "--two", "", "dr\u00f6i", ""]


def test_start_function_runs_first(wasi):
    text = f"""(data (i32.const 64) "start main\\0a")
        (func $init {print_bytes(64, 6)}) (start $init)
        (func (export "_start") {print_bytes(70, 5)})"""
    assert wasi("wasi", module(text)).stdout == "start main\n"


# ---- traps ----

TRAPS = {
    "unreachable": "unreachable",
    "integer divide by zero": "(drop (i32.div_s (i32.const 1) (i32.load (i32.const 0))))",
    "integer overflow": "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
    "invalid conversion to integer": "(drop (i32.trunc_f32_s (f32.const nan)))",
    "out of bounds memory access": "(drop (i32.load (i32.const 65536)))",
}

MORE_TRAPS = [
    ("out of bounds memory access", "(i32.store (i32.const 65533) (i32.const 1))"),
    ("out of bounds memory access", "(drop (i64.load (i32.const 65529)))"),
    ("out of bounds memory access", "(drop (i32.load8_u (i32.const -1)))"),
    ("out of bounds memory access", "(drop (i32.load offset=0xffffffff (i32.const -1)))"),
    ("out of bounds memory access", "(i64.store offset=0xffffffff (i32.const 0x7fffffff) (i64.const 1))"),
    ("out of bounds memory access", "(memory.fill (i32.const 65000) (i32.const 0) (i32.const 1000))"),
    ("out of bounds memory access", "(memory.copy (i32.const 0) (i32.const 65000) (i32.const 1000))"),
    ("out of bounds memory access", "(memory.copy (i32.const -1) (i32.const 0) (i32.const -1))"),
    ("integer divide by zero", "(drop (i64.rem_u (i64.const 1) (i64.const 0)))"),
    ("integer overflow", "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))"),
    ("integer overflow", "(drop (i64.trunc_f64_u (f64.const 1e30)))"),
    ("integer overflow", "(drop (i32.trunc_f64_s (f64.const 2147483648)))"),
]


@pytest.mark.parametrize("name, body", [*TRAPS.items(), *MORE_TRAPS])
def test_trap_is_named(wasi, name, body):
    result = wasi("wasi", start(body))
    assert (result.status, result.stdout) == (134, ""), result
    assert f"WebAssembly trap: {name}" in result.stderr


@pytest.mark.parametrize("body", [
    "(call_indirect (i32.const 0))",  # a null element
    "(call_indirect (i32.const 1))",  # of another type
    "(call_indirect (i32.const 2))",  # beyond the table
    "(call_indirect (i32.const -1))",
])
def test_indirect_call_traps(wasi, body):
    text = f"""(table 2 funcref) (elem (i32.const 1) $other) (func $other (param i32))
        (func (export "_start") {body})"""
    result = wasi("wasi", module(text))
    assert result.status == 134
    assert "indirect call" in result.stderr


@pytest.mark.parametrize("expected, given", [("funcref", "extern"), ("externref", "func")])
def test_indirect_call_with_a_reference_of_another_type(wasi, expected, given):
    """The two are passed differently: what the function would see is whatever the host's stack holds."""
    text = f"""(table 1 funcref) (elem (i32.const 0) $f)
        (func $f (param {expected}) (result i32) (ref.is_null (local.get 0)))
        (func (export "_start")
          (drop (call_indirect (param {given}ref) (result i32) (ref.null {given}) (i32.const 0))))"""
    result = wasi("wasi", module(text))
    assert result.status == 134, result
    assert "indirect call" in result.stderr


@pytest.mark.parametrize("text", [
    '(func $f (call $f)) (func (export "_start") (call $f))',
    '(func $f (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64) (i64.add (i64.const 1) (call $f (local.get 0) (local.get 1)'
    ' (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7))))'
    '(func (export "_start") (drop (call $f (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)'
    ' (i64.const 1) (i64.const 1) (i64.const 1))))',
    '(table 1 funcref) (elem (i32.const 0) $f) (func $f (call_indirect (i32.const 0)) (call_indirect (i32.const 0)))'
    '(func (export "_start") (call $f))',
], ids=["empty", "arithmetic", "indirect"])
def test_recursion_without_end(wasi, text):
    """The compiler may make a loop of the first form: then the time limit ends it."""
    result = wasi("wasi", "--timeout", "3s", module(text))
    assert result.status in (124, 134), result
    if result.status == 134:
        assert "stack is exhausted" in result.stderr


def test_trap_after_output_keeps_the_output(wasi):
    text = f'(data (i32.const 64) "before\\0a") (func (export "_start") {print_bytes(64, 7)} unreachable)'
    result = wasi("wasi", module(text))
    assert (result.status, result.stdout) == (134, "before\n")


def test_trap_in_the_start_function(wasi):
    result = wasi("wasi", module('(func $init unreachable) (start $init) (func (export "_start"))'))
    assert result.status == 134, result
    assert "unreachable" in result.stderr


@pytest.mark.parametrize("body", [
    "(drop (i32.load (i32.const -1)))",
    "(i32.load (i32.const -1)) (i32.const 1) drop drop",
    "(block (i64.load8_u (i32.const -1)) (br 0))",
    "(drop (block (result i32) (f32.load (i32.const -1)) (br 0 (i32.const 5))))",
    "(drop (block (result i32) (i64.const 1) (br 0 (i32.load (i32.const -1)))))",
    "(drop (block (result i32) (i32.load (i32.const -1))))",
    "(i32.load (i32.const -1)) (i32.const 1) (return)",
    "(i32.load (i32.const -1)) (i64.const 1) (i64.const 1) (call $exit (i64.ne)) drop",
])
def test_load_that_is_only_dropped_traps(wasi, body):
    result = wasi("wasi", start(body))
    assert result.status == 134, result
    assert "out of bounds memory access" in result.stderr


# ---- what must not trap ----

def test_accesses_at_the_edge(wasi):
    body = """(i32.store (i32.const 65532) (i32.const 7))
        (if (i32.ne (i32.load (i32.const 65532)) (i32.const 7)) (then unreachable))
        (i64.store offset=65521 align=1 (i32.const 0) (i64.const -2))
        (if (i64.ne (i64.load offset=65521 align=1 (i32.const 0)) (i64.const -2)) (then unreachable))
        (i32.store (i32.const 0) (i32.const 9))
        (if (i32.ne (i32.load (i32.const 0)) (i32.const 9)) (then unreachable))
        (if (i32.ne (i32.trunc_sat_f32_s (f32.const nan)) (i32.const 0)) (then unreachable))
        (if (i32.ne (i32.rem_s (i32.const 0x80000000) (i32.const -1)) (i32.const 0)) (then unreachable))
        (memory.fill (i32.const 65536) (i32.const 1) (i32.const 0))
        (call $exit (i32.const 3))"""
    assert wasi("wasi", start(body)).status == 3


def test_numbers_are_those_of_the_specification(wasi):
    """Where C leaves something open or does it otherwise."""
    checks = [
        ("i32.ne", "(i32.shl (i32.const 1) (i32.const 33))", "(i32.const 2)"),
        ("i32.ne", "(i32.shr_s (i32.const -8) (i32.const 33))", "(i32.const -4)"),
        ("i64.ne", "(i64.shl (i64.const 1) (i64.const 65))", "(i64.const 2)"),
        ("i32.ne", "(i32.rotl (i32.const 0x80000001) (i32.const 0))", "(i32.const 0x80000001)"),
        ("i32.ne", "(i32.clz (i32.const 0))", "(i32.const 32)"),
        ("i64.ne", "(i64.ctz (i64.const 0))", "(i64.const 64)"),
        ("i32.ne", "(i32.add (i32.const 0x7fffffff) (i32.const 1))", "(i32.const 0x80000000)"),
        ("i32.ne", "(i32.reinterpret_f32 (f32.min (f32.const 0) (f32.const -0)))", "(i32.const 0x80000000)"),
        ("i64.ne", "(i64.reinterpret_f64 (f64.nearest (f64.const 2.5)))", "(i64.reinterpret_f64 (f64.const 2))"),
        ("f64.ne", "(f64.sub (f64.mul (f64.const 1.0000000000000002) (f64.const 1.0000000000000002))"
                   " (f64.const 1.0000000000000004))", "(f64.const 0)"),  # not fused
        ("f64.ne", "(f64.convert_i64_u (i64.const -1))", "(f64.const 18446744073709551616)"),
        ("i32.ne", "(i32.extend8_s (i32.const 0x80))", "(i32.const -128)"),
    ]
    body = "".join(f"(if ({compare} {left} {right}) (then (call $exit (i32.const {number}))))"
                   for number, (compare, left, right) in enumerate(checks, 10))
    assert wasi("wasi", start(body)).status == 0


def test_reference_to_a_function(wasi):
    """As a value, as a global's first value, and as a passive segment's."""
    text = """(table $t 3 funcref) (elem declare func $a) (elem $e func $c)
        (global $g funcref (ref.func $b))
        (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2)) (func $c (result i32) (i32.const 4))
        (func (export "_start")
          (table.set $t (i32.const 0) (ref.func $a))
          (table.set $t (i32.const 1) (global.get $g))
          (table.init $t $e (i32.const 2) (i32.const 0) (i32.const 1))
          (call $exit (i32.add (i32.add (call_indirect $t (result i32) (i32.const 0))
                                        (call_indirect $t (result i32) (i32.const 1)))
                               (call_indirect $t (result i32) (i32.const 2)))))"""
    assert wasi("wasi", module(text)).status == 7


def test_function_whose_name_looks_like_an_instruction(wasi):
    """wasm2c names a function after its export."""
    names = ["_load", "i32_load", "_store", "TRAP", "CALL_INDIRECT", "DIV_S", "memory_fill", "i64_load_kept"]
    functions = "".join(f'(func $f{i} (export "{name}") (param i32) (result i32)'
                        f' (global.set $n (i32.add (global.get $n) (i32.const 1))) (local.get 0))'
                        for i, name in enumerate(names))
    calls = "".join(f"(drop (call $f{i} (i32.const 0)))" for i in range(len(names)))
    text = f'(global $n (mut i32) (i32.const 0)) {functions} (func (export "_start") {calls} (call $exit (global.get $n)))'
    assert wasi("wasi", module(text)).status == len(names)


def test_exports_with_the_names_of_segments(wasi):
    """wasm2c numbers its own names, and evades one that an export has taken."""
    names = ["e0", "T0", "g0", "i0", "j0", "B0", "L0", "f0", "p0", "l0"]
    others = "".join(f'(func (export "{name}") (param i32) (result i32) (i32.load8_u (local.get 0)))' for name in names)
    others += '(global (export "d1") i32 (i32.const 1)) (table (export "d2") 1 funcref) (global (export "d3_0") i32 (i32.const 1))'
    text = f"""(data (i32.const 8) "") (data (i32.const 8) "\\01") (data $p "\\02") (data (i32.const 9) "\\04") {others}
        (func (export "_start")
          (memory.init $p (i32.const 10) (i32.const 0) (i32.const 1))
          (call $exit (i32.add (i32.add (i32.load8_u (i32.const 8)) (i32.load8_u (i32.const 10)))
                               (i32.load8_u (i32.const 9)))))"""
    assert wasi("wasi", module(text)).status == 7


def test_several_results(wasi):
    text = """(func $pair (param i32) (result i32 i64) (local.get 0) (i64.const 5))
        (func (export "_start") (local i64)
          (call $pair (i32.const 4)) (local.set 0)
          (i32.wrap_i64 (local.get 0)) (i32.add) (i32.const 9) (i32.ne)
          (if (then unreachable)))"""
    assert wasi("wasi", module(text)).status == 0


def test_large_branch_table(wasi):
    blocks = "".join(f"(block $b{i} " for i in range(300))
    table = " ".join(f"$b{i}" for i in range(300))
    ends = "".join(f") (call $exit (i32.const {i % 200}))" for i in range(299, -1, -1))
    text = f'(func (export "_start") {blocks} (br_table {table} (i32.const 7)) {ends})'
    assert wasi("wasi", module(text)).status == 7


# ---- limits ----

@pytest.mark.parametrize("body", ["(loop (br 0))", "(loop $a (br_if $a (i32.eqz (i32.load (i32.const 0)))))"])
def test_endless_loop(wasi, body):
    result = wasi("wasi", "--timeout", "300ms", start(body))
    assert result.status == 124
    assert "Execution timeout" in result.stderr


GROW = """(func (export "_start")
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (if (i32.gt_u (memory.size) (i32.const 1024)) (then unreachable))
    (call $exit (memory.size)))"""


def test_memory_cannot_grow_beyond_its_limit(wasi):
    """64 pages of 64 KiB; what is refused is refused to the module, which goes on."""
    assert wasi("wasi", "--memory", "4M", module(GROW)).status == 49


def test_trap_after_growth_that_the_module_itself_forbids(wasi):
    """A module may try to grow beyond its own maximum; the memory limit has no part in that."""
    text = f"""(module {IMPORTS} (memory (export "memory") 1 2)
        (func (export "_start") (if (i32.ne (memory.grow (i32.const 5)) (i32.const -1)) (then (call $exit (i32.const 3))))
          unreachable))"""
    result = wasi("wasi", module(text))
    assert result.status == 134, result
    assert "unreachable" in result.stderr


def test_memory_that_the_module_needs_at_its_start(wasi):
    text = '(module (memory (export "memory") 100) (func (export "_start")))'
    assert wasi("wasi", "--memory", "8M", module(text)).status == 0
    result = wasi("wasi", "--memory", "4M", module(text))
    assert result.status == 137
    assert "Memory limit exceeded" in result.stderr


def test_new_memory_is_zero_and_usable(wasi):
    body = """(drop (memory.grow (i32.const 10)))
        (if (i32.load (i32.const 700000)) (then unreachable))
        (i32.store (i32.const 720892) (i32.const 5))
        (call $exit (i32.load (i32.const 720892)))"""
    assert wasi("wasi", start(body)).status == 5


def peak_of(words):
    """The exit status and the largest resident set of a run and its children, in bytes."""
    code = ("import resource, subprocess, sys\n"
            "status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode\n"
            "print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)\n")
    output = subprocess.run([sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE, check=True,
                            env=environment(SHANNON_CACHE_DIR=peak_of.cache), timeout=120).stdout
    status, peak = output.split()
    return int(status), int(peak)


@pytest.mark.parametrize("text", [
    # One element at a time: the arrays that are left behind must not add up.
    """(module (memory (export "memory") 1) (table $t 1 funcref)
       (func (export "_start") (local i32)
         (loop $more
           (local.set 0 (i32.add (local.get 0) (i32.const 1)))
           (br_if $more (i32.and (i32.lt_u (local.get 0) (i32.const 40000))
                                 (i32.ne (table.grow $t (ref.null func) (i32.const 1)) (i32.const -1)))))))""",
    # As many as it gets, in many tables.
    "(module (memory (export \"memory\") 1)" + "".join(f"(table $t{i} 1 externref)" for i in range(200))
    + "(func (export \"_start\")" + "".join(f"(drop (table.grow $t{i} (ref.null extern) (i32.const 900000)))"
                                            for i in range(200)) + "))",
], ids=["growing often", "many tables"])
def test_tables_are_no_way_around_the_memory_limit(wasi, module_cache, text):
    path = module(text)
    assert wasi("wasi", "--memory", "1M", path).status in (0, 134)  # translated now
    peak_of.cache = module_cache
    status, peak = peak_of([PROGRAM, "wasi", "--memory", "1M", path])
    assert status in (0, 134)
    assert peak < 150 << 20


def test_resource_limits_of_the_caller(wasi):
    """A small stack limit of the caller is not the guest's."""
    result = wasi("wasi", start("(call $exit (i32.const 4))"),
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, 256 << 10)))
    assert result.status == 4


def test_address_space_limit_of_the_caller(wasi):
    path = start("(call $exit (i32.const 4))")
    assert wasi("wasi", path).status == 4
    result = wasi("wasi", path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)))
    assert result.status == 125
    assert "ulimit -v" in result.stderr


# ---- a module that is none ----

def test_no_module(wasi):
    result = wasi("wasi")
    assert (result.status, result.stdout) == (125, "")
    assert "no module" in result.stderr


def test_missing_module(wasi):
    result = wasi("wasi", "missing.wasm")
    assert result.status == 127
    assert "missing.wasm" in result.stderr


def test_python_as_a_wasi_command(wasi):
    """python.wasm is an ordinary command too; see the guide's direct test."""
    from cli_support import INTERPRETER, Shannon
    usual_cache = Shannon(wasi.folder)
    result = usual_cache("wasi", INTERPRETER, "-c", "import sys; exec(sys.stdin.read())", input='print("Test")')
    assert (result.status, result.stdout) == (0, "Test\n")
    result = usual_cache("wasi", INTERPRETER, "-V")
    assert result.stdout.startswith("Python 3.")
