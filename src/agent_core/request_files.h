/* The field `files` of POST /v1/execute: what the program finds below /workspace. */
#ifndef SHANNON_AGENT_CORE_REQUEST_FILES_H
#define SHANNON_AGENT_CORE_REQUEST_FILES_H

#include "base/json_text.h"
#include "sandbox/execution.h"

#include <jansson.h>

#define REQUEST_FILES_MAXIMUM 1000
#define REQUEST_FILE_PATH_MAXIMUM 1024

struct request_files {
    struct execution_file *files; /* paths and texts belong to the JSON they were read from */
    size_t count;
    size_t room;    /* elements of `decoded` */
    char **decoded; /* contents that came in base64; NULL for the others */
};

/* Reads `value` (NULL: no files), which must outlive the result: a list of
 * {"path": ..., "content": ..., "encoding": "utf-8" or "base64"}, or, for texts, an object of paths
 * and contents. Paths are relative, of components that are not empty, "." or "..". 0, or -1 with
 * `fault`; release with request_files_free either way. */
int request_files_read(struct request_files *files, const json_t *value, struct json_fault *fault);

void request_files_free(struct request_files *files);

#endif
