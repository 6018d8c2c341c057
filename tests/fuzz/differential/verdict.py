"""Whether the engines agree on a run, and if not, which of them stands alone."""

from engines import Outcome

OUT_OF_BOUNDS = "trap out of bounds memory access"
INDIRECT_CALL = "trap indirect call type mismatch or undefined element"
# wasmtime says the same of an element beyond a table, whether it is called or only read; wasm2c tells these apart.
BEYOND_TABLE = "trap beyond a table"
EXHAUSTED = "trap call stack exhausted"
TIMEOUT = "timeout"

AGREED = "agreed"
EXCUSED = "excused"  # a loose module went on where a load would have trapped whose value it does not need
UNDECIDED = "undecided"  # even the reference was not done in time, or a stack ended, which are not the same for all
OURS = "shannon differs"
REFERENCE = "the reference differs"
THIRD = "wasmtime differs"
ALL = "all differ"


def same(one, other):
    if one.stdout != other.stdout:
        return False
    endings = {one.ending, other.ending}
    return len(endings) == 1 or (BEYOND_TABLE in endings and bool(endings & {OUT_OF_BOUNDS, INDIRECT_CALL}))


def judge(outcomes, loose=False):
    """The verdict on the outcomes of one run, in the order of engines.engines()."""
    endings = {outcome.ending for outcome in outcomes}
    ours, reference = outcomes[:2]
    if reference.ending == TIMEOUT or (EXHAUSTED in endings and endings <= {EXHAUSTED, "signal 11"}):
        return UNDECIDED
    if len(outcomes) < 3 or outcomes[2].ending == TIMEOUT:
        verdict = AGREED if same(ours, reference) else OURS
    else:
        third = outcomes[2]
        pairs = same(ours, reference), same(ours, third), same(reference, third)
        verdict = {(True, True): AGREED, (True, False): THIRD, (False, True): REFERENCE,
                   (False, False): OURS if pairs[2] else ALL}[pairs[:2]]
    if verdict == OURS and loose and excused(ours, reference):
        return EXCUSED
    return verdict


def excused(ours, reference):
    return (reference.ending == OUT_OF_BOUNDS and ours.stdout.startswith(reference.stdout)
            and ours.ending.startswith(("exit", "trap")))


def is_difference(verdict):
    return verdict not in (AGREED, EXCUSED, UNDECIDED)


def refusal(reason):
    """The outcome of every run of a module that an engine does not build."""
    return Outcome(f"failure: {reason[:300]}", b"")
