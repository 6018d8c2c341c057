/* HTTP to tasks. Invariant: a request is answered with a task_id only when that task is stored. */
#include "orchestrator/task_api.h"

#include "base/json_fields.h"
#include "base/log.h"
#include "base/units.h"
#include "orchestrator/task_json.h"

#include <inttypes.h>
#include <string.h>

#define LIST_LIMIT_DEFAULT 20
#define LIST_LIMIT_MAX 100

/* Fields that go on to llm-service as they are; the task's options. */
static const char *const forwarded[] = {
    "context", "mode", "model_tier", "model_override", "provider_override", "max_iterations",
};

static bool is_session_id(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  ":_-.";
    size_t size = strlen(text);
    return size <= TASK_SESSION_ID_MAX && strspn(text, allowed) == size;
}

/* The word of the list that is `text`, or NULL. */
static const char *find_word(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0)
            return *words;
    }
    return NULL;
}

/* The submission's fields. `query` and `session_id` are borrowed from `body`. */
static int read_submission(const json_t *body, struct json_field_text *query,
                           struct json_field_text *session_id, struct json_fault *fault)
{
    static const char *const modes[] = {"simple", "standard", "complex", "supervisor", NULL};
    static const char *const tiers[] = {"small", "medium", "large", NULL};
    static const char *const providers[] = {"offline", "openai", NULL};
    struct json_field_text mode = {0};
    struct json_field_text tier = {0};
    struct json_field_text model = {0};
    struct json_field_text provider = {0};
    const json_t *context = NULL;
    int64_t iterations = 0;
    const struct json_field fields[] = {
        {"query", JSON_FIELD_TEXT, .required = true, .minimum = 1, .maximum = TASK_QUERY_BYTES_MAX,
         .text = query},
        {"session_id", JSON_FIELD_TEXT, .minimum = 1, .text = session_id},
        {"context", JSON_FIELD_OBJECT, .value = &context},
        {"mode", JSON_FIELD_TEXT, .text = &mode},
        {"model_tier", JSON_FIELD_TEXT, .text = &tier},
        {"model_override", JSON_FIELD_TEXT, .minimum = 1, .maximum = 256, .text = &model},
        {"provider_override", JSON_FIELD_TEXT, .text = &provider},
        {"max_iterations", JSON_FIELD_INTEGER, .minimum = 1, .maximum = 50, .integer = &iterations},
        {.name = "skill", .type = JSON_FIELD_UNSUPPORTED},
        {.name = "research_strategy", .type = JSON_FIELD_UNSUPPORTED},
        {.name = "max_concurrent_agents", .type = JSON_FIELD_UNSUPPORTED},
        {.name = "enable_verification", .type = JSON_FIELD_UNSUPPORTED},
    };
    if (json_fields_read(body, fields, sizeof(fields) / sizeof(fields[0]), fault) != 0)
        return -1;
    if (strspn(query->bytes, " \t\r\n") == query->size)
        return json_fault_set(fault, "query", "query is blank: say what to do");
    if (session_id->bytes != NULL && !is_session_id(session_id->bytes))
        return json_fault_set(fault, "session_id",
                              "session_id must be 1 to %d letters, digits and : _ - . only",
                              TASK_SESSION_ID_MAX);
    if (mode.bytes != NULL && find_word(mode.bytes, modes) == NULL)
        return json_fault_set(fault, "mode",
                              "mode must be simple, standard, complex or supervisor");
    if (tier.bytes != NULL && find_word(tier.bytes, tiers) == NULL)
        return json_fault_set(fault, "model_tier", "model_tier must be small, medium or large");
    if (provider.bytes != NULL && find_word(provider.bytes, providers) == NULL)
        return json_fault_set(fault, "provider_override",
                              "provider_override must be offline or openai");
    return 0;
}

/* The options of the task as JSON text. */
static int append_options(const json_t *body, struct buffer *text)
{
    json_t *options = json_object();
    int result = options == NULL ? -1 : 0;
    for (size_t i = 0; result == 0 && i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
        json_t *value = json_object_get(body, forwarded[i]);
        if (value != NULL && !json_is_null(value))
            result = json_object_set(options, forwarded[i], value);
    }
    if (result == 0)
        result = json_text_append(options, text);
    json_decref(options);
    return result;
}

static void respond_store_failure(struct http_request *request, const struct error *error)
{
    http_response_header(request, "Retry-After", "5");
    http_respond_error(request, 503, error->kind, NULL, "%s", error->message);
}

