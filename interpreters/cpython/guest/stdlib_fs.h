/*
 * The read-only file system that holds Python's standard library, inside the guest.
 */
#ifndef STDLIB_FS_H
#define STDLIB_FS_H

/* Where the archive's root appears; what CPython's own configuration calls its library directory. */
#define STDLIB_FS_MOUNT "/usr/local/lib/python3.11"

/*
 * Descriptors from here on are this file system's; all others are the host's. Hosts hand out small numbers, so the two
 * cannot meet; should a host ever give one from this range, open() fails with EMFILE (see __wrap___wasi_path_open).
 */
#define STDLIB_FS_FIRST_DESCRIPTOR 0x40000000

/* Files and directories of the archive that can be open at once. */
#define STDLIB_FS_DESCRIPTORS_MAXIMUM 1024

#endif
