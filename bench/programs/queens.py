"""Generators and recursion: eight queens."""


def queens(n, row=0, columns=0, left=0, right=0):
    if row == n:
        yield ()
        return
    for column in range(n):
        bit = 1 << column
        if not (columns & bit or left & (1 << (row + column)) or right & (1 << (row - column + n))):
            for rest in queens(n, row + 1, columns | bit, left | 1 << (row + column), right | 1 << (row - column + n)):
                yield (column,) + rest


print(sum(1 for _ in queens(12)), next(queens(18)))
