/* One request to llm-service. Invariant: a query that lives waits for one model reply, or for
 * `pending` executions, and owns a request that was not answered yet. */
#include "llm_service/agent_query.h"

#include "base/json_fields.h"
#include "base/log.h"
#include "llm_service/offline_provider.h"
#include "llm_service/query_answer.h"
#include "llm_service/request_intent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct agent_query;

/* One tool call of a reply, or the only execution of a query that needs no model. */
struct tool_run {
    struct agent_query *query;
    struct python_execution *execution; /* NULL: not under way */
    json_t *id;                         /* of the tool call */
    json_t *record;                     /* what became of it; NULL when it was not executed */
    json_t *message;                    /* what the model is told */
};

struct agent_query {
    const struct agent_query_environment *environment;
    struct http_request *request;
    json_t *body; /* the request's JSON: owns the texts below */
    const char *text;
    const json_t *context;
    const char *provider;
    const char *model;
    json_t *executions;
    struct chat_usage tokens;
    int64_t started_ms;

    json_t *messages; /* the conversation; NULL without a model */
    int64_t turns, turns_max;
    struct chat_call *chat;
    struct tool_run runs[CHAT_TOOL_CALLS_MAX];
    size_t run_count;
    size_t pending;
};

static void ask_model(struct agent_query *query);

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void clear_runs(struct agent_query *query)
{
    for (size_t i = 0; i < query->run_count; i++) {
        struct tool_run *run = &query->runs[i];
        if (run->execution != NULL)
            python_execution_cancel(run->execution);
        json_decref(run->id);
        json_decref(run->record);
        json_decref(run->message);
        *run = (struct tool_run){0};
    }
    query->run_count = 0;
    query->pending = 0;
}

static void release(struct agent_query *query)
{
    clear_runs(query);
    if (query->chat != NULL)
        chat_call_cancel(query->chat);
    json_decref(query->messages);
    json_decref(query->executions);
    json_decref(query->body);
    free(query);
}

static void on_gone(void *argument)
{
    struct agent_query *query = argument;
    LOG(LOG_INFO, "query abandoned by its client",
        log_text("request_id", http_request_id(query->request)));
    release(query);
}

static struct query_work work_of(const struct agent_query *query)
{
    return (struct query_work){.provider = query->provider,
                               .model = query->model,
                               .executions = query->executions,
                               .tokens = query->tokens};
}

/* `answer` is consumed; the query is released. */
static void finish(struct agent_query *query, json_t *answer)
{
    const char *status = json_string_value(json_object_get(answer, "status"));
    LOG(LOG_INFO, "query answered", log_text("request_id", http_request_id(query->request)),
        log_text("status", status == NULL ? "internal" : status),
        log_text("provider", query->provider),
        log_number("executions", (int64_t)json_array_size(query->executions)),
        log_number("model_replies", query->turns),
        log_number("wall_ms", clock_ms() - query->started_ms));
    http_request_on_gone(query->request, NULL, NULL);
    http_respond_json(query->request, 200, answer);
    release(query);
}

static void fail(struct agent_query *query, const struct error *error)
{
    struct query_work work = work_of(query);
    finish(query, query_answer_from_error(&work, error));
}

static void fail_for_memory(struct agent_query *query)
{
    struct error error = ERROR_NONE;
    error_set(&error, ERROR_INTERNAL, "Out of memory in llm-service");
    fail(query, &error);
}

/* Nothing can be run now: the client is asked to send the same request again. */
static void postpone(struct agent_query *query, const struct error *error)
{
    LOG(LOG_WARNING, "query postponed", log_text("request_id", http_request_id(query->request)),
        log_text("reason", error->message));
    http_request_on_gone(query->request, NULL, NULL);
    http_response_header(query->request, "Retry-After", "1");
    http_respond_error(query->request, 503, ERROR_BUSY, NULL, "%s", error->message);
    release(query);
}

/* All executions of a turn have ended: their results go to the model in the order of its calls. */
static void finish_turn(struct agent_query *query)
{
    for (size_t i = 0; i < query->run_count; i++) {
        struct tool_run *run = &query->runs[i];
        if (run->record != NULL) {
            run->message = chat_tool_result(json_string_value(run->id), run->record);
            if (json_array_append(query->executions, run->record) != 0) {
                fail_for_memory(query);
                return;
            }
        }
        if (run->message == NULL || json_array_append(query->messages, run->message) != 0) {
            fail_for_memory(query);
            return;
        }
    }
    clear_runs(query);
    ask_model(query);
}

