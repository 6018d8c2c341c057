"""The re module's C engine."""
import re

text = " ".join(f"user{i}@example{i % 13}.com wrote {i * 37} lines on 2024-{i % 12 + 1:02d}-{i % 28 + 1:02d};" for i in range(4000))
found = 0
for _ in range(55):
    found += len(re.findall(r"[\w.]+@[\w.]+\.com", text))
    found += len(re.findall(r"\b(\d{4})-(\d\d)-(\d\d)\b", text))
    found += len(re.sub(r"\s+wrote\s+(\d+)", r" <\1>", text))
print(found)
