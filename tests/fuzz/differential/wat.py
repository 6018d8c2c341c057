"""WebAssembly text as a tree that can be generated, printed and reduced.

A Node is one instruction with its operands in folded form. `type` is the type of its value ("i32" and so on), "" for a
statement and None for what is only structure (then, else, a function's body).
"""
import copy
import dataclasses
import struct

NUMBERS = ("i32", "i64", "f32", "f64")
REFERENCES = ("funcref", "externref")
# Instructions whose operands are a sequence of statements; of `if` it is those of its `then` and `else`.
SEQUENCES = ("body", "block", "loop", "then", "else")


class Node:
    __slots__ = ("op", "type", "words", "kids")

    def __init__(self, op, kind, words=(), kids=()):
        self.op = op
        self.type = kind
        self.words = tuple(str(word) for word in words)
        self.kids = list(kids)

    def __repr__(self):
        return self.render(0)

    def render(self, depth):
        if self.op in ("seq", "body"):  # several instructions in a row; no instruction itself
            return "\n".join(kid.render(depth) for kid in self.kids)
        head = " ".join((self.op, *self.words))
        if not self.kids:
            return f"{'  ' * depth}({head})"
        inline = [kid.render(0) for kid in self.kids]
        if self.op not in SEQUENCES and sum(map(len, inline)) < 90 and not any("\n" in text for text in inline):
            return f"{'  ' * depth}({head} {' '.join(inline)})"
        lines = "\n".join(kid.render(depth + 1) for kid in self.kids)
        return f"{'  ' * depth}({head}\n{lines})"

    def count(self):
        return 1 + sum(kid.count() for kid in self.kids)


def get_local(name, kind):
    return Node("local.get", kind, [name])


def set_local(name, value):
    return Node("local.set", "", [name], [value])


def get_global(name, kind):
    return Node("global.get", kind, [name])


def set_global(name, value):
    return Node("global.set", "", [name], [value])


def integer(kind, value):
    """A constant of i32 or i64, from any Python integer."""
    bits = int(kind[1:])
    value &= (1 << bits) - 1
    return Node(f"{kind}.const", kind, [hex(value)])


def float_from_bits(kind, bits):
    """A constant of f32 or f64 with exactly these bits, also when it is a NaN."""
    width, fraction = (32, 23) if kind == "f32" else (64, 52)
    bits &= (1 << width) - 1
    sign = "-" if bits >> (width - 1) else ""
    exponent = bits >> fraction & (1 << (width - 1 - fraction)) - 1
    rest = bits & (1 << fraction) - 1
    if exponent == (1 << (width - 1 - fraction)) - 1:
        word = f"{sign}nan:{hex(rest)}" if rest else f"{sign}inf"
    else:
        code = "<f" if width == 32 else "<d"
        word = struct.unpack(code, bits.to_bytes(width // 8, "little"))[0].hex()
    return Node(f"{kind}.const", kind, [word])


def zero(kind):
    if kind in REFERENCES:
        return Node("ref.null", kind, ["func" if kind == "funcref" else "extern"])
    return integer(kind, 0) if kind[0] == "i" else float_from_bits(kind, 0)


@dataclasses.dataclass
class Function:
    name: str
    parameters: list
    results: list
    body: Node
    locals: list = dataclasses.field(default_factory=list)  # types, named $l0, $l1, ... behind the parameters $p0, ...
    safe: bool = True  # never traps, nor does what it calls

    def signature(self):
        words = [f"(param $p{i} {kind})" for i, kind in enumerate(self.parameters)]
        words += [f"(result {kind})" for kind in self.results]
        return " ".join(words)

    def type_words(self):
        return [f"(param {kind})" for kind in self.parameters] + [f"(result {kind})" for kind in self.results]

    def render(self):
        words = [f"(local $l{i} {kind})" for i, kind in enumerate(self.locals)]
        return f"(func ${self.name} {self.signature()} {' '.join(words)}\n{self.body.render(1)})"


@dataclasses.dataclass
class Module:
    """`declarations` is text: memory, tables, globals, segments. Each scenario is a list of statements; which one runs is
    said by the program's first argument."""
    declarations: str
    functions: list
    scenarios: list
    hashed: list = dataclasses.field(default_factory=list)  # statements of $finish besides the memory's hash
    pages: int = 1  # of memory, to be hashed at the end; more are hashed in part

    def copy(self):
        return copy.deepcopy(self)

    def size(self):
        return sum(function.body.count() for function in self.functions) + \
            sum(statement.count() for scenario in self.scenarios for statement in scenario)
