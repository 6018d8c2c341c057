"""Classes, properties, dataclasses, exceptions."""
from dataclasses import dataclass


@dataclass(order=True)
class Point:
    x: int
    y: int

    @property
    def norm(self):
        return self.x * self.x + self.y * self.y

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)


total = Point(0, 0)
errors = 0
for i in range(600000):
    total = total + Point(i, -i)
    try:
        if i % 3 == 0:
            raise ValueError(i)
    except ValueError:
        errors += 1
points = sorted(Point(i * 7919 % 1009, i) for i in range(20000))
print(total.norm, errors, points[17])
