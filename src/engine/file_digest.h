/* SHA-256 of files, remembered.
 *
 * Hashing a 20 MB interpreter at each start would cost more than starting it. So the digest is
 * kept in a memo next to the file's identity: device, inode, size, modification and change time.
 * Any write, truncation or replacement of a file changes its change time, which no program can set
 * back, so a memo whose identity still fits is the digest of what is there now. A file that changed
 * less than a second ago is always read, as two changes within one clock tick look alike.
 */
#ifndef SHANNON_ENGINE_FILE_DIGEST_H
#define SHANNON_ENGINE_FILE_DIGEST_H

#include "base/error.h"

#define FILE_DIGEST_SIZE 65 /* 64 hexadecimal digits and a NUL */

/* The SHA-256 of the file at `path` as lower-case hexadecimal. `memo_directory` holds the memos;
 * one that cannot be written is not an error. ERROR_INTERNAL (with errno's text) when the file
 * cannot be read or is not a regular file. */
int file_digest(const char *path, const char *memo_directory, char digest[FILE_DIGEST_SIZE],
                struct error *error);

#endif
