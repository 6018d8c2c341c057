"""Modules that are not random: every instruction at the values where it is delicate, once with operands that the compiler
cannot know and once with constants that it folds; every access at the edge of memory; bulk operations of length 0 at and
beyond the end; each trap in a scenario of its own."""
import functools
import random
import struct

from operators import (FLOATS, INTEGERS, INTEGER_DIVISION, LOADS, PURE, STORES, TRAPPING_CONVERSIONS, interesting)
from wat import Function, Module, Node, float_from_bits, get_local, integer, set_local

PAGE = 65536
# Where the interesting values of each type lie in memory, eight bytes each.
VALUES = {"i32": 0x2000, "i64": 0x3000, "f32": 0x4000, "f64": 0x5000}
SMALL = {"i32": [0, 1, -1, 2, 0x80000000, 0x7fffffff], "i64": [0, 1, -1, 2, 1 << 63, (1 << 63) - 1]}
EXACT = ("neg", "abs", "copysign")  # a NaN's bits are not open
SPARE = 0x8000  # an address at which nothing else is


def little(value, size):
    return "".join(f"\\{byte:02x}" for byte in (value & (1 << 8 * size) - 1).to_bytes(size, "little"))


def values(kind):
    return INTEGERS.get(kind) or FLOATS[kind]


def declarations(pages=1, maximum=None, more=""):
    lines = [f'(memory (export "memory") {pages} {"" if maximum is None else maximum})']
    for kind, address in VALUES.items():
        lines.append(f'(data (i32.const {address}) "{"".join(little(value, 8) for value in values(kind))}")')
    return "\n".join(lines) + more


def unknown(kind, place):
    """A value that only memory knows."""
    return Node(f"{kind}.load", kind, [f"offset={VALUES[kind]}"], [place])


def see(node):
    if node.op.endswith(EXACT):
        result = "i" + node.type[1:]
        node = Node(f"{result}.reinterpret_{node.type}", result, (), [node])
    return Node("drop", "", (), [Node("call", node.type, [f"$see_{node.type}"], [node])])


def scenario(*nodes):
    return [*nodes, Node("call", "", ["$print"])]


def loop(counter, count, body):
    variable = get_local(counter, "i32")
    step = set_local(counter, Node("i32.add", "i32", (), [variable, integer("i32", 8)]))
    more = Node("br_if", "", [f"$loop{counter[1:]}"], [Node("i32.lt_u", "i32", (), [variable, integer("i32", 8 * count)])])
    return [set_local(counter, integer("i32", 0)), Node("loop", "", [f"$loop{counter[1:]}"], [*body, step, more])]


def function(name, body, locals_=("i32", "i32", "i32")):
    return Function(name, [], [], Node("body", None, (), body), list(locals_))


def call(name):
    return Node("call", "", [f"${name}"])


# ---- numbers ----

def raw(name, operands):
    """reinterpret shows the bits of what it is given, which here is never made by arithmetic."""
    result = next(kind for kind, rows in PURE.items() if (name, tuple(node.type for node in operands)) in rows)
    return Node(name, result, (), operands)


def numbers():
    """One scenario an instruction: all combinations of the interesting values, then some of them as constants."""
    rng = random.Random(1)
    functions, scenarios = [], []
    for name, operands in (row for rows in PURE.values() for row in rows):
        label = f"n{len(functions)}"
        body = see(raw(name, [unknown(kind, get_local(f"$l{i}", "i32")) for i, kind in enumerate(operands)]))
        nested = [body]
        for i in reversed(range(len(operands))):
            nested = loop(f"$l{i}", len(values(operands[i])), nested)
        folded = [see(raw(name, [rng.choice(interesting(kind)) for kind in operands])) for _ in range(10)]
        functions.append(function(label, [*nested, *folded]))
        scenarios.append(scenario(call(label)))
    return Module(declarations(), functions, scenarios)


def fused():
    """a * b + c, which must be rounded twice, and sums whose order matters."""
    rng = random.Random(2)
    functions, scenarios = [], []
    for kind in ("f32", "f64"):
        nodes = []
        for _ in range(40):
            a, b, c = (float_from_bits(kind, rng.choice([rng.getrandbits(int(kind[1:])), near_one(kind, rng)])) for _ in range(3))
            places = [integer("i32", SPARE + 8 * i) for i in range(3)]
            nodes += [Node(f"{kind}.store", "", (), [place, value]) for place, value in zip(places, (a, b, c))]
            x, y, z = (Node(f"{kind}.load", kind, (), [place]) for place in places)
            product = Node(f"{kind}.mul", kind, (), [x, y])
            for other in ("add", "sub"):
                nodes.append(see(Node(f"{kind}.{other}", kind, (), [product, z])))
                nodes.append(see(Node(f"{kind}.{other}", kind, (), [z, product])))
            nodes.append(see(Node(f"{kind}.add", kind, (), [Node(f"{kind}.add", kind, (), [x, z]), y])))
            nodes.append(see(Node(f"{kind}.div", kind, (), [x, y])))
        functions.append(function(f"fused_{kind}", nodes))
        scenarios.append(scenario(call(f"fused_{kind}")))
    return Module(declarations(), functions, scenarios)


