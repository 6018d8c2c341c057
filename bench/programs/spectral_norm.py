"""Generators and arithmetic: the largest singular value of an infinite matrix."""


def a(i, j):
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


def times(v, transposed):
    n = len(v)
    if transposed:
        return [sum(a(j, i) * v[j] for j in range(n)) for i in range(n)]
    return [sum(a(i, j) * v[j] for j in range(n)) for i in range(n)]


u = [1.0] * 320
for _ in range(8):
    v = times(times(u, False), True)
    u = times(times(v, False), True)
print(f"{(sum(x * y for x, y in zip(u, v)) / sum(x * x for x in v)) ** 0.5:.9f}")
