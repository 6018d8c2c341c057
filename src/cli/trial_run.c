/* One program, run and waited for. Invariant: the result's buffers are the caller's, taken from the
 * execution before it is freed. */
#include "cli/trial_run.h"

#include "base/event_loop.h"
#include "sandbox/guest.h"
#include "sandbox/guest_child.h"

#include <event2/event.h>
#include <string.h>

#define OUTPUT_LIMIT_BYTES ((size_t)1 << 20)

struct trial {
    struct event_base *loop;
    struct execution_result *result;
};

static void take(struct buffer *to, const struct buffer *from)
{
    *to = BUFFER_EMPTY;
    (void)buffer_append(to, from->data, from->size);
}

static void on_done(void *argument, const struct execution_result *result)
{
    struct trial *trial = argument;
    *trial->result = *result;
    take(&trial->result->stdout_bytes, &result->stdout_bytes);
    take(&trial->result->stderr_bytes, &result->stderr_bytes);
    take(&trial->result->error_type, &result->error_type);
    take(&trial->result->error_message, &result->error_message);
    take(&trial->result->traceback, &result->traceback);
    take(&trial->result->value, &result->value);
    trial->result->report = NULL;
    (void)event_base_loopbreak(trial->loop);
}

int trial_run(const char *wasm_path, const char *code, uint32_t timeout_ms,
              uint64_t memory_limit_bytes, struct execution_result *result, struct error *error)
{
    const struct guest_options options = {.wasm_path = wasm_path};
    const struct execution_request request = {
        .code = code,
        .code_size = strlen(code),
        .filename = "<string>",
        .timeout_ms = timeout_ms,
        .memory_limit_bytes = memory_limit_bytes,
        .output_limit_bytes = OUTPUT_LIMIT_BYTES,
    };
    struct trial trial = {.loop = event_base_new(), .result = result};
    memset(result, 0, sizeof(*result));
    if (trial.loop == NULL)
        return error_set(error, ERROR_INTERNAL, "cannot make an event loop");
    const struct execution_listener listener = {.done = on_done, .argument = &trial};
    bool started =
        execution_start_direct(trial.loop, &options, true, &request, &listener, error) != NULL;
    if (started)
        (void)event_base_dispatch(trial.loop);
    guest_child_wait_for_dying();
    event_base_free(trial.loop);
    return started ? 0 : -1;
}
