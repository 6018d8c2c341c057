/* Tasks as JSON. Invariant: "result" is a string and "progress" a number, whatever was stored. */
#include "orchestrator/task_json.h"

#include "base/json_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static json_t *time_json(int64_t milliseconds)
{
    if (milliseconds == 0)
        return json_null();
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm parts;
    char text[40];
    gmtime_r(&seconds, &parts);
    size_t size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text + size, sizeof(text) - size, ".%03dZ", (int)(milliseconds % 1000));
    return json_string(text);
}

json_t *task_json_submitted(const struct task *task)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "task_id", task->id, "workflow_id", task->id,
                     "status", task_status_public_name(task->status), "message",
                     "Task submitted successfully", "created_at", time_json(task->created_ms));
}

json_t *task_json_item(const struct task *task)
{
    return json_pack("{s:s, s:s, s:s?, s:s, s:o, s:o, s:s?, s:s?}", "task_id", task->id,
                     "workflow_id", task->id, "query", task->query, "status",
                     task_status_public_name(task->status), "created_at",
                     time_json(task->created_ms), "completed_at", time_json(task->completed_ms),
                     "session_id", task->session_id, "error", task->error_message);
}

static json_t *parse(const char *text)
{
    struct json_fault fault = JSON_FAULT_NONE;
    return text == NULL ? NULL : json_text_parse(text, strlen(text), &fault);
}

/* The member as a new reference; JSON null when there is none. */
static json_t *member(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return value == NULL ? json_null() : json_incref(value);
}

static json_t *member_or(const json_t *object, const char *name, json_t *otherwise)
{
    json_t *value = json_object_get(object, name);
    if (value == NULL || json_typeof(value) != json_typeof(otherwise))
        return otherwise;
    json_decref(otherwise);
    return json_incref(value);
}

static json_t *metadata(const struct task *task, const json_t *answer)
{
    return json_pack("{s:o, s:I, s:s?}", "executions",
                     member_or(answer, "executions", json_array()), "attempts",
                     (json_int_t)task->attempts, "error_kind",
                     task->error_kind == ERROR_OK ? NULL : error_kind_name(task->error_kind));
}

json_t *task_json_full(const struct task *task)
{
    json_t *answer = parse(task->answer);
    json_t *options = parse(task->options);
    double progress = task->status == TASK_COMPLETED ? 1.0 : 0.0;
    json_t *full = json_pack(
        "{s:s, s:s, s:s, s:f, s:o, s:s?, s:o, s:o, s:o, s:s?, s:s?, s:o, s:o, s:o, s:o, s:o, s:o}",
        "task_id", task->id, "workflow_id", task->id, "status",
        task_status_public_name(task->status), "progress", progress, "result",
        member_or(answer, "result", json_string("")), "error", task->error_message, "created_at",
        time_json(task->created_ms), "updated_at", time_json(task->updated_ms), "completed_at",
        time_json(task->completed_ms), "query", task->query, "session_id", task->session_id, "mode",
        member(options, "mode"), "context", member(options, "context"), "model_used",
        member(answer, "model"), "provider", member(answer, "provider"), "usage",
        member_or(answer, "usage", json_object()), "metadata", metadata(task, answer));
    json_decref(answer);
    json_decref(options);
    return full;
}
