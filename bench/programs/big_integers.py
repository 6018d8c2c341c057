"""Arbitrary precision: digits of pi by a spigot, and powers."""


def pi_digits(count):
    q, r, t, k, n, m = 1, 0, 1, 1, 3, 3
    while count:
        if 4 * q + r - t < n * t:
            yield n
            count -= 1
            q, r, n = 10 * q, 10 * (r - n * t), 10 * (3 * q + r) // t - 10 * n
        else:
            q, r, t, k, n, m = q * k, (2 * q + r) * m, t * m, k + 1, (q * (7 * k + 2) + r * m) // (t * m), m + 2


print("".join(map(str, pi_digits(3500)))[-20:], pow(3, 10 ** 6, 10 ** 600))
