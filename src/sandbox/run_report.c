/* The report of a child. Invariant of reading: nothing is used before it was compared with the
 * frame's size, and every enum is checked before it becomes one. */
#include "sandbox/run_report.h"

#include "shannon_guest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define REPORT_MAGIC 0x31706572u /* "rep1" */
#define FLAG_GROWTH_REFUSED 1u
#define FLAG_MUTE 2u

struct frame_head {
    uint32_t magic;
    uint32_t kind;
    uint32_t failure;
    uint32_t ending;
    uint32_t trap;
    uint32_t exit_code;
    uint32_t flags;
    uint32_t records_size;
    uint64_t memory_size;
};

static int write_all(int fd, const void *bytes, size_t size)
{
    const char *rest = bytes;
    while (size > 0) {
        ssize_t written = write(fd, rest, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        rest += written;
        size -= (size_t)written;
    }
    return 0;
}

int run_report_write(int fd, const struct run_report *report)
{
    size_t size = report->records_size;
    if (size > RUN_REPORT_SIZE_MAX - sizeof(struct frame_head))
        size = 0; /* a guest that claims so much gets none of it */
    struct frame_head head = {
        .magic = REPORT_MAGIC,
        .kind = report->kind,
        .failure = report->failure,
        .ending = report->outcome.ending,
        .trap = report->outcome.trap,
        .exit_code = report->outcome.exit_code,
        .flags =
            (report->growth_refused ? FLAG_GROWTH_REFUSED : 0) | (report->mute ? FLAG_MUTE : 0),
        .records_size = (uint32_t)size,
        .memory_size = report->memory_size,
    };
    if (write_all(fd, &head, sizeof(head)) != 0)
        return -1;
    return write_all(fd, report->records, size);
}

int run_report_read(const struct buffer *frame, struct run_report *report)
{
    struct frame_head head;
    if (frame->size < sizeof(head))
        return -1;
    memcpy(&head, frame->data, sizeof(head));
    if (head.magic != REPORT_MAGIC || head.records_size != frame->size - sizeof(head) ||
        (head.kind != RUN_REPORT_ENDED && head.kind != RUN_REPORT_FAILED) ||
        head.failure > ERROR_INTERNAL || head.ending > GUEST_TRAPPED || head.trap >= TRAP_COUNT ||
        (head.flags & ~(FLAG_GROWTH_REFUSED | FLAG_MUTE)) != 0)
        return -1;
    *report = (struct run_report){
        .kind = (enum run_report_kind)head.kind,
        .failure = (enum error_kind)head.failure,
        .outcome = {.ending = (enum guest_ending)head.ending,
                    .trap = (enum trap_kind)head.trap,
                    .exit_code = head.exit_code},
        .growth_refused = (head.flags & FLAG_GROWTH_REFUSED) != 0,
        .mute = (head.flags & FLAG_MUTE) != 0,
        .memory_size = head.memory_size,
        .records = (const uint8_t *)frame->data + sizeof(head),
        .records_size = head.records_size,
    };
    return 0;
}

void run_report_text(const struct run_report *report, uint32_t kind, struct buffer *text)
{
    size_t position = 0;
    buffer_clear(text);
    while (report->records_size - position >= sizeof(struct shannon_record)) {
        struct shannon_record record;
        memcpy(&record, report->records + position, sizeof(record));
        position += sizeof(record);
        if (record.length > report->records_size - position)
            return;
        if (record.kind == kind) {
            size_t size = record.length < SHANNON_RESULT_TEXT_MAXIMUM ? record.length
                                                                      : SHANNON_RESULT_TEXT_MAXIMUM;
            (void)buffer_append(text, report->records + position, size);
            return;
        }
        position += record.length;
    }
}
