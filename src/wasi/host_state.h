/* The form of a saved host, as wasi_host_save writes and wasi_host_restore reads it. Numbers are
 * little-endian; u8, u32 and u64 have that many bits.
 *
 *     u32 STATE_MAGIC, u32 STATE_VERSION
 *     u32 size, bytes              the preopens as they were granted (struct wasi_host, grants)
 *     scratch                      only when it was granted
 *     u32 count, descriptors       in the order of their numbers
 *
 *     scratch:
 *     u64 next serial number, u64 next cookie
 *     u32 count, nodes             "/tmp", "/workspace", what lies beneath them, each folder before
 *                                  its entries and these in the order of their cookies; then what
 *                                  has no name any more and is only open
 *
 *     node:
 *     u8 STATE_FOLDER or STATE_FILE
 *     u8 1 if changed since the mark
 *     u32 parent                   its place among the nodes; STATE_NONE if it has none
 *     u64 serial number, u64 cookie (0 without a parent)
 *     u64 accessed, u64 modified, u64 status changed
 *     u8 size, bytes               the name; empty without a parent
 *     of a file: u64 size, u32 count, blocks
 *
 *     block:
 *     u32 place, bytes             SCRATCH_BLOCK_SIZE of them, or up to the end of the file
 *
 *     descriptor:
 *     u32 number
 *     u8 STATE_GRANT, STATE_HOST_FILE, STATE_HOST_DIRECTORY or STATE_SCRATCH
 *     u8 1 if a host file is open for writing
 *     u32 fdflags
 *     u32 grant; in scratch the place among the nodes
 *     u64 rights, u64 inheriting, u64 position
 *     u32 size, bytes              the path of a host file or directory beneath its preopen
 */
#ifndef SHANNON_WASI_HOST_STATE_H
#define SHANNON_WASI_HOST_STATE_H

#include <stdint.h>

#define STATE_MAGIC 0x74736877u /* "whst" */
#define STATE_VERSION 1u

#define STATE_NONE UINT32_MAX

#define STATE_FOLDER 1u
#define STATE_FILE 2u

#define STATE_GRANT 1u
#define STATE_HOST_FILE 2u
#define STATE_HOST_DIRECTORY 3u
#define STATE_SCRATCH 4u

#endif