/* Stores the submission and answers. */
static void store_submission(struct http_request *request, const struct task_api *api,
                             const json_t *body, const struct json_field_text *query,
                             const struct json_field_text *session_id)
{
    struct error error = ERROR_NONE;
    BUFFER_LOCAL struct buffer options = BUFFER_EMPTY;
    TASK_LOCAL struct task task = {
        .query = strdup(query->bytes),
        .session_id = session_id->bytes == NULL ? NULL : strdup(session_id->bytes),
    };
    int result = task_make_id(task.id, &error);
    if (result == 0 && (task.query == NULL || append_options(body, &options) != 0 ||
                        (session_id->bytes != NULL && task.session_id == NULL) ||
                        (task.options = strdup(buffer_text(&options))) == NULL))
        result = error_set(&error, ERROR_INTERNAL, "Out of memory while storing the task");
    if (result == 0)
        result = task_store_submit(api->store, &task, &error);
    if (result != 0) {
        respond_store_failure(request, &error);
        return;
    }
    LOG(LOG_INFO, "task stored", log_text("task", task.id),
        log_text("request_id", http_request_id(request)),
        log_number("query_bytes", (int64_t)query->size));
    http_response_header(request, "X-Workflow-ID", task.id);
    if (task.session_id != NULL)
        http_response_header(request, "X-Session-ID", task.session_id);
    http_respond_json(request, 200, task_json_submitted(&task));
    task_dispatcher_wake(api->dispatcher);
}

void task_api_submit(struct http_request *request, const struct task_api *api)
{
    json_t *body = http_request_json(request);
    if (body == NULL)
        return;
    struct json_field_text query = {0};
    struct json_field_text session_id = {0};
    struct json_fault fault = JSON_FAULT_NONE;
    if (read_submission(body, &query, &session_id, &fault) != 0)
        http_respond_fault(request, &fault);
    else
        store_submission(request, api, body, &query, &session_id);
    json_decref(body);
}

void task_api_get(struct http_request *request, const struct task_api *api)
{
    const char *id = http_request_parameter(request, "id");
    struct error error = ERROR_NONE;
    TASK_LOCAL struct task task = {0};
    int found = task_store_get(api->store, id, &task, &error);
    if (found < 0)
        respond_store_failure(request, &error);
    else if (found == 0)
        http_respond_error(request, 404, ERROR_INVALID_REQUEST, "id",
                           "there is no task of this id");
    else
        http_respond_json(request, 200, task_json_full(&task));
}

/* A number in the query of the URL. */
static int read_number(struct http_request *request, const char *name, uint64_t least,
                       uint64_t most, int64_t *number, struct json_fault *fault)
{
    const char *text = http_request_query(request, name);
    uint64_t value;
    if (text == NULL)
        return 0;
    if (units_parse_number(text, &value) != 0 || value < least || value > most)
        return json_fault_set(fault, name, "%s must be a whole number from %" PRIu64 " to %" PRIu64,
                              name, least, most);
    *number = (int64_t)value;
    return 0;
}

/* A status with or without its prefix, as the name in the store. CANCELLED and TIMEOUT are known to
 * clients; no task here has them. */
static int read_status(struct http_request *request, const char **status, struct json_fault *fault)
{
    static const char prefix[] = "TASK_STATUS_";
    static const char *const known[] = {"QUEUED",    "RUNNING", "COMPLETED", "FAILED",
                                        "CANCELLED", "TIMEOUT", NULL};
    const char *text = http_request_query(request, "status");
    if (text == NULL || *text == '\0')
        return 0;
    if (strncmp(text, prefix, strlen(prefix)) == 0)
        text += strlen(prefix);
    /* The text of a parameter lasts until the next one is read. */
    *status = find_word(text, known);
    if (*status == NULL)
        return json_fault_set(fault, "status",
                              "status must be QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED or "
                              "TIMEOUT");
    return 0;
}

static void append_item(void *argument, const struct task *task)
{
    json_t *items = argument;
    (void)json_array_append_new(items, task_json_item(task));
}

void task_api_list(struct http_request *request, const struct task_api *api)
{
    struct json_fault fault = JSON_FAULT_NONE;
    struct error error = ERROR_NONE;
    struct task_filter filter = {.limit = LIST_LIMIT_DEFAULT};
    if (read_number(request, "limit", 1, LIST_LIMIT_MAX, &filter.limit, &fault) != 0 ||
        read_number(request, "offset", 0, INT64_MAX, &filter.offset, &fault) != 0 ||
        read_status(request, &filter.status, &fault) != 0) {
        http_respond_fault(request, &fault);
        return;
    }
    filter.session_id = http_request_query(request, "session_id");
    json_t *items = json_array();
    int64_t total = 0;
    if (task_store_list(api->store, &filter, append_item, items, &total, &error) != 0) {
        json_decref(items);
        respond_store_failure(request, &error);
        return;
    }
    http_respond_json(request, 200,
                      json_pack("{s:o, s:I}", "tasks", items, "total_count", (json_int_t)total));
}
