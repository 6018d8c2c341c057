/* What is known of a session beside its state. */
#ifndef SHANNON_AGENT_CORE_SESSION_RECORD_H
#define SHANNON_AGENT_CORE_SESSION_RECORD_H

#include "sandbox/session_state.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SESSION_ID_MAXIMUM 128
#define SESSION_INTERPRETER_MAXIMUM 4096

struct session_record {
    char id[SESSION_ID_MAXIMUM + 1];
    char interpreter[SESSION_INTERPRETER_MAXIMUM + 1]; /* path of its file */
    uint8_t digest[INTERPRETER_DIGEST_SIZE];           /* SHA-256 of it */
    uint8_t image[MEMORY_IMAGE_ID_SIZE];
    int64_t created_ms; /* since 1970 */
    int64_t used_ms;    /* when the last run ended */
    uint64_t runs;      /* that were begun */
    uint64_t size;      /* of the state, in bytes */
    bool duplicate;     /* a copy of another session that has not run yet */
};

/* Whether `id` may be a session's: 1 to 128 of [A-Za-z0-9:_.-]. */
bool session_id_is_valid(const char *id);

/* As a JSON object, and back. session_record_to_json: a new reference, NULL when memory is short.
 * session_record_from_json: -1 when a field is missing or wrong. */
json_t *session_record_to_json(const struct session_record *record);
int session_record_from_json(struct session_record *record, const json_t *object);

#endif
