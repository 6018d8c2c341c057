"""Random statements of one function, and its body. Invariant: every loop ends, by a counter of its own or by the module's
fuel, of which each call takes one."""
from expressions import GLOBALS, PAGE, TABLE_SIZE, Expressions
from operators import LOADS, STORES
from wat import NUMBERS, REFERENCES, Node, get_global, get_local, integer, set_global, set_local, zero

COUNTERS_MAX = 3  # loops inside one another
ITERATIONS_MAX = 256  # of all of them together


class Statements(Expressions):
    def __init__(self, random, plan, function):
        super().__init__(random, plan, function)
        self.iterations = 1  # of the loops around
        self.exits = []  # labels of blocks and fuelled loops around, to branch to

    def statements(self, depth, count=None):
        if count is None:
            count = self.random.randrange(1, 5)
        return [self.statement(depth) for _ in range(count)]

    def statement(self, depth):
        makers = [(self.assign, 16), (self.assign_global, 5), (self.store, 14), (self.observe, 12), (self.discard, 5),
                  (self.discard_load, 6), (self.call_statement, 7), (self.bulk, 5), (self.table_statement, 4),
                  (self.leave, 2)]
        if depth > 0:
            makers += [(self.choice, 7), (self.fallthrough, 4), (self.counted_loop, 6), (self.fuelled_loop, 3),
                       (self.switch, 3)]
        if self.danger:
            makers += [(self.run_off_the_end, 2 * self.danger), (self.give_up, 2 * self.danger)]
        maker = self.random.choices([maker for maker, _ in makers], [weight for _, weight in makers])[0]
        return maker(depth - 1) or self.observe(depth - 1)

    def any_kind(self):
        return self.random.choice(NUMBERS)

    # ---- values ----

    def assign(self, depth):
        kind = self.any_kind()
        writable = self.variables(kind)[0]
        return set_local(self.random.choice(writable), self.expression(kind, 3 + (depth > 0))) if writable else None

    def assign_global(self, depth):
        del depth
        name, kind = self.random.choice(GLOBALS)
        return set_global("$" + name, self.expression(kind, 3))

    def observe(self, depth):
        del depth
        kind = self.any_kind()
        return Node("drop", "", (), [Node("call", kind, [f"$see_{kind}"], [self.expression(kind, 4)])])

    def store(self, depth):
        del depth
        name, kind, width = self.random.choice(STORES)
        address, offset, _ = self.place(width, 2)
        return Node(name, "", self.access_words(offset, width), [address, self.storable(kind, 3)])

    def discard(self, depth):
        """Values that the module itself drops, one above the other."""
        del depth
        values = [self.expression(self.any_kind(), 2) for _ in range(self.random.randrange(1, 4))]
        return Node("seq", "", (), [*values, *(Node("drop", "") for _ in values)])

    def discard_load(self, depth):
        """Loads that stand for their trap alone."""
        del depth
        name, kind, width = self.random.choice(LOADS)
        address, offset = self.wild_place(width, 2) if self.risky() else self.place(width, 2)[:2]
        load = Node(name, kind, self.access_words(offset, width), [address])
        how = self.random.randrange(4)
        above = self.random.choice([integer("i32", 1), Node("memory.size", "i32"), self.leaf("i64")])
        if how == 0:  # below another value
            return Node("seq", "", (), [load, above, Node("drop", ""), Node("drop", "")])
        if how == 1:  # discarded by a branch
            label = self.plan.label()
            return Node("block", "", [label], [load, above, Node("br", "", [label])])
        if how == 2:  # the same, with a value for the block
            label = self.plan.label()
            inner = [load, Node("br", "", [label], [integer("i32", 5)])]
            return Node("drop", "", (), [Node("block", "i32", [label, "(result i32)"], inner)])
        return Node("drop", "", (), [load])

    # ---- control ----

    def choice(self, depth):
        arms = [Node("then", None, (), self.statements(depth))]
        if self.chance(0.6):
            arms.append(Node("else", None, (), self.statements(depth)))
        return Node("if", "", (), [self.expression("i32", 3), *arms])

    def exit_if(self, label):
        return Node("br_if", "", [label], [self.expression("i32", 2)])

    def fallthrough(self, depth):
        label = self.plan.label()
        self.exits.append(label)
        inner = [*self.statements(depth), self.exit_if(self.random.choice(self.exits)), *self.statements(depth)]
        self.exits.pop()
        return Node("block", "", [label], inner)

    def switch(self, depth):
        labels = [self.plan.label() for _ in range(self.random.randrange(2, 6))]
        self.exits += labels
        targets = [self.random.choice(labels) for _ in range(self.random.randrange(1, 8))]
        selector = self.expression("i32", 3)
        if self.chance(0.7):
            selector = Node("i32.and", "i32", (), [selector, integer("i32", 7)])
        node = Node("br_table", "", targets, [selector])
        for label in labels:
            self.exits.remove(label)
            node = Node("block", "", [label], [node])
            node = Node("seq", "", (), [node, *self.statements(depth, 1)])
        return node

    def leave(self, depth):
        values = [self.expression(kind, 2) for kind in self.function.results]
        if depth < 0 or self.chance(0.3):
            return None
        return Node("if", "", (), [self.expression("i32", 2), Node("then", None, (), [Node("return", "", (), values)])])

    def counter(self):
        """A local that no statement but its loop sets."""
        self.function.locals.append("i32")
        name = f"$l{len(self.function.locals) - 1}"
        self.counters.append(name)
        return name

    def counted_loop(self, depth):
        room = ITERATIONS_MAX // self.iterations
        if len(self.counters) >= COUNTERS_MAX or room < 2:
            return None
        count = self.random.randrange(1, min(room, 40 if self.chance(0.7) else 256) + 1)
        counter, label = self.counter(), self.plan.label()
        self.iterations *= count
        saved, self.exits = self.exits, []  # nothing may jump back past the counting
        body = self.statements(depth)
        self.exits = saved
        self.iterations //= count
        self.counters.remove(counter)
        variable = get_local(counter, "i32")
        if self.chance(0.5):
            step = set_local(counter, Node("i32.sub", "i32", (), [variable, integer("i32", 1)]))
            return Node("seq", "", (), [set_local(counter, integer("i32", count)),
                                        Node("loop", "", [label], [*body, step, Node("br_if", "", [label], [variable])])])
        step = set_local(counter, Node("i32.add", "i32", (), [variable, integer("i32", 1)]))
        more = Node("i32.lt_u", "i32", (), [variable, integer("i32", count)])
        return Node("seq", "", (), [set_local(counter, integer("i32", 0)),
                                    Node("loop", "", [label], [*body, step, Node("br_if", "", [label], [more])])])

    def fuelled_loop(self, depth):
        if self.iterations > 16:
            return None
        out, label = self.plan.label(), self.plan.label()
        self.exits += [out, label]
        self.iterations *= 8
        body = self.statements(depth)
        self.iterations //= 8
        self.exits = self.exits[:-2]
        loop = Node("loop", "", [label], [Node("br_if", "", [out], [no_fuel()]), burn(8), *body, self.exit_if(label)])
        return Node("block", "", [out], [loop])

    def run_off_the_end(self, depth):
        """A loop that stores or loads beyond the end of memory, which the compiler may make another loop of."""
        del depth
        name, kind, width = self.random.choice(LOADS + STORES)
        counter, label = self.counter(), self.plan.label()
        self.counters.remove(counter)
        variable = get_local(counter, "i32")
        start = self.plan.pages * PAGE - self.random.randrange(4096)
        if "store" in name:
            access = Node(name, "", (), [variable, self.canonical(self.leaf(kind)) if kind[0] == "f" else self.leaf(kind)])
        else:
            access = Node("drop", "", (), [Node("call", kind, [f"$see_{kind}"], [Node(name, kind, (), [variable])])])
        step = set_local(counter, Node("i32.add", "i32", (), [variable, integer("i32", width)]))
        more = Node("i32.lt_u", "i32", (), [variable, integer("i32", start + 16384)])
        return Node("seq", "", (), [set_local(counter, integer("i32", start)),
                                    Node("loop", "", [label], [access, step, Node("br_if", "", [label], [more])])])

    def give_up(self, depth):
        del depth
        return Node("if", "", (), [self.expression("i32", 3), Node("then", None, (), [Node("unreachable", "")])])

    # ---- calls ----

    def call_statement(self, depth):
        choices = [other.results for other in self.plan.functions]
        results = self.random.choice(choices)
        function = self.callable(results)
        if function is None:
            return None
        risky = self.risky()
        arguments = self.arguments(function, max(depth, 1))
        if risky:
            node = Node("call_indirect", None, ["$wild", *function.type_words()], [*arguments, self.index(function)])
        else:
            node = Node("call", None, [f"${function.name}"], arguments)
        return Node("seq", "", (), [node, *take(function)])

    # ---- bulk memory and tables ----

    def range(self, size, low_bits):
        """(destination, length) inside `size`; or anywhere, when this place is to be risky."""
        random = self.random
        if self.risky():
            edge = [size, size - 1, size + 1, size - 8, -1, 0x80000000, 0]
            length = random.choice([0, 0, 1, 2, 8, 100, size, size + 1, -1])
            return [integer("i32", random.choice(edge)) if self.chance(0.7) else self.expression("i32", 2),
                    integer("i32", length) if self.chance(0.7) else self.expression("i32", 2)]
        if self.chance(0.15):
            return [integer("i32", size), integer("i32", 0)]
        mask = (1 << random.randrange(low_bits)) - 1
        if mask > size:
            mask = 0
        length = random.randrange(min(size - mask, 300) + 1)
        return [Node("i32.and", "i32", (), [self.expression("i32", 2), integer("i32", mask)]), integer("i32", length)]

    def bulk(self, depth):
        del depth
        size = self.plan.pages * PAGE
        how = self.random.randrange(6)
        place, length = self.range(size, 16)
        if how <= 1:
            return Node("memory.fill", "", (), [place, self.expression("i32", 2), length])
        if how <= 3:
            # Both ends must hold the length: the source is given the room that is left.
            source = self.range(size, 16)[0] if self.danger else integer("i32", self.random.randrange(size - 300))
            return Node("memory.copy", "", (), [place, source, length])
        name, segment = self.random.choice(self.plan.segments)
        if not self.danger:
            name, segment = self.plan.segments[0]
            start = self.random.randrange(segment + 1)
            return Node("memory.init", "", [name], [
                Node("i32.and", "i32", (), [self.expression("i32", 2), integer("i32", 0xfff)]),
                integer("i32", start), integer("i32", self.random.randrange(segment - start + 1))])
        if how == 4 and name != self.plan.segments[0][0] and self.chance(0.3):
            return Node("data.drop", "", [name])
        start, length = self.range(segment, 4)
        return Node("memory.init", "", [name], [place, start, length])

    def table_statement(self, depth):
        """Only a function that is not safe changes what a call may find in $wild."""
        del depth
        if not self.danger:
            return None
        how = self.random.randrange(6)
        inside = [self.random.randrange(TABLE_SIZE - 4), self.random.randrange(4), self.random.randrange(4)]
        first, second, third = (integer("i32", value) for value in inside)
        if self.risky():
            first, third = self.range(TABLE_SIZE, 4)
        if how == 0:
            return Node("table.set", "", ["$wild"], [first, self.reference("funcref")])
        if how == 1:
            return Node("table.fill", "", ["$wild"], [first, self.reference("funcref"), third])
        if how == 2:
            return Node("table.copy", "", ["$wild", "$safe" if self.chance(0.5) else "$wild"], [first, second, third])
        if how == 3:
            return Node("table.init", "", ["$wild", "$elements"], [first, second, third])
        if how == 4:
            return Node("drop", "", (), [Node("table.grow", "i32", ["$wild"], [self.reference("funcref"), second])])
        return Node("elem.drop", "", ["$elements"]) if self.risky() else None


def take(function):
    """What follows a call that is a statement: its results are seen, the last first."""
    nodes = []
    for kind in reversed(function.results):
        if kind in REFERENCES:
            nodes.append(Node("drop", "", (), [Node("ref.is_null", "")]))
        else:
            nodes.append(Node("call", "", [f"$see_{kind}"]))
            nodes.append(Node("drop", ""))
    return [Node("seq", "", (), nodes)]


def no_fuel():
    return Node("i32.le_s", "i32", (), [get_global("$fuel", "i32"), integer("i32", 0)])


def burn(amount):
    return set_global("$fuel", Node("i32.sub", "i32", (), [get_global("$fuel", "i32"), integer("i32", amount)]))


def make_body(random, plan, function, depth):
    maker = Statements(random, plan, function)
    statements = maker.statements(depth, random.randrange(1, 7))
    statements += [maker.expression(kind, 4) for kind in function.results]
    prologue = []
    if maker.calls_left < 4 or random.random() < 0.3:  # it calls, so it must end
        nothing = Node("return", "", (), [zero(kind) for kind in function.results])
        prologue = [Node("if", "", (), [no_fuel(), Node("then", None, (), [nothing])]), burn(1)]
    function.body = Node("body", None, (), [*prologue, *statements])
