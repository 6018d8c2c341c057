/* Files that go into and come out of scratch. Invariant: `collected` holds whole entries only. */
#include "sandbox/guest_files.h"

#include "base/buffer.h"
#include "wasi/wasi_host.h"

struct put {
    struct wasi_host *host;
    struct error *error;
};

static int put_file(void *argument, const char *path, size_t path_size, const void *bytes,
                    size_t size)
{
    struct put *put = argument;
    return wasi_host_scratch_put(put->host, path, path_size, bytes, size, put->error);
}

int guest_files_put(struct wasi_host *host, const struct run_request *request, struct error *error)
{
    struct put put = {.host = host, .error = error};
    wasi_host_set_scratch_limit(host, request->head.scratch_limit_bytes);
    if (run_request_visit_files(request, put_file, &put) != 0)
        return -1;
    wasi_host_scratch_mark(host);
    return 0;
}

struct collecting {
    struct buffer *collected;
    struct run_report *report;
    uint64_t room; /* for contents */
};

/* Appends one file, with its contents when there is room for all of them. */
static int append_file(struct collecting *collecting, const char *path, size_t path_size,
                       uint64_t size, const struct scratch_node *file)
{
    struct buffer *collected = collecting->collected;
    bool whole = size <= collecting->room && size <= UINT32_MAX;
    const struct run_report_file head = {
        .size = size, .bytes_size = whole ? (uint32_t)size : 0, .path_size = (uint32_t)path_size};
    if (buffer_append(collected, &head, sizeof(head)) != 0 ||
        buffer_append(collected, path, path_size) != 0 ||
        buffer_reserve(collected, head.bytes_size) != 0)
        return -1;
    collected->size +=
        wasi_scratch_read(file, 0, collected->data + collected->size, head.bytes_size);
    collecting->room -= head.bytes_size;
    return 0;
}

static int collect_file(void *argument, const char *path, size_t path_size, uint64_t size,
                        const struct scratch_node *file)
{
    struct collecting *collecting = argument;
    struct run_report *report = collecting->report;
    size_t former = collecting->collected->size;
    if (report->file_count < RUN_REPORT_FILES_MAX &&
        append_file(collecting, path, path_size, size, file) == 0) {
        report->file_count++;
        return 0;
    }
    collecting->collected->size = former;
    report->files_dropped = true;
    return 1;
}

void guest_files_collect(struct wasi_host *host, uint64_t limit, struct run_report *report)
{
    static struct buffer collected;
    struct collecting collecting = {.collected = &collected, .report = report, .room = limit};
    buffer_clear(&collected);
    (void)wasi_host_scratch_visit_changed(host, collect_file, &collecting);
    report->files = (const uint8_t *)collected.data;
    report->files_size = collected.size;
}