static void on_executed(void *argument, json_t *record, const struct error *error)
{
    struct tool_run *run = argument;
    struct agent_query *query = run->query;
    run->execution = NULL;
    query->pending--;
    if (record == NULL) {
        postpone(query, error);
        return;
    }
    if (query->messages == NULL) {
        if (json_array_append(query->executions, record) != 0) {
            fail_for_memory(query);
            return;
        }
        struct query_work work = work_of(query);
        finish(query, query_answer_from_execution(&work, record));
        return;
    }
    run->record = json_incref(record);
    if (query->pending == 0)
        finish_turn(query);
}

static struct tool_run *add_run(struct agent_query *query)
{
    struct tool_run *run = &query->runs[query->run_count++];
    *run = (struct tool_run){.query = query};
    return run;
}

static int start_run(struct tool_run *run, const struct chat_tool_request *asked,
                     struct error *error)
{
    struct agent_query *query = run->query;
    const struct python_execution_request request = {
        .code = asked->code,
        .code_size = asked->code_size,
        .stdin_text = asked->stdin_text,
        .timeout_ms = asked->timeout_ms,
        .request_id = http_request_id(query->request),
    };
    run->execution =
        python_execution_start(&query->environment->agent_core, &request, on_executed, run, error);
    if (run->execution == NULL)
        return -1;
    query->pending++;
    return 0;
}

/* Runs the one program of a query that needs no model. */
static void run_program(struct agent_query *query, const struct buffer *program)
{
    const struct chat_tool_request asked = {.code = buffer_text(program),
                                            .code_size = program->size};
    struct error error = ERROR_NONE;
    if (start_run(add_run(query), &asked, &error) != 0)
        fail(query, &error);
}

/* Starts what one tool call asks for; what it asks for wrongly is told to the model. */
static int take_tool_call(struct agent_query *query, const json_t *tool_call, struct error *error)
{
    struct tool_run *run = add_run(query);
    run->id = json_incref(json_object_get(tool_call, "id"));
    struct chat_tool_request asked;
    struct error wrong = ERROR_NONE;
    if (chat_tool_request_read(tool_call, query->environment->tool_timeout_max_ms, &asked,
                               &wrong) != 0) {
        run->message = chat_tool_error(json_string_value(run->id), wrong.message);
        return 0;
    }
    int result = start_run(run, &asked, error);
    json_decref(asked.arguments);
    return result;
}

static void take_tool_calls(struct agent_query *query, const struct chat_reply *reply)
{
    struct error error = ERROR_NONE;
    if (json_array_append(query->messages, reply->message) != 0) {
        fail_for_memory(query);
        return;
    }
    size_t index;
    const json_t *tool_call;
    json_array_foreach(reply->tool_calls, index, tool_call)
    {
        if (take_tool_call(query, tool_call, &error) != 0) {
            fail(query, &error);
            return;
        }
    }
    if (query->pending == 0)
        finish_turn(query);
}

static void on_reply(void *argument, const struct chat_reply *reply, const struct error *failure)
{
    struct agent_query *query = argument;
    struct query_work work;
    struct error error = ERROR_NONE;
    query->chat = NULL;
    if (reply == NULL) {
        fail(query, failure);
        return;
    }
    query->turns++;
    query->tokens.prompt_tokens += reply->usage.prompt_tokens;
    query->tokens.completion_tokens += reply->usage.completion_tokens;
    query->tokens.total_tokens += reply->usage.total_tokens;
    size_t calls = json_array_size(reply->tool_calls);
    if (calls > CHAT_TOOL_CALLS_MAX) {
        error_set(&error, ERROR_INTERNAL,
                  "The model asked for %zu executions in one reply; at most %d are allowed", calls,
                  CHAT_TOOL_CALLS_MAX);
        fail(query, &error);
    } else if (calls > 0 && query->turns <= query->turns_max) {
        take_tool_calls(query, reply);
    } else if (reply->text.size > 0) {
        work = work_of(query);
        finish(query, query_answer_from_text(&work, reply->text.data, reply->text.size));
    } else {
        if (calls > 0)
            error_set(&error, ERROR_INTERNAL,
                      "The model did not come to an answer within %" PRId64
                      " replies; ask for less at once, or raise max_iterations",
                      query->turns_max);
        else
            error_set(&error, ERROR_INTERNAL,
                      "The model's reply %" PRId64 " holds neither text nor a tool call",
                      query->turns);
        fail(query, &error);
    }
}

/* After the last turn with tools the model is asked once more, for its answer. */
static void ask_model(struct agent_query *query)
{
    struct error error = ERROR_NONE;
    json_t *request =
        chat_request_new(query->model, query->messages, query->turns < query->turns_max);
    if (request == NULL) {
        fail_for_memory(query);
        return;
    }
    query->chat = chat_call_start(&query->environment->provider, request, on_reply, query, &error);
    json_decref(request);
    if (query->chat == NULL)
        fail(query, &error);
}

