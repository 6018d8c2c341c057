"""Sorting with and without a key."""
import random

random.seed(7)
numbers = [random.random() for _ in range(120000)]
words = [str(x)[2:9] for x in numbers]
for _ in range(5):
    sorted(numbers)
    sorted(words)
    sorted(words, key=lambda w: w[::-1])
print(sorted(words)[0])
