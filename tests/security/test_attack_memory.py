"""C: more memory than there is, and what others left in it."""
import concurrent.futures
import json
import time

from attack_support import MEBIBYTE, raised, resident_bytes
from native import PRELUDE, act

SMALL = 64 * MEBIBYTE


def exceeded(answer, limit=SMALL):
    """The program died of the memory limit, as the host knows it."""
    assert (answer["status"], answer["exit_code"]) == ("memory_limit", 137), answer
    assert answer["error"]["message"].startswith("Memory limit exceeded")
    assert answer["usage"]["peak_memory_bytes"] <= limit


def test_C01_one_object_that_is_too_large(core):
    for code in ("'x' * 10**9", "bytearray((1 << 31) - 1)", "[0] * 2**29", "b'x' * (1 << 30)"):
        started = time.monotonic()
        answer = core.execute(code)
        # The program may say it is out of memory before the host was asked for any.
        assert answer["status"] in ("python_error", "memory_limit"), answer
        assert "MemoryError" in answer["stderr"]
        assert time.monotonic() - started < 10
    # More than a pointer of 32 bits can say is another exception.
    raised(core.execute("'x' * 10**10"), "OverflowError")
    raised(core.execute("bytearray(1 << 31)"), "OverflowError")
    assert core.execute("print(len('x' * 10**7))")["stdout"] == "10000000\n"


def test_C02_many_small_objects(core):
    for code in ("x = []\nwhile True: x.append([])",
                 "d = {}\nwhile True: d[len(d)] = object()",
                 "s = ''\nwhile True: s += 'x' * 4096",
                 "x = [object() for _ in range(10**7)]",
                 "def f():\n    yield from f()\nx = [iter(range(i)) for i in range(10**7)]",
                 "class A: pass\nx = []\nwhile True: x.append(A()); x[-1].y = x[-1:]"):
        exceeded(core.execute(code, memory_limit_bytes=SMALL))
    assert core.execute("x = [object() for _ in range(10**5)]; print(len(x))", memory_limit_bytes=SMALL)["stdout"] == "100000\n"


def test_C03_memory_errors_that_are_swallowed(core):
    answer = core.execute("""
x = []
while True:
    try:
        while True:
            x.append(bytearray(1 << 16))
    except MemoryError:
        print("again", flush=True)
""", memory_limit_bytes=SMALL, cpu_limit_ms=700)
    assert answer["status"] == "timeout", answer
    assert answer["stdout"].startswith("again\nagain\n"), "the control: it goes on"
    assert answer["usage"]["peak_memory_bytes"] <= SMALL


def test_C04_exactly_as_much_as_there_is(core):
    code = """
import sys
blocks = []
try:
    while True:
        blocks.append(bytearray(b"x") * (1 << 16))
except MemoryError:
    blocks.pop()
print(len(blocks))
"""
    for limit in (48 * MEBIBYTE, SMALL, 256 * MEBIBYTE):
        answer = core.execute(code, memory_limit_bytes=limit)
        assert answer["status"] == "ok", answer
        assert limit - MEBIBYTE < answer["usage"]["peak_memory_bytes"] <= limit
        # What a program does not need it is not said to have had.
        less = core.execute(f"x = bytearray(b'x') * ({int(answer['stdout'])} * 65536 // 2)", memory_limit_bytes=limit)
        assert less["usage"]["peak_memory_bytes"] < limit - limit // 4 + 8 * MEBIBYTE


def test_C05_operators_that_make_much_of_little(core):
    for code in ("(1,) * 10**9", "list(range(10**9))", "bytes(10**9)", "'%1000000000d' % 1", "f'{1:2000000000}'",
                 "'x'.ljust(10**9)", "'a'.replace('a', 'b' * 10**5).replace('b', 'c' * 10**5)", "[[0] * 10**4] * 1 and [[0] * 10**4 for _ in range(10**5)]",
                 "bytearray(10) * 10**8", "'\\t'.expandtabs(10**9)", "1 << 10**10", "__import__('array').array('d', [0]) * 10**9",
                 "memoryview(bytes(10)).tobytes() * 10**9", "','.join(['x' * 10**6] * 10**4)"):
        answer = core.execute(code, memory_limit_bytes=SMALL)
        assert answer["status"] in ("python_error", "memory_limit"), (code, answer)
        assert answer["error"]["type"] in ("MemoryError", "OverflowError", "memory_limit"), (code, answer)
    raised(core.execute("'%10000000000d' % 1"), "ValueError")
    assert core.execute("print(len('%1000000d' % 1))", memory_limit_bytes=SMALL)["stdout"] == "1000000\n"


