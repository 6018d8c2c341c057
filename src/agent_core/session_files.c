/* Sessions on disk. Invariant: a file with a final name is whole, and, if that was asked for, was
 * on the disk before it got the name. */
#include "agent_core/session_files.h"

#include "base/buffer.h"
#include "base/json_text.h"
#include "base/log.h"
#include "sandbox/memory_image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#define MAGIC "SHNSESS1"
#define MAGIC_SIZE 8
/* Of a record all but the interpreter's path is small; of that each byte may take six, "\u0001". */
#define HEAD_MAXIMUM (6 * SESSION_INTERPRETER_MAXIMUM + 4096)
#define NAME_SIZE 96
#define PACKING_LEVEL 1
#define PIECE ((size_t)128 << 10)
#define LOCK_PATIENCE_MS 2000
#define LOCK_PAUSE_MS 20

struct session_files {
    int folder;
    char *path;
};

/* ---- names ---- */

static void append_hexadecimal(char *name, const uint8_t *bytes, size_t size, const char *suffix)
{
    for (size_t i = 0; i < size; i++)
        (void)snprintf(name + 2 * i, 3, "%02x", bytes[i]);
    (void)strcpy(name + 2 * size, suffix);
}

static void session_name(char name[NAME_SIZE], const char *id)
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, strlen(id), (const uint8_t *)id);
    sha256_digest(&context, sizeof(digest), digest);
    append_hexadecimal(name, digest, sizeof(digest), ".session");
}

static void image_name(char name[NAME_SIZE], const uint8_t image[MEMORY_IMAGE_ID_SIZE])
{
    append_hexadecimal(name, image, MEMORY_IMAGE_ID_SIZE, ".image");
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t size = strlen(name);
    return size >= strlen(suffix) && strcmp(name + size - strlen(suffix), suffix) == 0;
}

/* ---- the folder ---- */

