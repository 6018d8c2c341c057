"""Random expressions of one function. Invariant: what a function that is `safe` computes never traps, and nothing that is
printed or stored depends on the bits of a NaN that arithmetic made, which WebAssembly leaves open."""
from operators import FLOATS, INTEGERS, INTEGER_DIVISION, LOADS, PURE, TRAPPING_CONVERSIONS
from wat import NUMBERS, REFERENCES, Node, float_from_bits, get_global, get_local, integer, zero

PAGE = 65536
GLOBALS = [("g0", "i32"), ("g1", "i32"), ("g2", "i64"), ("g3", "i64"), ("g4", "f32"), ("g5", "f64")]
TABLE_SIZE = 24  # of $wild, where elements are null, of any type, and changed; $safe is never changed
WILD_OFFSETS = [0, 1, 0x7fff, 0xffff, 0x10000, 0x10001, 0x7fffffff, 0x80000000, 0xfffffff8, 0xfffffffe, 0xffffffff]


class Expressions:
    """`plan` is the module being made (see generate.py); `function` the one whose body this is."""

    def __init__(self, random, plan, function):
        self.random = random
        self.plan = plan
        self.function = function
        self.danger = 0 if function is None or function.safe else plan.danger
        self.counters = []  # locals that only their loop may set
        self.labels = []  # (label, type of its value or "") of the blocks around, innermost last
        self.calls_left = 4  # in this function's text

    def chance(self, probability):
        return self.random.random() < probability

    def risky(self):
        return self.danger > 0 and self.chance(self.danger)

    # ---- leaves ----

    def constant(self, kind):
        random = self.random
        if kind in REFERENCES:
            return zero(kind)
        if kind in INTEGERS:
            if self.chance(0.7):
                return integer(kind, random.choice(INTEGERS[kind]))
            return integer(kind, random.getrandbits(random.choice((4, 8, 16, int(kind[1:])))))
        if self.chance(0.7):
            return float_from_bits(kind, random.choice(FLOATS[kind]))
        return float_from_bits(kind, random.getrandbits(int(kind[1:])))

    def variables(self, kind):
        """The locals of a type that may be set, and with them those that may be read."""
        function = self.function
        names = [f"$p{i}" for i, other in enumerate(function.parameters) if other == kind]
        names += [f"$l{i}" for i, other in enumerate(function.locals) if other == kind and f"$l{i}" not in self.counters]
        return names, names + (self.counters if kind == "i32" else [])

    def leaf(self, kind):
        readable = self.variables(kind)[1]
        if readable and self.chance(0.6):
            return get_local(self.random.choice(readable), kind)
        if kind in REFERENCES:
            return self.reference(kind)
        if self.chance(0.2):
            return get_global("$" + self.random.choice([name for name, other in GLOBALS if other == kind]), kind)
        if kind == "i32" and self.chance(0.08):
            return self.random.choice([Node("memory.size", "i32"), Node("table.size", "i32", ["$wild"])])
        return self.constant(kind)

    def reference(self, kind):
        if kind == "externref":
            return zero(kind)
        if self.chance(0.3):
            return Node("ref.func", kind, ["$" + self.random.choice(self.plan.functions).name])
        if self.chance(0.5):
            return Node("table.get", kind, ["$safe"], [integer("i32", self.random.randrange(self.plan.safe_size))])
        return zero(kind)

    # ---- expressions ----

    def expression(self, kind, depth):
        if depth <= 0 or kind in REFERENCES or self.chance(0.1):
            return self.leaf(kind)
        makers = [(self.operator, 45), (self.load, 14), (self.select, 5), (self.condition, 4), (self.block, 5),
                  (self.call, 6), (self.indirect_call, 5), (self.tee, 5), (self.trapping, 8), (self.exact, 3)]
        if kind == "i32":
            makers += [(self.grow, 1.5), (self.null_test, 1.5)]
        maker = self.random.choices([maker for maker, _ in makers], [weight for _, weight in makers])[0]
        return maker(kind, depth - 1) or self.operator(kind, depth - 1)

    def operator(self, kind, depth):
        name, operands = self.random.choice(PURE[kind])
        kids = [self.expression(operand, depth) for operand in operands]
        # Where a NaN's bits would show.
        if name.endswith("copysign"):
            kids[1] = self.canonical(kids[1])
        if name.endswith(("reinterpret_f32", "reinterpret_f64")):
            return Node("call", kind, [f"$bits_{operands[0]}"], kids)
        return Node(name, kind, (), kids)

    def canonical(self, node):
        return Node("call", node.type, [f"$canon_{node.type}"], [node])

    def exact(self, kind, depth):
        """A float whose bits, a NaN's too, are not open: it is only moved, or its sign changed."""
        if kind not in FLOATS:
            return None
        choice = self.random.randrange(6) if depth > 0 else 0
        if choice <= 1:
            return float_from_bits(kind, self.random.choice(FLOATS[kind]))
        if choice == 2:
            return self.load(kind, depth)
        if choice == 3:
            source = "i" + kind[1:]
            return Node(f"{kind}.reinterpret_{source}", kind, (), [self.expression(source, depth - 1)])
        if choice == 4:
            name = self.random.choice(["neg", "abs", "copysign"])
            return Node(f"{kind}.{name}", kind, (), [self.exact(kind, depth - 1) for _ in range(1 + (name == "copysign"))])
        return Node("select", kind, (), [self.exact(kind, depth - 1), self.exact(kind, depth - 1),
                                         self.expression("i32", depth - 1)])

    def bits(self, kind, depth):
        """An integer that shows a float's bits, all of them or a NaN's made one and the same."""
        result = "i" + kind[1:]
        if self.chance(0.4):
            return Node(f"{result}.reinterpret_{kind}", result, (), [self.exact(kind, depth)])
        return Node("call", result, [f"$bits_{kind}"], [self.expression(kind, depth)])

    def storable(self, kind, depth):
        """A value that may be stored: all of memory is hashed."""
        if kind[0] == "i":
            return self.expression(kind, depth)
        return self.exact(kind, depth) if self.chance(0.4) else self.canonical(self.expression(kind, depth))

    def select(self, kind, depth):
        kids = [self.expression(kind, depth), self.expression(kind, depth), self.expression("i32", depth)]
        return Node("select", kind, [f"(result {kind})"] if self.chance(0.2) else [], kids)

    def condition(self, kind, depth):
        arms = [Node(name, None, (), [self.expression(kind, depth)]) for name in ("then", "else")]
        return Node("if", kind, [f"(result {kind})"], [self.expression("i32", depth), *arms])

    def block(self, kind, depth):
        """A block that is left by a branch with a value, perhaps from below other values."""
        label = self.plan.label()
        self.labels.append((label, kind))
        inner = [self.branch(label, kind, depth) for _ in range(self.random.randrange(1, 3))]
        inner.append(self.expression(kind, depth))
        self.labels.pop()
        return Node("block", kind, [label, f"(result {kind})"], inner)

    def branch(self, label, kind, depth):
        how = self.random.randrange(4)
        value = self.expression(kind, depth)
        if how == 0:
            return Node("drop", "", (), [Node("br_if", kind, [label], [value, self.expression("i32", depth)])])
        junk = [self.expression(self.random.choice(NUMBERS), depth) for _ in range(self.random.randrange(3))]
        outer = [name for name, other in self.labels if other == kind]
        if how == 1:
            targets = [self.random.choice(outer) for _ in range(self.random.randrange(1, 5))]
            away = Node("br_table", "", targets, [value, self.expression("i32", depth)])
        else:
            away = Node("br", "", [self.random.choice(outer)], [value])
        return Node("if", "", (), [self.expression("i32", depth), Node("then", None, (), [*junk, away])])

    def tee(self, kind, depth):
        writable = self.variables(kind)[0]
        if not writable:
            return None
        return Node("local.tee", kind, [self.random.choice(writable)], [self.expression(kind, depth)])

    def grow(self, kind, depth):
        del kind
        if self.chance(0.6):
            amounts = [0, 0, 1, 1, 2, 5, 65535, 65536, 0x7fffffff, 0xffffffff]
            return Node("memory.grow", "i32", (), [integer("i32", self.random.choice(amounts))])
        if self.function.safe:  # an element that is added may be called
            return Node("table.grow", "i32", ["$wild"], [zero("funcref"), integer("i32", self.random.choice([0, 1, -1]))])
        amount = integer("i32", self.random.randrange(6)) if self.chance(0.7) else self.expression("i32", depth)
        return Node("table.grow", "i32", ["$wild"], [self.reference("funcref"), amount])

    def null_test(self, kind, depth):
        del kind, depth
        table, element = self.random.choice([("$safe", "funcref"), ("$extern", "externref")])
        index = integer("i32", self.random.randrange(4))
        if self.risky():
            table, element, index = "$wild", "funcref", self.index()
        return Node("ref.is_null", "i32", (), [Node("table.get", element, [table], [index])])

    # ---- what may trap ----

    def trapping(self, kind, depth):
        """Division or truncation; with operands that cannot trap unless this place is to be risky."""
        if kind in FLOATS:
            return None
        risky = self.risky()
        if self.chance(0.6):
            name = self.random.choice(INTEGER_DIVISION)
            left, right = self.expression(kind, depth), self.expression(kind, depth)
            if not risky:
                if name.endswith("_s"):
                    right = Node(f"{kind}.shr_u", kind, (), [right, integer(kind, 1)])
                right = Node(f"{kind}.or", kind, (), [right, integer(kind, 1)])
            return Node(f"{kind}.{name}", kind, (), [left, right])
        name, operand, _ = self.random.choice([row for row in TRAPPING_CONVERSIONS if row[2] == kind])
        if risky:
            return Node(name, kind, (), [self.expression(operand, depth)])
        small = Node("i32.shr_u", "i32", (), [self.expression("i32", depth), integer("i32", 1)])
        return Node(name, kind, (), [Node(f"{operand}.convert_i32_s", operand, (), [small])])

    def place(self, width, depth):
        """(address, offset, whether surely inside memory) of an access of `width` bytes."""
        random = self.random
        size = self.plan.pages * PAGE
        if self.risky():
            return (*self.wild_place(width, depth), False)
        how = random.randrange(10)
        offset = random.choice([0, 0, 1, 2, 3, 4, 8, 100, random.randrange(size // 2)])
        if how < 5:
            mask = random.choice([0xff, 0xfff, 0x7fff])
            return Node("i32.and", "i32", (), [self.expression("i32", depth), integer("i32", mask)]), \
                min(offset, size - mask - width), True
        if how < 7 and self.counters:
            scale = random.randrange(4)
            scaled = Node("i32.shl", "i32", (), [get_local(random.choice(self.counters), "i32"), integer("i32", scale)])
            return scaled, min(offset, size - 4096), True
        if how < 9:
            return integer("i32", random.randrange(size - width - offset + 1)), offset, True
        end = Node("i32.shl", "i32", (), [Node("memory.size", "i32"), integer("i32", 16)])
        return Node("i32.sub", "i32", (), [end, integer("i32", offset + width)]), offset, True

    def wild_place(self, width, depth):
        """An address that may well lie outside: at the edge, far beyond it, or where 32 bits would wrap."""
        random = self.random
        size = self.plan.pages * PAGE
        offset = random.choice(WILD_OFFSETS + [random.randrange(16), random.getrandbits(32)])
        how = random.randrange(5)
        if how == 0:  # in sum at the edge
            return integer("i32", (size - width - offset + random.randrange(-2, width + 2)) % (1 << 32)), offset
        if how == 1:
            return integer("i32", random.choice([0, 8, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffe, 0xffffffff])), offset
        if how == 2:  # the edge as it is by then
            end = Node("i32.shl", "i32", (), [Node("memory.size", "i32"), integer("i32", 16)])
            offset = random.randrange(16)
            return Node("i32.sub", "i32", (), [end, integer("i32", offset + random.randrange(width + 1))]), offset
        return self.expression("i32", depth), offset if self.chance(0.3) else random.randrange(64)

    def access_words(self, offset, width):
        words = [f"offset={offset}"] if offset or self.chance(0.1) else []
        if self.chance(0.3):
            words.append(f"align={1 << self.random.randrange(width.bit_length())}")
        return words

    def load(self, kind, depth):
        """What is stored is never a NaN whose bits are open, so what is loaded is none."""
        name, _, width = self.random.choice([row for row in LOADS if row[1] == kind])
        address, offset, inside = self.place(width, depth)
        node = Node(name, kind, self.access_words(offset, width), [address])
        # A load may be left out when nothing comes of its value, though it would trap; see docs/decisions/0002.
        return node if inside or self.plan.loose else Node("call", kind, [f"$see_{kind}"], [node])

    # ---- calls ----

    def index(self, wanted=None):
        """Of an element of $wild, perhaps beyond its end; often of one whose type is or resembles that of `wanted`."""
        if wanted is not None and self.chance(0.6):
            alike = [i for i, other in self.plan.wild if other.results == wanted.results
                     and len(other.parameters) == len(wanted.parameters)]
            other = [i for i in alike if dict(self.plan.wild)[i].parameters != wanted.parameters]
            if alike:
                return integer("i32", self.random.choice(other if other and self.chance(0.6) else alike))
        if self.chance(0.4):
            return integer("i32", self.random.choice([TABLE_SIZE - 1, TABLE_SIZE, TABLE_SIZE + 1, -1, 0x80000000, 0]))
        if self.chance(0.5):
            return integer("i32", self.random.randrange(TABLE_SIZE))
        return Node("i32.and", "i32", (), [self.expression("i32", 1), integer("i32", 31)])

    def callable(self, kinds):
        """A function with these results that this one may call, or None."""
        choices = [other for other in self.plan.functions
                   if other.results == kinds and (other.safe or not self.function.safe)]
        if not choices or self.calls_left == 0:
            return None
        self.calls_left -= 1
        return self.random.choice(choices)

    def arguments(self, function, depth):
        return [self.expression(kind, depth) for kind in function.parameters]

    def call(self, kind, depth):
        function = self.callable([kind])
        if function is None:
            return None
        return Node("call", kind, [f"${function.name}"], self.arguments(function, min(depth, 2)))

    def indirect_call(self, kind, depth):
        if self.risky():
            function = self.callable([kind])
            if function is None:
                return None
            words = ["$wild", *function.type_words()]
            return Node("call_indirect", kind, words, [*self.arguments(function, min(depth, 2)), self.index(function)])
        groups = [group for group in self.plan.groups if group[2].results == [kind]]
        if not groups or self.calls_left == 0:
            return None
        self.calls_left -= 1
        first, count, function = self.random.choice(groups)
        low = Node("i32.and", "i32", (), [self.expression("i32", min(depth, 2)), integer("i32", count - 1)])
        index = Node("i32.add", "i32", (), [low, integer("i32", first)])
        return Node("call_indirect", kind, ["$safe", *function.type_words()],
                    [*self.arguments(function, min(depth, 2)), index])
