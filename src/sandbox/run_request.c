/* The request a child reads. Invariant: a file that is handed on is sealed, so what was checked is
 * what is there. */
#include "sandbox/run_request.h"

#include "base/buffer.h"
#include "shannon_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_MAGIC 0x31716572u /* "req1" */
#define REQUEST_SIZE_MAX ((size_t)64 << 20)

static int append_record(struct buffer *records, uint32_t kind, const void *bytes, size_t size)
{
    struct shannon_record record = {.kind = kind, .length = (uint32_t)size};
    if (size > REQUEST_SIZE_MAX)
        return -1;
    return buffer_append(records, &record, sizeof(record)) | buffer_append(records, bytes, size);
}

static int append_text(struct buffer *records, uint32_t kind, const char *text)
{
    return append_record(records, kind, text, strlen(text));
}

static int append_request(struct buffer *records, const struct execution_request *request,
                          uint32_t flags)
{
    int status = append_record(records, SHANNON_REQUEST_FLAGS, &flags, sizeof(flags));
    status |= append_record(records, SHANNON_REQUEST_CODE, request->code, request->code_size);
    if (request->filename != NULL)
        status |= append_text(records, SHANNON_REQUEST_FILENAME, request->filename);
    for (size_t i = 0; i < request->argument_count; i++)
        status |= append_text(records, SHANNON_REQUEST_ARGUMENT, request->arguments[i]);
    for (size_t i = 0; i < request->variable_count; i++)
        status |= append_text(records, SHANNON_REQUEST_ENVIRONMENT, request->variables[i]);
    return status;
}

/* Writes to a new memory file, seals it and rewinds it. */
static int make_file(const char *name, const void *first, size_t first_size, const void *second,
                     size_t second_size, struct error *error)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a memory file");
    const struct {
        const char *bytes;
        size_t size;
    } parts[] = {{first, first_size}, {second, second_size}};
    for (size_t i = 0; i < 2; i++) {
        size_t done = 0;
        while (done < parts[i].size) {
            ssize_t written = write(fd, parts[i].bytes + done, parts[i].size - done);
            if (written < 0 && errno == EINTR)
                continue;
            if (written < 0) {
                error_set_errno(error, ERROR_INTERNAL, errno, "cannot fill a memory file");
                (void)close(fd);
                return -1;
            }
            done += (size_t)written;
        }
    }
    int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (fcntl(fd, F_ADD_SEALS, seals) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot seal a memory file");
        (void)close(fd);
        return -1;
    }
    return fd;
}

int run_request_bytes_file(const void *bytes, size_t size, struct error *error)
{
    return make_file("stdin", bytes, size, NULL, 0, error);
}

int run_request_write(const struct execution_request *request, enum run_request_kind kind,
                      uint32_t flags, struct error *error)
{
    BUFFER_LOCAL struct buffer records = BUFFER_EMPTY;
    bool too_large = request->code_size > REQUEST_SIZE_MAX;
    if (!too_large && append_request(&records, request, flags) != 0)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    if (too_large || records.size > REQUEST_SIZE_MAX)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "code, arguments and environment are over "
                         "64 MiB together");
    struct run_request_head head = {.magic = REQUEST_MAGIC,
                                    .timeout_ms = request->timeout_ms,
                                    .memory_limit_bytes = request->memory_limit_bytes,
                                    .records_size = (uint32_t)records.size,
                                    .kind = kind};
    return make_file("request", &head, sizeof(head), records.data, records.size, error);
}

int run_request_read(int fd, struct run_request *request, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot examine a request");
    size_t size = (size_t)status.st_size;
    if (size < sizeof(request->head) || size > REQUEST_SIZE_MAX + sizeof(request->head))
        return error_set(error, ERROR_INTERNAL, "a request has an impossible size");
    const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot map a request");
    memcpy(&request->head, bytes, sizeof(request->head));
    request->records = bytes + sizeof(request->head);
    if (request->head.magic != REQUEST_MAGIC || request->head.kind > RUN_REQUEST_COMMAND ||
        request->head.records_size != size - sizeof(request->head))
        return error_set(error, ERROR_INTERNAL, "a request is damaged");
    return 0;
}

int run_request_visit(const struct run_request *request,
                      int (*visit)(void *argument, uint32_t kind, const char *bytes, size_t size),
                      void *argument)
{
    size_t position = 0;
    size_t end = request->head.records_size;
    while (position < end) {
        struct shannon_record record;
        if (end - position < sizeof(record))
            return -1;
        memcpy(&record, request->records + position, sizeof(record));
        position += sizeof(record);
        if (record.length > end - position)
            return -1;
        int result =
            visit(argument, record.kind, (const char *)request->records + position, record.length);
        if (result != 0)
            return result;
        position += record.length;
    }
    return 0;
}
