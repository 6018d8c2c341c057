/* The request a guest process reads. Invariant: a struct run_request has passed run_request_check,
 * so that its parts lie where its head says. */
#include "sandbox/run_request.h"

#include "sandbox/guest_channel.h"
#include "shannon_guest.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define REQUEST_MAGIC 0x32716572u /* "req2" */

/* ---- in the service ---- */

static int append_record(struct buffer *frame, uint32_t kind, const void *bytes, size_t size)
{
    struct shannon_record record = {.kind = kind, .length = (uint32_t)size};
    return buffer_append(frame, &record, sizeof(record)) | buffer_append(frame, bytes, size);
}

static int append_text(struct buffer *frame, uint32_t kind, const char *text)
{
    return append_record(frame, kind, text, strlen(text));
}

static int append_records(struct buffer *frame, const struct execution_request *request,
                          uint32_t run_flags)
{
    int status = append_record(frame, SHANNON_REQUEST_FLAGS, &run_flags, sizeof(run_flags));
    status |= append_record(frame, SHANNON_REQUEST_CODE, request->code, request->code_size);
    if (request->filename != NULL)
        status |= append_text(frame, SHANNON_REQUEST_FILENAME, request->filename);
    for (size_t i = 0; i < request->argument_count; i++)
        status |= append_text(frame, SHANNON_REQUEST_ARGUMENT, request->arguments[i]);
    for (size_t i = 0; i < request->variable_count; i++)
        status |= append_text(frame, SHANNON_REQUEST_ENVIRONMENT, request->variables[i]);
    return status;
}

static int append_files(struct buffer *frame, const struct execution_request *request)
{
    int status = 0;
    for (size_t i = 0; i < request->file_count && status == 0; i++) {
        const struct execution_file *file = &request->files[i];
        struct run_request_file head = {.path_size = (uint32_t)file->path_size,
                                        .size = (uint32_t)file->size};
        status = buffer_append(frame, &head, sizeof(head)) |
                 buffer_append(frame, file->path, file->path_size) |
                 buffer_append(frame, file->bytes, file->size);
    }
    return status;
}

static size_t record_size(size_t size)
{
    return sizeof(struct shannon_record) + size;
}

/* What the request takes behind its head, known before any of it is copied. */
static size_t size_behind_head(const struct execution_request *request)
{
    size_t size = record_size(sizeof(uint32_t)) + record_size(request->code_size);
    if (request->filename != NULL)
        size += record_size(strlen(request->filename));
    for (size_t i = 0; i < request->argument_count; i++)
        size += record_size(strlen(request->arguments[i]));
    for (size_t i = 0; i < request->variable_count; i++)
        size += record_size(strlen(request->variables[i]));
    for (size_t i = 0; i < request->file_count; i++)
        size +=
            sizeof(struct run_request_file) + request->files[i].path_size + request->files[i].size;
    return size + request->stdin_size;
}

int run_request_append(struct buffer *frame, const struct execution_request *request,
                       enum run_request_kind kind, uint32_t flags, uint32_t run_flags,
                       uint64_t state_limit, struct error *error)
{
    size_t start = frame->size;
    struct guest_channel_head channel = {.kind = GUEST_CHANNEL_RUN};
    struct run_request_head head = {
        .magic = REQUEST_MAGIC,
        .kind = kind,
        .flags = flags | (request->stream_output ? RUN_REQUEST_STREAM : 0),
        .timeout_ms = request->timeout_ms,
        .memory_limit_bytes = request->memory_limit_bytes,
        .scratch_limit_bytes = request->scratch_limit_bytes,
        .output_limit_bytes = request->output_limit_bytes,
        .files_limit_bytes = request->files_limit_bytes,
        .state_limit_bytes = state_limit,
        .stdin_size = (uint32_t)request->stdin_size,
        .file_count = (uint32_t)request->file_count,
    };
    if (size_behind_head(request) > RUN_REQUEST_SIZE_MAX)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "code, arguments, environment, input and files are over %zu MiB together",
                         RUN_REQUEST_SIZE_MAX >> 20);
    int status = buffer_append(frame, &channel, sizeof(channel));
    status |= buffer_append(frame, &head, sizeof(head));
    size_t records_at = frame->size;
    status |= append_records(frame, request, run_flags);
    head.records_size = (uint32_t)(frame->size - records_at);
    status |= buffer_append(frame, request->stdin_bytes, request->stdin_size);
    size_t files_at = frame->size;
    status |= append_files(frame, request);
    head.files_size = (uint32_t)(frame->size - files_at);
    channel.size = (uint32_t)(frame->size - start - sizeof(channel));
    if (status != 0)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    memcpy(frame->data + start, &channel, sizeof(channel));
    memcpy(frame->data + start + sizeof(channel), &head, sizeof(head));
    return 0;
}

/* ---- in the process ---- */

