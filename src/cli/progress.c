/* Progress of a translation on standard error. */
#include "cli/progress.h"

#include "base/interruption.h"
#include "sandbox/guest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SILENT_MS 1000
#define REPEAT_SECONDS 10

void progress_show(void *argument, const char *step, unsigned elapsed_ms)
{
    static bool announced;
    static char last_step[64];
    (void)argument;
    if (elapsed_ms < SILENT_MS)
        return;
    bool terminal = isatty(STDERR_FILENO);
    bool new_step = strcmp(step, last_step) != 0;
    if (!announced)
        (void)fprintf(stderr, "shannon: preparing this interpreter, which is done once and takes "
                              "about a minute\n");
    announced = true;
    (void)snprintf(last_step, sizeof(last_step), "%s", step);
    if (terminal || new_step || elapsed_ms / 1000 % REPEAT_SECONDS == 0)
        (void)fprintf(stderr, "%sshannon: %s, %u s%s", terminal ? "\r\033[K" : "", step,
                      elapsed_ms / 1000, terminal ? "" : "\n");
    if (terminal && strncmp(step, "linking", 7) == 0) /* the last step, and a short one */
        (void)fputs("\r\033[K", stderr);
}

int progress_translate(const char *wasm_path, struct error *error)
{
    const struct guest_options options = {.wasm_path = wasm_path, .progress = progress_show};
    BUFFER_LOCAL struct buffer object = BUFFER_EMPTY;
    sigset_t former;
    interruption_block(&former);
    int result = guest_prepare(&options, &object, error);
    if (interruption_pending() == 0)
        (void)sigprocmask(SIG_SETMASK, &former, NULL);
    return result;
}
