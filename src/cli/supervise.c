/* One execution in the foreground. Invariant: the loop ends when `done` was called, and the child
 * is gone by then. */
#include "cli/supervise.h"

#include "agent_core/execution_answer.h"
#include "base/interruption.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "sandbox/execution_status.h"
#include "sandbox/guest_child.h"

#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct supervision {
    const char *command;
    enum supervise_form form;
    struct event_base *loop;
    struct execution *execution;
    int signal;
    int exit_status;
};

static void on_signal(evutil_socket_t number, short what, void *argument)
{
    struct supervision *supervision = argument;
    (void)what;
    supervision->signal = (int)number;
    execution_cancel(supervision->execution);
}

static void print_json(const struct execution_result *result)
{
    json_t *answer = execution_answer(result, NULL);
    char *text = json_dumps(answer, 0);
    json_decref(answer);
    if (text != NULL)
        (void)puts(text);
    free(text);
}

/* The kernel keeps 8 bits of an exit status; 256 must not become success. */
static int process_status(int exit_code)
{
    int status = exit_code & 0xff;
    return status == 0 && exit_code != 0 ? 1 : status;
}

static void on_done(void *argument, const struct execution_result *result)
{
    struct supervision *supervision = argument;
    bool own_ending = result->status == ERROR_OK || result->status == ERROR_PYTHON_ERROR;
    supervision->exit_status = process_status(result->exit_code);
    if (supervision->form == SUPERVISE_JSON)
        print_json(result);
    else if (!own_ending && supervision->signal == 0)
        (void)fprintf(stderr, "shannon %s: %s\n", supervision->command, result->message);
    else if (result->advice != NULL)
        (void)fprintf(stderr, "shannon %s: %s\n", supervision->command, result->advice);
    if (supervision->signal != 0)
        supervision->exit_status = 128 + supervision->signal;
    (void)event_base_loopbreak(supervision->loop);
}

static struct execution *start(struct supervision *supervision, struct guest_options *options,
                               const struct execution_request *request, struct error *error)
{
    const struct execution_listener listener = {.done = on_done, .argument = supervision};
    if (supervision->form == SUPERVISE_COMMAND)
        return execution_start_command(supervision->loop, options, request, &listener, error);
    return execution_start_direct(supervision->loop, options, supervision->form == SUPERVISE_JSON,
                                  request, &listener, error);
}

/* Translating happens here, with the signals blocked: it looks for them itself. */
static void run(struct supervision *supervision, struct guest_options *options,
                const struct execution_request *request, const sigset_t *former_mask)
{
    struct error error = ERROR_NONE;
    supervision->execution = start(supervision, options, request, &error);
    if (supervision->execution == NULL) {
        supervision->exit_status = options_fail(supervision->command, &error);
        return;
    }
    (void)sigprocmask(SIG_SETMASK, former_mask, NULL);
    (void)event_base_dispatch(supervision->loop);
    guest_child_wait_for_dying();
}

int supervise(const char *command, enum supervise_form form, struct guest_options *options,
              const struct execution_request *request)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct event *events[sizeof(numbers) / sizeof(numbers[0])] = {NULL};
    struct error error = ERROR_NONE;
    sigset_t former_mask;
    struct supervision supervision = {
        .command = command, .form = form, .exit_status = EXIT_SHANNON_FAILED};
    options->progress = progress_show;
    supervision.loop = event_base_new();
    if (supervision.loop == NULL) {
        error_set(&error, ERROR_INTERNAL, "cannot make an event loop");
        return options_fail(command, &error);
    }
    interruption_block(&former_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction former;
        if (sigaction(numbers[i], NULL, &former) == 0 && former.sa_handler == SIG_IGN)
            continue; /* nohup, a job in the background */
        events[i] = evsignal_new(supervision.loop, numbers[i], on_signal, &supervision);
        if (events[i] != NULL)
            (void)event_add(events[i], NULL);
    }
    run(&supervision, options, request, &former_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (events[i] != NULL)
            event_free(events[i]);
    }
    event_base_free(supervision.loop);
    return supervision.exit_status;
}
