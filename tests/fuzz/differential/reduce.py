"""Makes a module smaller while what it shows stays. Tries, again and again until nothing helps or the time is over:
dropping statements in halves down to single ones, emptying functions, and replacing a value by a constant or by one of
its operands."""
import time

from wat import NUMBERS, SEQUENCES, Node, integer, zero


class Reducer:
    """`holds(module)` says whether a module still shows it; a module that is not valid does not."""

    def __init__(self, module, holds, seconds):
        self.module = module
        self.holds = holds
        self.deadline = time.monotonic() + seconds

    def attempt(self):
        return time.monotonic() < self.deadline and self.holds(self.module)

    def reduce(self):
        size = None
        while size != self.module.size() and time.monotonic() < self.deadline:
            size = self.module.size()
            for scenario in self.module.scenarios:
                self.shorten(scenario)
            for function in self.module.functions:
                self.empty(function)
            for root in self.roots():
                self.shorten_inside(root)
            for root in self.roots():
                self.simplify(root)
        return self.module

    def roots(self):
        return [function.body for function in self.module.functions] + \
            [statement for scenario in self.module.scenarios for statement in scenario]

    def empty(self, function):
        nothing = Node("body", None, (), [zero(kind) for kind in function.results])
        if function.body.count() > nothing.count():
            kept, function.body = function.body, nothing
            if not self.attempt():
                function.body = kept

    def shorten(self, items):
        """Drops runs of a list's items, long ones first."""
        size = len(items)
        while size > 0:
            start = 0
            while start < len(items):
                kept = items[start:start + size]
                del items[start:start + size]
                if not self.attempt():
                    items[start:start] = kept
                    start += size
            size //= 2

    def shorten_inside(self, node):
        if node.op in SEQUENCES or node.op == "seq":
            self.shorten(node.kids)
        for kid in node.kids:
            self.shorten_inside(kid)

    def simplify(self, node):
        for i, kid in enumerate(node.kids):
            for better in self.simpler(kid):
                node.kids[i] = better
                if self.attempt():
                    break
                node.kids[i] = kid
            self.simplify(node.kids[i])

    def simpler(self, node):
        if node.op in ("if", "block", "loop") and node.type == "":
            yield Node("seq", "", (), [statement for arm in node.kids if arm.op in ("then", "else") for statement in arm.kids]
                       or node.kids)
        if node.type not in NUMBERS or not (node.kids or node.op in ("memory.size", "table.size", "global.get")):
            return
        yield zero(node.type)
        if node.type[0] == "i":
            yield integer(node.type, 1)
        for kid in descendants(node):
            if kid.type == node.type:
                yield kid


def descendants(node, limit=6):
    """Nodes below, nearest first."""
    level = list(node.kids)
    found = 0
    while level and found < limit:
        for kid in level:
            if kid.op not in ("then", "else"):
                yield kid
                found += 1
        level = [below for kid in level for below in kid.kids]