def test_C06_a_hundred_at_their_limits_at_once(core):
    code = "x = bytearray(b'x') * (40 << 20)\nprint(len(x))"
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: core.call("POST", "/v1/execute", {"code": code, "memory_limit_bytes": SMALL}),
                                range(100)))
    ran = [answer.json for answer in answers if answer.status == 200]
    busy = [answer for answer in answers if answer.status == 429]
    assert len(ran) + len(busy) == 100
    # As many as may run and wait; more when some ended while others came.
    assert len(ran) >= 64
    assert all((answer["status"], answer["stdout"]) == ("ok", "41943040\n") for answer in ran)
    assert all(answer.headers["retry-after"] and answer.json["error"]["kind"] == "busy" for answer in busy)


def test_C08_cycles_that_nobody_collects(core):
    exceeded(core.execute("import gc\ngc.disable()\nwhile True:\n    a = []\n    a.append(a)", memory_limit_bytes=SMALL))
    answer = core.execute("for _ in range(10**6):\n    a = []\n    a.append(a)", memory_limit_bytes=SMALL)
    assert answer["status"] == "ok", "the control: where they are collected there is no end to them"


def test_C08_memory_that_is_all_in_use_when_the_program_ends(core):
    """Nothing is left to say it with, not even for the interpreter."""
    exceeded(core.execute("x = [0]\nwhile True: x = [x, x[0]]", memory_limit_bytes=SMALL))


def test_C09_a_canary_in_python(taken_over):
    """Native code looks through the linear memory of later runs for what an earlier one left there."""
    number = 0x5EC2E7
    plant = PRELUDE + f"""
text = f"canary-{{{number}:08x}}"
kept = [text.encode() + bytes([i]) for i in range(200)] + [bytearray(text.encode() * 1000)]
def deep(n):
    local = text + str(n)
    return deep(n - 1) if n else {act("find_canary", number)}
with open("/tmp/file", "w") as file:
    file.write(text)
print(deep(100))
"""
    look = PRELUDE + f"more = bytearray(100 << 20)\nprint({act('find_canary', number)})"
    for _ in range(5):
        assert int(taken_over.execute(plant)["stdout"]) > 1000, "the control: the run itself finds it"
        for _ in range(4):
            answer = taken_over.execute(look)
            assert (answer["status"], answer["stdout"]) == ("ok", "0\n"), answer


def test_C09_a_canary_in_a_session(taken_over):
    """A session finds its own, in another process too; other sessions and runs do not."""
    number = 0xCAFE5E55
    plant = PRELUDE + f"kept = f'canary-{{{number}:08x}}'.encode() * 10"
    look = PRELUDE + f"print({act('find_canary', number)})"
    taken_over.execute(plant, session_id="planted")
    assert int(taken_over.execute(look, session_id="planted")["stdout"]) >= 10
    assert taken_over.call("POST", "/v1/sessions/planted/fork", {"session_id": "copy"}).status == 201
    assert int(taken_over.execute(look, session_id="copy")["stdout"]) >= 10
    assert taken_over.execute(look, session_id="other")["stdout"] == "0\n"
    for name in ("planted", "copy", "other"):
        assert taken_over.call("DELETE", f"/v1/sessions/{name}").status == 200
    assert taken_over.execute(look, session_id="planted")["stdout"] == "0\n", "a name that was used before"
    assert taken_over.execute(look)["stdout"] == "0\n"
    taken_over.call("DELETE", "/v1/sessions/planted")


def test_C_the_service_does_not_grow_with_its_guests(core):
    """What a run has is in the run's process."""
    before = resident_bytes(core.process.pid)
    for _ in range(3):
        answer = core.execute("x = bytearray(b'x') * (200 << 20)\nprint(len(x))")
        assert json.loads(answer["stdout"]) == 200 << 20
    assert resident_bytes(core.process.pid) - before < 4 * MEBIBYTE
