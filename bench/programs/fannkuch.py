"""List slices and integer loops: pancake flips."""
from itertools import permutations

most = 0
for order in permutations(range(9)):
    order = list(order)
    flips = 0
    while (first := order[0]) != 0:
        order[:first + 1] = order[first::-1]
        flips += 1
    most = max(most, flips)
print(most)
