"""The C accelerator of json, and dictionaries."""
import json

records = [{"id": i, "name": f"user {i}", "tags": ["a", "b", str(i)], "score": i / 7} for i in range(2000)]
total = 0
for _ in range(140):
    total += len(json.loads(json.dumps(records)))
print(total)
