"""The instructions of WebAssembly 1.0 with its merged extensions (sign extension, saturating truncation), by what they
take and give, and the values at which they are interesting."""
from wat import float_from_bits, integer

INTEGER_BINARY = ["add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr"]
INTEGER_DIVISION = ["div_s", "div_u", "rem_s", "rem_u"]
INTEGER_UNARY = {"i32": ["clz", "ctz", "popcnt", "extend8_s", "extend16_s"],
                 "i64": ["clz", "ctz", "popcnt", "extend8_s", "extend16_s", "extend32_s"]}
INTEGER_COMPARISON = ["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"]
FLOAT_BINARY = ["add", "sub", "mul", "div", "min", "max"]
FLOAT_UNARY = ["abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"]
FLOAT_COMPARISON = ["eq", "ne", "lt", "gt", "le", "ge"]

# (instruction, operand, result)
CONVERSIONS = [
    ("i32.wrap_i64", "i64", "i32"), ("i64.extend_i32_s", "i32", "i64"), ("i64.extend_i32_u", "i32", "i64"),
    ("f32.demote_f64", "f64", "f32"), ("f64.promote_f32", "f32", "f64"),
    ("f32.reinterpret_i32", "i32", "f32"), ("f64.reinterpret_i64", "i64", "f64"),
    *((f"{to}.convert_{of}_{sign}", of, to) for to in ("f32", "f64") for of in ("i32", "i64") for sign in "su"),
    *((f"{to}.trunc_sat_{of}_{sign}", of, to) for to in ("i32", "i64") for of in ("f32", "f64") for sign in "su"),
]
TRAPPING_CONVERSIONS = [(f"{to}.trunc_{of}_{sign}", of, to)
                        for to in ("i32", "i64") for of in ("f32", "f64") for sign in "su"]

# (instruction, type of the value, bytes)
LOADS = [("i32.load", "i32", 4), ("i32.load8_s", "i32", 1), ("i32.load8_u", "i32", 1), ("i32.load16_s", "i32", 2),
         ("i32.load16_u", "i32", 2), ("i64.load", "i64", 8), ("i64.load8_s", "i64", 1), ("i64.load8_u", "i64", 1),
         ("i64.load16_s", "i64", 2), ("i64.load16_u", "i64", 2), ("i64.load32_s", "i64", 4), ("i64.load32_u", "i64", 4),
         ("f32.load", "f32", 4), ("f64.load", "f64", 8)]
STORES = [("i32.store", "i32", 4), ("i32.store8", "i32", 1), ("i32.store16", "i32", 2), ("i64.store", "i64", 8),
          ("i64.store8", "i64", 1), ("i64.store16", "i64", 2), ("i64.store32", "i64", 4), ("f32.store", "f32", 4),
          ("f64.store", "f64", 8)]

# By result type: (instruction, operand types); none of these traps.
PURE = {kind: [] for kind in ("i32", "i64", "f32", "f64")}
for _kind in ("i32", "i64"):
    PURE[_kind] += [(f"{_kind}.{name}", (_kind, _kind)) for name in INTEGER_BINARY]
    PURE[_kind] += [(f"{_kind}.{name}", (_kind,)) for name in INTEGER_UNARY[_kind]]
    PURE["i32"] += [(f"{_kind}.{name}", (_kind, _kind)) for name in INTEGER_COMPARISON] + [(f"{_kind}.eqz", (_kind,))]
for _kind in ("f32", "f64"):
    PURE[_kind] += [(f"{_kind}.{name}", (_kind, _kind)) for name in FLOAT_BINARY + ["copysign"]]
    PURE[_kind] += [(f"{_kind}.{name}", (_kind,)) for name in FLOAT_UNARY]
    PURE["i32"] += [(f"{_kind}.{name}", (_kind, _kind)) for name in FLOAT_COMPARISON]
for _name, _operand, _result in CONVERSIONS:
    PURE[_result].append((_name, (_operand,)))
PURE["i32"].append(("i32.reinterpret_f32", ("f32",)))
PURE["i64"].append(("i64.reinterpret_f64", ("f64",)))

INTEGERS = {
    "i32": [0, 1, 2, -1, -2, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000,
            0x7fffffff, 0x80000000, 0x80000001, 0xfffffff0, 0x12345678, 0xdeadbeef],
    "i64": [0, 1, 2, -1, -2, 31, 32, 33, 63, 64, 65, 127, 128, 255, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
            0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001, 0x123456789abcdef,
            0xdeadbeefcafebabe],
}
# Bits: zeros, least and largest of normal and subnormal numbers, halves, NaNs of both kinds, and the ends of the integer
# types with their neighbours.
FLOATS = {
    "f32": [0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
            0x7fc00000, 0xffc00000, 0x7f800001, 0x7fa00000, 0xffbfffff, 0x3f800000, 0xbf800000, 0x3f000000, 0xbf000000,
            0x3effffff, 0xbf7fffff, 0x3fc00000, 0x40200000, 0xc0200000, 0x4b000001, 0x4f000000, 0xcf000000, 0xcf000001, 0x4effffff,
            0x4f800000, 0x4f7fffff, 0x5f000000, 0xdf000000, 0xdf000001, 0x5effffff, 0x5f800000, 0x5f7fffff, 0x3dcccccd,
            0x40490fdb],
    "f64": [0, 1 << 63, 1, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff,
            0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001,
            0x7ff4000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x3fe0000000000000, 0xbfe0000000000000,
            0x3fdfffffffffffff, 0xbfefffffffffffff, 0x3ff8000000000000, 0x4004000000000000, 0x4330000000000001,
            0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000200000, 0xc1e00000001fffff,
            0xc1dfffffffffffff, 0x41efffffffe00000, 0x41efffffffffffff, 0x41f0000000000000, 0x43e0000000000000,
            0x43dfffffffffffff, 0xc3e0000000000000, 0xc3e0000000000001, 0x43f0000000000000, 0x43efffffffffffff,
            0x47efffffe0000000, 0x47effffff0000000, 0x36a0000000000000, 0x3690000000000000, 0x3fb999999999999a,
            0x400921fb54442d18],
}


def interesting(kind):
    """The constants of a type that are worth trying, as Nodes."""
    if kind in INTEGERS:
        return [integer(kind, value) for value in INTEGERS[kind]]
    return [float_from_bits(kind, bits) for bits in FLOATS[kind]]
