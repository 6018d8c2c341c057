"""Random modules, by seed. In most functions nothing can trap, so that much is run and printed; in the others, called by
scenarios of their own, much can."""
import random

import frame
from expressions import GLOBALS, PAGE, TABLE_SIZE, Expressions
from statements import make_body, take
from wat import NUMBERS, Function, Module, Node, get_local, integer, set_global, set_local, zero

SCENARIOS = 20
NAMES = ["i0", "j1", "f0_0", "d0", "r0", "B0", "L1", "Bfunc", "p0", "l0", "g0", "T0", "e0", "memory_fill", "_load", "i32_load",
         "i32_load_kept", "instance", "guest_state", "tmp", "struct", "goto", "return", "module_instance", "(instance)",
         ", instance, ", "instance->", "TRAP", "CALL_INDIRECT", "data_segment_dropped_w2c_d0", "func_types", "$", "Z", "", "main"]
LARGE_PAGES = 0x8000 + 16  # a little over 2 GiB: addresses that are negative as 32-bit numbers


class Plan:
    """What the functions of a module know of it while they are made."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        pick = self.random.random
        self.loose = pick() < 0.08  # loads that may be out of bounds need not be seen
        self.danger = self.random.choice([0.05, 0.15, 0.4])
        self.pages = LARGE_PAGES if pick() < 0.03 else self.random.choice([1, 1, 2, 3])
        self.many_files = pick() < 0.02  # above the size at which an object is made of several C files
        self.functions = []
        self.groups = []  # (first index in $safe, count, a function): elements of one type
        self.safe_size = 0
        self.wild = []  # (index, function): what $wild holds at first
        self.segments = []  # (name, size); the first is never dropped
        self.labels = 0

    def label(self):
        self.labels += 1
        return f"$b{self.labels}"


def make_signatures(plan):
    """A few types, several functions of each, safe ones and others."""
    rng = plan.random
    kinds = list(NUMBERS)
    types = []
    for _ in range(rng.randrange(4, 7)):
        results = [rng.choice(kinds)] if rng.random() < 0.75 else [rng.choice(kinds) for _ in range(rng.choice([0, 0, 2, 3]))]
        types.append(([rng.choice(kinds) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 5, 9]))], results))
    if rng.random() < 0.5:  # alike but for the kind of reference
        results = [rng.choice(kinds)]
        types += [([reference, "i32"], results) for reference in ("funcref", "externref")]
    for parameters, results in types:
        for _ in range(rng.randrange(2, 5)):
            plan.functions.append(Function(f"f{len(plan.functions)}", list(parameters), list(results), None,
                                           [rng.choice(kinds) for _ in range(rng.randrange(1, 5))],
                                           safe=rng.random() < 0.6))


def make_tables(plan):
    """$safe holds groups of safe functions of one type; $wild anything, with nulls between. Returns their declarations."""
    rng = plan.random
    elements = []
    by_type = {}
    for function in plan.functions:
        if function.safe:
            by_type.setdefault((tuple(function.parameters), tuple(function.results)), []).append(function)
    for group in by_type.values():
        count = 1 << (len(group) - 1).bit_length()
        plan.groups.append((len(elements), count, group[0]))
        elements += [group[i % len(group)].name for i in range(count)]
    while len(elements) < 4:
        elements.append(plan.functions[0].name)
    plan.safe_size = len(elements)
    plan.wild = [(i, rng.choice(plan.functions)) for i in range(3, TABLE_SIZE - 3)]
    passive = [rng.choice(plan.functions).name for _ in range(8)]
    maximum = rng.choice([TABLE_SIZE, 40])
    return [f"(table $safe {len(elements)} funcref)", f"(table $wild {TABLE_SIZE} {maximum} funcref)",
            "(table $extern 5 externref)",
            f"(elem (table $safe) (i32.const 0) func {' '.join('$' + name for name in elements)})",
            f"(elem (table $wild) (i32.const 3) func {' '.join('$' + function.name for _, function in plan.wild)})",
            f"(elem $elements func {' '.join('$' + name for name in passive)})",
            f"(elem declare func {' '.join('$' + function.name for function in plan.functions)})"]


def text_bytes(data):
    return "".join(f"\\{byte:02x}" for byte in data)


def make_segments(plan):
    rng = plan.random
    sizes = [("$d0", 64), ("$d1", rng.choice([1, 16, 300])), ("$d2", 0)]
    plan.segments = sizes
    lines = [f'(data {name} "{text_bytes(rng.randbytes(size))}")' for name, size in sizes]
    active = rng.randbytes(rng.randrange(1, 500))
    end = plan.pages * PAGE
    lines.append(f'(data (i32.const {rng.randrange(4096, 30000)}) "{text_bytes(active)}")')
    lines.append(f'(data (i32.const {end - 9}) "{text_bytes(rng.randbytes(9))}") (data (i32.const {end}) "")')
    if plan.many_files:
        lines.append(f'(data $large "{text_bytes(rng.randbytes(64)) * 4200}")')
    return lines


def make_exports(plan):
    """wasm2c names functions, globals and tables after their exports, and our rewriting goes by names."""
    rng = plan.random
    if rng.random() < 0.6:
        return []
    things = [f"(func ${function.name})" for function in plan.functions] + [f"(global ${name})" for name, _ in GLOBALS]
    things += ["(table $safe)", "(table $wild)", "(table $extern)"]
    names = rng.sample(NAMES, 12)
    return [f'(export "{name}" {thing})' for name, thing in zip(names, rng.sample(things, len(names)))]


def make_declarations(plan):
    memory = f'(memory (export "memory") {plan.pages} {plan.pages + plan.random.choice([0, 1, 4])})'
    variables = [f"(global ${name} (mut {kind}) {zero(kind).render(0)})" for name, kind in GLOBALS]
    return "\n".join([memory, *make_tables(plan), *make_segments(plan), *variables, *make_exports(plan)])


def make_scenarios(plan):
    """Safe functions are called by every scenario; after them, in most, functions that may trap."""
    rng = plan.random
    maker = Expressions(rng, plan, None)
    safe = [function for function in plan.functions if function.safe]
    other = [function for function in plan.functions if not function.safe]
    scenarios = []
    for number in range(SCENARIOS):
        calls = [rng.choice(safe) for _ in range(rng.randrange(3, 8))] if safe else []
        if number >= 4 and other:
            calls += [rng.choice(other) for _ in range(rng.randrange(1, 5))]
        statements = []
        for function in calls:
            call = Node("call", None, [f"${function.name}"], [maker.constant(kind) for kind in function.parameters])
            fuel = set_global("$fuel", integer("i32", rng.choice([20, 100, 300])))
            statements.append(Node("seq", "", (), [fuel, call, *take(function), Node("call", "", ["$print"])]))
        scenarios.append(statements)
    return scenarios


def hashed_state():
    """The variables, and which elements of $wild are null, into the hash at the end."""
    lines = []
    for name, kind in GLOBALS:
        lines.append(Node("drop", "", (), [Node("call", kind, [f"$see_{kind}"], [Node("global.get", kind, [f"${name}"])])]))
    left = get_local("$size", "i32")  # which $finish has done with
    lines.append(set_local("$size", Node("table.size", "i32", ["$wild"])))
    null = Node("ref.is_null", "i32", (), [Node("table.get", "funcref", ["$wild"], [left])])
    lines.append(Node("loop", "", ["$elements_left"], [
        set_local("$size", Node("i32.sub", "i32", (), [left, integer("i32", 1)])),
        Node("drop", "", (), [Node("call", "i32", ["$see_i32"], [null])]),
        Node("br_if", "", ["$elements_left"], [left])]))
    return lines


def make_module(seed):
    """(module, plan) of a seed."""
    plan = Plan(seed)
    make_signatures(plan)
    declarations = make_declarations(plan)
    for function in plan.functions:
        make_body(plan.random, plan, function, plan.random.choice([1, 2, 2, 3]))
    scenarios = make_scenarios(plan)
    return Module(declarations, plan.functions, scenarios, hashed_state(), plan.pages), plan


if __name__ == "__main__":
    import sys
    print(frame.render(make_module(int(sys.argv[1]))[0]), end="")
