/* Signals that ask this process to end, looked for rather than caught. Invariant: none of them is
 * ever consumed here, so unblocking delivers it. */
#include "base/interruption.h"

#include <stddef.h>

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

void interruption_block(sigset_t *former)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(&set, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &set, former);
}

int interruption_pending(void)
{
    sigset_t set;
    if (sigpending(&set) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (sigismember(&set, numbers[i]) == 1)
            return numbers[i];
    }
    return 0;
}
