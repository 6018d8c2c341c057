"""Executes a program from which the kernel withholds system calls, as a container's seccomp profile does.

    python3 without_calls.py CALL[:ARGUMENT:MASK]... -- PROGRAM [ARGUMENT...]

A call fails with "Operation not permitted"; with ARGUMENT (its index) and MASK only where that argument has any bit of
the mask.
"""
import ctypes
import errno
import os
import sys

SCMP_ACT_ALLOW = 0x7FFF0000
SCMP_ACT_ERRNO = 0x00050000 | errno.EPERM
SCMP_CMP_MASKED_EQ = 7


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp of seccomp.h."""
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("mask", ctypes.c_uint64), ("value", ctypes.c_uint64)]


def withhold(library, rules, word):
    name, *where = word.split(":")
    number = library.seccomp_syscall_resolve_name(name.encode())
    assert number >= 0, name
    if not where:
        assert library.seccomp_rule_add_array(rules, SCMP_ACT_ERRNO, number, 0, None) == 0
        return
    argument, mask = (int(each, 0) for each in where)
    for bit in (1 << i for i in range(64) if mask >> i & 1):
        comparison = Comparison(argument, SCMP_CMP_MASKED_EQ, bit, bit)
        assert library.seccomp_rule_add_array(rules, SCMP_ACT_ERRNO, number, 1, ctypes.byref(comparison)) == 0


def main():
    end = sys.argv.index("--")
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(SCMP_ACT_ALLOW))
    for word in sys.argv[1:end]:
        withhold(library, rules, word)
    assert library.seccomp_load(rules) == 0
    os.execv(sys.argv[end + 1], sys.argv[end + 1:])


main()
