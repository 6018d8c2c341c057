/* The report of a guest process. Invariant of reading: nothing is used before it was compared with
 * the report's size, and every enum is checked before it becomes one. */
#include "sandbox/run_report.h"

#include "sandbox/guest_channel.h"
#include "shannon_guest.h"
#include "wasi/wasi_host.h"

#include <string.h>

#define REPORT_MAGIC 0x32706572u /* "rep2" */
#define FLAG_GROWTH_REFUSED 1u
#define FLAG_MUTE 2u
#define FLAG_STDOUT_TRUNCATED 4u
#define FLAG_STDERR_TRUNCATED 8u
#define FLAG_FILES_DROPPED 16u
#define FLAG_ALL 31u

struct report_head {
    uint32_t magic;
    uint32_t kind;
    uint32_t failure;
    uint32_t ending;
    uint32_t trap;
    uint32_t exit_code;
    uint32_t flags;
    uint32_t records_size;
    uint64_t memory_size;
    uint32_t files_size;
    uint32_t file_count;
};

static uint32_t flags_of(const struct run_report *report)
{
    return (report->growth_refused ? FLAG_GROWTH_REFUSED : 0) | (report->mute ? FLAG_MUTE : 0) |
           (report->stdout_truncated ? FLAG_STDOUT_TRUNCATED : 0) |
           (report->stderr_truncated ? FLAG_STDERR_TRUNCATED : 0) |
           (report->files_dropped ? FLAG_FILES_DROPPED : 0);
}

size_t run_report_size_max(uint64_t files_limit)
{
    const size_t rest = sizeof(struct report_head) + RUN_REPORT_RECORDS_MAX +
                        RUN_REPORT_FILES_MAX * (sizeof(struct run_report_file) + WASI_PATH_MAX);
    return files_limit < RUN_REPORT_SIZE_MAX - rest ? rest + (size_t)files_limit
                                                    : RUN_REPORT_SIZE_MAX;
}

int run_report_append(struct buffer *frame, const struct run_report *report)
{
    size_t records_size = report->records_size;
    if (records_size > RUN_REPORT_RECORDS_MAX)
        records_size = 0; /* a guest that claims so much gets none of it */
    struct report_head head = {
        .magic = REPORT_MAGIC,
        .kind = report->kind,
        .failure = report->failure,
        .ending = report->outcome.ending,
        .trap = report->outcome.trap,
        .exit_code = report->outcome.exit_code,
        .flags = flags_of(report),
        .records_size = (uint32_t)records_size,
        .memory_size = report->memory_size,
        .files_size = (uint32_t)report->files_size,
        .file_count = report->file_count,
    };
    struct guest_channel_head channel = {
        .kind = GUEST_CHANNEL_REPORT,
        .size = (uint32_t)(sizeof(head) + records_size + report->files_size)};
    return buffer_append(frame, &channel, sizeof(channel)) |
           buffer_append(frame, &head, sizeof(head)) |
           buffer_append(frame, report->records, records_size) |
           buffer_append(frame, report->files, report->files_size);
}

static bool files_are_whole(const struct run_report *report)
{
    size_t position = 0;
    for (uint32_t i = 0; i < report->file_count; i++) {
        struct run_report_file file;
        if (report->files_size - position < sizeof(file))
            return false;
        memcpy(&file, report->files + position, sizeof(file));
        position += sizeof(file);
        if (file.path_size > report->files_size - position ||
            file.bytes_size > report->files_size - position - file.path_size ||
            file.size > INT64_MAX || (file.bytes_size != 0 && file.bytes_size != file.size))
            return false;
        position += (size_t)file.path_size + file.bytes_size;
    }
    return position == report->files_size;
}

/* What a guest process can fail of: the rest is for others to say. */
static bool can_fail_with(uint32_t kind)
{
    switch (kind) {
    case ERROR_OK: /* it does not know of what */
    case ERROR_MEMORY_LIMIT:
    case ERROR_STACK_EXHAUSTED:
    case ERROR_TRAP:
    case ERROR_INTERPRETER_NOT_FOUND:
    case ERROR_INVALID_REQUEST:
    case ERROR_INTERNAL:
        return true;
    default:
        return false;
    }
}

int run_report_read(const void *bytes, size_t size, struct run_report *report)
{
    struct report_head head;
    if (size < sizeof(head) || size > RUN_REPORT_SIZE_MAX)
        return -1;
    memcpy(&head, bytes, sizeof(head));
    if (head.magic != REPORT_MAGIC ||
        (uint64_t)head.records_size + head.files_size != size - sizeof(head) ||
        (head.kind != RUN_REPORT_ENDED && head.kind != RUN_REPORT_FAILED) ||
        !(head.kind == RUN_REPORT_FAILED ? can_fail_with(head.failure)
                                         : head.failure == ERROR_OK) ||
        head.ending > GUEST_TRAPPED || head.trap >= TRAP_COUNT || (head.flags & ~FLAG_ALL) != 0 ||
        head.file_count > RUN_REPORT_FILES_MAX || head.memory_size > INT64_MAX)
        return -1;
    const uint8_t *records = (const uint8_t *)bytes + sizeof(head);
    *report = (struct run_report){
        .kind = (enum run_report_kind)head.kind,
        .failure = (enum error_kind)head.failure,
        .outcome = {.ending = (enum guest_ending)head.ending,
                    .trap = (enum trap_kind)head.trap,
                    .exit_code = head.exit_code},
        .growth_refused = (head.flags & FLAG_GROWTH_REFUSED) != 0,
        .mute = (head.flags & FLAG_MUTE) != 0,
        .stdout_truncated = (head.flags & FLAG_STDOUT_TRUNCATED) != 0,
        .stderr_truncated = (head.flags & FLAG_STDERR_TRUNCATED) != 0,
        .files_dropped = (head.flags & FLAG_FILES_DROPPED) != 0,
        .memory_size = head.memory_size,
        .records = records,
        .records_size = head.records_size,
        .files = records + head.records_size,
        .files_size = head.files_size,
        .file_count = head.file_count,
    };
    return files_are_whole(report) ? 0 : -1;
}

bool run_report_text(const struct run_report *report, uint32_t kind, struct buffer *text)
{
    size_t position = 0;
    buffer_clear(text);
    while (report->records_size - position >= sizeof(struct shannon_record)) {
        struct shannon_record record;
        memcpy(&record, report->records + position, sizeof(record));
        position += sizeof(record);
        if (record.length > report->records_size - position)
            return false;
        if (record.kind == kind) {
            size_t size = record.length < SHANNON_RESULT_TEXT_MAXIMUM ? record.length
                                                                      : SHANNON_RESULT_TEXT_MAXIMUM;
            return buffer_append(text, report->records + position, size) == 0;
        }
        position += record.length;
    }
    return false;
}

int run_report_visit_files(const struct run_report *report,
                           int (*visit)(void *argument, const char *path, size_t path_size,
                                        uint64_t size, const void *bytes),
                           void *argument)
{
    size_t position = 0;
    for (uint32_t i = 0; i < report->file_count; i++) {
        struct run_report_file file;
        memcpy(&file, report->files + position, sizeof(file));
        const char *path = (const char *)report->files + position + sizeof(file);
        const char *bytes = file.bytes_size == file.size ? path + file.path_size : NULL;
        int result = visit(argument, path, file.path_size, file.size, bytes);
        if (result != 0)
            return result;
        position += sizeof(file) + file.path_size + file.bytes_size;
    }
    return 0;
}
