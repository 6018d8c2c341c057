"""Floating point and attribute access: planets under gravity."""


class Body:
    def __init__(self, x, y, z, vx, vy, vz, mass):
        self.x, self.y, self.z = x, y, z
        self.vx, self.vy, self.vz = vx, vy, vz
        self.mass = mass


def advance(bodies, dt):
    for i, a in enumerate(bodies):
        for b in bodies[i + 1:]:
            dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
            mag = dt / (dx * dx + dy * dy + dz * dz) ** 1.5
            a.vx -= dx * b.mass * mag
            a.vy -= dy * b.mass * mag
            a.vz -= dz * b.mass * mag
            b.vx += dx * a.mass * mag
            b.vy += dy * a.mass * mag
            b.vz += dz * a.mass * mag
    for a in bodies:
        a.x += dt * a.vx
        a.y += dt * a.vy
        a.z += dt * a.vz


bodies = [Body(i * 1.5, i * 0.7 + 1, 0.3 * i, 0.01 * i, 0.2, -0.1 * i, 1.0 + i) for i in range(5)]
for _ in range(120000):
    advance(bodies, 0.001)
print(f"{bodies[0].x:.9f} {bodies[4].vy:.9f}")