static void start_conversation(struct agent_query *query)
{
    struct error error = ERROR_NONE;
    query->provider = "openai";
    if (!query->environment->has_provider) {
        error_set(&error, ERROR_INVALID_REQUEST,
                  "No model provider is configured: set OPENAI_API_KEY (and OPENAI_BASE_URL and "
                  "LLM_MODEL) in the environment or in .env and restart the llm-service");
        fail(query, &error);
        return;
    }
    if (*query->model == '\0') {
        error_set(&error, ERROR_INVALID_REQUEST,
                  "A provider is configured, but no model: set LLM_MODEL in the environment or in "
                  ".env and restart the llm-service, or name one in model_override");
        fail(query, &error);
        return;
    }
    query->messages = chat_conversation_new(query->text, query->context);
    if (query->messages == NULL)
        fail_for_memory(query);
    else
        ask_model(query);
}

static void answer_offline(struct agent_query *query)
{
    BUFFER_LOCAL struct buffer program = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    query->provider = "offline";
    query->model = NULL;
    if (offline_provider_write(query->text, &program, &error) != 0)
        fail(query, &error);
    else
        run_program(query, &program);
}

static void begin(struct agent_query *query, const char *provider)
{
    BUFFER_LOCAL struct buffer code = BUFFER_EMPTY;
    struct error error = ERROR_NONE;
    switch (request_intent_read(query->text, &code, &error)) {
    case REQUEST_REFUSED:
        query->model = NULL;
        fail(query, &error);
        return;
    case REQUEST_CODE:
        query->model = NULL;
        run_program(query, &code);
        return;
    case REQUEST_QUESTION:
        break;
    }
    bool offline =
        provider == NULL ? !query->environment->has_provider : strcmp(provider, "offline") == 0;
    if (offline)
        answer_offline(query);
    else
        start_conversation(query);
}

/* The fields of the request. `mode` and `model_tier` are what Shannon's clients may send; one model
 * serves all of them here. */
static int read_fields(struct agent_query *query, const char **provider, struct json_fault *fault)
{
    struct json_field_text text = {0};
    struct json_field_text session = {0};
    struct json_field_text mode = {0};
    struct json_field_text tier = {0};
    struct json_field_text model = {0};
    struct json_field_text wanted_provider = {0};
    query->turns_max = AGENT_QUERY_TURNS_DEFAULT;
    const struct json_field fields[] = {
        {"query", JSON_FIELD_TEXT, .required = true, .minimum = 1, .maximum = AGENT_QUERY_BYTES_MAX,
         .text = &text},
        {"session_id", JSON_FIELD_TEXT, .minimum = 1, .maximum = 128, .text = &session},
        {"context", JSON_FIELD_OBJECT, .value = &query->context},
        {"mode", JSON_FIELD_TEXT, .maximum = 64, .text = &mode},
        {"model_tier", JSON_FIELD_TEXT, .maximum = 64, .text = &tier},
        {"model_override", JSON_FIELD_TEXT, .minimum = 1, .maximum = 256, .text = &model},
        {"provider_override", JSON_FIELD_TEXT, .maximum = 64, .text = &wanted_provider},
        {"max_iterations", JSON_FIELD_INTEGER, .minimum = 1, .maximum = AGENT_QUERY_TURNS_MAX,
         .integer = &query->turns_max},
    };
    if (json_fields_read(query->body, fields, sizeof(fields) / sizeof(fields[0]), fault) != 0)
        return -1;
    if (strspn(text.bytes, " \t\r\n") == text.size)
        return json_fault_set(fault, "query", "query is blank: say what to do");
    if (wanted_provider.bytes != NULL && strcmp(wanted_provider.bytes, "offline") != 0 &&
        strcmp(wanted_provider.bytes, "openai") != 0)
        return json_fault_set(fault, "provider_override",
                              "provider_override must be \"offline\" or \"openai\"");
    query->text = text.bytes;
    query->model = model.bytes != NULL ? model.bytes : query->environment->model;
    *provider = wanted_provider.bytes;
    return 0;
}

void agent_query_start(struct http_request *request,
                       const struct agent_query_environment *environment)
{
    json_t *body = http_request_json(request);
    if (body == NULL)
        return;
    struct json_fault fault = JSON_FAULT_NONE;
    struct agent_query *query = calloc(1, sizeof(*query));
    json_t *executions = json_array();
    if (query == NULL || executions == NULL) {
        http_respond_error(request, 500, ERROR_INTERNAL, NULL, "Out of memory in llm-service");
        json_decref(executions);
        json_decref(body);
        free(query);
        return;
    }
    query->environment = environment;
    query->request = request;
    query->body = body;
    query->executions = executions;
    query->provider = "explicit";
    query->started_ms = clock_ms();
    const char *provider = NULL;
    if (read_fields(query, &provider, &fault) != 0) {
        http_respond_fault(request, &fault);
        release(query);
        return;
    }
    http_request_on_gone(request, on_gone, query);
    begin(query, provider);
}
