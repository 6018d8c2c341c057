"""Nested lists and inner loops: matrix product."""
n = 200
a = [[(i * j) % 7 + 0.5 for j in range(n)] for i in range(n)]
b = [[(i + j) % 5 - 1.5 for j in range(n)] for i in range(n)]
c = [[0.0] * n for _ in range(n)]
for i in range(n):
    row, out = a[i], c[i]
    for j in range(n):
        total = 0.0
        for k in range(n):
            total += row[k] * b[k][j]
        out[j] = total
print(c[3][4], sum(map(sum, c)))