static bool records_are_whole(const uint8_t *records, size_t size)
{
    size_t position = 0;
    while (position < size) {
        struct shannon_record record;
        if (size - position < sizeof(record))
            return false;
        memcpy(&record, records + position, sizeof(record));
        position += sizeof(record);
        if (record.length > size - position)
            return false;
        position += record.length;
    }
    return true;
}

static bool files_are_whole(const uint8_t *files, size_t size, uint32_t count)
{
    size_t position = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct run_request_file file;
        if (size - position < sizeof(file))
            return false;
        memcpy(&file, files + position, sizeof(file));
        position += sizeof(file);
        if (file.path_size > size - position || file.size > size - position - file.path_size)
            return false;
        position += (size_t)file.path_size + file.size;
    }
    return position == size;
}

int run_request_check(const struct run_request_head *head, const uint8_t *rest, size_t size,
                      struct run_request *request)
{
    uint64_t parts = (uint64_t)head->records_size + head->stdin_size + head->files_size;
    if (head->magic != REQUEST_MAGIC || head->kind > RUN_REQUEST_COMMAND || parts != size)
        return -1;
    *request = (struct run_request){
        .head = *head,
        .records = rest,
        .standard_input = rest + head->records_size,
        .files = rest + head->records_size + head->stdin_size,
    };
    return records_are_whole(request->records, head->records_size) &&
                   files_are_whole(request->files, head->files_size, head->file_count)
               ? 0
               : -1;
}

struct request_heads {
    struct guest_channel_head channel;
    struct run_request_head run;
};

/* Where requests go. Nearly all are small. */
static struct {
    uint8_t *large; /* mapped; NULL: none */
    size_t large_size;
    uint8_t small[65536];
} room;

void run_request_prepare(void)
{
    /* What a small request takes lies behind it. */
    *(uint8_t *volatile *)&room.large = NULL;
}

/* The first read takes the heads and, of a small request, everything. The number of bytes that came
 * into room.small, or -1 when the service closed the channel. */
static ssize_t receive_heads(int channel, struct request_heads *heads)
{
    struct iovec vectors[] = {
        {.iov_base = heads, .iov_len = sizeof(*heads)},
        {.iov_base = room.small, .iov_len = sizeof(room.small)},
    };
    ssize_t got;
    do
        got = readv(channel, vectors, 2);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return -1;
    if ((size_t)got >= sizeof(*heads))
        return got - (ssize_t)sizeof(*heads);
    if (guest_channel_read(channel, (char *)heads + got, sizeof(*heads) - (size_t)got) != 0)
        return -1;
    return 0;
}

/* Room for a request of `size` bytes, which the next one takes over. */
static uint8_t *room_for(size_t size)
{
    if (room.large != NULL)
        (void)munmap(room.large, room.large_size);
    room.large = NULL;
    if (size <= sizeof(room.small))
        return room.small;
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        return NULL;
    room.large = place;
    room.large_size = size;
    return room.large;
}

int run_request_receive(int channel, struct run_request *request, struct error *error)
{
    struct request_heads heads;
    ssize_t here = receive_heads(channel, &heads);
    if (here < 0)
        return 0;
    size_t size = heads.channel.size - sizeof(heads.run);
    if (heads.channel.kind != GUEST_CHANNEL_RUN || heads.channel.size < sizeof(heads.run) ||
        size > RUN_REQUEST_SIZE_MAX || (size_t)here > size)
        return error_set(error, ERROR_INTERNAL, "a request has an impossible size");
    uint8_t *rest = room_for(size);
    if (rest == NULL)
        return error_set(error, ERROR_INTERNAL, "no memory for a request of %zu bytes", size);
    if (rest != room.small)
        memcpy(rest, room.small, (size_t)here);
    if (guest_channel_read(channel, rest + here, size - (size_t)here) != 0)
        return 0;
    if (run_request_check(&heads.run, rest, size, request) != 0)
        return error_set(error, ERROR_INTERNAL, "a request is damaged");
    return 1;
}

int run_request_visit(const struct run_request *request,
                      int (*visit)(void *argument, uint32_t kind, const char *bytes, size_t size),
                      void *argument)
{
    size_t position = 0;
    while (position < request->head.records_size) {
        struct shannon_record record;
        memcpy(&record, request->records + position, sizeof(record));
        position += sizeof(record);
        int result =
            visit(argument, record.kind, (const char *)request->records + position, record.length);
        if (result != 0)
            return result;
        position += record.length;
    }
    return 0;
}

int run_request_visit_files(const struct run_request *request,
                            int (*visit)(void *argument, const char *path, size_t path_size,
                                         const void *bytes, size_t size),
                            void *argument)
{
    size_t position = 0;
    for (uint32_t i = 0; i < request->head.file_count; i++) {
        struct run_request_file file;
        memcpy(&file, request->files + position, sizeof(file));
        const uint8_t *path = request->files + position + sizeof(file);
        int result =
            visit(argument, (const char *)path, file.path_size, path + file.path_size, file.size);
        if (result != 0)
            return result;
        position += sizeof(file) + file.path_size + file.size;
    }
    return 0;
}
