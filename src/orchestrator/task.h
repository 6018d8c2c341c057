/* One task: a request of a client and what became of it. */
#ifndef SHANNON_ORCHESTRATOR_TASK_H
#define SHANNON_ORCHESTRATOR_TASK_H

#include "base/error.h"

#include <stdint.h>

#define TASK_ID_SIZE 38 /* "task-", 32 hexadecimal digits, NUL */

enum task_status {
    TASK_QUEUED,    /* stored, waits for its turn */
    TASK_DEFERRED,  /* its turn came, but llm-service was out of reach; clients see it as queued */
    TASK_RUNNING,   /* handed to llm-service */
    TASK_COMPLETED, /* has an answer */
    TASK_FAILED,    /* has an error, and an answer when llm-service gave one */
};

/* Texts are UTF-8 and owned by the task; NULL where there is none. */
struct task {
    char id[TASK_ID_SIZE];
    enum task_status status;
    int64_t attempts; /* how often it was handed to llm-service */
    int64_t created_ms, updated_ms;
    int64_t completed_ms; /* 0 until it has ended; all since the epoch */
    char *query;
    char *session_id;
    char *options;              /* JSON object: the other fields of the submission */
    enum error_kind error_kind; /* ERROR_OK unless TASK_FAILED */
    char *error_message;
    char *answer; /* JSON object: llm-service's answer, whole, with the result in it */
};

/* Releases the texts and clears the task. */
void task_free(struct task *task);
#define TASK_LOCAL __attribute__((cleanup(task_free)))

/* "QUEUED", "DEFERRED", ...: as stored. Static. */
const char *task_status_stored_name(enum task_status status);

/* "TASK_STATUS_QUEUED", ...: as clients know it. Static. */
const char *task_status_public_name(enum task_status status);

/* Reads a stored name. -1 when it is none. */
int task_status_from_stored_name(const char *name);

/* Writes a new random identifier. 0, or -1 with ERROR_INTERNAL when the kernel gives no random
 * bytes. */
int task_make_id(char id[static TASK_ID_SIZE], struct error *error);

#endif
