/* Saved sessions on disk: one file a session, and one for each memory image that sessions differ
 * from.
 *
 *     HASH.session     "SHNSESS1", a u32 size, so many bytes of JSON (session_record.h), the state
 * as one zstd frame with a checksum ID.image         a memory image as it is, with holes
 *
 * HASH is the SHA-256 of the session's id, which never becomes a path itself. Files are written
 * under another name, made to reach the disk, and renamed: a reader never sees half of one. The
 * folder is this user's alone.
 */
#ifndef SHANNON_AGENT_CORE_SESSION_FILES_H
#define SHANNON_AGENT_CORE_SESSION_FILES_H

#include "agent_core/session_record.h"
#include "base/error.h"

#include <stdbool.h>

struct session_files;

/* Opens the folder, which is made when it is missing. NULL with ERROR_INTERNAL, also when others
 * can write to it. */
struct session_files *session_files_open(const char *path, struct error *error);
void session_files_close(struct session_files *files);

/* The folder's descriptor, for a process that writes to it. */
int session_files_folder(const struct session_files *files);

/* Calls `visit` with the record of each saved session. What cannot be read is logged and skipped;
 * leftovers of writers that were cut short, and images that no session needs, are removed. While
 * there is a session that cannot be read all images stay, as one of them may be its own: it may be
 * of another version, or readable again when there are descriptors. */
void session_files_scan(struct session_files *files,
                        void (*visit)(void *argument, const struct session_record *record),
                        void *argument);

/* Writes a session: its state from `state` (raw or packed) and, unless it is there already, its
 * image from `image`. Blocks for as long as packing takes and, if `durable`, until it has reached
 * the disk. ERROR_INTERNAL. */
int session_files_write(const struct session_files *files, const struct session_record *record,
                        int state, int image, bool durable, struct error *error);

/* Blocks until all that was written has reached the disk. -1 with ERROR_INTERNAL. */
int session_files_sync(const struct session_files *files, struct error *error);

/* Opens the saved state of the session `id`; the descriptor's position is where the state begins.
 * `record` gets what the file says. -1 with ERROR_INVALID_REQUEST when the file is damaged,
 * ERROR_INTERNAL when there is none. */
int session_files_read(const struct session_files *files, const char *id,
                       struct session_record *record, struct error *error);

/* -1 with ERROR_INVALID_REQUEST when there is a file of the session `id`, which the caller does not
 * know: then it is damaged. */
int session_files_refuse(const struct session_files *files, const char *id, struct error *error);

/* Opens an image, which is read whole to see that it is what it was. -1 with ERROR_INVALID_REQUEST
 * when it is damaged, ERROR_INTERNAL. */
int session_files_read_image(const struct session_files *files,
                             const uint8_t image[MEMORY_IMAGE_ID_SIZE], struct error *error);

/* Removes a saved session; one that is not there is no error. */
void session_files_remove(const struct session_files *files, const char *id);

/* Removes an image that no session needs any more. */
void session_files_remove_image(const struct session_files *files,
                                const uint8_t image[MEMORY_IMAGE_ID_SIZE]);

#endif
