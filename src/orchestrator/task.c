/* One task. Invariant: a text is NULL or owned by exactly one task. */
#include "orchestrator/task.h"

#include "base/random_id.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *stored;
    const char *public;
} names[] = {
    [TASK_QUEUED] = {"QUEUED", "TASK_STATUS_QUEUED"},
    [TASK_DEFERRED] = {"DEFERRED", "TASK_STATUS_QUEUED"},
    [TASK_RUNNING] = {"RUNNING", "TASK_STATUS_RUNNING"},
    [TASK_COMPLETED] = {"COMPLETED", "TASK_STATUS_COMPLETED"},
    [TASK_FAILED] = {"FAILED", "TASK_STATUS_FAILED"},
};

void task_free(struct task *task)
{
    free(task->query);
    free(task->session_id);
    free(task->options);
    free(task->error_message);
    free(task->answer);
    *task = (struct task){0};
}

const char *task_status_stored_name(enum task_status status)
{
    return names[status].stored;
}

const char *task_status_public_name(enum task_status status)
{
    return names[status].public;
}

int task_status_from_stored_name(const char *name)
{
    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
        if (strcmp(names[i].stored, name) == 0)
            return i;
    }
    return -1;
}

int task_make_id(char id[static TASK_ID_SIZE], struct error *error)
{
    static const char prefix[] = "task-";
    memcpy(id, prefix, sizeof(prefix) - 1);
    if (random_id_make(id + sizeof(prefix) - 1, 32) == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "Cannot make a task identifier");
}