/* Makes `path` and what is missing above it. */
static int make_folders(char *path)
{
    /* Not the root's own. */
    char *names = path + strspn(path, "/");
    for (char *slash = strchr(names, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int result = mkdir(path, 0700);
        *slash = '/';
        if (result != 0 && errno != EEXIST)
            return -1;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

/* The lock goes with the last process that has the folder open. One that was writing when its
 * service was killed ends a moment later. */
static int lock_folder(int folder)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    for (int waited = 0; waited < LOCK_PATIENCE_MS; waited += LOCK_PAUSE_MS) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -1;
        (void)nanosleep(&pause, NULL);
    }
    return -1;
}

struct session_files *session_files_open(const char *path, struct error *error)
{
    struct stat status;
    struct session_files *files = calloc(1, sizeof(*files));
    if (files != NULL)
        files->path = strdup(path);
    if (files == NULL || files->path == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        free(files);
        return NULL;
    }
    files->folder =
        make_folders(files->path) == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (files->folder < 0 || fstat(files->folder, &status) != 0)
        error_set_errno(error, ERROR_INTERNAL, errno,
                        "cannot use the folder of saved sessions %s (sessions.directory)", path);
    else if (lock_folder(files->folder) != 0)
        error_set(error, ERROR_INTERNAL,
                  "the folder of saved sessions %s is another service's: give each its own "
                  "(sessions.directory)",
                  path);
    else if (status.st_uid != geteuid() || (status.st_mode & 022) != 0)
        error_set(error, ERROR_INTERNAL,
                  "the folder of saved sessions %s must belong to this user and be writable by "
                  "nobody else: chmod 700, or choose another (sessions.directory)",
                  path);
    else
        return files;
    session_files_close(files);
    return NULL;
}

void session_files_close(struct session_files *files)
{
    if (files == NULL)
        return;
    if (files->folder >= 0)
        (void)close(files->folder);
    free(files->path);
    free(files);
}

int session_files_folder(const struct session_files *files)
{
    return files->folder;
}

/* ---- writing ---- */

/* A file that is being written. */
struct writer {
    int folder;
    int fd;
    char name[NAME_SIZE];
    char temporary[NAME_SIZE + 32];
};

static int begin(struct writer *writer, int folder, const char *name, struct error *error)
{
    writer->folder = folder;
    (void)snprintf(writer->name, sizeof(writer->name), "%s", name);
    (void)snprintf(writer->temporary, sizeof(writer->temporary), "%s.%d.part", name, (int)getpid());
    writer->fd = openat(folder, writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (writer->fd >= 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "cannot write %s", name);
}

static int write_bytes(const struct writer *writer, const void *bytes, size_t size,
                       struct error *error)
{
    const char *rest = bytes;
    while (size > 0) {
        ssize_t written = write(writer->fd, rest, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_set_errno(error, ERROR_INTERNAL, errno, "cannot write %s", writer->name);
        rest += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Gives the file its name, or (`result` not 0) removes it. */
static int end(struct writer *writer, bool durable, int result, struct error *error)
{
    if (result == 0 && durable && fsync(writer->fd) != 0)
        result = error_set_errno(error, ERROR_INTERNAL, errno, "cannot write %s", writer->name);
    (void)close(writer->fd);
    if (result == 0 &&
        renameat(writer->folder, writer->temporary, writer->folder, writer->name) != 0)
        result = error_set_errno(error, ERROR_INTERNAL, errno, "cannot rename %s", writer->name);
    if (result != 0)
        (void)unlinkat(writer->folder, writer->temporary, 0);
    else if (durable)
        (void)fsync(writer->folder);
    return result;
}

static int write_head(const struct writer *writer, const struct session_record *record,
                      struct error *error)
{
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    json_t *object = session_record_to_json(record);
    int status = object == NULL ? -1 : json_text_append(object, &text);
    json_decref(object);
    if (status != 0)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    uint32_t size = (uint32_t)text.size;
    if (write_bytes(writer, MAGIC, MAGIC_SIZE, error) != 0 ||
        write_bytes(writer, &size, sizeof(size), error) != 0)
        return -1;
    return write_bytes(writer, text.data, text.size, error);
}

/* Reads a piece of `fd`; the number of bytes, 0 at the end. */
static ssize_t read_piece(int fd, void *bytes, size_t size, off_t offset)
{
    ssize_t got;
    do
        got = pread(fd, bytes, size, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

static bool is_packed(int state, off_t offset)
{
    uint32_t magic = 0;
    return read_piece(state, &magic, sizeof(magic), offset) == (ssize_t)sizeof(magic) &&
           magic == ZSTD_MAGICNUMBER;
}

struct packer {
    ZSTD_CCtx *context; /* NULL: the bytes are packed already */
    char in[PIECE];
    char out[PIECE];
};

static int pack_piece(const struct writer *writer, struct packer *packer, size_t size, bool last,
                      struct error *error)
{
    ZSTD_inBuffer input = {.src = packer->in, .size = size};
    if (packer->context == NULL)
        return write_bytes(writer, packer->in, size, error);
    for (;;) {
        ZSTD_outBuffer output = {.dst = packer->out, .size = sizeof(packer->out)};
        size_t left = ZSTD_compressStream2(packer->context, &output, &input,
                                           last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return error_set(error, ERROR_INTERNAL, "cannot pack a session: %s",
                             ZSTD_getErrorName(left));
        if (write_bytes(writer, packer->out, output.pos, error) != 0)
            return -1;
        if (last ? left == 0 : input.pos == input.size)
            return 0;
    }
}

static int pack(const struct writer *writer, struct packer *packer, int state, struct error *error)
{
    off_t offset = lseek(state, 0, SEEK_CUR);
    if (!is_packed(state, offset)) {
        packer->context = ZSTD_createCCtx();
        if (packer->context == NULL ||
            ZSTD_isError(
                ZSTD_CCtx_setParameter(packer->context, ZSTD_c_compressionLevel, PACKING_LEVEL)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(packer->context, ZSTD_c_checksumFlag, 1)))
            return error_set(error, ERROR_INTERNAL, "out of memory");
    }
    for (;;) {
        ssize_t got = read_piece(state, packer->in, sizeof(packer->in), offset);
        if (got < 0)
            return error_set_errno(error, ERROR_INTERNAL, errno, "cannot read a session's state");
        offset += got;
        if (pack_piece(writer, packer, (size_t)got, got == 0, error) != 0)
            return -1;
        if (got == 0)
            return 0;
    }
}

static int write_session(const struct session_files *files, const struct session_record *record,
                         int state, bool durable, struct error *error)
{
    struct writer writer;
    char name[NAME_SIZE];
    struct packer *packer = calloc(1, sizeof(*packer));
    if (packer == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    session_name(name, record->id);
    int result = begin(&writer, files->folder, name, error);
    if (result == 0) {
        if (write_head(&writer, record, error) != 0 || pack(&writer, packer, state, error) != 0)
            result = -1;
        result = end(&writer, durable, result, error);
    }
    (void)ZSTD_freeCCtx(packer->context);
    free(packer);
    return result;
}

/* Copies a memory image; what are holes in it stay holes. */
static int copy_image(const struct writer *writer, int image, struct error *error)
{
    static char piece[PIECE];
    struct stat status;
    if (fstat(image, &status) != 0 || ftruncate(writer->fd, status.st_size) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot write %s", writer->name);
    off_t offset = lseek(image, 0, SEEK_DATA);
    while (offset >= 0 && offset < status.st_size) {
        off_t hole = lseek(image, offset, SEEK_HOLE);
        size_t size = (size_t)(hole - offset) < PIECE ? (size_t)(hole - offset) : PIECE;
        ssize_t got = read_piece(image, piece, size, offset);
        if (got <= 0 || lseek(writer->fd, offset, SEEK_SET) < 0)
            return error_set_errno(error, ERROR_INTERNAL, errno, "cannot copy a memory image");
        if (write_bytes(writer, piece, (size_t)got, error) != 0)
            return -1;
        offset = lseek(image, offset + got, SEEK_DATA);
    }
    if (offset < 0 && errno != ENXIO) /* which says that only a hole is left (lseek(2)) */
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot copy a memory image");
    return 0;
}

static int write_image(const struct session_files *files, const uint8_t id[MEMORY_IMAGE_ID_SIZE],
                       int image, bool durable, struct error *error)
{
    struct writer writer;
    char name[NAME_SIZE];
    image_name(name, id);
    if (faccessat(files->folder, name, F_OK, 0) == 0)
        return 0;
    if (begin(&writer, files->folder, name, error) != 0)
        return -1;
    return end(&writer, durable, copy_image(&writer, image, error), error);
}

int session_files_write(const struct session_files *files, const struct session_record *record,
                        int state, int image, bool durable, struct error *error)
{
    /* The image first: a session without it could not be brought back. */
    if (write_image(files, record->image, image, durable, error) != 0)
        return -1;
    return write_session(files, record, state, durable, error);
}

int session_files_sync(const struct session_files *files, struct error *error)
{
    if (syncfs(files->folder) == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "cannot write to the disk");
}

/* ---- reading ---- */

static int damaged(const struct session_files *files, const char *name, struct error *error)
{
    return error_set(error, ERROR_INVALID_REQUEST,
                     "the saved session in %s/%s is damaged. Delete the session and begin anew",
                     files->path, name);
}

/* Reads the head of an open file and leaves the position behind it. */
static int read_head(const struct session_files *files, const char *name, int fd,
                     struct session_record *record, struct error *error)
{
    char head[HEAD_MAXIMUM];
    uint32_t size = 0;
    ssize_t got = read_piece(fd, head, sizeof(head), 0);
    if (got < MAGIC_SIZE + (ssize_t)sizeof(size) || memcmp(head, MAGIC, MAGIC_SIZE) != 0)
        return damaged(files, name, error);
    memcpy(&size, head + MAGIC_SIZE, sizeof(size));
    size_t start = MAGIC_SIZE + sizeof(size);
    if (size > (size_t)got - start)
        return damaged(files, name, error);
    struct json_fault fault = JSON_FAULT_NONE;
    json_t *object = json_text_parse(head + start, size, &fault);
    int result = object == NULL ? -1 : session_record_from_json(record, object);
    json_decref(object);
    if (result != 0 || lseek(fd, (off_t)(start + size), SEEK_SET) < 0)
        return damaged(files, name, error);
    return 0;
}

static int open_named(const struct session_files *files, const char *name, struct error *error)
{
    int fd = openat(files->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot open %s/%s", files->path, name);
    return fd;
}

int session_files_read(const struct session_files *files, const char *id,
                       struct session_record *record, struct error *error)
{
    char name[NAME_SIZE];
    session_name(name, id);
    int fd = open_named(files, name, error);
    if (fd < 0)
        return -1;
    if (read_head(files, name, fd, record, error) == 0 && strcmp(record->id, id) == 0)
        return fd;
    (void)close(fd);
    return damaged(files, name, error);
}

int session_files_refuse(const struct session_files *files, const char *id, struct error *error)
{
    char name[NAME_SIZE];
    session_name(name, id);
    return faccessat(files->folder, name, F_OK, 0) == 0 ? damaged(files, name, error) : 0;
}

int session_files_read_image(const struct session_files *files,
                             const uint8_t image[MEMORY_IMAGE_ID_SIZE], struct error *error)
{
    char name[NAME_SIZE];
    uint8_t id[MEMORY_IMAGE_ID_SIZE];
    image_name(name, image);
    int fd = open_named(files, name, error);
    if (fd < 0)
        return -1;
    if (memory_image_identify(fd, id, error) == 0 && memcmp(id, image, sizeof(id)) == 0)
        return fd;
    (void)close(fd);
    return damaged(files, name, error);
}

void session_files_remove(const struct session_files *files, const char *id)
{
    char name[NAME_SIZE];
    session_name(name, id);
    (void)unlinkat(files->folder, name, 0);
}

void session_files_remove_image(const struct session_files *files,
                                const uint8_t image[MEMORY_IMAGE_ID_SIZE])
{
    char name[NAME_SIZE];
    image_name(name, image);
    (void)unlinkat(files->folder, name, 0);
}

/* ---- scanning ---- */

struct scan {
    struct session_files *files;
    void (*visit)(void *argument, const struct session_record *record);
    void *argument;
    struct buffer needed; /* names of images, each with its NUL */
    bool unreadable;      /* there are sessions of which nobody knows what image they need */
};

static void scan_session(struct scan *scan, const char *name)
{
    struct session_record record;
    struct error error = ERROR_NONE;
    char image[NAME_SIZE];
    char expected[NAME_SIZE];
    int fd = open_named(scan->files, name, &error);
    int result = fd < 0 ? -1 : read_head(scan->files, name, fd, &record, &error);
    if (fd >= 0)
        (void)close(fd);
    if (result != 0) {
        LOG(LOG_WARNING, "a saved session cannot be read", log_text("error", error.message));
        scan->unreadable = true;
        return;
    }
    session_name(expected, record.id);
    if (strcmp(expected, name) != 0) /* a copy of somebody's */
        return;
    image_name(image, record.image);
    if (buffer_append(&scan->needed, image, strlen(image) + 1) != 0)
        scan->unreadable = true;
    scan->visit(scan->argument, &record);
}

static bool is_needed(const struct scan *scan, const char *image)
{
    for (size_t at = 0; at < scan->needed.size; at += strlen(scan->needed.data + at) + 1) {
        if (strcmp(scan->needed.data + at, image) == 0)
            return true;
    }
    return scan->unreadable;
}

static void scan_names(struct scan *scan, DIR *directory, bool sessions)
{
    const struct dirent *entry;
    rewinddir(directory);
    while ((entry = readdir(directory)) != NULL) {
        if (sessions && ends_with(entry->d_name, ".session"))
            scan_session(scan, entry->d_name);
        else if (!sessions &&
                 (ends_with(entry->d_name, ".part") ||
                  (ends_with(entry->d_name, ".image") && !is_needed(scan, entry->d_name))))
            (void)unlinkat(scan->files->folder, entry->d_name, 0);
    }
}

void session_files_scan(struct session_files *files,
                        void (*visit)(void *argument, const struct session_record *record),
                        void *argument)
{
    struct scan scan = {.files = files, .visit = visit, .argument = argument};
    int fd = openat(files->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    scan_names(&scan, directory, true);
    scan_names(&scan, directory, false);
    (void)closedir(directory);
    buffer_free(&scan.needed);
}