def near_one(kind, rng):
    return (0x3f800000 | rng.getrandbits(23)) if kind == "f32" else (0x3ff0000000000000 | rng.getrandbits(52))


# ---- numbers that trap ----

def divisions():
    """(node of constants, node of unknowns, whether it traps) of each division."""
    for kind, small in SMALL.items():
        bits = int(kind[1:])
        for name in INTEGER_DIVISION:
            for left in small:
                for right in small:
                    traps = right == 0 or (name == "div_s" and right == -1 and left == 1 << (bits - 1))
                    yield f"{kind}.{name}", [integer(kind, left), integer(kind, right)], kind, traps


def truncations():
    for name, operand, result in TRAPPING_CONVERSIONS:
        bits, signed = int(result[1:]), name.endswith("_s")
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        for pattern in FLOATS[operand]:
            value = struct.unpack("<f" if operand == "f32" else "<d", pattern.to_bytes(int(operand[1:]) // 8, "little"))[0]
            traps = value != value or value in (float("inf"), float("-inf")) or not low <= int(value) <= high
            yield name, [float_from_bits(operand, pattern)], result, traps


def hidden(nodes):
    """Statements that put constants into memory, and loads of them."""
    stores, loads = [], []
    for i, node in enumerate(nodes):
        place = integer("i32", SPARE + 8 * i)
        whole = "i" + node.type[1:]
        if node.type[0] == "f":
            source = Node(f"{whole}.reinterpret_{node.type}", whole, (), [node])
        else:
            source = node
        stores.append(Node(f"{whole}.store", "", (), [place, source]))
        loads.append(Node(f"{node.type}.load", node.type, (), [place]))
    return stores, loads


def trapping_numbers():
    functions, scenarios, fine = [], [], []
    for name, operands, result, traps in [*divisions(), *truncations()]:
        stores, loads = hidden(operands)
        constant = Node(name, result, (), operands)
        computed = Node(name, result, (), loads)
        if not traps:
            fine += [see(constant), *stores, see(computed)]
            continue
        # What traps must do so whether or not its value is wanted, and whether or not it is known.
        scenarios.append(scenario(call("print"), *stores, see(computed)))
        if len(scenarios) % 4 == 0:
            scenarios.append(scenario(Node("drop", "", (), [constant])))
        if len(scenarios) % 4 == 2:
            scenarios.append(scenario(*stores, Node("drop", "", (), [computed])))
    for i in range(0, len(fine), 60):
        functions.append(function(f"fine{i}", fine[i:i + 60]))
        scenarios.append(scenario(call(f"fine{i}")))
    return Module(declarations(), functions, scenarios)


# ---- memory ----

def places(width):
    """(address, offset) around the end of one page and where 32 bits would wrap."""
    end = PAGE - width
    return [(end, 0), (0, end), (end - 5, 5), (end + 1, 0), (0, end + 1), (end - 5, 6), (PAGE, 0), (0, PAGE), (-1, 0), (-1, 1),
            (-width, width), (-width, 2 * width), (0, 0xffffffff), (1, 0xffffffff), (-1, 0xffffffff), (0x80000000, 0x80000000),
            (0x80000000, 0), (0, 0x80000000), (0x7fffffff, 0x7fffffff), (8, 0xfffffff8), (SPARE, 0xffff8000)]


def dropped(node):
    return Node("drop", "", (), [node])


def dropped_below(node):
    return Node("seq", "", (), [node, integer("i64", 1), Node("drop", ""), Node("drop", "")])


def discarded(node):
    return Node("block", "", ["$out"], [node, integer("i32", 1), Node("br", "", ["$out"])])


def accesses():
    scenarios = []
    rng = random.Random(3)
    for name, kind, width in [*LOADS, *STORES]:
        natural = width.bit_length() - 1
        fine = []
        for number, (address, offset) in enumerate(places(width)):
            words = [f"offset={offset}", f"align={1 << rng.randrange(natural + 1)}"]
            stores, loads = hidden([integer("i32", address)])
            forms = [[integer("i32", address)], [*stores, loads[0]]]
            for *before, where in forms if number < 7 else [forms[len(scenarios) % 2]]:
                if "store" in name:
                    node = Node(name, "", words, [where, rng.choice(interesting(kind))])
                else:
                    node = Node(name, kind, words, [where])
                    node = see(node) if rng.random() < 0.5 else rng.choice([dropped, dropped_below, discarded])(node)
                if (address & 0xffffffff) + offset + width <= PAGE:
                    fine += [*before, node]
                else:
                    scenarios.append(scenario(call("print"), *before, node))
        scenarios.append(scenario(*fine))
    return Module(declarations(), [], [*scenarios, *unaligned()])


def unaligned():
    """Every width at every misalignment, with the greatest hint that is allowed."""
    scenarios = []
    for name, kind, width in LOADS:
        nodes = [see(Node(name, kind, [f"offset={VALUES['i64']}", f"align={width}"], [integer("i32", i)])) for i in range(40)]
        scenarios.append(scenario(*nodes))
    for name, kind, width in STORES:
        nodes = []
        for i, value in enumerate(interesting(kind)):
            nodes.append(Node(name, "", [f"offset={i}", f"align={width}"], [integer("i32", SPARE + 7 * i), value]))
        scenarios.append(scenario(*nodes))
    return scenarios


def lengths(size):
    """(start, length) around `size`."""
    return [(size, 0), (size + 1, 0), (-1, 0), (0, size), (1, size), (0, size + 1), (size - 1, 1), (size - 1, 2), (-1, 1), (-1, -1),
            (0, -1), (size, -1), (1, -1)]


def integers(*numbers_):
    return [integer("i32", number) for number in numbers_]


def bulk():
    size, segment, table = PAGE, 20, 10
    scenarios = []
    for start, length in lengths(size):
        scenarios.append(scenario(Node("memory.fill", "", (), integers(start, 0x1a7, length))))
        scenarios.append(scenario(Node("memory.copy", "", (), integers(start, 0, length))))
        scenarios.append(scenario(Node("memory.copy", "", (), integers(0, start, length))))
        scenarios.append(scenario(Node("memory.init", "", ["$passive"], integers(start, 0, length))))
    for start, length in lengths(segment):
        scenarios.append(scenario(Node("memory.init", "", ["$passive"], integers(SPARE, start, length))))
        scenarios.append(scenario(Node("data.drop", "", ["$passive"]),
                                  Node("memory.init", "", ["$passive"], integers(SPARE, start, length))))
        scenarios.append(scenario(Node("data.drop", "", ["$active"]),
                                  Node("memory.init", "", ["$active"], integers(SPARE, start, length))))
    for start, length in lengths(0):
        scenarios.append(scenario(Node("memory.init", "", ["$empty"], integers(SPARE, start, length))))
    for distance in (-9, -8, -1, 0, 1, 8, 9):
        scenarios.append(scenario(Node("memory.copy", "", (), integers(0x3000 + distance, 0x3000, 160))))
    for start, length in lengths(table):
        null = Node("ref.null", "funcref", ["func"])
        scenarios.append(scenario(Node("table.fill", "", ["$t"], [integer("i32", start), null, integer("i32", length)])))
        scenarios.append(scenario(Node("table.copy", "", ["$t", "$t"], integers(start, 0, length))))
        scenarios.append(scenario(Node("table.copy", "", ["$t", "$t"], integers(0, start, length))))
        scenarios.append(scenario(Node("table.init", "", ["$t", "$some"], integers(start, 0, length))))
        scenarios.append(scenario(Node("table.get", "", ["$t"], integers(start)), Node("drop", "")))
        scenarios.append(scenario(Node("table.set", "", ["$t"], [integer("i32", start), null])))
    for start, length in lengths(4):
        scenarios.append(scenario(Node("table.init", "", ["$t", "$some"], integers(2, start, length))))
        scenarios.append(scenario(Node("elem.drop", "", ["$some"]), Node("table.init", "", ["$t", "$some"], integers(2, start, length))))
    scenarios += [grown(steps) for steps in ([0], [1], [0, 1, 0, 1, 0, 1, 1, 0], [2], [3], [65535], [65536], [-1], [0x80000000], [1, -1, 1])]
    more = (f'\n(data $passive "{"".join(little(i * 37, 1) for i in range(segment))}")'
            f'\n(data $active (i32.const {PAGE - 4}) "\\01\\02\\03\\04") (data $empty "")'
            f'\n(table $t {table} 12 funcref) (elem (table $t) (i32.const 0) func $one $two $one)'
            '\n(elem $some func $two $one $one $two)'
            '\n(func $one (result i32) (i32.const 1)) (func $two (result i64) (i64.const 2))')
    return Module(declarations(1, 3, more), [], scenarios)


def grown(steps):
    """Grows memory and a table step by step; uses the last byte and element, and in the end what lies behind them."""
    nodes = []
    for step in steps:
        nodes.append(see(Node("memory.grow", "i32", (), integers(step))))
        nodes.append(see(Node("table.grow", "i32", ["$t"], [Node("ref.func", "funcref", ["$two"]), integer("i32", step)])))
        nodes += [see(Node("memory.size", "i32")), see(Node("table.size", "i32", ["$t"])), call("print")]
        end = Node("i32.shl", "i32", (), [Node("memory.size", "i32"), integer("i32", 16)])
        last = Node("i32.sub", "i32", (), [end, integer("i32", 1)])
        nodes += [see(Node("i32.load8_u", "i32", (), [last])), Node("i32.store8", "", (), [last, integer("i32", 0x5a)])]
        nodes += [see(Node("i32.load8_u", "i32", (), [last])), Node("memory.fill", "", (), [last, *integers(step, 1)])]
        element = Node("i32.sub", "i32", (), [Node("table.size", "i32", ["$t"]), integer("i32", 1)])
        nodes.append(see(Node("ref.is_null", "i32", (), [Node("table.get", "funcref", ["$t"], [element])])))
    return scenario(*nodes, call("print"), Node("i64.store", "", ["offset=1"], [last, integer("i64", -1)]))


# ---- calls ----

def calls():
    """Indirect calls of each type of function with each type."""
    kinds = ["", "(param i32)", "(param i64)", "(param f32)", "(param f64)", "(param funcref)", "(param externref)", "(param i32 i32)",
             "(result i32)", "(result i64)", "(result funcref)", "(result externref)", "(param i32) (result i32)", "(result i32 i32)",
             "(result i32 i64)", "(param funcref externref)", "(param externref funcref)"]
    nothing = {"i32": "(i32.const 7)", "i64": "(i64.const 8)", "f32": "(f32.const 9)", "f64": "(f64.const 10)",
               "funcref": "(ref.null func)", "externref": "(ref.null extern)"}

    def words(signature, which):
        parts = [part.split(")")[0] for part in signature.split(f"({which} ")[1:]]
        return [kind for part in parts for kind in part.split()]

    declared, scenarios = [], []
    for i, kind in enumerate(kinds):
        declared.append(f"(type $k{i} (func {kind})) (func $c{i} (type $k{i}) (call $see (i64.const {i}))"
                        f" {' '.join(nothing[word] for word in words(kind, 'result'))})")
        # The same type a second time, under another number.
        declared.append(f"(type $again{i} (func {kind}))")
        for index in [*range(len(kinds) + 2), *([-1, 0x80000000] if i < 2 else [])]:
            arguments = [Node(nothing[word][1:-1], word) for word in words(kind, "param")]
            node = Node("call_indirect", None, ["$t", f"(type ${'k' if index % 2 else 'again'}{i})"], [*arguments, integer("i32", index)])
            scenarios.append(scenario(node, *(Node("drop", "") for _ in words(kind, "result"))))
    declared.append(f"(table $t {len(kinds) + 1} funcref) (elem (table $t) (i32.const 0) func "
                    f"{' '.join(f'$c{i}' for i in range(len(kinds)))})")
    return Module(declarations(more="\n" + "\n".join(declared)), [], [*scenarios, *branches()])


def branches():
    """br_table with every index at and beyond its labels."""
    scenarios = []
    for index in [0, 1, 2, 3, 4, 5, 0x7fffffff, 0x80000000, 0xffffffff]:
        stores, loads = hidden([integer("i32", index)])
        for where in (integer("i32", index), loads[0]):
            node = Node("br_table", "", ["$a", "$b", "$c", "$a", "$b"], [where])
            for label, value in (("$a", 1), ("$b", 2), ("$c", 3)):
                node = Node("seq", "", (), [Node("block", "", [label], [node]), see(integer("i32", value))])
            scenarios.append(scenario(*stores, node))
    return scenarios


@functools.cache
def modules():
    """(name, module) of each."""
    return [("numbers", numbers()), ("fused", fused()), ("trapping-numbers", trapping_numbers()), ("accesses", accesses()),
            ("bulk", bulk()), ("calls", calls())]
