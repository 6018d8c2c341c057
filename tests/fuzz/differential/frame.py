"""What every generated module has around its functions: choosing a scenario by the first argument, a running checksum,
printing it, and a hash of the memory at the end.

The first 4096 bytes of memory are this frame's: vectors for fd_write, the text of a line, and, until they have been read,
the arguments. A program may write there all the same; each line is made anew.
"""

FRAME = """
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
(import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
"""

# $see mixes a value into the checksum. A load whose value goes there cannot be left out, since every line printed and the
# exit code depend on it. NaNs are made one and the same first: WebAssembly leaves their bits open.
HELPERS = """
(global $sum (mut i64) (i64.const 0x123456789abcdef))
(global $fuel (mut i32) (i32.const 0))

(func $see (param i64)
  (global.set $sum (i64.add (i64.mul (i64.rotl (global.get $sum) (i64.const 7)) (i64.const 0x9e3779b97f4a7c15))
                            (local.get 0))))
(func $bits_f32 (param f32) (result i32) (local i32)
  (local.set 1 (i32.reinterpret_f32 (local.get 0)))
  (select (i32.const 0x7fc00000) (local.get 1)
          (i32.gt_u (i32.and (local.get 1) (i32.const 0x7fffffff)) (i32.const 0x7f800000))))
(func $bits_f64 (param f64) (result i64) (local i64)
  (local.set 1 (i64.reinterpret_f64 (local.get 0)))
  (select (i64.const 0x7ff8000000000000) (local.get 1)
          (i64.gt_u (i64.and (local.get 1) (i64.const 0x7fffffffffffffff)) (i64.const 0x7ff0000000000000))))
(func $canon_f32 (param f32) (result f32) (f32.reinterpret_i32 (call $bits_f32 (local.get 0))))
(func $canon_f64 (param f64) (result f64) (f64.reinterpret_i64 (call $bits_f64 (local.get 0))))
(func $see_i32 (param i32) (result i32) (call $see (i64.extend_i32_u (local.get 0))) (local.get 0))
(func $see_i64 (param i64) (result i64) (call $see (local.get 0)) (local.get 0))
(func $see_f32 (param f32) (result f32) (call $see (i64.extend_i32_u (call $bits_f32 (local.get 0)))) (local.get 0))
(func $see_f64 (param f64) (result f64) (call $see (call $bits_f64 (local.get 0))) (local.get 0))

(func $print (local $i i32) (local $digit i32)
  (i32.store (i32.const 16) (i32.const 64))
  (i32.store (i32.const 20) (i32.const 17))
  (i32.store8 (i32.const 80) (i32.const 10))
  (loop $digits
    (local.set $digit (i32.and (i32.wrap_i64 (i64.shr_u (global.get $sum) (i64.extend_i32_u
      (i32.sub (i32.const 60) (i32.shl (local.get $i) (i32.const 2)))))) (i32.const 15)))
    (i32.store8 (i32.add (i32.const 64) (local.get $i))
      (i32.add (local.get $digit) (select (i32.const 87) (i32.const 48) (i32.gt_u (local.get $digit) (i32.const 9)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $digits (i32.lt_u (local.get $i) (i32.const 16))))
  (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))

(func $hash_range (param $from i32) (param $to i32)
  (block $done
    (loop $more
      (br_if $done (i32.ge_u (local.get $from) (local.get $to)))
      (call $see (i64.load (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 8)))
      (br $more))))
"""

# The scenario's number is two characters, most significant first, each 48 more than its six bits.
START = """
(func (export "_start") (local $vector i32) (local $which i32)
  (drop (call $args_get (i32.const 128) (i32.const 256)))
  (local.set $vector (i32.load (i32.const 132)))
  (local.set $which (i32.or
    (i32.shl (i32.sub (i32.load8_u (local.get $vector)) (i32.const 48)) (i32.const 6))
    (i32.sub (i32.load8_u (i32.add (local.get $vector) (i32.const 1))) (i32.const 48))))
  (memory.fill (i32.const 0) (i32.const 0) (i32.const 4096))
"""


def argument(scenario):
    return chr(48 + scenario // 64) + chr(48 + scenario % 64)


def finish(module):
    """All of a small memory is hashed; of a large one the ends and the middle."""
    lines = ["(func $finish (local $size i32)",
             "  (local.set $size (i32.shl (memory.size) (i32.const 16)))",
             "  (call $see (i64.extend_i32_u (memory.size)))"]
    if module.pages <= 64:
        lines.append("  (call $hash_range (i32.const 0) (local.get $size))")
    else:
        lines.append("  (call $hash_range (i32.const 0) (i32.const 0x20000))")
        lines.append("  (call $hash_range (i32.const 0x7fff0000) (i32.const 0x80010000))")
        lines.append("  (call $hash_range (i32.sub (local.get $size) (i32.const 0x20000)) (local.get $size))")
    lines += [statement.render(1) for statement in module.hashed]
    lines.append("  (call $print)")
    lines.append("  (call $proc_exit (i32.and (i32.wrap_i64 (global.get $sum)) (i32.const 63))))")
    return "\n".join(lines)


def render(module):
    """The text of a whole module."""
    parts = ["(module", FRAME, module.declarations, HELPERS]
    parts += [function.render() for function in module.functions]
    start = [START]
    for number, scenario in enumerate(module.scenarios):
        body = "\n".join(statement.render(1) for statement in scenario)
        parts.append(f"(func $scenario{number}\n{body})")
        start.append(f"  (if (i32.eq (local.get $which) (i32.const {number})) (then (call $scenario{number})))")
    parts.append(finish(module))
    parts += [*start, "  (call $finish)))"]
    return "\n".join(parts) + "\n"
