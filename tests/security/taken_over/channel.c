/* Lies to the service through the channel. See acts.h. */
#include "taken_over.h"

#include "base/buffer.h"
#include "sandbox/guest_channel.h"
#include "sandbox/run_report.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEBIBYTE ((int64_t)1 << 20)

static int64_t say_head(uint32_t kind, uint32_t size)
{
    const struct guest_channel_head head = {.kind = kind, .size = size};
    return channel_write(&head, sizeof(head));
}

int64_t act_say_garbage(int64_t argument)
{
    uint8_t garbage[4096];
    (void)argument;
    memset(garbage, 0xa5, sizeof(garbage));
    return channel_write(garbage, sizeof(garbage));
}

int64_t act_say_kind(int64_t argument)
{
    return say_head((uint32_t)argument, 0);
}

int64_t act_say_size(int64_t argument)
{
    return say_head(GUEST_CHANNEL_STDOUT, (uint32_t)argument);
}

int64_t act_say_report_size(int64_t argument)
{
    return say_head(GUEST_CHANNEL_REPORT, (uint32_t)argument);
}

int64_t act_say_output_beside(int64_t argument)
{
    static struct {
        struct guest_channel_head head;
        uint8_t bytes[GUEST_CHANNEL_OUTPUT_MAX];
    } frame = {.head = {.kind = GUEST_CHANNEL_STDOUT, .size = GUEST_CHANNEL_OUTPUT_MAX}};
    memset(frame.bytes, 'x', sizeof(frame.bytes));
    for (int64_t sent = 0; sent < argument * MEBIBYTE; sent += GUEST_CHANNEL_OUTPUT_MAX) {
        int64_t result = channel_write(&frame, sizeof(frame));
        if (result != 0)
            return result;
    }
    return 0;
}

int64_t act_say_nothing_often(int64_t argument)
{
    static struct guest_channel_head heads[1024];
    for (size_t i = 0; i < 1024; i++)
        heads[i] = (struct guest_channel_head){.kind = GUEST_CHANNEL_STDERR};
    for (int64_t sent = 0; sent < argument; sent += 1024) {
        int64_t result = channel_write(heads, sizeof(heads));
        if (result != 0)
            return result;
    }
    return 0;
}

static void say_half(void)
{
    (void)say_head(GUEST_CHANNEL_STDOUT, 100);
    (void)channel_write("half", 4);
}

int64_t act_say_half_and_wait(int64_t argument)
{
    (void)argument;
    say_half();
    wait_for_ever();
}

int64_t act_say_half_and_exit(int64_t argument)
{
    (void)argument;
    say_half();
    _exit(0);
}

int64_t act_report_garbage(int64_t argument)
{
    uint8_t garbage[100];
    (void)argument;
    memset(garbage, 0xa5, sizeof(garbage));
    (void)say_head(GUEST_CHANNEL_REPORT, sizeof(garbage));
    return channel_write(garbage, sizeof(garbage));
}

/* ---- reports ---- */

static int64_t send_report(const struct run_report *report)
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    return run_report_append(&frame, report) != 0 ? -ENOMEM : channel_write(frame.data, frame.size);
}

static const struct run_report well = {
    .kind = RUN_REPORT_ENDED, .outcome = {.ending = GUEST_RETURNED}, .memory_size = 1};

size_t make_report(uint8_t report[REPORT_ROOM])
{
    BUFFER_LOCAL struct buffer frame = BUFFER_EMPTY;
    if (run_report_append(&frame, &well) != 0 || frame.size > REPORT_ROOM)
        abort();
    memcpy(report, frame.data, frame.size);
    return frame.size;
}

int64_t act_report_well(int64_t argument)
{
    (void)argument;
    (void)send_report(&well);
    for (;;) {
    }
}

int64_t act_report_well_often(int64_t argument)
{
    uint8_t reports[16][REPORT_ROOM];
    uint8_t *together = (uint8_t *)reports;
    size_t size = 0;
    for (int64_t i = 0; i < argument && i < 16; i++)
        size += make_report(together + size);
    (void)channel_write(together, size);
    wait_for_ever();
}

int64_t act_report_beyond_measure(int64_t argument)
{
    struct run_report report = well;
    (void)argument;
    report.memory_size = UINT64_MAX;
    report.outcome.exit_code = UINT32_MAX;
    (void)send_report(&report);
    wait_for_ever();
}

int64_t act_report_failure(int64_t argument)
{
    static const char message[] = "said by the guest\nlevel=error event=forged \xff\x1b[31m";
    const struct run_report report = {.kind = RUN_REPORT_FAILED,
                                      .failure = (enum error_kind)argument,
                                      .records = (const uint8_t *)message,
                                      .records_size = sizeof(message) - 1};
    (void)send_report(&report);
    wait_for_ever();
}

int64_t act_report_many_files(int64_t argument)
{
    struct run_report report = well;
    (void)argument;
    report.file_count = UINT32_MAX;
    (void)send_report(&report);
    wait_for_ever();
}

int64_t act_report_largest(int64_t argument)
{
    static uint8_t piece[65536];
    (void)argument;
    (void)say_head(GUEST_CHANNEL_REPORT, (uint32_t)RUN_REPORT_SIZE_MAX);
    for (size_t sent = 0; sent < RUN_REPORT_SIZE_MAX; sent += sizeof(piece)) {
        if (channel_write(piece, sizeof(piece)) != 0)
            break;
    }
    wait_for_ever();
}

int64_t act_report_trap(int64_t argument)
{
    struct run_report report = well;
    (void)argument;
    report.outcome = (struct guest_outcome){.ending = GUEST_TRAPPED, .trap = TRAP_UNREACHABLE};
    (void)send_report(&report);
    wait_for_ever();
}

/* ---- the end, or none ---- */

int64_t act_close_channel(int64_t argument)
{
    (void)argument;
    (void)close(GUEST_CHANNEL_FD);
    wait_for_ever();
}

int64_t act_exit_silently(int64_t argument)
{
    _exit((int)argument);
}

int64_t act_spin_deaf(int64_t argument)
{
    sigset_t all;
    (void)argument;
    sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    for (int number = 1; number < 32; number++)
        (void)signal(number, SIG_IGN);
    for (;;) {
    }
}
