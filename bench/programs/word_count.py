"""Strings, dictionaries and Counter."""
from collections import Counter

text = "the quick brown fox jumps over the lazy dog and then the dog sleeps while the fox runs " * 60000
counts = {}
for word in text.split():
    counts[word] = counts.get(word, 0) + 1
for _ in range(4):
    common = Counter(text.upper().lower().replace("fox", "cat").split()).most_common(3)
print(counts["the"], common)
