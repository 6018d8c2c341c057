"""C extension modules: zlib, hashlib, base64."""
import base64
import hashlib
import zlib

data = bytes((i * i + i // 7) % 251 for i in range(1200000))
digest = hashlib.blake2b()
for level in (1, 3, 5, 6, 7, 8, 9) * 2:
    packed = zlib.compress(data, level)
    assert zlib.decompress(packed) == data
    digest.update(base64.b64decode(base64.b64encode(packed)))
    digest.update(hashlib.sha256(packed).digest())
print(digest.hexdigest()[:16])
